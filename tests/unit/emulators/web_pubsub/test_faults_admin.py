"""What the admin API takes: faults, targets, closes, spans; who may call it; the commands' names."""

import argparse
from typing import Any

import pytest

from emulators.web_pubsub import commands
from emulators.web_pubsub.admin_input import (
    AdminError,
    fault_as_json,
    read_advance,
    read_close,
    read_fault,
    read_target,
)
from emulators.web_pubsub.durations import parse_duration
from emulators.web_pubsub.fault_kinds import Kind
from emulators.web_pubsub.faults import Fault, Target
from emulators.web_pubsub.frame_kinds import KINDS


def test_a_fault_needs_a_kind_and_a_hub_only() -> None:
    fault = read_fault({"kind": "drop", "hub": "Live"})
    assert (fault.kind, fault.target, fault.left) == (Kind.DROP, Target("live"), None)
    assert (fault.frames, fault.probability) == (frozenset({"message"}), 1.0)


def test_everything_can_be_said_of_a_fault() -> None:
    asked = {
        "kind": "delay",
        "hub": "*",
        "group": "g",
        "user": "u",
        "connection": "c",
        "probability": 0.5,
        "seed": 7,
        "count": 3,
        "duration": "1m",
        "frames": ["ack", "event"],
        "delay": "250ms",
    }
    fault = read_fault(asked)
    assert fault.target == Target("*", "g", "u", "c")
    assert (fault.left, fault.lasts_seconds, fault.delay_seconds) == (3, 60.0, 0.25)
    listed = fault_as_json(fault, "active")
    again = {"delay": 0.25, "duration": 60.0, "left": 3, "state": "active", "struck": 0, "id": ""}
    assert listed == {name: asked[name] for name in asked if name != "count"} | again


@pytest.mark.parametrize("frames", ["any", ["any"]])
def test_any_names_every_kind_of_frame(frames: object) -> None:
    assert read_fault({"kind": "drop", "hub": "h", "frames": frames}).frames == KINDS


def test_a_seed_is_chosen_and_told_if_none_is_given() -> None:
    fault = read_fault({"kind": "rest", "hub": "h", "probability": 0.5, "status": 429})
    assert fault_as_json(fault, "active")["seed"] == fault.seed
    assert "seed" not in fault_as_json(Fault(Kind.REST, Target("h")), "active")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "explode"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": ["drop"]}, "kind"),
        ({"hub": None}, "hub"),
        ({"hub": "1x"}, "hub"),
        ({"hub": 5}, "hub"),
        ({"group": ""}, "group"),
        ({"user": 5}, "user"),
        ({"user": "\ud800"}, "user"),
        ({"probability": 1.1}, "probability"),
        ({"probability": True}, "probability"),
        ({"probability": float("nan")}, "probability"),
        ({"seed": "x"}, "seed"),
        ({"count": 0}, "count"),
        ({"count": None}, "count"),
        ({"count": 1.5}, "count"),
        ({"duration": "soon"}, "duration"),
        ({"duration": 0}, "duration"),
        ({"frames": []}, "frames"),
        ({"frames": ["words"]}, "frames"),
        ({"frames": "message"}, "frames"),
        ({"frames": [["message"]]}, "frames"),
        ({"status": 503}, "status"),
        ({"colour": "red"}, "colour"),
        ({"kind": "delay"}, "delay"),
        ({"kind": "delay", "delay": "1d"}, "delay"),
        ({"kind": "duplicate", "copies": 1}, "copies"),
        ({"kind": "refuse", "status": 200}, "status"),
        ({"kind": "rest", "retryAfter": -1}, "retryAfter"),
        ({"kind": "rest", "frames": ["ack"]}, "frames"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(AdminError) as caught:
        read_fault({"kind": "drop", "hub": "h"} | change)
    assert caught.value.field == field


def test_closes_have_codes_that_travel() -> None:
    close = read_close({"hub": "h", "code": 4321, "reason": "r", "keep": True})
    assert (close.code, close.reason, close.keep) == (4321, "r", True)
    assert read_close({"hub": "h"}).code == 1000
    for code in (999, 1004, 1005, 1006, 1015, 2999, 5000, "1000", True):
        with pytest.raises(AdminError):
            read_close({"hub": "h", "code": code})
    with pytest.raises(AdminError):
        read_close({"hub": "h", "keep": "yes"})


def test_a_target_has_no_other_fields() -> None:
    assert read_target({"hub": "h", "user": "u"}) == Target("h", user="u")
    with pytest.raises(AdminError):
        read_target({"hub": "h", "code": 1000})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5s", 1.5), ("250ms", 0.25), ("1h30m", 5400), ("2d", 172800), ("0", 0)],
)
def test_spans_of_time_are_written_as_people_do(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "1 h", "1e3", "inf", "nan", "h", "1w", "99999d"])
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)
    with pytest.raises(AdminError):
        read_advance({"advance": text})


def parsed(*words: str) -> Any:
    parser = argparse.ArgumentParser()
    commands.add_commands(parser)
    arguments = parser.parse_args(words)
    return arguments.call(arguments)


@pytest.mark.parametrize(
    ("line", "call"),
    [
        (
            "fault drop --hub h --user u --count 3 --frames ack,pong",
            (
                "POST",
                "/faults",
                dict[str, object](kind="drop", hub="h", user="u", count=3, frames=["ack", "pong"]),
            ),
        ),
        (
            "fault delay --hub * --by 2s --for 1m --probability 0.5 --seed 7",
            (
                "POST",
                "/faults",
                dict[str, object](
                    kind="delay", hub="*", delay="2s", duration="1m", probability=0.5, seed=7
                ),
            ),
        ),
        (
            "fault rest --hub h --status 429 --retry-after 2",
            ("POST", "/faults", dict[str, object](kind="rest", hub="h", status=429, retryAfter=2)),
        ),
        ("faults", ("GET", "/faults", None)),
        ("clear", [("DELETE", "/faults", None)]),
        ("clear f1 f/2", [("DELETE", "/faults/f1", None), ("DELETE", "/faults/f%2F2", None)]),
        (
            "close --hub h --code 4000 --keep",
            ("POST", "/close", dict[str, object](hub="h", code=4000, keep=True)),
        ),
        ("cut --hub h --group g", ("POST", "/cut", dict[str, object](hub="h", group="g"))),
        (
            "forget --hub h --connection c",
            ("POST", "/forget", dict[str, object](hub="h", connection="c")),
        ),
        ("clock", ("GET", "/clock", None)),
        ("clock advance 1h", ("POST", "/clock", {"advance": "1h"})),
    ],
)
def test_a_command_is_one_call_with_the_same_names(line: str, call: object) -> None:
    assert parsed(*line.split()) == call


def test_what_a_fault_command_sends_is_what_the_api_takes() -> None:
    for line in ("refuse --hub h --status 500", "duplicate --hub h --copies 3", "reorder --hub h"):
        _, _, body = parsed("fault", *line.split())
        assert read_fault(body).kind == line.split()[0]
