"""Parts start after what they need, whatever the order in which they are described."""

from itertools import permutations
from pathlib import Path

import pytest

from emulators.stack.errors import StackError
from emulators.stack.parts import Part, Probe, in_order, selected


def _part(name: str, *needs: str) -> Part:
    return Part(name=name, command=("true",), cwd=Path(), needs=needs)


STORAGE, TASK, PUBSUB = _part("storage"), _part("task", "storage"), _part("pubsub")
HOST = _part("host", "task", "pubsub")
ALL = [STORAGE, TASK, PUBSUB, HOST]


@pytest.mark.parametrize("parts", list(permutations(ALL)))
def test_each_part_comes_after_those_that_it_needs(parts: tuple[Part, ...]) -> None:
    ordered = in_order(parts)
    places = {part.name: place for place, part in enumerate(ordered)}
    assert len(places) == len(parts)
    for part in parts:
        assert all(places[need] < places[part.name] for need in part.needs)


def test_parts_that_need_each_other_are_refused() -> None:
    with pytest.raises(StackError, match="need each other"):
        in_order([_part("a", "b"), _part("b", "a")])


def test_a_need_that_is_no_part_is_refused() -> None:
    with pytest.raises(StackError, match="one that is not there: a"):
        in_order([_part("a", "gone")])


def test_all_parts_are_selected_when_none_is_named() -> None:
    assert selected(ALL, ()) == in_order(ALL)


def test_a_selected_part_does_not_wait_for_one_that_is_not() -> None:
    (host, storage) = selected([HOST, STORAGE, TASK, PUBSUB], ("host", "storage"))
    assert host.name == "host"
    assert host.needs == ()
    assert storage == STORAGE


def test_an_unknown_part_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(StackError, match=r"no such part: hots \(there are: storage, task"):
        selected(ALL, ("hots", "storage"))


def test_a_part_without_a_probe_is_a_task() -> None:
    probe = Probe(url="http://127.0.0.1:1/")
    assert STORAGE.is_task
    assert not Part(name="server", command=("true",), cwd=Path(), probes=(probe,)).is_task
