"""Sessions with a clock in hand."""

import pytest

from emulators.service_bus.broker import Session
from emulators.service_bus.errors import (
    SESSION_CANNOT_BE_LOCKED,
    SESSION_LOCK_LOST,
    BrokerError,
)
from tests.unit.emulators.service_bus.making import OWNER, Bench, message, take, text

S = {"s": {"RequiresSession": True, "LockDuration": "PT10S", "MaxDeliveryCount": 2}}


def held(bench: Bench, session_id: str | None = None) -> Session:
    session = bench.queue("s").accept_session(session_id, OWNER)
    assert session
    return session


def test_the_next_session_is_the_one_that_waits_longest_and_none_is_given_twice() -> None:
    bench = Bench(S)
    for name in ("a", "b", "a", "c"):
        bench.send("s", message(name, session=name))
    taken = [held(bench).id for _ in range(3)]
    assert taken == ["a", "b", "c"]
    assert bench.queue("s").accept_session(None, OWNER) is None
    with pytest.raises(BrokerError) as caught:
        bench.queue("s").accept_session("a", OWNER)
    assert caught.value.condition == SESSION_CANNOT_BE_LOCKED


def test_a_session_gives_its_own_messages_in_order() -> None:
    bench = Bench(S)
    for n in range(3):
        bench.send("s", message(f"a{n}", session="a"), message(f"b{n}", session="b"))
    session = held(bench, "b")
    got = take(bench.queue("s"), 10, session=session)
    assert [text(each) for each in got] == ["b0", "b1", "b2"]


def test_a_clean_close_gives_back_unseen_and_an_expiry_counts() -> None:
    bench = Bench(S)
    bench.send("s", message("x", session="a"))
    queue = bench.queue("s")
    session = held(bench)
    take(queue, session=session)
    queue.sessions.close(session, failed=False)
    session = held(bench)
    [again] = take(queue, session=session)
    assert again.entry.delivery_count == 0
    lost: list[bool] = []
    session.on_lost = lambda: lost.append(True)
    bench.later(11)
    assert lost == [True]
    with pytest.raises(BrokerError) as caught:
        queue.complete(again.token)
    assert caught.value.condition == SESSION_LOCK_LOST
    [once_more] = take(queue, session=held(bench))
    assert once_more.entry.delivery_count == 1


def test_renewing_holds_and_a_lost_session_cannot_be_renewed() -> None:
    bench = Bench(S)
    session = held(bench, "a")
    bench.later(8)
    bench.queue("s").sessions.extend(session)
    bench.later(8)
    assert not session.lost
    bench.later(3)
    assert session.lost
    with pytest.raises(BrokerError):
        bench.queue("s").sessions.extend(session)


def test_a_state_needs_a_holder_to_be_set_and_outlives_him() -> None:
    bench = Bench(S)
    queue = bench.queue("s")
    with pytest.raises(BrokerError):
        queue.set_state("a", b"x")
    session = held(bench, "a")
    queue.set_state("a", b"x")
    queue.sessions.close(session, failed=False)
    assert queue.sessions.ids() == ["a"]
    assert queue.sessions.state("a") == b"x"
    held(bench, "a")
    with pytest.raises(BrokerError):
        queue.set_state("a", b"x" * (256 * 1024 + 1))
    queue.set_state("a", None)
    assert queue.sessions.state("a") is None


def test_a_message_that_comes_while_its_session_is_held_is_for_the_holder() -> None:
    bench = Bench(S)
    session = held(bench, "a")
    bench.send("s", message("x", session="a"))
    assert bench.queue("s").accept_session(None, OWNER) is None
    assert len(take(bench.queue("s"), session=session)) == 1


def test_an_empty_session_is_forgotten() -> None:
    bench = Bench(S)
    for n in range(50):
        session = held(bench, f"s{n}")
        bench.queue("s").sessions.close(session, failed=False)
    assert bench.queue("s").sessions._records == {}
