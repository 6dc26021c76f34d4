"""Names that would lead somewhere, end a header, or show another name than they are: over HTTP, everywhere.

A name is refused before anything is reserved; what is accepted cannot leave its place in a download's header.
"""

from email.message import Message
from urllib.parse import unquote

import pytest

from tests.harness.api import Answer
from tests.harness.files import Files, promised

BAD = {
    "parent": "../up.txt",
    "parents": "..",
    "here": ".",
    "absolute": "/etc/passwd",
    "below": "a/b.txt",
    "windows": "a\\b.txt",
    "share": "\\\\host\\a",
    "nul": "a\0.txt",
    "crlf": "a.txt\r\nSet-Cookie: a=b",
    "line": "a\nb",
    "escape": "\x1b[2Ja.txt",
    "turned": "a\N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
    "isolated": "a\N{RIGHT-TO-LEFT ISOLATE}txt.exe",
    "separator": "a\N{LINE SEPARATOR}b",
    "long": "x" * 300,
    "much too long": "x" * 60_000,
    "empty": "",
    "spaces": "   ",
    "wide spaces": "\N{IDEOGRAPHIC SPACE}\N{NO-BREAK SPACE}",
    "unseen": "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH JOINER}",
    "filler": "\N{HANGUL FILLER}",
    "device": "CON",
    "device with ending": "con.txt",
    "another device": "lPt1.tar.gz",
    "device with space": "NUL .txt",
    "dot at the end": "a.exe.",
}


def not_valid(answer: Answer) -> None:
    assert (answer.status, answer.code) == (422, "validation_failed"), answer
    assert any("name" in str(each) for each in answer.body["errors"]), answer


@pytest.mark.parametrize("name", BAD.values(), ids=BAD.keys())
async def test_a_name_that_is_refused_takes_nothing(files: Files, name: str) -> None:
    ada = await files.api.user()
    not_valid(await files.begin(ada, b"hello", name))
    not_valid(await files.api.call("POST", "folders", ada, json={"name": name}))
    drive = await files.api.good("GET", "drive", ada)
    assert (drive["used_bytes"], drive["files"], drive["folders"]) == (0, 0, 0)
    assert await files.names(ada) == []


async def test_no_name_is_refused_at_first_and_taken_later(files: Files) -> None:
    ada = await files.api.user()
    item, folder = await files.available(ada), await files.folder(ada, "Folder")
    for name in BAD.values():
        for each in (item, folder):
            not_valid(
                await files.api.call("PATCH", f"files/{each['id']}", ada, json={"name": name})
            )
        path = f"files/{item['id']}/copy"
        not_valid(await files.api.call("POST", path, ada, json={"name": name}))
    assert await files.names(ada) == ["Folder", "note.txt"]


@pytest.mark.parametrize("raw", ['"\\ud800"', "7", "null", "[]", '{"a": 1}', "true"])
async def test_a_name_that_is_no_text(files: Files, raw: str) -> None:
    ada = await files.api.user()
    digest = promised(b"hello")["sha256"]
    body = f'{{"name": {raw}, "size": 5, "content_type": "text/plain", "sha256": "{digest}"}}'
    headers = {"Content-Type": "application/json"}
    answer = await files.api.call("POST", "files", ada, data=body.encode(), headers=headers)
    assert answer.status in {400, 422}, answer
    assert answer.code in {"malformed_json", "validation_failed"}
    assert await files.names(ada) == []


@pytest.mark.parametrize(
    "name",
    [
        'a"; filename="evil.html',
        "a%22%0d%0aSet-Cookie%3a b.txt",
        "a;b=c, d.txt",
        "'; DROP TABLE files; --",
        "<script>alert(1)</script".replace("/", "\N{FULLWIDTH SOLIDUS}"),
        "\N{PILE OF POO} Größe ファイル.txt",
        "=cmd|' C calc'!A0",
        "x" * 255,
        "ﾌｧｲﾙ" * 60,
        "$(id) `id` ${HOME}.txt",
    ],
)
async def test_a_strange_name_stays_in_its_place(files: Files, name: str) -> None:
    ada = await files.api.user()
    item = await files.available(ada, b"hello", name)
    assert await files.names(ada) == [item["name"]]
    got = await files.content(ada, item["id"])
    assert (got.status, got.body) == (200, b"hello")
    header = got.headers["content-disposition"]
    assert header.startswith('attachment; filename="')
    assert header.isascii()
    assert header.count('"') == 2
    assert unquote(header.partition("filename*=UTF-8''")[2]) == item["name"]
    parsed = Message()
    parsed["Content-Disposition"] = header
    assert parsed.get_content_disposition() == "attachment"
    assert parsed.get_filename()
    assert "set-cookie" not in got.headers
