"""Uploads over HTTP, as clients make them: whole, in blocks, with Microsoft's SDK, with curl, after a break.

Also what one gets for a file that is there: an address for a minute, ranges, and no page that runs.
"""

import asyncio
import io
import secrets
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from azure.storage.blob.aio import BlobClient
from PIL import Image

from tests.harness.api import Answer, Api, User
from tests.harness.blobs import blobs_of, until_no_bytes
from tests.harness.files import TEXT, Files, block_id, promised
from tests.harness.stack import Stack
from tests.harness.waiting import until_async
from tests.harness.workspaces import member, workspace

MIB = 1024 * 1024
CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="needs curl: apt-get install curl")
HTML = b"<!doctype html><script>alert(document.domain)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "teal").save(out, "PNG")
    return out.getvalue()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rights(url: str) -> dict[str, str]:
    """What an address of the store says of itself."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def conflict(answer: Answer, code: str) -> None:
    assert (answer.status, answer.code) == (409, code), answer


async def used(files: Files, user: User) -> int:
    return int((await files.api.good("GET", "drive", user))["used_bytes"])


async def curl(*words: str) -> bytes:
    assert CURL
    process = await asyncio.create_subprocess_exec(
        *(CURL, "--silent", "--show-error", "--fail", *words), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out


async def test_a_new_file_comes_with_an_address_for_its_bytes(files: Files) -> None:
    ada, before = await files.api.user(), datetime.now(UTC)
    begun = await files.begun(ada, b"hello", "Grüße.txt")
    file, upload = begun["file"], begun["upload"]
    assert (file["kind"], file["name"], file["state"]) == ("file", "Grüße.txt", "pending")
    assert (file["drive_id"], file["created_by"]) == (ada.id, ada.id)
    assert set(upload) == {"url", "method", "headers", "block_size", "expires_at"}
    assert (upload["method"], upload["headers"]) == ("PUT", {"x-ms-blob-type": "BlockBlob"})
    assert 1 * MIB <= upload["block_size"] <= 100 * MIB
    assert timedelta() < moment(upload["expires_at"]) - before < timedelta(minutes=16)
    said = rights(upload["url"])
    assert (said["sr"], said["sp"]) == ("b", "cw")  # Azurite takes no block for "c" alone
    assert abs(moment(said["se"]) - moment(upload["expires_at"])) < timedelta(seconds=1)
    assert await used(files, ada) == 5
    assert (await files.get(ada, file["id"])) == file


async def test_what_is_uploaded_whole_is_checked_and_then_there(files: Files, stack: Stack) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(300_000)
    begun = await files.begun(ada, content, "a.bin", content_type="application/octet-stream")
    assert (await files.put(begun["upload"], content)).status == 201
    answer = await files.complete(ada, begun["file"]["id"])
    assert (answer.status, answer.body["state"]) == (202, "checking")
    item = await files.settled(ada, begun["file"]["id"])
    assert (item["state"], item["upload"], item["version"]) == ("available", None, 1)
    assert {name: item[name] for name in promised(b"")} == promised(
        content, "application/octet-stream"
    )
    assert (await files.content(ada, item["id"])).body == content
    assert await used(files, ada) == len(content)

    async def one_copy() -> bool:  # what was in quarantine goes after the verdict
        return list((await blobs_of(stack, item["id"])).values()) == [len(content)]

    await until_async(one_copy, "the bytes are there once")


async def test_parallel_blocks_are_put_together_in_the_order_of_their_list(files: Files) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(5 * MIB + 7)
    begun = await files.begun(ada, content, "a.bin", content_type="application/octet-stream")
    answer = await files.put_blocks(begun["upload"], content, MIB)
    assert answer.status == 201
    assert (await files.complete(ada, begun["file"]["id"])).status == 202
    item = await files.settled(ada, begun["file"]["id"])
    assert (item["state"], item["size"]) == ("available", len(content))
    assert (await files.content(ada, item["id"])).body == content


async def test_microsofts_sdk_uploads_by_the_address_alone(files: Files) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(6 * MIB + 1)
    begun = await files.begun(ada, content, "a.bin", content_type="application/octet-stream")
    small: dict[str, Any] = {"max_single_put_size": MIB, "max_block_size": MIB}
    async with BlobClient.from_blob_url(begun["upload"]["url"], **small) as client:
        await client.upload_blob(content, max_concurrency=4)
    assert (await files.complete(ada, begun["file"]["id"])).status == 202
    item = await files.settled(ada, begun["file"]["id"])
    assert item["state"] == "available"
    url = (await files.download(ada, item["id"])).body["url"]
    async with BlobClient.from_blob_url(url, max_single_get_size=MIB) as reader:
        assert await (await reader.download_blob(max_concurrency=4)).readall() == content


@needs_curl
async def test_curl_uploads_and_downloads_by_the_addresses_alone(
    files: Files, tmp_path: Path
) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(2 * MIB)
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    begun = await files.begun(ada, content, "a.bin", content_type="application/octet-stream")
    upload = begun["upload"]
    headers = [word for each in upload["headers"].items() for word in ("-H", ": ".join(each))]
    await curl("-X", upload["method"], *headers, "--upload-file", str(path), upload["url"])
    assert (await files.complete(ada, begun["file"]["id"])).status == 202
    item = await files.settled(ada, begun["file"]["id"])
    assert item["state"] == "available"
    url = (await files.download(ada, item["id"])).body["url"]
    assert await curl(url) == content
    assert await curl("--range", "1000-1999", url) == content[1000:2000]


async def test_an_upload_goes_on_after_a_break_with_the_blocks_that_are_there(
    files: Files,
) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(4000)
    pieces = [content[at : at + 1000] for at in range(0, 4000, 1000)]
    begun = await files.begun(ada, content, "a.bin", content_type="application/octet-stream")
    file_id = begun["file"]["id"]
    path = f"files/{file_id}/upload"
    assert (await files.api.good("GET", path, ada))["blocks"] == []
    for number in (2, 0):
        assert (await files.put_block(begun["upload"], number, pieces[number])).status == 201
    resumed = await files.api.good("GET", path, ada)
    there = {each["id"]: each["size"] for each in resumed["blocks"]}
    assert (there, resumed["committed"]) == ({block_id(0): 1000, block_id(2): 1000}, None)
    upload = resumed["upload"]
    assert moment(upload["expires_at"]) > moment(begun["upload"]["expires_at"])
    assert upload["expires_at"] == resumed["file"]["upload"]["expires_at"]
    for number in (1, 3):
        assert (await files.put_block(upload, number, pieces[number])).status == 201
    conflict(await files.complete(ada, file_id), "upload_missing")
    assert (await files.commit(upload, range(4))).status == 201
    resumed = await files.api.good("GET", path, ada)
    assert (resumed["blocks"], resumed["committed"]) == ([], 4000)
    assert (await files.complete(ada, file_id)).status == 202
    assert (await files.settled(ada, file_id))["state"] == "available"
    assert (await files.content(ada, file_id)).body == content
    conflict(await files.api.call("GET", path, ada), "already_completed")


async def test_a_repeat_with_its_key_gives_the_same_file_and_an_address_until_it_is_complete(
    files: Files,
) -> None:
    ada, grace = await files.api.user(), await files.api.user("Grace")
    body, headers = {"name": "a.txt", **promised(b"hello")}, {"Idempotency-Key": "k-1"}

    async def begin(user: User, **changes: Any) -> Answer:
        again = {**body, **changes}
        return await files.api.call("POST", "files", user, json=again, headers=headers)

    first, second = [(await begin(ada)).body for _ in range(2)]
    assert first["file"] == second["file"]
    assert await used(files, ada) == 5
    assert (await begin(grace)).body["file"]["id"] != first["file"]["id"]
    for changes in ({"size": 6}, {"name": "b.txt"}, {"sha256": "0" * 64}):
        conflict(await begin(ada, **changes), "idempotency_key_reused")
    item = await files.finish(ada, second, b"hello")
    assert item["state"] == "available"
    answer = await begin(ada)
    assert (answer.status, answer.body) == (201, {"file": item, "upload": None})
    assert await files.names(ada) == ["a.txt"]


async def test_many_repeats_at_once_make_one_file(files: Files) -> None:
    ada = await files.api.user()
    body, headers = {"name": "a.txt", **promised(b"hello")}, {"Idempotency-Key": "k-1"}
    calls = (files.api.call("POST", "files", ada, json=body, headers=headers) for _ in range(8))
    answers = await asyncio.gather(*calls)
    assert {each.status for each in answers} == {201}, answers
    assert len({each.body["file"]["id"] for each in answers}) == 1
    assert await used(files, ada) == 5


async def test_a_key_is_not_good_for_another_place(files: Files, stack: Stack) -> None:
    workspace_id, ada = await workspace(files.api, stack)
    folder = await files.folder(ada, "Folder")
    places: tuple[dict[str, str], ...] = (
        {},
        {"folder_id": folder["id"]},
        {"workspace_id": workspace_id},
    )
    for number, first in enumerate(places):
        headers = {"Idempotency-Key": f"k-{number}"}
        body = {"name": f"{number}.txt", **promised(b"hello")}
        await files.api.good("POST", "files", ada, json={**body, **first}, headers=headers)
        for other in places:
            if other != first:
                again = {**body, **other}
                answer = await files.api.call("POST", "files", ada, json=again, headers=headers)
                conflict(answer, "idempotency_key_reused")


async def test_an_upload_that_is_given_up_leaves_no_name_no_room_and_no_bytes(
    files: Files, stack: Stack
) -> None:
    ada = await files.api.user()
    for put in ("nothing", "all", "a block"):
        begun = await files.begun(ada, b"hello")
        file_id, upload = begun["file"]["id"], begun["upload"]
        if put == "all":
            assert (await files.put(upload, b"hello")).status == 201
        if put == "a block":
            assert (await files.put_block(upload, 1, b"hello")).status == 201
        assert (await files.api.call("DELETE", f"files/{file_id}/upload", ada)).status == 204
        assert await blobs_of(stack, file_id) == {}, put
        assert (await files.names(ada), await used(files, ada)) == ([], 0)
        for answer in (
            await files.put(upload, b"hello"),
            await files.put_block(upload, 1, b"hello"),
            await files.commit(upload, [1]),
        ):
            assert 400 <= answer.status < 500, answer
        assert await blobs_of(stack, file_id) == {}, put
        conflict(await files.complete(ada, file_id), "upload_over")
        conflict(await files.api.call("GET", f"files/{file_id}/upload", ada), "upload_over")


async def test_a_new_version_replaces_the_content_once_it_is_accepted(
    files: Files, stack: Stack
) -> None:
    ada = await files.api.user()
    item = await files.available(ada, b"first")
    path = f"files/{item['id']}/versions"
    begun = await files.api.good("POST", path, ada, json=promised(b"the second"))
    assert begun["file"]["state"] == "available"
    assert (begun["file"]["size"], begun["file"]["upload"]["version"]) == (5, 2)
    conflict(await files.api.call("POST", path, ada, json=promised(b"3")), "upload_in_progress")
    assert (await files.put(begun["upload"], b"the second")).status == 201
    assert (await files.content(ada, item["id"])).body == b"first"
    assert (await files.complete(ada, item["id"])).status == 202
    after = await files.settled(ada, item["id"])
    assert (after["version"], after["size"], after["upload"]) == (2, 10, None)
    assert (await files.content(ada, item["id"])).body == b"the second"
    assert (await files.content(ada, item["id"], version="1")).body == b"first"
    listed = (await files.api.good("GET", path, ada))["items"]
    assert [(each["number"], each["is_current"]) for each in listed] == [(2, True), (1, False)]
    assert await used(files, ada) == 15

    begun = await files.api.good("POST", path, ada, json=promised(b"lies"))
    refused = await files.finish(ada, begun, b"liar")
    assert (refused["state"], refused["version"], refused["size"]) == ("available", 2, 10)
    assert (refused["upload"]["state"], refused["upload"]["reason"]) == (
        "rejected",
        "sha256_mismatch",
    )

    async def two_copies() -> bool:
        return sorted((await blobs_of(stack, item["id"])).values()) == [5, 10]

    await until_async(two_copies, "the bytes of two versions are there, and no others")
    assert (await files.content(ada, item["id"])).body == b"the second"
    assert await used(files, ada) == 15


async def test_a_download_is_an_attachment_for_a_minute_and_has_ranges(files: Files) -> None:
    ada, content = await files.api.user(), secrets.token_hex(5000).encode()
    item = await files.available(ada, content, 'my "Grüße".txt')
    before = datetime.now(UTC)
    answer = await files.download(ada, item["id"])
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert set(answer.body) == {"url", "name", "size", "content_type", "expires_at"}
    assert (answer.body["name"], answer.body["size"]) == (item["name"], len(content))
    url, until = answer.body["url"], moment(answer.body["expires_at"])
    assert timedelta() < until - before <= timedelta(seconds=61)
    assert (until - datetime.now(UTC)) <= timedelta(seconds=60)
    said = rights(url)
    assert (said["sr"], said["sp"]) == ("b", "r")
    assert moment(said["se"]) <= until
    got = await files.ask("GET", url)
    assert (got.status, got.body) == (200, content)
    disposition = got.headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert unquote(disposition.partition("filename*=UTF-8''")[2]) == item["name"]
    assert got.headers["content-type"] == TEXT
    assert got.headers["cache-control"] == "private, no-store"
    for header, expected in (
        ("bytes=0-9", content[:10]),
        ("bytes=100-199", content[100:200]),
        ("bytes=9990-", content[9990:]),
    ):
        part = await files.ask("GET", url, headers={"Range": header})
        assert (part.status, part.body) == (206, expected), header
        assert part.headers["content-range"].endswith(f"/{len(content)}")


@pytest.mark.parametrize(
    ("name", "claimed", "content"),
    [("a.html", "text/html", HTML), ("a.svg", "image/svg+xml", SVG),
     ("a.xhtml", "application/xhtml+xml", SVG), ("a.xml", "application/xml", SVG),
     ("a.js", "text/javascript", b"alert(1)"), ("a.html", "application/octet-stream", HTML),
     ("a.md", "text/markdown", b"<script>alert(1)</script>"),
     ("zip.html", "text/html", HTML + b"PK\5\6" + bytes(18))],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
async def test_what_a_browser_would_run_is_never_shown_by_one(
    files: Files, name: str, claimed: str, content: bytes
) -> None:
    ada = await files.api.user()
    item = await files.available(ada, content, name, content_type=claimed)
    for disposition in ("inline", "attachment"):
        answer = await files.download(ada, item["id"], disposition=disposition)
        assert answer.body["content_type"] == "application/octet-stream"
        got = await files.ask("GET", answer.body["url"])
        assert (got.status, got.body) == (200, content)
        assert got.headers["content-type"] == "application/octet-stream"
        assert got.headers["content-disposition"].startswith("attachment;")


async def test_an_image_may_be_shown_inline_and_a_pdf_not(files: Files) -> None:
    ada = await files.api.user()
    item = await files.available(ada, png(), "a.png", content_type="image/png")
    assert (item["width"], item["height"]) == (30, 20)
    got = await files.content(ada, item["id"], disposition="inline")
    assert (got.status, got.body, got.headers["content-type"]) == (200, png(), "image/png")
    assert got.headers["content-disposition"].startswith("inline;")
    got = await files.content(ada, item["id"])
    assert got.headers["content-disposition"].startswith("attachment;")
    pdf = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
    item = await files.available(ada, pdf, "a.pdf", content_type="application/pdf")
    got = await files.content(ada, item["id"], disposition="inline")
    assert got.headers["content-disposition"].startswith("attachment;")


async def test_what_a_client_tells_the_store_of_its_blob_is_not_believed(files: Files) -> None:
    ada = await files.api.user()
    begun = await files.begun(ada, b"hello")
    headers = {
        **begun["upload"]["headers"],
        "x-ms-blob-content-type": "text/html",
        "x-ms-blob-content-disposition": "inline",
        "x-ms-blob-content-encoding": "gzip",
        "x-ms-blob-content-language": "tlh",
        "x-ms-meta-mine": "yes",
    }
    answer = await files.ask("PUT", begun["upload"]["url"], data=b"hello", headers=headers)
    assert answer.status == 201
    assert (await files.complete(ada, begun["file"]["id"])).status == 202
    assert (await files.settled(ada, begun["file"]["id"]))["state"] == "available"
    got = await files.content(ada, begun["file"]["id"])
    assert (got.body, got.headers["content-type"]) == (b"hello", TEXT)
    assert got.headers["content-disposition"].startswith("attachment;")
    shown = {"content-encoding", "content-language", "x-ms-meta-mine"}
    assert shown.isdisjoint(got.headers)


async def test_before_the_verdict_nothing_is_given_and_after_a_refusal_neither(
    files: Files, stack: Stack
) -> None:
    ada = await files.api.user()
    begun = await files.begun(ada, b"hello")
    file_id = begun["file"]["id"]
    conflict(await files.download(ada, file_id), "scan_pending")
    assert (await files.put(begun["upload"], b"olleh")).status == 201
    conflict(await files.download(ada, file_id), "scan_pending")
    conflict(await files.api.call("GET", f"files/{file_id}/thumbnails/256", ada), "scan_pending")
    assert (await files.complete(ada, file_id)).status == 202
    item = await files.settled(ada, file_id)
    assert (item["state"], item["reason"]) == ("rejected", "sha256_mismatch")
    answer = await files.download(ada, file_id)
    conflict(answer, "file_rejected")
    assert "sha256_mismatch" in answer.body["detail"]
    await until_no_bytes(stack, file_id)


async def test_a_workspaces_file_is_its_members(files: Files, stack: Stack, api: Api) -> None:
    workspace_id, ada = await workspace(api, stack)
    grace = await member(api, ada, workspace_id, "member", "Grace")
    item = await files.available(grace, b"ours", workspace_id=workspace_id)
    assert item["drive_id"] == workspace_id
    assert (await files.content(ada, item["id"])).body == b"ours"
    assert await used(files, grace) == 0
    eve = await api.user("Eve")
    assert (await files.download(eve, item["id"])).code == "file_not_found"
