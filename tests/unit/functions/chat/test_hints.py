"""Hints: in order for each room, together when they can, and never more than a message holds."""

import asyncio
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.chat import hints as hints_module
from functions.chat.changes import SendMessage
from functions.chat.events import RoomLogAppended, room_log_appended
from functions.chat.hints import Hints, in_parts
from functions.chat.models import MAX_FILES, LogEntry, NewMessage
from shared_code.ids import new_id
from shared_code.messaging import Event
from shared_code.messaging.publish import MAX_EVENT_BYTES
from tests.unit.functions.chat.building import AT, message

type Hint = Event[RoomLogAppended]


class Bus:
    """Takes hints when its gate is open, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.sent: list[Hint] = []
        self.attempts = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._failures = failures

    async def publish(self, event: Hint) -> None:
        self.attempts += 1
        await self.gate.wait()
        if self._failures:
            self._failures -= 1
            raise ConnectionError("no bus")
        self.sent.append(event)

    @property
    def seqs(self) -> list[list[int]]:
        return [[entry.seq for entry in event.data.entries] for event in self.sent]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints_module, "_FIRST_PAUSE_SECONDS", 0.0)


def entries(*seqs: int, room_id: str | None = None) -> list[LogEntry]:
    found = [message(seq) for seq in seqs]
    return [each.model_copy(update={"room_id": room_id}) for each in found] if room_id else found


def test_an_event_tells_what_it_holds_and_has_the_same_id_when_told_again() -> None:
    event = room_log_appended(entries(4, 5, 6))
    assert (event.data.first_seq, event.data.last_seq, event.access) == (4, 6, "same")
    assert event.id == room_log_appended(entries(4, 5, 6)).id
    assert event.subject == event.data.room_id == event.id.partition(":")[0]


@pytest.mark.parametrize("type_", ["member.joined", "member.left"])
def test_an_event_that_changes_access_says_so(type_: str) -> None:
    changed = message(5).model_copy(update={"type": type_})
    assert room_log_appended([*entries(4), changed]).access == "changed"


async def all_sent(hints: Hints) -> None:
    """Wait until no hint is on its way."""
    await _turn(lambda: not hints._tasks)


async def test_a_hint_is_sent_at_once() -> None:
    bus = Bus()
    hints = Hints(bus.publish)
    hints.announce(entries(1, 2))
    await all_sent(hints)
    assert bus.seqs == [[1, 2]]


async def test_what_gathers_behind_a_hint_leaves_together_in_order() -> None:
    bus = Bus()
    bus.gate.clear()
    hints = Hints(bus.publish)
    hints.announce(entries(1))
    await _turn(lambda: bus.attempts == 1)
    for seq in (2, 3, 4):
        hints.announce(entries(seq))
    bus.gate.set()
    await all_sent(hints)
    assert bus.seqs == [[1], [2, 3, 4]]


async def test_commits_that_do_not_follow_each_other_leave_in_hints_of_their_own() -> None:
    bus = Bus()
    hints = Hints(bus.publish)
    for run in ((1, 2), (5,), (6, 7), (2,)):
        hints.announce(entries(*run))
    await all_sent(hints)
    assert bus.seqs == [[1, 2], [5, 6, 7], [2]]


async def test_a_room_does_not_wait_for_another() -> None:
    bus = Bus()
    bus.gate.clear()
    hints = Hints(bus.publish)
    for room in ("rm_a", "rm_b"):
        hints.announce(entries(1, room_id=room))
    await _turn(lambda: bus.attempts == 2)
    bus.gate.set()
    await all_sent(hints)
    assert len(bus.sent) == 2


@given(st.lists(st.integers(1, 5), min_size=1, max_size=8), st.randoms())
def test_a_room_s_hints_leave_in_the_order_of_seq_whatever_the_bus_does(
    sizes: list[int],
    chance: Random,
) -> None:
    async def scenario() -> list[list[int]]:
        bus = Bus()
        hints = Hints(bus.publish)
        last = 0
        for size in sizes:
            hints.announce(entries(*range(last + 1, last + size + 1)))
            last += size
            if chance.random() < 0.5:
                await asyncio.sleep(0)
        await all_sent(hints)
        return bus.seqs

    flat = [seq for run in asyncio.run(scenario()) for seq in run]
    assert flat == list(range(1, sum(sizes) + 1))


async def test_a_hint_that_fails_is_tried_again() -> None:
    bus = Bus(failures=hints_module._ATTEMPTS - 1)
    hints = Hints(bus.publish)
    hints.announce(entries(1))
    await all_sent(hints)
    assert bus.attempts == hints_module._ATTEMPTS
    assert bus.seqs == [[1]]


async def test_a_hint_that_keeps_failing_is_left_to_the_walk_and_later_ones_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = Bus(failures=hints_module._ATTEMPTS)
    hints = Hints(bus.publish)
    hints.announce(entries(1))
    await all_sent(hints)
    assert bus.attempts == hints_module._ATTEMPTS
    assert "was not sent" in caplog.text
    hints.announce(entries(2))
    await all_sent(hints)
    assert bus.seqs == [[2]]


def size_of(part: list[LogEntry]) -> int:
    return len(room_log_appended(part).model_dump_json().encode())


@pytest.mark.parametrize("character", ["🜁", '"', "\\", "\n", "ä", "x", "\u2028"])
def test_a_part_fits_a_message_whatever_the_longest_messages_are_made_of(character: str) -> None:
    name = '"' * 128
    body = NewMessage(
        text="." + character * 3_999,
        client_id=name,
        reply_to=new_id("msg"),
        files=[new_id("fil") for _ in range(MAX_FILES)],
    )
    change = SendMessage(new_id("usr"), body)
    room = [change.entry("rm_" + "0" * 26, n + 1, AT) for n in range(30)]
    parts = list(in_parts(room))
    assert [entry for part in parts for entry in part] == room
    assert max(map(size_of, parts)) <= MAX_EVENT_BYTES


@given(st.lists(st.integers(1, 4_000), min_size=1, max_size=40))
def test_parts_are_gapless_in_order_and_none_is_empty(lengths: list[int]) -> None:
    room = [message(n, text="🜁" * length) for n, length in enumerate(lengths, 1)]
    parts = list(in_parts(room))
    assert [entry for part in parts for entry in part] == room
    assert all(parts)
    assert max(map(size_of, parts)) <= MAX_EVENT_BYTES


async def _turn(condition: Callable[[], bool]) -> None:
    """Let the loop turn until the condition holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the turns are what is waited for
            await asyncio.sleep(0)
