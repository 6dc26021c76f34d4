"""The life of a logical connection: attached, detached, recovered, removed."""

import asyncio
import json
from typing import Any, cast

import pytest

from emulators.web_pubsub import connection as connection_module
from emulators.web_pubsub.connection import NOT_RECOVERED, SLOW_CLIENT, Connection
from emulators.web_pubsub.events import EventContext
from emulators.web_pubsub.hub import Hub, deliver_to
from emulators.web_pubsub.json_codec import JsonCodec
from emulators.web_pubsub.messages import Content, DataType, Message
from emulators.web_pubsub.permissions import Permissions
from emulators.web_pubsub.reliable import MAX_MESSAGES
from emulators.web_pubsub.socket_transport import SocketTransport


class FakeTransport:
    """Keeps what was written, and how it was ended."""

    def __init__(self, *, keeps_up: bool = True) -> None:
        self.frames: list[dict[str, Any]] = []
        self.ended: str | int | None = None
        self.keeps_up = keeps_up

    def write(self, frame: bytes, expires_at: float) -> bool:  # noqa: ARG002 - the real one's interface
        self.frames.append(json.loads(frame[2 if frame[1] < 126 else 4 :]))
        return self.keeps_up

    def close(self, code: int, reason: str = "") -> None:  # noqa: ARG002 - the real one's interface
        self.ended = code

    def abort(self) -> None:
        self.ended = "aborted"

    def sequence_ids(self) -> list[int]:
        return [frame["sequenceId"] for frame in self.frames if "sequenceId" in frame]


class Life:
    """A connection in a hub, and what became of it."""

    def __init__(self, *, reliable: bool = True, connection_id: str = "c") -> None:
        self.hub = Hub("h")
        self.removals: list[str] = []
        self.removed = asyncio.Event()
        context = EventContext("h", connection_id, "u", None, "sha256=", "localhost")
        codec = JsonCodec(reliable=reliable)
        self.connection = Connection(context, codec, Permissions(), on_removed=self._removed)
        self.hub.add(self.connection, ["g"])

    def _removed(self, connection: Connection, reason: str) -> None:
        self.hub.discard(connection)
        self.removals.append(reason)
        self.removed.set()

    def attach(self, *, keeps_up: bool = True) -> FakeTransport:
        transport = FakeTransport(keeps_up=keeps_up)
        self.connection.attach(cast("SocketTransport", transport), "token")
        return transport

    def detach(self, transport: FakeTransport, code: int = 1006) -> None:
        self.connection.detach(cast("SocketTransport", transport), code, "gone")

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            deliver_to(self.hub.of_group("g"), Message(Content(DataType.TEXT, b"x"), group="g"))


def test_reliable_group_data_uses_increasing_sequence_ids() -> None:
    life = Life()
    transport = life.attach()
    life.send(3)
    assert transport.sequence_ids() == [1, 2, 3]


async def test_a_drop_buffers_and_recovery_replays_unacknowledged_data_in_order() -> None:
    life = Life()
    first = life.attach()
    life.send(2)
    life.connection.acknowledge(1)
    life.detach(first)
    life.send(2)
    second = life.attach()
    life.send()
    assert second.sequence_ids() == [2, 3, 4, 5]
    assert second.frames[0]["event"] == "connected"
    assert life.hub.of_group("g") == [life.connection]


async def test_a_client_that_is_back_before_its_drop_was_noticed_fences_off_the_old_socket() -> (
    None
):
    life = Life()
    first = life.attach()
    life.send()
    second = life.attach()
    assert first.ended == "aborted"
    life.detach(first)
    life.send()
    assert life.removals == []
    assert second.sequence_ids() == [1, 2]


async def test_a_drop_expires_without_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "RETENTION_SECONDS", 0.01)
    life = Life()
    life.detach(life.attach())
    await asyncio.wait_for(life.removed.wait(), 5)
    assert life.removals == [NOT_RECOVERED]
    assert not life.connection.recoverable
    assert not (life.hub.groups)
    assert not (life.hub.users)
    assert not (life.hub.connections)


async def test_recovery_fences_the_previous_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "RETENTION_SECONDS", 0.01)
    life = Life()
    life.detach(life.attach())
    life.attach()
    await asyncio.sleep(0.03)
    assert life.removals == []


def test_a_normal_close_removes_a_reliable_connection() -> None:
    life = Life()
    life.detach(life.attach(), code=1000)
    assert life.removals == ["gone"]


def test_any_end_removes_a_connection_that_is_not_reliable() -> None:
    life = Life(reliable=False)
    life.detach(life.attach())
    assert life.removals == ["gone"]


async def test_an_overflow_while_away_removes_the_connection() -> None:
    life = Life()
    life.detach(life.attach())
    life.send(MAX_MESSAGES)
    assert life.connection.recoverable
    life.send()
    assert life.removals == [SLOW_CLIENT]


def test_an_overflow_while_attached_aborts_and_removes() -> None:
    life = Life()
    transport = life.attach()
    life.send(MAX_MESSAGES + 1)
    assert transport.ended == "aborted"
    assert life.removals == [SLOW_CLIENT]


def test_acknowledging_releases_capacity_and_a_future_id_releases_all() -> None:
    life = Life()
    life.attach()
    life.send(MAX_MESSAGES)
    life.connection.acknowledge(10**9)
    life.send(MAX_MESSAGES)
    assert life.removals == []


def test_a_client_that_does_not_take_what_is_written_is_given_up() -> None:
    life = Life(reliable=False)
    transport = life.attach(keeps_up=False)
    assert transport.ended == "aborted"
    assert life.removals == [SLOW_CLIENT]


async def test_closing_a_detached_connection_prevents_recovery() -> None:
    life = Life()
    life.detach(life.attach())
    life.connection.close(1000, "closed")
    assert life.removals == ["closed"]
    assert not life.connection.recoverable


def test_closing_says_why_first_and_happens_once() -> None:
    life = Life()
    transport = life.attach()
    life.connection.close(1000, "closed")
    life.connection.close(1000, "again")
    life.detach(transport, code=1000)
    assert transport.frames[-1]["message"] == "closed"
    assert transport.ended == 1000
    assert life.removals == ["closed"]


def test_exclusions_and_filters_leave_connections_out() -> None:
    life = Life()
    transport = life.attach()
    message = Message(Content(DataType.TEXT, b"x"))
    deliver_to(life.hub.everyone(), message, excluded={"c"})
    deliver_to(life.hub.everyone(), message, accepts=lambda each: each.user_id == "other")
    deliver_to(life.hub.of_user("u"), message, accepts=lambda each: each.user_id == "u")
    assert transport.sequence_ids() == [1]


def test_leaving_the_last_group_leaves_no_trace() -> None:
    life = Life()
    life.hub.leave(life.connection, "g")
    life.hub.leave(life.connection, "never joined")
    assert life.hub.groups == {}
    assert life.connection.groups == set()


def test_groups_of_a_token_belong_to_that_connection_alone() -> None:
    life = Life()
    other = Life(connection_id="d")
    life.hub.add(other.connection, ["h"])
    life.hub.leave(other.connection, "h")
    assert life.connection.groups == {"g"}
    assert other.connection.groups == {"g"}


def test_a_close_that_was_decided_while_the_client_was_away_ends_its_new_socket() -> None:
    life = Life()
    first = life.attach()
    second = life.attach()
    life.connection.close(1007, "what it had sent on the first")
    assert first.ended == "aborted"
    assert second.ended == 1007
    assert life.removals == ["what it had sent on the first"]


def test_only_a_reliable_connection_that_lives_can_be_recovered() -> None:
    assert not Life(reliable=False).connection.recoverable
    life = Life()
    assert life.connection.recoverable
    life.connection.remove("over")
    assert not life.connection.recoverable


async def test_a_client_that_was_away_for_bytes_beyond_the_limit_is_removed() -> None:
    life = Life()
    life.detach(life.attach())
    for _ in range(17):
        deliver_to([life.connection], Message(Content(DataType.TEXT, b"x" * 1024 * 1024)))
    assert life.removals == [SLOW_CLIENT]
