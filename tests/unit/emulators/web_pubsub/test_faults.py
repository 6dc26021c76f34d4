"""Faults: whom they strike, how often, and what a line does with their verdict."""

import asyncio
from typing import Any

import pytest

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.events import EventContext
from emulators.web_pubsub.fault_kinds import Kind
from emulators.web_pubsub.faults import Fault, Faults, Target, Verdict
from emulators.web_pubsub.frame_kinds import kind_of_frame
from emulators.web_pubsub.json_codec import JsonCodec
from emulators.web_pubsub.line import Line
from emulators.web_pubsub.permissions import Permissions

LOST, TWICE = Verdict(copies=0), Verdict(copies=2)
LATE, SWAPPED = Verdict(delay_seconds=60), Verdict(swap=True)
PLAIN = Verdict()


def connection(**names: Any) -> Connection:
    context = EventContext("h", names.get("id", "c"), names.get("user"), None, "", "localhost")
    made = Connection(context, JsonCodec(), Permissions(), on_removed=lambda *_: None)
    made.groups.update(names.get("groups", ()))
    return made


def strikes(faults: Faults, count: int, whom: Connection | None = None) -> list[bool]:
    whom = whom or connection()
    return [faults.judge(whom, "message").copies == 0 for _ in range(count)]


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        (Target("h"), True),
        (Target("*"), True),
        (Target("other"), False),
        (Target("h", group="g"), True),
        (Target("h", group="other"), False),
        (Target("h", user="u"), True),
        (Target("h", user="other"), False),
        (Target("h", connection="c"), True),
        (Target("h", connection="other"), False),
        (Target("h", group="g", user="other"), False),
    ],
)
def test_a_fault_strikes_its_target_only(target: Target, meant: bool) -> None:  # noqa: FBT001 - a column of the table
    faults = Faults(Clock())
    faults.add(Fault(Kind.DROP, target))
    assert strikes(faults, 1, connection(user="u", groups=["g"])) == [meant]


def test_an_anonymous_client_is_no_user() -> None:
    faults = Faults(Clock())
    faults.add(Fault(Kind.DROP, Target("h", user="u")))
    assert strikes(faults, 1) == [False]


def test_a_count_is_used_up() -> None:
    changes: list[bool] = []
    faults = Faults(Clock())
    faults.on_change = lambda: changes.append(faults.on_the_wire)
    fault = faults.add(Fault(Kind.DROP, Target("h"), left=2))
    assert strikes(faults, 3) == [True, True, False]
    assert (fault.struck, faults.active, faults.ended) == (2, [], [fault])
    assert changes == [True, False]


async def test_a_duration_runs_out_by_the_clock() -> None:
    clock = Clock()
    faults = Faults(clock)
    faults.add(Fault(Kind.DROP, Target("h"), lasts_seconds=60))
    clock.jump(59, at=0)
    await asyncio.sleep(0)
    assert strikes(faults, 1) == [True]
    clock.jump(1, at=0)
    await clock.sleep(0.001)
    assert strikes(faults, 1) == [False]


def test_a_seed_makes_chance_repeatable() -> None:
    def run(seed: int) -> list[bool]:
        faults = Faults(Clock())
        faults.add(Fault(Kind.DROP, Target("h"), probability=0.5, seed=seed))
        return strikes(faults, 64)

    assert run(7) == run(7) != run(8)
    assert 16 < sum(run(7)) < 48


def test_kinds_of_frames_are_told_apart() -> None:
    faults = Faults(Clock())
    faults.add(Fault(Kind.DROP, Target("h"), frames=frozenset({"ack"})))
    assert faults.judge(connection(), "message").copies == 1
    assert faults.judge(connection(), "ack").copies == 0


def test_faults_add_up() -> None:
    faults = Faults(Clock())
    faults.add(Fault(Kind.DUPLICATE, Target("h"), copies=3))
    faults.add(Fault(Kind.DELAY, Target("h"), delay_seconds=2))
    faults.add(Fault(Kind.REORDER, Target("h")))
    assert faults.judge(connection(), "message") == Verdict(
        3, 2, swap=True, by=("duplicate", "delay", "reorder")
    )


def test_clearing_ends_one_or_all() -> None:
    faults = Faults(Clock())
    first, second, third = [faults.add(Fault(Kind.DROP, Target("h"))) for _ in range(3)]
    assert faults.clear([second.id, "unknown"]) == 1
    assert faults.active == [first, third]
    assert faults.clear() == 2
    assert not faults.on_the_wire


def test_faults_of_requests_leave_the_wires_alone() -> None:
    faults = Faults(Clock())
    faults.add(Fault(Kind.REST, Target("h"), left=1))
    assert not faults.on_the_wire
    assert faults.strike(Kind.REFUSE, "h", (), None, None) is None
    assert faults.strike(Kind.REST, "h", ("g",), None, None) is not None
    assert faults.strike(Kind.REST, "h", ("g",), None, None) is None


class Carried(list[str]):
    """What came out of a line."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.line = Line(self.append, self.clock)

    def carry(self, items: str, verdict: Verdict = PLAIN) -> None:
        for item in items:
            self.line.carry(item, 1, verdict)

    def __str__(self) -> str:
        return "".join(self)


async def test_a_line_loses_and_doubles() -> None:
    line = Carried()
    line.carry("a")
    line.carry("b", LOST)
    line.carry("c", TWICE)
    assert str(line) == "acc"
    assert line.line.empty


async def test_a_late_frame_holds_up_what_comes_behind_it() -> None:
    line = Carried()
    line.carry("a")
    line.carry("b", LATE)
    line.carry("cd")
    assert (str(line), line.line.held_bytes) == ("a", 3)
    line.clock.jump(60, at=0)
    await asyncio.wait_for(line.line.emptied(), 5)
    assert (str(line), line.line.held_bytes) == ("abcd", 0)


async def test_a_swap_exchanges_two_frames() -> None:
    line = Carried()
    line.carry("abcdef", SWAPPED)
    line.carry("g", LATE)
    line.line.flush()
    assert str(line) == "badcfeg"


async def test_a_swap_waits_for_the_next_frame_but_not_for_ever() -> None:
    line = Carried()
    line.carry("a", SWAPPED)
    line.carry("b", LOST)
    assert str(line) == ""
    line.clock.jump(1, at=0)
    await line.clock.sleep(0.001)
    assert str(line) == "a"


async def test_flushing_keeps_the_order_and_empties() -> None:
    line = Carried()
    line.carry("a", LATE)
    line.carry("b", SWAPPED)
    line.carry("c")
    line.line.flush()
    assert str(line) == "acb"
    assert (line.line.empty, line.line.held_bytes) == (True, 0)


@pytest.mark.parametrize(
    ("wire_format", "payload", "kind"),
    [
        ("json", b'{"type":"ack","ackId":1}', "ack"),
        ("json", b'{"sequenceId":12,"type":"message","data":1}', "message"),
        ("json", b'{"type":"system","event":"connected"}', "system"),
        ("raw", b'{"type":"ack"}', "message"),
        ("protobuf", b"\x12\x01x", "message"),
        ("protobuf", b"\x0a\x01x", "ack"),
        ("protobuf", b"\x22\x00", "pong"),
        ("protobuf", b"", "message"),
    ],
)
def test_a_frame_is_known_by_its_beginning(wire_format: str, payload: bytes, kind: str) -> None:
    assert kind_of_frame(wire_format, payload) == kind
