"""Links over HTTP: whoever has one reads what it is of, as long and as often as it says, and nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.harness.api import Answer, Api, User
from tests.harness.files import Files

PASSWORD = "correct horse"


async def link(api: Api, user: User, item: dict[str, Any], **fields: Any) -> Any:
    """A new link to an item."""
    return await api.good("POST", f"files/{item['id']}/links", user, json=fields)


async def use(api: Api, what: str, token: str, **fields: Any) -> Answer:
    """The answer to who has a link."""
    headers = fields.pop("headers", {})
    body = {"token": token, **fields}
    return await api.call("POST", f"file-links/{what}", json=body, headers=headers)


@asynccontextmanager
async def seen_as(api: Api, address: str) -> AsyncIterator[Api]:
    """The API as it is reached from another address of this machine."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), family=socket.AF_INET)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Api(session, api.url)


async def is_over(api: Api, token: str) -> bool:
    """Whether a link opens nothing, whichever way."""
    answers = [await use(api, each, token) for each in ("open", "download")]
    assert len({each.status for each in answers}) == 1, answers
    return all((each.status, each.code) == (404, "link_not_found") for each in answers)


async def accesses(api: Api, user: User, item: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The access log of an item, newest first: type, by whom, by which link."""
    page = await api.good("GET", f"files/{item['id']}/accesses", user)
    return [(each["type"], each["by"], each["details"].get("link_id")) for each in page["items"]]


async def test_a_link_opens_a_file_to_whoever_has_it(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"letter")
    made = await link(api, ada, file)
    assert (made["role"], made["has_password"], made["downloads"], made["max_downloads"]) == (
        "viewer",
        False,
        0,
        None,
    )
    shown = await use(api, "open", made["token"])
    item = await files.get(ada, file["id"])
    told = ("id", "kind", "name", "size", "content_type", "updated_at")
    assert shown.body["item"] == {each: item[each] for each in told}
    assert ada.id not in str(shown.body)
    assert (shown.body["name"], shown.body["items"], shown.body["next"]) == ("note.txt", [], None)
    given = await use(api, "download", made["token"])
    assert (given.body["name"], given.body["size"]) == ("note.txt", 6)
    stored = await files.ask("GET", given.body["url"])
    assert (stored.status, stored.body) == (200, b"letter")
    assert stored.headers["content-disposition"].startswith("attachment")
    assert await accesses(api, ada, file) == [
        ("downloaded_by_link", None, made["id"]),
        ("link_made", ada.id, made["id"]),
    ]


async def test_the_list_of_links_tells_their_tokens_again(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada)
    first = await link(api, ada, file, password=PASSWORD, max_downloads=3, expires_in=60)
    second = await link(api, ada, file)
    path = f"files/{file['id']}/links"
    listed = await api.good("GET", path, ada)
    assert listed["items"] == [first, second]
    assert first["has_password"] is True
    assert PASSWORD not in str(listed)
    assert (await api.call("GET", path, grace)).code == "file_not_found"
    await use(api, "download", second["token"])
    counted = (await api.good("GET", path, ada))["items"][1]
    assert counted == {**second, "downloads": 1}


async def test_a_revoked_link_gives_no_new_address(api: Api, files: Files) -> None:
    ada, eve = await api.user(), await api.user("Eve")
    file = await files.available(ada)
    made, other = await link(api, ada, file), await link(api, ada, file)
    path = f"files/{file['id']}/links/{made['id']}"
    assert (await use(api, "download", made["token"])).status == 200
    assert (await api.call("DELETE", path, eve)).code == "file_not_found"
    assert (await api.call("DELETE", path, ada)).status == 204
    assert await is_over(api, made["token"])
    again = await api.call("DELETE", path, ada)
    assert (again.status, again.code) == (404, "link_not_found")
    assert (await use(api, "download", other["token"])).status == 200, "the other one stands"
    assert (await api.good("GET", f"files/{file['id']}/links", ada))["items"] == [
        {**other, "downloads": 1}
    ]
    assert ("link_revoked", ada.id, made["id"]) in await accesses(api, ada, file)


async def test_a_link_with_a_password_opens_with_it_alone(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"secret")
    token = (await link(api, ada, file, password=PASSWORD))["token"]
    for what in ("open", "download"):
        for fields in ({}, {"password": ""}, {"password": "wrong horse"}, {"password": None}):
            answer = await use(api, what, token, **fields)
            assert (answer.status, answer.code) == (403, "link_password_required")
            assert "note" not in str(answer.body)
    given = await use(api, "download", token, password=PASSWORD)
    assert (await files.ask("GET", given.body["url"])).body == b"secret"


async def test_guessing_a_links_password_is_limited_by_network(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada)
    made, other = [await link(api, ada, file, password=PASSWORD) for _ in range(2)]
    token = made["token"]
    async with seen_as(api, "127.0.0.2") as guesser:
        for _ in range(12):  # the right one does not count, nor does none
            assert (await use(guesser, "open", token, password=PASSWORD)).status == 200
            assert (await use(guesser, "open", token)).status == 403
        for _ in range(10):
            answer = await use(guesser, "open", token, password="wrong horse")
            assert (answer.status, answer.code) == (403, "link_password_required")
        for headers in ({}, {"X-Forwarded-For": "203.0.113.7"}):
            for password in ("wrong horse", PASSWORD):
                answer = await use(guesser, "download", token, password=password, headers=headers)
                assert (answer.status, answer.code) == (429, "too_many_requests")
                assert int(answer.headers["retry-after"]) > 0
        assert (await use(guesser, "open", other["token"], password=PASSWORD)).status == 200
    assert (await use(api, "open", token, password=PASSWORD)).status == 200, "others are not hurt"


async def test_parallel_guesses_are_counted_too(api: Api, files: Files) -> None:
    ada = await api.user()
    token = (await link(api, ada, await files.available(ada), password=PASSWORD))["token"]
    guesses = (use(api, "open", token, password=f"wrong horse {n}") for n in range(20))
    answers = [each.code for each in await asyncio.gather(*guesses)]
    assert answers.count("link_password_required") <= 10
    assert set(answers) <= {"link_password_required", "too_many_requests", "too_many_hashes"}
    assert "too_many_requests" in answers


async def test_no_more_downloads_than_the_link_allows_even_at_once(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"rare")
    made = await link(api, ada, file, max_downloads=5)
    await use(api, "open", made["token"])  # to look is no download
    answers = await asyncio.gather(*(use(api, "download", made["token"]) for _ in range(20)))
    good = [each for each in answers if each.status == 200]
    assert len(good) == 5
    assert {each.code for each in answers if each.status != 200} == {"link_not_found"}
    for each in good:
        assert (await files.ask("GET", each.body["url"])).body == b"rare"
    assert await is_over(api, made["token"])
    assert (await api.good("GET", f"files/{file['id']}/links", ada))["items"] == []
    log = await accesses(api, ada, file)
    assert [each for each, _, _ in log].count("downloaded_by_link") == 5


async def test_a_folders_link_shows_and_gives_what_is_in_it_alone(api: Api, files: Files) -> None:
    ada = await api.user()
    outer = await files.folder(ada, "outer")
    shared = await files.folder(ada, "shared", folder_id=outer["id"])
    inner = await files.folder(ada, "inner", folder_id=shared["id"])
    deep = await files.available(ada, b"deep", "deep.txt", folder_id=inner["id"])
    beside = await files.available(ada, b"beside", "beside.txt", folder_id=outer["id"])
    waiting = await files.begun(ada, b"waiting", "waiting.txt", folder_id=shared["id"])
    token = (await link(api, ada, shared))["token"]
    shown = (await use(api, "open", token)).body
    assert shown["name"] == "shared"
    assert [each["name"] for each in shown["items"]] == ["inner"], (
        "what has no content is not shown"
    )
    below = (await use(api, "open", token, folder_id=inner["id"])).body
    assert [each["name"] for each in below["items"]] == ["deep.txt"]
    given = await use(api, "download", token, file_id=deep["id"])
    assert (await files.ask("GET", given.body["url"])).body == b"deep"
    refused = [
        await use(api, "download", token, file_id=beside["id"]),
        await use(api, "open", token, folder_id=outer["id"]),
        await use(api, "download", token),  # of the folder itself
        await use(api, "download", token, file_id=f"fil_{'0' * 26}"),
    ]
    for answer in refused:
        assert (answer.status, answer.code) == (404, "file_not_found")
    early = await use(api, "download", token, file_id=waiting["file"]["id"])
    assert (early.status, early.code) == (409, "scan_pending")
    await api.good("PATCH", f"files/{deep['id']}", ada, json={"folder_id": outer["id"]})
    moved = await use(api, "download", token, file_id=deep["id"])
    assert (moved.status, moved.code) == (404, "file_not_found")
    assert ("downloaded_by_link", None) in [each[:2] for each in await accesses(api, ada, deep)]


async def test_a_folders_link_has_pages(api: Api, files: Files) -> None:
    ada = await api.user()
    shared = await files.folder(ada, "shared")
    for number in range(5):
        await files.folder(ada, f"f{number}", folder_id=shared["id"])
    token = (await link(api, ada, shared))["token"]
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await use(api, "open", token, limit=2, **cursor)).body
        found += [each["name"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == [f"f{number}" for number in range(5)]


async def test_what_is_in_the_bin_or_purged_is_opened_by_no_link(api: Api, files: Files) -> None:
    ada = await api.user()
    shared = await files.folder(ada, "shared")
    file = await files.available(ada, folder_id=shared["id"])
    of_file = (await link(api, ada, file))["token"]
    of_folder = (await link(api, ada, shared))["token"]
    await api.good("DELETE", f"files/{file['id']}", ada)
    assert await is_over(api, of_file)
    inside = await use(api, "download", of_folder, file_id=file["id"])
    assert (inside.status, inside.code) == (404, "file_not_found")
    await api.good("POST", f"bin/{file['id']}/restore", ada)
    assert (await use(api, "download", of_file)).status == 200, "and with it it comes back"
    await api.good("DELETE", f"files/{shared['id']}", ada)
    assert await is_over(api, of_file)
    assert await is_over(api, of_folder)
    await api.good("DELETE", f"bin/{shared['id']}", ada)
    assert await is_over(api, of_file)
    assert await is_over(api, of_folder)


async def test_a_forged_or_garbled_token_opens_nothing(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada)
    one, two = [await link(api, ada, file) for _ in range(2)]
    id_, _, secret = one["token"].partition(".")
    forged = [
        id_,
        f"{id_}.",
        f".{secret}",
        secret,
        f"{two['id']}.{secret}",
        f"{id_}.{secret[:-1]}",
        f"{id_}.{secret}=",
        f"{id_}.{secret[::-1]}",
        f"{id_.upper()}.{secret}",
        f"{one['token']} ",
        "x",
        "é\u2028.ü",
        "a' or '1'='1.x",
    ]
    for token in forged:
        assert await is_over(api, token), token
    for token in ("", "x" * 201):
        assert (await use(api, "open", token)).code == "validation_failed"


async def test_the_same_key_makes_the_same_link(api: Api, files: Files) -> None:
    ada = await api.user()
    file, other = await files.available(ada), await files.folder(ada, "other")
    headers = {"Idempotency-Key": "once"}

    async def make(item: dict[str, Any], **body: Any) -> Answer:
        path = f"files/{item['id']}/links"
        return await api.call("POST", path, ada, json=body, headers=headers)

    answers = await asyncio.gather(*(make(file, max_downloads=2) for _ in range(4)))
    assert [each.status for each in answers] == [201] * 4
    assert [each.body for each in answers] == [answers[0].body] * 4
    assert len((await api.good("GET", f"files/{file['id']}/links", ada))["items"]) == 1
    changed = await make(file, max_downloads=3)
    assert (changed.status, changed.code) == (409, "idempotency_key_reused")
    elsewhere = await make(other, max_downloads=2)
    assert (elsewhere.status, elsewhere.body["id"] != answers[0].body["id"]) == (201, True)
    await api.good("DELETE", f"files/{file['id']}/links/{answers[0].body['id']}", ada)
    await make(file, max_downloads=2)
    assert await is_over(api, answers[0].body["token"]), "a repeat brings none back"


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in": 59},
        {"expires_in": 365 * 86_400 + 1},
        {"password": "short"},
        {"password": "x" * 129},
        {"max_downloads": 0},
        {"role": "editor"},
        {"token": "mine"},
    ],
)
async def test_a_link_that_cannot_be_is_refused(
    api: Api, files: Files, body: dict[str, Any]
) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "f")
    answer = await api.call("POST", f"files/{folder['id']}/links", ada, json=body)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert (await api.good("GET", f"files/{folder['id']}/links", ada))["items"] == []


async def test_an_item_has_twenty_links_at_most(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada)
    made = [await link(api, ada, file) for _ in range(19)]
    used_up = await link(api, ada, file, max_downloads=1)
    path = f"files/{file['id']}/links"
    full = await api.call("POST", path, ada, json={})
    assert (full.status, full.code) == (409, "drive_full")
    await use(api, "download", used_up["token"])
    assert (await api.call("POST", path, ada, json={})).status == 201, "what is over makes room"
    await api.good("DELETE", f"{path}/{made[0]['id']}", ada)
    assert (await api.call("POST", path, ada, json={})).status == 201


async def test_links_are_for_who_manages_the_item(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada)
    made = await link(api, ada, file)
    await api.good("PUT", f"files/{file['id']}/grants/{grace.id}", ada, json={"role": "editor"})
    path = f"files/{file['id']}/links"
    for answer in (
        await api.call("GET", path, grace),
        await api.call("POST", path, grace, json={}),
        await api.call("DELETE", f"{path}/{made['id']}", grace),
    ):
        assert (answer.status, answer.code) == (403, "file_role_required")
    assert (await api.call("POST", path, json={})).code == "unauthenticated"
