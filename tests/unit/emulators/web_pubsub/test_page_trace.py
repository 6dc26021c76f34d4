"""The trace: bounded, cut, and silent while nobody watches."""

import pytest

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.events import EventContext
from emulators.web_pubsub.json_codec import JsonCodec
from emulators.web_pubsub.permissions import Permissions
from emulators.web_pubsub.trace import MAX_PAYLOAD, MAX_WAITING, MAX_WATCHERS, Trace, readable

CONTEXT = EventContext("h", "c", "u", None, "", "localhost")
CLIENT = Connection(CONTEXT, JsonCodec(), Permissions(), on_removed=lambda *_: None)


async def test_a_watcher_sees_its_hub_in_order() -> None:
    trace = Trace(Clock())
    all_hubs, other = trace.watch(None), trace.watch("other")
    assert all_hubs is not None
    assert other is not None
    for kind in ("ack", "message"):
        trace.record(CLIENT, "out", kind, b"x", ("delay",))
    other.close()
    entries, lost = await all_hubs.next()
    assert [(each.kind, each.payload, each.faults) for each in entries] == [
        ("ack", "x", ("delay",)),
        ("message", "x", ("delay",)),
    ]
    assert (lost, await other.next()) == (0, ([], 0))


async def test_a_watcher_that_does_not_keep_up_loses_entries_and_is_told() -> None:
    trace = Trace(Clock())
    watcher = trace.watch(None)
    assert watcher is not None
    for number in range(MAX_WAITING + 5):
        trace.record(CLIENT, "out", "message", str(number))
    entries, lost = await watcher.next()
    assert (len(entries), lost, entries[0].payload) == (MAX_WAITING, 5, "0")
    trace.record(CLIENT, "out", "message", "after")
    assert [each.payload for each in (await watcher.next())[0]] == ["after"]


def test_watchers_are_counted_and_bounded() -> None:
    changes: list[bool] = []
    trace = Trace(Clock())
    trace.on_change = lambda: changes.append(trace.watched)
    watchers = [trace.watch(None) for _ in range(MAX_WATCHERS)]
    assert trace.watch(None) is None
    for watcher in watchers:
        assert watcher is not None
        trace.leave(watcher)
    assert (changes[0], changes[-1], trace.watched) == (True, False, False)


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ("short", "short"),
        (b"short", "short"),
        (b"\xff\x00", "ff 00"),
        ("x" * (MAX_PAYLOAD + 1), "x" * MAX_PAYLOAD + "…"),
        ("é".encode() * MAX_PAYLOAD, "é" * (MAX_PAYLOAD // 2) + "…"),
        (b"x" + "é".encode() * MAX_PAYLOAD, "x" + "é" * (MAX_PAYLOAD // 2 - 1) + "…"),
    ],
)
def test_payloads_are_cut_and_readable(payload: str | bytes, shown: str) -> None:
    assert readable(payload) == shown


def test_a_binary_payload_is_never_long() -> None:
    assert len(readable(b"\xff" * 10_000)) <= 3 * MAX_PAYLOAD
