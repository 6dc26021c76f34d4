"""A file in a chat message: whoever is in the room downloads it by chat's ticket, and by no other way."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness.api import Answer, Api, User
from tests.harness.files import Files, promised
from tests.harness.stack import Stack
from tests.harness.waiting import until_async
from tests.harness.workspaces import member, workspace


@dataclass
class Posted:
    """A message of `author` with a file, in a room with `reader`."""

    author: User
    reader: User
    room_id: str
    message_id: str
    file_id: str


async def post(api: Api, author: User, reader: User, file_id: str) -> Posted:
    """A new room with a message that carries a file."""
    room_id = await api.room(author, reader)
    message = await api.send(author, room_id, "Look", files=[file_id])
    return Posted(author, reader, room_id, message["id"], file_id)


async def ticket(api: Api, posted: Posted, reader: User | None = None) -> str:
    """The ticket that chat gives to a member of the room."""
    message = f"rooms/{posted.room_id}/messages/{posted.message_id}"
    path = f"{message}/files/{posted.file_id}/ticket"
    return str((await api.good("POST", path, reader or posted.reader))["ticket"])


@pytest.fixture
async def posted(api: Api, files: Files) -> Posted:
    """A file of Ada's that she shows to Grace."""
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada, b"picture of an engine")
    return await post(api, ada, grace, file["id"])


def refusal(answer: Answer) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status, answer.code


async def test_a_member_without_access_downloads_by_the_ticket(
    api: Api, files: Files, posted: Posted
) -> None:
    reader, file_id = posted.reader, posted.file_id
    assert refusal(await files.download(reader, file_id)) == (404, "file_not_found")
    given = await ticket(api, posted)
    stored = await files.content(reader, file_id, ticket=given)
    assert (stored.status, stored.body) == (200, b"picture of an engine")
    assert (await files.content(reader, file_id, ticket=given)).status == 200, "for its minute"
    assert refusal(await files.download(reader, file_id)) == (404, "file_not_found")
    page = await api.good("GET", f"files/{file_id}/accesses", posted.author)
    assert [(each["type"], each["by"]) for each in page["items"]] == [
        ("downloaded_in_chat", reader.id)
    ] * 2
    assert page["items"][0]["details"] == {"room_id": posted.room_id}


async def test_a_ticket_opens_nothing_but_the_bytes(api: Api, posted: Posted) -> None:
    params = {"ticket": await ticket(api, posted)}
    path = f"files/{posted.file_id}"
    for method, at in (
        ("GET", path),
        ("GET", f"{path}/versions"),
        ("GET", f"{path}/accesses"),
        ("DELETE", path),
    ):
        answer = await api.call(method, at, posted.reader, params=params)
        assert refusal(answer) == (404, "file_not_found"), at
    anonymous = await api.call("GET", f"{path}/download", params=params)
    assert refusal(anonymous) == (401, "unauthenticated")
    thumbnail = f"{path}/thumbnails/256"
    without = await api.call("GET", thumbnail, posted.reader)
    assert refusal(without) == (404, "file_not_found")
    of_text = await api.call("GET", thumbnail, posted.reader, params=params)
    assert refusal(of_text) == (404, "thumbnail_not_found")


async def test_a_ticket_is_for_its_reader_and_its_file(
    api: Api, files: Files, posted: Posted
) -> None:
    eve = await api.user("Eve")
    other = await files.available(posted.author, b"secret", "other.txt")
    given = await ticket(api, posted)
    refused = (403, "invalid_file_ticket")
    assert refusal(await files.download(eve, posted.file_id, ticket=given)) == refused
    assert refusal(await files.download(posted.author, posted.file_id, ticket=given)) == refused
    assert refusal(await files.download(posted.reader, other["id"], ticket=given)) == refused


async def test_a_garbled_ticket_is_refused_also_for_who_has_access(
    api: Api, files: Files, posted: Posted
) -> None:
    given = await ticket(api, posted)
    header, claims, signature = given.split(".")
    for bad in (
        "x",
        given[:-4],
        f"{header}.{claims}.",
        f"{header}.{claims[:-2]}AA.{signature}",
        f"eyJhbGciOiJub25lIn0.{claims}.",
        posted.reader.token,
    ):
        for user in (posted.reader, posted.author):
            answer = await files.download(user, posted.file_id, ticket=bad)
            assert refusal(answer) == (403, "invalid_file_ticket"), bad
    too_long = await files.download(posted.reader, posted.file_id, ticket="x" * 4097)
    assert refusal(too_long) == (422, "validation_failed")


async def test_nobody_shows_by_a_message_what_is_not_his_to_show(api: Api, files: Files) -> None:
    ada, eve, mallory = [await api.user(name) for name in ("Ada", "Eve", "Mallory")]
    file = await files.available(ada, b"private")
    posted = await post(api, eve, mallory, file["id"])
    for reader in (eve, mallory):
        given = await ticket(api, posted, reader)
        answer = await files.download(reader, file["id"], ticket=given)
        assert refusal(answer) == (404, "file_not_found")
    gone = await post(api, eve, mallory, f"fil_{'0' * 26}")
    answer = await files.download(mallory, gone.file_id, ticket=await ticket(api, gone))
    assert refusal(answer) == (404, "file_not_found")


async def test_who_has_a_grant_may_show_it_until_that_is_taken_back(api: Api, files: Files) -> None:
    ada, grace, eve = [await api.user(name) for name in ("Ada", "Grace", "Eve")]
    folder = await files.folder(ada, "shared")
    file = await files.available(ada, b"shared", folder_id=folder["id"])
    path = f"files/{folder['id']}/grants/{grace.id}"
    await api.good("PUT", path, ada, json={"role": "viewer"})
    posted = await post(api, grace, eve, file["id"])
    given = await ticket(api, posted)
    assert (await files.content(eve, file["id"], ticket=given)).body == b"shared"
    await api.good("DELETE", path, ada)
    answer = await files.download(eve, file["id"], ticket=given)
    assert refusal(answer) == (404, "file_not_found"), "the same ticket, at once"


async def test_a_workspaces_file_is_shown_by_who_is_in_it_as_long_as_he_is(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    grace = await member(api, owner, ws, "guest", "Grace")
    eve = await api.user("Eve")
    file = await files.available(owner, b"plan", workspace_id=ws)
    posted = await post(api, grace, eve, file["id"])

    async def is_shown() -> bool:
        answer = await files.download(eve, file["id"], ticket=await ticket(api, posted))
        assert answer.status == 200 or refusal(answer) == (404, "file_not_found")
        return answer.status == 200

    async def is_hidden() -> bool:
        return not await is_shown()

    await until_async(is_shown, "files has heard that its author is in the workspace")
    await api.good("DELETE", f"workspaces/{ws}/members/{grace.id}", owner)
    await until_async(is_hidden, "files has heard that its author is not in it any more")


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_what_is_in_the_bin_is_shown_by_no_ticket(api: Api, files: Files, what: str) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    folder = await files.folder(ada, "f")
    file = await files.available(ada, folder_id=folder["id"])
    given = await ticket(api, await post(api, ada, grace, file["id"]))
    item_id = folder["id"] if what == "folder" else file["id"]
    await api.good("DELETE", f"files/{item_id}", ada)
    answer = await files.download(grace, file["id"], ticket=given)
    assert refusal(answer) == (404, "file_not_found")
    await api.good("DELETE", f"bin/{item_id}", ada)
    answer = await files.download(grace, file["id"], ticket=given)
    assert refusal(answer) == (404, "file_not_found")


async def test_by_a_ticket_one_gets_the_current_version_after_its_verdict(
    api: Api, files: Files, posted: Posted
) -> None:
    path = f"files/{posted.file_id}/versions"
    begun: dict[str, Any] = await api.good("POST", path, posted.author, json=promised(b"second"))
    await files.finish(posted.author, begun, b"second")
    given = await ticket(api, posted)
    stored = await files.content(posted.reader, posted.file_id, ticket=given, version="1")
    assert stored.body == b"second", "older versions are not shown"
    waiting = (await files.begun(posted.author, b"x", "waiting.txt"))["file"]
    early = await post(api, posted.author, posted.reader, waiting["id"])
    answer = await files.download(posted.reader, waiting["id"], ticket=await ticket(api, early))
    assert refusal(answer) == (409, "scan_pending")
