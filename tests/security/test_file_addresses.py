"""Addresses of the store in the hands of an attacker: each opens one blob for one use, as long as it says.

What Azurite lets a client do where Azure would not (it needs the right to write for blocks) is attacked too:
whatever is done, only what was checked is read, and what is left of an upload is an empty blob.
"""

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest

from tests.harness.api import User
from tests.harness.blobs import blobs_of, until_no_bytes
from tests.harness.files import Files, Stored, block_id
from tests.harness.stack import Stack
from tests.harness.waiting import until_async

BLOB = {"x-ms-blob-type": "BlockBlob"}
LEASE = {"x-ms-lease-action": "acquire", "x-ms-lease-duration": "-1"}
BREAK = {"x-ms-lease-action": "break", "x-ms-lease-break-period": "0"}
NO_BLOCKS = b'<?xml version="1.0" encoding="utf-8"?><BlockList></BlockList>'
TAGS = b"<Tags><TagSet><Tag><Key>scan</Key><Value>clean</Value></Tag></TagSet></Tags>"
# What neither address may do, as method, query and headers.
FORBIDDEN: dict[str, tuple[str, str, dict[str, str]]] = {
    "list the container": ("GET", "restype=container&comp=list", {}),
    "list the account": ("GET", "comp=list", {}),
    "read the container's rules": ("GET", "restype=container&comp=acl", {}),
    "delete": ("DELETE", "", {}),
    "delete with snapshots": ("DELETE", "", {"x-ms-delete-snapshots": "include"}),
    "read tags": ("GET", "comp=tags", {}),
    "set tags": ("PUT", "comp=tags", {}),
}
WRITES: dict[str, tuple[str, str, dict[str, str]]] = {
    "write": ("PUT", "", BLOB),
    "put a block": ("PUT", f"comp=block&blockid={block_id(1)}", {}),
    "commit blocks": ("PUT", "comp=blocklist", {}),
    "set metadata": ("PUT", "comp=metadata", {"x-ms-meta-a": "b"}),
    "set headers": ("PUT", "comp=properties", {"x-ms-blob-content-type": "text/html"}),
    "take a snapshot": ("PUT", "comp=snapshot", {}),
    "take a lease": ("PUT", "comp=lease", LEASE),
}
READS: dict[str, tuple[str, str, dict[str, str]]] = {
    "read": ("GET", "", {}),
    "look": ("HEAD", "", {}),
    "read metadata": ("GET", "comp=metadata", {}),
    "read the list of blocks": ("GET", "comp=blocklist&blocklisttype=all", {}),
}


def also(url: str, query: str) -> str:
    return f"{url}&{query}" if query else url


def signed_otherwise(url: str, **changes: str) -> str:
    """The address with other words in its query, under the old signature."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return urlunsplit(parts._replace(query=urlencode({**query, **changes})))


def at_another(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=path))


async def attack(files: Files, url: str, way: tuple[str, str, dict[str, str]]) -> Stored:
    method, query, headers = way
    data = TAGS if "tags" in query else NO_BLOCKS if "blocklist" in query else b"other"
    if "restype=container" in query:
        account, container = urlsplit(url).path.split("/")[1:3]
        where = at_another(url, f"/{account}/{container}")
    elif query == "comp=list":
        where = at_another(url, f"/{urlsplit(url).path.split('/')[1]}")
    else:
        where = url
    options: dict[str, Any] = {"data": data} if method == "PUT" else {}
    return await files.ask(method, also(where, query), headers=headers, **options)


def forbidden(answer: Stored) -> None:
    assert answer.status == 403, answer
    assert answer.code in {
        "AuthorizationPermissionMismatch",
        "AuthenticationFailed",
        "AuthorizationFailure",
        "AuthorizationResourceTypeMismatch",
    }, answer


@pytest.fixture
async def ada(files: Files) -> User:
    return await files.api.user()


@pytest.fixture
async def pending(files: Files, ada: User) -> dict[str, Any]:
    """An upload whose bytes are there, before it is complete."""
    begun = await files.begun(ada, b"hello")
    assert (await files.put(begun["upload"], b"hello")).status == 201
    return begun


@pytest.fixture
async def there(files: Files, ada: User) -> AsyncIterator[dict[str, Any]]:
    """A file that is available, with the address that it was uploaded by. Nothing changes it."""
    begun = await files.begun(ada, b"mine", "there.txt")
    item = await files.finish(ada, begun, b"mine")
    assert item["state"] == "available"
    yield begun
    assert (await files.content(ada, item["id"])).body == b"mine"
    assert await files.get(ada, item["id"]) == item


async def only_the_content(stack: Stack, file_id: str) -> None:
    """Wait until nothing of a file of four bytes is in the store but these."""

    async def one() -> bool:
        found = await blobs_of(stack, file_id)
        return [(name.partition("/")[0], size) for name, size in found.items()] == [
            ("files-content", 4)
        ]

    await until_async(one, f"the only bytes of {file_id} are its content")


@pytest.mark.parametrize("way", [*FORBIDDEN, *READS])
async def test_an_address_for_an_upload_opens_nothing_else(
    files: Files, pending: dict[str, Any], way: str
) -> None:
    forbidden(await attack(files, pending["upload"]["url"], {**FORBIDDEN, **READS}[way]))


@pytest.mark.parametrize("way", [*FORBIDDEN, *WRITES])
async def test_an_address_for_a_download_opens_nothing_else(
    files: Files, ada: User, there: dict[str, Any], way: str
) -> None:
    url = (await files.download(ada, there["file"]["id"])).body["url"]
    forbidden(await attack(files, url, {**FORBIDDEN, **WRITES}[way]))


async def test_an_address_is_good_for_no_other_blob(
    files: Files, ada: User, there: dict[str, Any], pending: dict[str, Any]
) -> None:
    upload, theirs = pending["upload"]["url"], there["upload"]["url"]
    read = (await files.download(ada, there["file"]["id"])).body["url"]
    other = await files.available(ada, b"other", "other.txt")
    elsewhere = (await files.download(ada, other["id"])).body["url"]
    for path in (
        urlsplit(theirs).path,
        urlsplit(read).path,
        urlsplit(upload).path + "x",
        urlsplit(upload).path.replace("files-quarantine", "files-content"),
    ):
        target = at_another(upload, path)
        forbidden(await files.ask("PUT", target, data=b"other", headers=BLOB))
        forbidden(await files.put_block({"url": target}, 1, b"other"))
    for path in (
        urlsplit(elsewhere).path,
        urlsplit(upload).path,
        urlsplit(read).path.replace("files-content", "files-quarantine"),
    ):
        forbidden(await files.ask("GET", at_another(read, path)))


@pytest.mark.parametrize(
    "changes",
    [{"se": "2099-01-01T00:00:00Z"}, {"sp": "racwdxltmeop"}, {"sr": "c"}, {"sv": "2018-11-09"},
     {"spr": "https"}, {"sig": "AAAA"}, {"sig": ""}, {"st": "2020-01-01T00:00:00Z"},
     {"sip": "127.0.0.1"}, {"se": "2020-01-01T00:00:00Z"}],
    ids=str,
)  # fmt: skip
async def test_an_address_that_was_changed_opens_nothing(
    files: Files, ada: User, there: dict[str, Any], pending: dict[str, Any], changes: dict[str, str]
) -> None:
    read = (await files.download(ada, there["file"]["id"])).body["url"]
    forbidden(await files.ask("GET", signed_otherwise(read, **changes)))
    upload = signed_otherwise(pending["upload"]["url"], **changes)
    forbidden(await files.ask("PUT", upload, data=b"other", headers=BLOB))


@pytest.mark.parametrize(
    "changes",
    [{"rsct": "text/html"}, {"rscd": "inline"}, {"rscc": "public, max-age=31536000"},
     {"rsce": "gzip"}],
    ids=str,
)  # fmt: skip
async def test_how_a_download_is_served_is_not_the_readers_to_say(
    files: Files, ada: User, there: dict[str, Any], changes: dict[str, str]
) -> None:
    read = (await files.download(ada, there["file"]["id"])).body["url"]
    forbidden(await files.ask("GET", signed_otherwise(read, **changes)))


async def test_without_a_signature_nothing_opens(
    files: Files, ada: User, there: dict[str, Any]
) -> None:
    read = (await files.download(ada, there["file"]["id"])).body["url"]
    for url in (read, there["upload"]["url"]):
        bare = urlunsplit(urlsplit(url)._replace(query=""))
        for method in ("GET", "PUT", "DELETE"):
            answer = await files.ask(method, bare, headers=BLOB)
            assert answer.status in {401, 403, 404, 409}, answer
        container = bare.split("/drv_")[0]
        assert (await files.ask("GET", f"{container}?restype=container&comp=list")).status >= 400


async def test_an_answer_of_the_store_shows_no_other_address(
    files: Files, ada: User, there: dict[str, Any]
) -> None:
    copied = await files.api.good(
        "POST", f"files/{there['file']['id']}/copy", ada, json={"name": "copy.txt"}
    )
    assert (await files.settled(ada, copied["file"]["id"]))["state"] == "available"
    for file_id in (there["file"]["id"], copied["file"]["id"]):
        got = await files.content(ada, file_id)
        assert got.body == b"mine"
        assert [each for each in got.headers.values() if re.search(r"\bsig=", each)] == []


async def test_after_completion_the_address_for_the_upload_is_useless(
    files: Files, stack: Stack, there: dict[str, Any]
) -> None:
    await only_the_content(stack, there["file"]["id"])
    for way in WRITES.values():
        answer = await attack(files, there["upload"]["url"], way)
        assert answer.status in {403, 409, 412} or way[1] == "comp=snapshot", (way, answer)
    for way in {**FORBIDDEN, **READS}.values():
        forbidden(await attack(files, there["upload"]["url"], way))
    await only_the_content(stack, there["file"]["id"])


async def test_after_a_refusal_the_address_for_the_upload_is_useless(
    files: Files, stack: Stack, ada: User, pending: dict[str, Any]
) -> None:
    file_id, upload = pending["file"]["id"], pending["upload"]
    assert (await files.put(upload, b"other")).status == 201
    assert (await files.complete(ada, file_id)).status == 202
    assert (await files.settled(ada, file_id))["reason"] == "sha256_mismatch"
    await until_no_bytes(stack, file_id)
    for way in WRITES.values():
        answer = await attack(files, upload["url"], way)
        assert answer.status in {403, 409, 412} or way[1] == "comp=snapshot", (way, answer)
    assert await blobs_of(stack, file_id) == {}


@pytest.mark.parametrize("content", [b"hello", b"other"], ids=["honest", "refused"])
async def test_what_an_uploader_does_to_his_blob_keeps_neither_verdict_nor_bytes(
    files: Files, stack: Stack, ada: User, content: bytes
) -> None:
    """Snapshots would outlive the bytes, loose blocks too; a lease would lock the check out."""
    begun = await files.begun(ada, b"hello")
    file_id, url = begun["file"]["id"], begun["upload"]["url"]
    assert (await files.put(begun["upload"], content)).status == 201
    assert (await files.put_block(begun["upload"], 7, b"x" * 1000)).status == 201
    for _ in range(2):
        assert (await attack(files, url, WRITES["take a snapshot"])).status == 201
    assert (await attack(files, url, WRITES["take a lease"])).status == 201
    assert (await files.complete(ada, file_id)).status == 202
    item = await files.settled(ada, file_id)
    assert item["state"] == ("available" if content == b"hello" else "rejected")

    async def rest() -> list[int]:
        return list((await blobs_of(stack, file_id)).values())

    async def is_clean() -> bool:
        return await rest() == ([5] if content == b"hello" else [])

    await until_async(is_clean, "nothing but the content is left")


async def test_who_ends_the_lease_of_the_store_changes_no_content(
    files: Files, ada: User, there: dict[str, Any]
) -> None:
    """On Azurite an uploader may (addresses.py); his bytes are nobody's to read, and go with the sweep."""
    url = there["upload"]["url"]
    await files.ask("PUT", also(url, "comp=lease"), headers=BREAK)
    await files.put(there["upload"], b"evil")
    answer = await files.complete(ada, there["file"]["id"])
    assert (answer.status, answer.code) == (409, "already_completed")
    forbidden(await files.ask("GET", url))


@pytest.mark.parametrize("kind", ["AppendBlob", "PageBlob"])
async def test_a_blob_of_another_kind_is_judged_as_any(
    files: Files, stack: Stack, ada: User, kind: str
) -> None:
    begun = await files.begun(ada, bytes(512), "zeros", content_type="application/octet-stream")
    file_id, url = begun["file"]["id"], begun["upload"]["url"]
    headers = {"x-ms-blob-type": kind}
    if kind == "PageBlob":
        headers["x-ms-blob-content-length"] = "512"
    answer = await files.ask("PUT", url, headers=headers)
    assert answer.status in {201, 403}
    if answer.status == 403:
        return
    resumed = await files.api.call("GET", f"files/{file_id}/upload", ada)
    assert resumed.status in {200, 409}, resumed
    assert (await files.complete(ada, file_id)).status == 202
    item = await files.settled(ada, file_id)
    if item["state"] == "available":
        assert (await files.content(ada, file_id)).body == bytes(512)
    else:
        await until_no_bytes(stack, file_id)
