"""A message with files over the whole stack: what members see of it, and the tickets that they get."""

import pytest

from shared_code import file_tickets
from shared_code.file_tickets import FileTicket, InvalidFileTicket
from shared_code.ids import new_id, numbered_id
from tests.harness.api import Answer, Api, User
from tests.harness.stack import Stack


@pytest.fixture(autouse=True)
def _as_files(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the service `files` has: the secret that it shares with chat."""
    monkeypatch.setenv("FILE_TICKET_SECRET", stack.settings["FILE_TICKET_SECRET"])


async def ask(api: Api, user: User, room_id: str, message_id: str, file_id: str) -> Answer:
    """The answer to a request for a ticket."""
    path = f"rooms/{room_id}/messages/{message_id}/files/{file_id}/ticket"
    return await api.call("POST", path, user)


async def test_a_frame_the_log_and_a_page_show_the_files_of_a_message(api: Api) -> None:
    ada, grace, files = await api.user(), await api.user("Grace"), [new_id("fil"), new_id("fil")]
    other = await api.room(ada, grace)
    room_id = await api.room(ada)
    async with api.listening(grace) as ear:
        await api.good("POST", f"rooms/{room_id}/join", grace)
        message = await api.send(ada, room_id, "Look at these", files=files)
        frame = await ear.frame(room_id, message["seq"])
    assert message["files"] == files
    page = await api.good("GET", f"rooms/{room_id}/messages", grace, params={"limit": "1"})
    assert page["items"] == [message] == [frame["data"]]
    assert frame in await api.log(ada, room_id)
    assert (await api.send(ada, other, "without any"))["files"] == []


async def test_a_ticket_opens_the_file_for_the_member_alone_who_asked(api: Api) -> None:
    ada, grace, file_id = await api.user(), await api.user("Grace"), new_id("fil")
    room_id = await api.room(ada, grace)
    message = await api.send(ada, room_id, "Look", files=[file_id])
    answer = await ask(api, grace, room_id, message["id"], file_id)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert set(answer.body) == {"ticket", "file_id", "expires_at"}
    assert answer.body["file_id"] == file_id
    proven = file_tickets.verify(answer.body["ticket"], file_id, grace.id)
    assert proven == FileTicket(
        reader_id=grace.id, file_id=file_id, room_id=room_id, author_id=ada.id
    )
    for other_file, reader in ((new_id("fil"), grace.id), (file_id, ada.id)):
        with pytest.raises(InvalidFileTicket):
            file_tickets.verify(answer.body["ticket"], other_file, reader)


async def test_a_ticket_is_no_access_token(api: Api) -> None:
    ada, file_id = await api.user(), new_id("fil")
    room_id = await api.room(ada)
    message = await api.send(ada, room_id, "Look", files=[file_id])
    ticket = (await ask(api, ada, room_id, message["id"], file_id)).body["ticket"]
    headers = {"Authorization": f"Bearer {ticket}"}
    answer = await api.call("GET", "rooms", headers=headers)
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_nobody_but_a_member_gets_a_ticket_and_leaving_ends_it(api: Api) -> None:
    ada, grace, file_id = await api.user(), await api.user("Grace"), new_id("fil")
    room_id = await api.room(ada)
    message = await api.send(ada, room_id, "Look", files=[file_id])
    path = f"rooms/{room_id}/messages/{message['id']}/files/{file_id}/ticket"
    assert (await api.call("POST", path)).code == "unauthenticated"
    answer = await ask(api, grace, room_id, message["id"], file_id)
    assert (answer.status, answer.code) == (403, "not_a_member")
    await api.good("POST", f"rooms/{room_id}/join", grace)
    assert (await ask(api, grace, room_id, message["id"], file_id)).status == 200
    await api.good("POST", f"rooms/{room_id}/leave", grace)
    answer = await ask(api, grace, room_id, message["id"], file_id)
    assert (answer.status, answer.code) == (403, "not_a_member")


async def test_what_is_not_there_gets_no_ticket_and_its_own_code(api: Api) -> None:
    ada, file_id = await api.user(), new_id("fil")
    room_id, elsewhere = await api.room(ada), await api.room(ada)
    message = await api.send(ada, room_id, "Look", files=[file_id])
    for where, message_id, asked, code in (
        (room_id, message["id"], new_id("fil"), "file_not_in_message"),
        (room_id, numbered_id("msg", message["seq"]), file_id, "message_not_found"),
        (elsewhere, message["id"], file_id, "message_not_found"),
        (new_id("rm"), message["id"], file_id, "room_not_found"),
        (room_id, message["id"], "fil_short", "not_found"),
        (room_id, "msg_short", file_id, "not_found"),
    ):
        answer = await ask(api, ada, where, message_id, asked)
        assert (answer.status, answer.code) == (404, code)


async def test_a_client_id_with_other_files_is_a_conflict(api: Api) -> None:
    ada, file_id = await api.user(), new_id("fil")
    room_id = await api.room(ada)
    body = {"text": "Look", "client_id": "c-1", "files": [file_id]}
    first = await api.good("POST", f"rooms/{room_id}/messages", ada, json=body)
    assert await api.good("POST", f"rooms/{room_id}/messages", ada, json=body) == first
    for files in ([], [new_id("fil")]):
        again = {**body, "files": files}
        answer = await api.call("POST", f"rooms/{room_id}/messages", ada, json=again)
        assert (answer.status, answer.code) == (409, "client_id_reused")
