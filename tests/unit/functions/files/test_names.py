"""A file's name is visible, portable and safe in a header; names that look alike have one key."""

import re
import unicodedata
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from functions.files.names import (
    MAX_FILE_NAME_LENGTH,
    MAX_KEY_BYTES,
    FileName,
    content_disposition,
    numbered,
    search_key,
)

names: TypeAdapter[str] = TypeAdapter(FileName)

# RFC 6266 with RFC 8187's ext-value, and a quoted string that needs no escape.
HEADER = re.compile(
    r"(inline|attachment); filename=\"([ !#-\[\]-~]+)\"; "
    r"filename\*=UTF-8''((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})*)"
)
FORBIDDEN_IN_KEYS = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")


def is_a_name(text: str) -> bool:
    try:
        return names.validate_python(text) == text
    except ValidationError:
        return False


# Letters that fold, compose, join, hide and mislead, more often than chance has them.
odd = st.sampled_from(
    "aZßİ\u017fΣ½ﷺ\uff0f\uff1f\uff03é\u0301\u200d\u200b\ufe0f👩🎉. #?()%\"'\uff1bﬁ\u00a0\u3000\u3164"
)
texts = st.text(st.one_of(odd, st.characters()), max_size=300)
good_names = st.builds(lambda text: text.strip(), texts).filter(is_a_name)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        ".gitignore",
        "report.pdf",
        "日本語.txt",
        "👨‍👩‍👧.png",
        "C# ?.md",
        "console.log",
        "com10",
        "x" * 255,
    ],
)
def test_a_name_is_kept(name: str) -> None:
    assert names.validate_python(name) == name


def test_a_name_is_stripped_and_composed() -> None:
    assert names.validate_python(" Rene\u0301.txt\u00a0") == "René.txt"


def test_the_length_counts_composed_characters() -> None:
    assert len(names.validate_python("e\u0301" * MAX_FILE_NAME_LENGTH)) == MAX_FILE_NAME_LENGTH


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "1 to 255"),
        ("  ", "1 to 255"),
        ("x" * 256, "1 to 255"),
        ("x" * 300, "1 to 255"),
        ("x" * 100_000, "at most"),
        ("a/b", "slash"),
        ("..\\b", "slash"),
        ("nul\0", "control"),
        ("two\r\nlines", "control"),
        ("a\u2028b", "control"),
        ("gpj\u202eexe", "turn"),
        ("a\u2066b", "turn"),
        (".", "dot"),
        ("..", "dot"),
        ("a.", "dot"),
        ("a. ", "dot"),
        ("CON", "reserves"),
        ("nul.txt", "reserves"),
        ("Aux .tar.gz", "reserves"),
        ("com¹", "reserves"),
        ("LPT9.x", "reserves"),
        ("prn:x", "reserves"),
        ("CONIN$", "reserves"),
        ("\u200b\u200d", "seen"),
        ("\u3164", "seen"),
        ("\u2800 \u2800", "seen"),
    ],
)
def test_a_name_that_misleads_or_breaks_somewhere_is_refused(name: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        names.validate_python(name)


@given(texts)
def test_a_taken_name_is_taken_again_as_it_is(text: str) -> None:
    try:
        name = names.validate_python(text)
    except ValidationError:
        return
    assert names.validate_python(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert not set(name) & set("/\\\0\r\n\u202e")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Report.PDF", "report.pdf"),
        ("straße", "STRASSE"),
        ("ﬁle", "file"),
        ("a\u00a0b", "a  b"),
        ("re\u200bport", "report"),
        ("\uff21", "a"),
        ("☎\ufe0f", "☎"),
        ("e\u200b\u0301", "é"),
    ],
)
def test_names_that_look_alike_have_one_key(one: str, other: str) -> None:
    assert search_key(one) == search_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("C#", "C?"), ("a", "b"), ("x" * 254 + "a", "x" * 254 + "b")]
)
def test_other_names_have_other_keys(one: str, other: str) -> None:
    assert search_key(one) != search_key(other)


@given(texts)
def test_a_key_is_its_own_key_and_fits_a_row(text: str) -> None:
    key = search_key(text)
    assert search_key(key) == key
    assert not FORBIDDEN_IN_KEYS.search(key)
    assert len(key.encode("utf-16-le")) <= MAX_KEY_BYTES


@given(good_names)
def test_every_name_has_a_key(name: str) -> None:
    assert search_key(name)


@given(st.text("ﷺ🎉a ", min_size=150, max_size=255))
def test_a_long_key_is_cut_between_characters(text: str) -> None:
    assume(text.strip())
    key = search_key(text)
    assert search_key(key) == key
    assert len(key.encode("utf-16-le")) <= MAX_KEY_BYTES


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.pdf", "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf"),
        ("é%.txt", "attachment; filename=\"e_.txt\"; filename*=UTF-8''%C3%A9%25.txt"),
        ("日.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%E6%97%A5.txt"),
        ('a";x="\\', "attachment; filename=\"a_;x=__\"; filename*=UTF-8''a%22%3Bx%3D%22%5C"),
        ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
        ("", "attachment; filename=\"file\"; filename*=UTF-8''"),
    ],
)
def test_a_download_announces_its_name(name: str, header: str) -> None:
    assert content_disposition(name, inline=False) == header


@given(name=st.text(st.characters(exclude_categories=())), inline=st.booleans())
def test_any_text_stays_in_its_place_in_the_header(name: str, *, inline: bool) -> None:
    header = content_disposition(name, inline=inline)
    parsed = HEADER.fullmatch(header)
    assert parsed is not None
    assert "\r" not in header
    assert "\n" not in header
    assert parsed[1] == ("inline" if inline else "attachment")
    assert unquote(parsed[3]) == name.encode("utf-8", "replace").decode()


@given(good_names)
def test_a_header_parses_back_to_the_name(name: str) -> None:
    header = content_disposition(name, inline=False)
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert [key for key, _ in message.get_params([], header="Content-Disposition")] == [
        "attachment",
        "filename",
        "filename",
    ]
    message.replace_header("Content-Disposition", re.sub(r' filename="[^"]*";', "", header))
    assert message.get_filename() == name


@pytest.mark.parametrize(
    ("name", "copy"),
    [
        ("report.pdf", "report (2).pdf"),
        ("report", "report (2)"),
        (".gitignore", ".gitignore (2)"),
        ("a.tar.gz", "a (2).tar.gz"),
        ("1. What we did", "1. What we did (2)"),
        ("x" * 251 + ".pdf", "x" * 247 + " (2).pdf"),
        ("x" * 246 + " yyyy.pdf", "x" * 246 + " (2).pdf"),
    ],
)
def test_a_copy_has_a_number_before_its_ending(name: str, copy: str) -> None:
    assert numbered(name, 2) == copy


@given(good_names, st.integers(1, 10**6))
def test_a_numbered_name_is_a_name(name: str, n: int) -> None:
    assert names.validate_python(numbered(name, n)) == numbered(name, n)
