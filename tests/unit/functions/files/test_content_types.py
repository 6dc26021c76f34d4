"""A file is what its first bytes show; what runs is taken only as such, and never served as such."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from functions.files.content_types import (
    HEAD_BYTES,
    HTML,
    KINDS,
    OCTETS,
    SVG,
    TEXT,
    XML,
    ContentType,
    detect,
    inspected_as,
    is_as_claimed,
    served_as,
    shown_inline,
)

content_types: TypeAdapter[str] = TypeAdapter(ContentType)

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
PE = "application/vnd.microsoft.portable-executable"
MACH_O = "application/x-mach-binary"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
GIF = b"GIF89a\1\0\1\0\x80\0\0"
EXE = b"MZ\x90\0\3\0\0\0"
ELF = b"\x7fELF\2\1\1\0"


def zipped(*entries: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


OFFICE = zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>"))
HEADS: dict[str, bytes] = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "image/gif": GIF,
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "image/avif": b"\0\0\0\x1cftypavif\0\0\0\0",
    "image/heic": b"\0\0\0\x18ftypheic\0\0\0\0",
    "image/heif": b"\0\0\0\x18ftypmif1\0\0\0\0",
    "image/bmp": b"BM\x46\0\0\0\0\0\0\0",
    "image/tiff": b"II*\0\x08\0\0\0",
    "audio/mpeg": b"ID3\4\0\0\0\0",
    "audio/aac": b"\xff\xf1\x50\x80",
    "audio/flac": b"fLaC\0\0\0\x22",
    "audio/wav": b"RIFF\x10\0\0\0WAVEfmt ",
    "audio/ogg": b"OggS\0\2\0\0",
    "audio/mp4": b"\0\0\0\x20ftypM4A \0\0\0\0",
    "video/mp4": b"\0\0\0\x20ftypisom\0\0\2\0",
    "video/3gpp": b"\0\0\0\x20ftyp3gp4\0\0\2\0",
    "video/quicktime": b"\0\0\0\x14ftypqt  \0\0\2\0",
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\x82\x84webm",
    "video/matroska": b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\x82\x88matroska",
    "video/x-msvideo": b"RIFF\x10\0\0\0AVI LIST",
    "video/mpeg": b"\0\0\1\xba\x44",
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "application/rtf": b"{\\rtf1\\ansi}",
    "application/postscript": b"%!PS-Adobe-3.0\n",
    DOCX: OFFICE,
    XLSX: zipped(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<w/>")),
    ODT: zipped(("mimetype", ODT.encode()), ("content.xml", b"<o/>")),
    "application/epub+zip": zipped(("mimetype", b"application/epub+zip"), ("a.opf", b"")),
    "application/zip": zipped(("a.txt", b"a")),
    "application/x-ole-storage": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0",
    "application/gzip": b"\x1f\x8b\x08\0",
    "application/x-bzip2": b"BZh91AY&SY\0\0",
    "application/x-xz": b"\xfd7zXZ\0\0\4",
    "application/zstd": b"\x28\xb5\x2f\xfd\4",
    "application/x-7z-compressed": b"7z\xbc\xaf\x27\x1c\0\4",
    "application/vnd.rar": b"Rar!\x1a\7\1\0",
    "application/x-tar": b"a.txt".ljust(257, b"\0") + b"ustar\x0000",
    PE: EXE,
    "application/x-executable": ELF,
    MACH_O: b"\xcf\xfa\xed\xfe\7\0\0\1",
    "application/x-ms-shortcut": b"L\0\0\0\1\x14\2\0\0\0",
    "application/x-sh": b"#!/bin/sh\nrm -rf /\n",
    TEXT: "Grüße, 日本\n".encode(),
    HTML: b"<!DOCTYPE html><p>hi",
    SVG: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    XML: b'<?xml version="1.0"?><note/>',
}
NATURES = {name: kind.nature for kind in KINDS for name in (kind.name, *kind.aliases)}
ACTIVE = ("markup", "script", "program")
ALL_CLAIMS = [*NATURES, OCTETS, "application/x-new", "text/x-new", "image/x-new", "x/new+xml"]
claims = st.sampled_from(ALL_CLAIMS)
# Any bytes, and the known beginnings with anything around them, so that polyglots come up often.
pieces = st.one_of(
    st.binary(max_size=40), st.sampled_from([*HEADS.values(), b" ", b"\xef\xbb\xbf"])
)
heads = st.builds(b"".join, st.lists(pieces, max_size=4))


@pytest.mark.parametrize(("name", "head"), HEADS.items())
def test_a_type_is_told_from_the_first_bytes_and_taken_as_claimed(name: str, head: bytes) -> None:
    assert detect(head) == name
    assert is_as_claimed(name, head)
    assert is_as_claimed(OCTETS, head)


def test_no_name_stands_for_two_types() -> None:
    every = [name for kind in KINDS for name in (kind.name, *kind.aliases)]
    assert len(every) == len(set(every))
    assert [each for each in every if content_types.validate_python(each) != each] == []


def test_each_type_with_bytes_of_its_own_is_detected_in_these_tests() -> None:
    untried = {kind.name for kind in KINDS if kind.signatures} - set(HEADS)
    assert {each.rsplit(".", 1)[-1] for each in untried} == {"presentation", "spreadsheet"}


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", None),
        (b"\x80\x81", None),
        (b"a\0b", None),
        ("ä".encode() * 2047 + b"aa\xc3\xa4", TEXT),  # the 4 KiB end in the middle of a character
        (b"x" * HEAD_BYTES + b"\0", TEXT),
        (b"MZ;Mozambique\n", TEXT),
        (b"BMW\n", TEXT),
        (b"ID3 tags\n", TEXT),
        (b"\xef\xbb\xbf \n<!-- c --><HTML>", HTML),
        (b"<!-- " + b"c" * HEAD_BYTES + b"--><script>", HTML),
        (b"<script>1", HTML),
        (b"<img/src=x onerror=1>", HTML),
        ("\ufeff<html>".encode("utf-16-le"), HTML),
        (b'<?xml version="1.0"?>\n<!-- c --><svg>', SVG),
        (b'<?xml?><!DOCTYPE svg [ <!ENTITY a "]>"> ]>\n<s:svg/>', XML),
        (b"<!DOCTYPE svg PUBLIC 'x'>\n<s:svg/>", SVG),
        (b"<svg/onload=alert(1)>", SVG),
        (b"<?xml version='1.0'?><h:html/>", HTML),
        (b"<?php echo 1 ?><html>", HTML),
        (b"<a@example.org> wrote:\n", TEXT),
        (b"1 < 2\n", TEXT),
        (zipped(("[Content_Types].xml", b""), ("_rels/.rels", b"")), "application/zip"),
        (b"<script>".ljust(257, b"\0") + b"ustar", HTML),
        (b"<a \nftypisom", HTML),
    ],
)
def test_what_is_hard_to_tell(head: bytes, name: str | None) -> None:
    assert detect(head) == name


@pytest.mark.parametrize(
    ("claimed", "head"),
    [
        ("application/zip", OFFICE),
        (DOCX, zipped(("[Content_Types].xml", b""), ("_rels/.rels", b""))),
        ("application/x-zip-compressed", HEADS["application/zip"]),
        ("image/jpg", HEADS["image/jpeg"]),
        ("image/heic", HEADS["image/heif"]),
        ("audio/webm", HEADS["video/webm"]),
        ("application/msword", HEADS["application/x-ole-storage"]),
        ("text/csv", b"a;b\n\xe4;\xf6\n"),  # Latin-1
        (TEXT, b""),
        (TEXT, b"MZ;Mozambique\n"),
        ("application/json", b'{"a": 1}'),
        ("text/markdown", b'<p align="center">Hi</p>\n\n# Title'),
        ("text/javascript", b"#!/usr/bin/env node\n"),
        ("text/x-python", b"print(1)\n"),
        (HTML, b"{% block %}"),
        (XML, HEADS[SVG]),
        (SVG, HEADS[XML]),
        ("application/rss+xml", HEADS[XML]),
        ("application/x-new", PNG),
        ("application/x-new", b"\0\1\2"),
    ],
)
def test_a_true_claim_is_taken(claimed: str, head: bytes) -> None:
    assert is_as_claimed(claimed, head)


@pytest.mark.parametrize(
    ("claimed", "head"),
    [
        ("image/png", HEADS[SVG]),
        ("image/png", GIF),
        ("image/png", b""),
        ("image/gif", b"GIF89a/*<svg onload=alert(1)>*/=1;"),  # a script that begins like a GIF
        ("text/javascript", GIF + b"*/=1;alert(1)"),
        (TEXT, b"GIF89a/*"),
        ("application/pdf", b"junk\n%PDF-1.7"),
        ("application/pdf", b"<html>%PDF-1.7"),
        (TEXT, b"%PDF-1.7"),
        (TEXT, b"a\0b"),
        (TEXT, HEADS[HTML]),
        (TEXT, b" \n<script>"),
        (TEXT, HEADS["application/x-sh"]),
        ("text/csv", EXE),
        ("text/x-new", PNG),
        ("application/json", HEADS[HTML]),
        ("application/x-new", HEADS[HTML]),
        ("application/x-new", HEADS[SVG]),
        ("application/x-new", EXE),
        ("application/x-new", ELF),
        ("application/x-new", HEADS[MACH_O]),
        ("application/x-new", HEADS["application/x-sh"]),
        ("application/x-new", HEADS["application/x-ms-shortcut"]),
        ("x/new+xml", EXE),
        (HTML, EXE),
        (PE, ELF),
        (PE, b"MZ text"),
        (SVG, HEADS[HTML]),
        (SVG, b"hello"),
        (DOCX, HEADS["application/pdf"]),
        ("application/zip", EXE),
        ("video/mp4", HEADS["image/heic"]),
    ],
)
def test_a_lie_is_refused(claimed: str, head: bytes) -> None:
    assert not is_as_claimed(claimed, head)


@given(claims, heads)
def test_what_runs_is_never_served_as_what_it_is_nor_in_place(claimed: str, head: bytes) -> None:
    if is_as_claimed(claimed, head) and NATURES.get(detect(head) or "") in ACTIVE:
        assert served_as(claimed) == OCTETS
        assert not shown_inline(claimed)


@given(claims, heads)
def test_what_is_shown_in_place_is_of_its_kind(claimed: str, head: bytes) -> None:
    if shown_inline(claimed) and is_as_claimed(claimed, head):
        found = detect(head) or ""
        assert NATURES[found] == "data"
        assert served_as(found).split("/")[0] in ("image", "audio", "video")


@given(st.sampled_from([HTML, SVG, XML, PE, MACH_O, "application/x-sh"]), claims, st.binary())
def test_nothing_after_a_dangerous_beginning_hides_it(name: str, claimed: str, rest: bytes) -> None:
    if is_as_claimed(claimed, HEADS[name] + b"\n\0" + rest):
        assert served_as(claimed) == OCTETS


@given(st.text(max_size=100).map(str.encode), st.sampled_from([TEXT, "text/csv", "text/x-new"]))
def test_text_is_taken_as_text_unless_it_shows_something_else(head: bytes, claimed: str) -> None:
    assert is_as_claimed(claimed, head) == (b"\0" not in head and detect(head) in (TEXT, None))


@pytest.mark.parametrize("opening", [b"<!--", b"<?", b"<!doctype a [", b" ", b"<!---->", b"] >"])
@pytest.mark.timeout(5)
def test_no_head_takes_long(opening: bytes) -> None:
    for _ in range(100):
        detect(opening * HEAD_BYTES)
        detect(b"<!doctype a [" + opening * HEAD_BYTES)


@pytest.mark.parametrize(
    ("content_type", "served"),
    [
        ("image/png", "image/png"),
        ("image/jpg", "image/jpeg"),
        (TEXT, TEXT),
        (DOCX, DOCX),
        (HTML, OCTETS),
        (SVG, OCTETS),
        (XML, OCTETS),
        ("text/xml", OCTETS),
        ("application/xhtml+xml", OCTETS),
        ("application/rss+xml", OCTETS),
        ("text/javascript", OCTETS),
        ("application/javascript", OCTETS),
        ("text/css", OCTETS),
        ("text/markdown", OCTETS),
        ("application/x-new", OCTETS),
        ("text/x-new", OCTETS),
        ("IMAGE/PNG", OCTETS),
        (OCTETS, OCTETS),
    ],
)
def test_only_what_is_on_the_list_is_served_under_its_type(content_type: str, served: str) -> None:
    assert served_as(content_type) == served


def test_only_these_are_shown_in_place() -> None:
    assert {kind.name for kind in KINDS if kind.inline} == {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "video/mp4",
        "video/webm",
        "audio/mpeg",
    }
    assert shown_inline("image/jpg")
    assert not shown_inline("application/pdf")


def test_pictures_and_archives_are_looked_into() -> None:
    assert inspected_as("image/jpg") == "image"
    assert (inspected_as(DOCX), inspected_as("application/x-tar")) == ("zip", "tar")
    assert inspected_as("image/tiff") is None
    assert inspected_as(TEXT) is inspected_as("application/x-new") is inspected_as(SVG) is None


@pytest.mark.parametrize("raw", ["image/png", "Image/PNG", "application/vnd.a+b", "x/" + "y" * 125])
def test_a_content_type_is_written_small(raw: str) -> None:
    assert content_types.validate_python(raw) == raw.lower()


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "png",
        "/png",
        "image/",
        "a/b/c",
        "*/*",
        "text/plain; charset=utf-8",
        "text/plain ",
        "text/plain\n",
        "text/plain\r\nX: y",
        "+a/b",
        "te\u212at/plain",
        "x/" + "y" * 126,
    ],
)
def test_what_is_no_type_and_subtype_is_refused(raw: str) -> None:
    with pytest.raises(ValidationError):
        content_types.validate_python(raw)
