"""Messages that carry files, and the tickets that members get for them."""

from datetime import timedelta
from typing import Any

import pytest

from functions.chat import commands
from functions.chat.changes import SendMessage
from functions.chat.errors import (
    ClientIdReused,
    FileNotInMessage,
    MessageNotFound,
    NotAMember,
    RoomNotFound,
)
from functions.chat.events import MessageRequested
from functions.chat.models import LogEntry, Message, NewMessage, NewScheduledMessage
from functions.chat.store import read_log, read_messages, rows
from functions.chat.store.reads import read_segment
from functions.chat.store.tables import ROOMS, chat_table
from shared_code import file_tickets
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.errors import InvalidSetting, NotConfigured
from shared_code.file_tickets import FileTicket, InvalidFileTicket
from shared_code.ids import new_id, numbered_id
from tests.harness.waiting import until_async
from tests.integration.chat.rooms import Worker, a_room, actor, user


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILE_TICKET_SECRET", "integration-tests-have-no-secrets-to-keep")


async def message_with(author: Actor, room_id: str, *files: str, **fields: Any) -> Message:
    body = NewMessage(text="look", files=list(files), **fields)
    return await commands.send_message(author, room_id, body)


async def of_before_files(room_id: str, said: Message) -> None:
    """Make the message's entry one of the time before there were files."""
    segment = await read_segment(room_id, said.seq)
    assert segment
    for entry in segment.entries:
        del entry.data["files"]
    await chat_table(ROOMS).upsert_entity(rows.segment_to_row(segment), mode="replace")


class TestMessages:
    async def test_files_stand_in_the_answer_the_log_the_pages_and_the_hint(
        self, told: list[LogEntry]
    ) -> None:
        owner, files = actor(user()), [new_id("fil") for _ in range(10)]
        room_id = await a_room(owner.user_id)
        said = await message_with(owner, room_id, *files)
        assert said.files == files
        assert await commands.messages_page(owner, room_id, None, 1) == [said]
        [entry] = await commands.log_page(owner, room_id, 2, 5)
        assert entry.data == said.model_dump(mode="json")

        async def is_told() -> bool:
            return entry in told

        await until_async(is_told, "the hint tells of the message")

    async def test_a_repeat_with_other_files_is_refused_by_any_worker(self) -> None:
        owner, one, other = actor(user()), new_id("fil"), new_id("fil")
        room_id = await a_room(owner.user_id)
        said = await message_with(owner, room_id, one, client_id="c1")
        assert await message_with(owner, room_id, one, client_id="c1") == said
        for files in ([], [other], [one, other]):
            with pytest.raises(ClientIdReused):
                await message_with(owner, room_id, *files, client_id="c1")
            body = NewMessage(text="look", client_id="c1", files=files)
            with pytest.raises(ClientIdReused):
                await Worker().submit(room_id, SendMessage(owner.user_id, body))

    async def test_an_entry_of_before_there_were_files_reads_and_repeats_as_ever(self) -> None:
        owner = actor(user())
        room_id = await a_room(owner.user_id)
        said = await message_with(owner, room_id, client_id="c1")
        await of_before_files(room_id, said)
        [entry] = await read_log(room_id, 2, 5)
        assert "files" not in entry.data
        assert await read_messages(room_id, None, 5) == [said]
        assert await message_with(owner, room_id, client_id="c1") == said
        with pytest.raises(ClientIdReused):
            await message_with(owner, room_id, new_id("fil"), client_id="c1")
        with pytest.raises(FileNotInMessage):
            await commands.file_ticket(owner, room_id, said.id, new_id("fil"))

    async def test_what_comes_through_the_queue_brings_its_files(self) -> None:
        owner, file_id = user(), new_id("fil")
        room_id = await a_room(owner)
        asked = MessageRequested(
            room_id=room_id, author_id=owner, text="look", client_id="c1", files=[file_id]
        )
        for _ in range(2):
            await commands.post_requested(asked)
        [said] = await read_messages(room_id, None, 5)
        assert said.files == [file_id]
        with pytest.raises(ClientIdReused):
            await commands.post_requested(asked.model_copy(update={"files": []}))

    async def test_a_message_for_later_keeps_its_files(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[MessageRequested] = []

        async def schedule(event: Any, *_rest: Any) -> None:
            asked.append(event.data)

        monkeypatch.setattr(commands, "schedule", schedule)
        owner, file_id = actor(user()), new_id("fil")
        room_id = await a_room(owner.user_id)
        body = NewScheduledMessage(
            text="look", send_at=utcnow() + timedelta(hours=1), files=[file_id]
        )
        given = await commands.schedule_message(owner, room_id, body)
        assert given.files == asked[0].files == asked[0].body.files == [file_id]


class TestTickets:
    async def test_a_member_gets_a_ticket_that_names_him_the_file_the_room_and_its_author(
        self,
    ) -> None:
        owner, guest, files = actor(user()), actor(user()), [new_id("fil") for _ in range(2)]
        room_id = await a_room(owner.user_id)
        await Worker().join(room_id, guest.user_id)
        said = await message_with(owner, room_id, *files)
        for reader in (owner, guest):
            for file_id in files:
                given = await commands.file_ticket(reader, room_id, said.id, file_id)
                assert given.file_id == file_id
                assert 58 < (given.expires_at - utcnow()).total_seconds() <= 60
                proven = file_tickets.verify(given.ticket, file_id, reader.user_id)
                assert proven == FileTicket(
                    reader_id=reader.user_id,
                    file_id=file_id,
                    room_id=room_id,
                    author_id=owner.user_id,
                )

    async def test_a_ticket_is_no_use_to_another_or_for_another_file(self) -> None:
        owner, files = actor(user()), [new_id("fil") for _ in range(2)]
        room_id = await a_room(owner.user_id)
        said = await message_with(owner, room_id, *files)
        given = await commands.file_ticket(owner, room_id, said.id, files[0])
        for file_id, reader_id in ((files[1], owner.user_id), (files[0], user())):
            with pytest.raises(InvalidFileTicket):
                file_tickets.verify(given.ticket, file_id, reader_id)

    async def test_only_members_get_one_and_who_leaves_gets_none_from_then_on(self) -> None:
        owner, guest, file_id, worker = actor(user()), actor(user()), new_id("fil"), Worker()
        room_id = await a_room(owner.user_id)
        said = await message_with(owner, room_id, file_id)
        with pytest.raises(NotAMember):
            await commands.file_ticket(guest, room_id, said.id, file_id)
        await worker.join(room_id, guest.user_id)
        given = await commands.file_ticket(guest, room_id, said.id, file_id)
        assert given.file_id == file_id
        await worker.leave(room_id, guest.user_id)
        with pytest.raises(NotAMember):
            await commands.file_ticket(guest, room_id, said.id, file_id)

    async def test_a_stranger_learns_nothing_of_messages_and_files(self) -> None:
        owner, stranger = actor(user()), actor(user())
        room_id = await a_room(owner.user_id, "private")
        said = await message_with(owner, room_id, new_id("fil"))
        for message_id in (said.id, numbered_id("msg", 9)):
            for file_id in (said.files[0], new_id("fil")):
                with pytest.raises(NotAMember):
                    await commands.file_ticket(stranger, room_id, message_id, file_id)

    async def test_there_is_none_in_a_room_that_is_not_there(self) -> None:
        with pytest.raises(RoomNotFound):
            await commands.file_ticket(
                actor(user()), new_id("rm"), numbered_id("msg", 3), new_id("fil")
            )

    async def test_there_is_none_for_a_message_that_the_room_has_not(self) -> None:
        owner, file_id = actor(user()), new_id("fil")
        room_id, elsewhere = [await a_room(owner.user_id) for _ in range(2)]
        said = await message_with(owner, room_id, file_id)
        for message_id in (
            numbered_id("msg", said.seq),  # its seq, and another message
            numbered_id("msg", 1),  # an entry that is no message
            numbered_id("msg", 0),
            numbered_id("msg", said.seq + 1),
            numbered_id("msg", 2**40 - 1),
        ):
            with pytest.raises(MessageNotFound):
                await commands.file_ticket(owner, room_id, message_id, file_id)
        with pytest.raises(MessageNotFound):
            await commands.file_ticket(owner, elsewhere, said.id, file_id)

    async def test_there_is_none_for_a_file_that_the_message_does_not_carry(self) -> None:
        owner, one, other = actor(user()), new_id("fil"), new_id("fil")
        room_id = await a_room(owner.user_id)
        said = await message_with(owner, room_id, one)
        await message_with(owner, room_id, other)
        for file_id in (other, new_id("fil")):
            with pytest.raises(FileNotInMessage):
                await commands.file_ticket(owner, room_id, said.id, file_id)

    @pytest.mark.parametrize(
        ("secret", "error"), [("", NotConfigured), ("too short", InvalidSetting)]
    )
    async def test_without_a_usable_secret_there_are_none_and_messages_are_sent_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch, secret: str, error: type[Exception]
    ) -> None:
        monkeypatch.setenv("FILE_TICKET_SECRET", secret)
        owner, file_id = actor(user()), new_id("fil")
        room_id = await a_room(owner.user_id)
        said = await message_with(owner, room_id, file_id)
        with pytest.raises(error):
            await commands.file_ticket(owner, room_id, said.id, file_id)
