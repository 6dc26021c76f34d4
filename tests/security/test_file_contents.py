"""Files that break their promise or would harm who opens them: rejected, with a reason, to no bytes.

Lying types, polyglots, bombs, malware, other bytes than were promised. What each part of the check sees in
detail is tested with that part (tests/unit/functions/files).
"""

import gzip
import io
import struct
import zipfile
import zlib

import pytest

from tests.harness.blobs import until_no_bytes
from tests.harness.files import TEXT, Files
from tests.harness.stack import Stack

MIB = 1024 * 1024
OCTETS, PNG, GIF, JPEG = "application/octet-stream", "image/png", "image/gif", "image/jpeg"
PDF, ZIP, GZIP = "application/pdf", "application/zip", "application/gzip"
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
EXE = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(48) + b"PE\0\0"
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def zipped(*entries: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def nested(depth: int) -> bytes:
    data = b"at the bottom"
    for _ in range(depth):
        data = zipped(("next.zip", data))
    return data


def forty_two() -> bytes:
    """As 42.zip: each layer holds the one below sixteen times, the lowest a megabyte of zeros."""
    data = zipped(("zeros", bytes(MIB)))
    for _ in range(3):
        data = zipped(*((f"{number}.zip", data) for number in range(16)))
    return data


def overlapping() -> bytes:
    """As David Fifield's bombs: the second entry lies in the bytes of the first."""
    inner = zipped(("b", b"kernel " * 100))
    with zipfile.ZipFile(io.BytesIO(inner)) as found:
        [second] = found.infolist()
        begin = inner[: found.start_dir]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", begin)
        second.header_offset = len("a") + 30
        archive.filelist.append(second)
    return out.getvalue()


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(MIB))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


async def refused(
    files: Files, stack: Stack, content: bytes, claimed: str, *, promised: bytes | None = None
) -> str:
    """The reason for which a file was rejected; nothing is left of it."""
    ada = await files.api.user()
    begun = await files.begun(
        ada, content if promised is None else promised, "a.file", content_type=claimed
    )
    item = await files.finish(ada, begun, content)
    assert (item["state"], item["upload"]["state"]) == ("rejected", "rejected"), item
    await until_no_bytes(stack, item["id"])
    answer = await files.download(ada, item["id"])
    assert (answer.status, answer.code) == (409, "file_rejected")
    drive = await files.api.good("GET", "drive", ada)
    assert drive["used_bytes"] == 0
    assert await files.names(ada) == []
    return str(item["reason"])


@pytest.mark.parametrize(
    ("content", "claimed"),
    [(HTML, PNG), (EXE, PDF), (SVG, PNG), (HTML, TEXT), (SVG, TEXT), (HTML, "image/svg+xml"),
     (HTML, "application/x-made-up"), (EXE, "application/x-made-up"), (EXE, JPEG), (b"hello", PDF),
     (b"\x89PNG\r\n\x1a\n", JPEG), (b"#!/bin/sh\nrm -rf /", TEXT), (b"\0\1\2\3", TEXT)],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
async def test_a_type_that_lies(files: Files, stack: Stack, content: bytes, claimed: str) -> None:
    assert await refused(files, stack, content, claimed) == "content_type_mismatch"


@pytest.mark.parametrize(
    ("content", "claimed", "reason"),
    [(b"GIF89a=1;alert(1)//", GIF, "content_type_mismatch"),
     (b"GIF89a/*\0\0\0*/=1;alert(1)//", GIF, "image_broken"),
     (b"\xff\xd8\xff\xe0/*JFIF*/=1;alert(1)/*\0*/", JPEG, "image_broken"),
     (b"MZ\x90\0" + b"%PDF-1.7\n" + bytes(60), PDF, "content_type_mismatch"),
     (HTML + zipped(("a", b"b")), ZIP, "content_type_mismatch"),
     (HTML + zipped(("a", b"b")), TEXT, "content_type_mismatch"),
     (b"%PDF-1.7\n" + HTML, PNG, "content_type_mismatch")],
    ids=["gif-js", "gif-js-binary", "jpeg-js", "exe-pdf", "html-zip", "html-zip-text", "pdf-png"],
)  # fmt: skip
async def test_a_file_that_is_two_things(
    files: Files, stack: Stack, content: bytes, claimed: str, reason: str
) -> None:
    assert await refused(files, stack, content, claimed) == reason


@pytest.mark.parametrize("claimed", [ZIP, OCTETS])
@pytest.mark.parametrize(
    ("content", "reason"),
    [(zipped(("zeros", bytes(64 * MIB))), "archive_too_large"),
     (forty_two(), "archive_too_large"),
     (nested(6), "archive_unsafe"),
     (overlapping(), "archive_unsafe"),
     (zipped(("../../etc/cron.d/x", b"* * * * * root id")), "archive_unsafe"),
     (zipped(*((str(number), b"") for number in range(10_001))), "archive_too_large")],
    ids=["ratio", "42", "nested", "overlapping", "path", "entries"],
)  # fmt: skip
async def test_a_bomb_of_an_archive_whatever_it_claims_to_be(
    files: Files, stack: Stack, content: bytes, claimed: str, reason: str
) -> None:
    assert len(content) < 2 * MIB
    assert await refused(files, stack, content, claimed) == reason


async def test_a_bomb_of_a_stream(files: Files, stack: Stack) -> None:
    content = gzip.compress(bytes(64 * MIB))
    assert await refused(files, stack, content, GZIP) == "archive_too_large"


@pytest.mark.parametrize("claimed", [PNG, OCTETS])
@pytest.mark.parametrize(("width", "height"), [(50_001, 50_001), (50_000_001, 1)])
async def test_a_bomb_of_an_image(
    files: Files, stack: Stack, claimed: str, width: int, height: int
) -> None:
    content = png(width, height)
    assert len(content) < 10_000
    assert await refused(files, stack, content, claimed) == "image_too_large"


async def test_an_image_that_is_cut_off(files: Files, stack: Stack) -> None:
    assert await refused(files, stack, png(100, 100)[:60], PNG) == "image_broken"


@pytest.mark.parametrize("claimed", [TEXT, OCTETS])
async def test_malware(files: Files, stack: Stack, claimed: str) -> None:
    assert await refused(files, stack, EICAR, claimed) == "malware"
    late = b"x" * (5 * MIB - 20) + EICAR + b"x" * 100  # over the border of what is read at once
    assert await refused(files, stack, late, claimed) == "malware"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"hello, world", "size_mismatch"), (b"h", "size_mismatch"), (b"", "size_mismatch"),
     (b"x" * 3 * MIB, "size_mismatch"), (b"jello", "sha256_mismatch")],
    ids=["larger", "smaller", "empty", "much larger", "other"],
)  # fmt: skip
async def test_other_bytes_than_were_promised(
    files: Files, stack: Stack, content: bytes, reason: str
) -> None:
    assert await refused(files, stack, content, TEXT, promised=b"hello") == reason


async def test_other_bytes_in_blocks_than_were_promised(files: Files, stack: Stack) -> None:
    ada = await files.api.user()
    begun = await files.begun(ada, b"hello" * 10)
    assert (await files.put_blocks(begun["upload"], b"hello" * 11, 5)).status == 201
    assert (await files.put_block(begun["upload"], 99, b"never committed")).status == 201
    assert (await files.complete(ada, begun["file"]["id"])).status == 202
    item = await files.settled(ada, begun["file"]["id"])
    assert (item["state"], item["reason"]) == ("rejected", "size_mismatch")
    await until_no_bytes(stack, item["id"])
