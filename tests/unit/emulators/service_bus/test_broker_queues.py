"""Queues with a clock in hand: locks, deaths, times, numbers, quotas."""

from contextlib import closing
from pathlib import Path

import pytest

from emulators.service_bus.broker import Limits, State
from emulators.service_bus.errors import (
    MESSAGE_LOCK_LOST,
    MESSAGE_NOT_FOUND,
    MESSAGE_TOO_LARGE,
    NOT_ALLOWED,
    NOT_FOUND,
    RESOURCE_LIMIT,
    BrokerError,
)
from tests.unit.emulators.service_bus.making import (
    Bench,
    message,
    properties,
    take,
    text,
    texts,
)

Q = {
    "q": {"LockDuration": "PT30S", "MaxDeliveryCount": 2, "DeadLetteringOnMessageExpiration": True}
}


def test_a_lock_keeps_others_away_until_its_time_is_over_and_that_counts() -> None:
    bench = Bench(Q)
    bench.send("q", message("a"))
    [first] = take(bench.queue("q"))
    assert take(bench.queue("q")) == []
    bench.later(29)
    assert take(bench.queue("q")) == []
    bench.later(2)
    [second] = take(bench.queue("q"))
    assert second.entry.delivery_count == 1
    with pytest.raises(BrokerError) as caught:
        bench.queue("q").complete(first.token)
    assert caught.value.condition == MESSAGE_LOCK_LOST
    bench.queue("q").complete(second.token)
    assert len(bench.queue("q")) == 0


def test_a_renewed_lock_holds_from_then_on() -> None:
    bench = Bench(Q)
    bench.send("q", message())
    [mine] = take(bench.queue("q"))
    bench.later(20)
    bench.queue("q").renew([mine.token])
    bench.later(20)
    bench.queue("q").complete(mine.token)


def test_too_many_failed_deliveries_end_in_the_dead_letters_with_the_reason() -> None:
    bench = Bench(Q)
    bench.send("q", message("bad", kept=1))
    bench.queue("q").abandon(take(bench.queue("q"))[0].token, {})
    bench.queue("q").abandon(take(bench.queue("q"))[0].token, {"noted": "twice"})
    assert texts(bench.queue("q")) == []
    [dead] = take(bench.dead("q"))
    assert properties(dead) == {
        "kept": 1,
        "noted": "twice",
        "DeadLetterReason": "MaxDeliveryCountExceeded",
        "DeadLetterErrorDescription": "Message could not be consumed after 2 delivery attempts.",
    }
    assert dead.entry.source == "q"
    bench.later(31)
    assert len(take(bench.dead("q"))) == 1, "a dead letter never dies again"


def test_what_is_given_back_unseen_does_not_count_and_regains_its_place() -> None:
    bench = Bench(Q)
    bench.send("q", message("a"), message("b"), message("c"))
    first, second = take(bench.queue("q"), 2)
    bench.queue("q").release(second.token)
    bench.queue("q").release(first.token)
    again = take(bench.queue("q"), 3)
    assert [text(each) for each in again] == ["a", "b", "c"]
    assert {each.entry.delivery_count for each in again} == {0}


def test_what_expires_dies_waiting_deferred_or_coming_back_but_not_while_it_is_locked() -> None:
    bench = Bench(Q)
    for name in ("waiting", "deferred", "locked"):
        bench.send("q", message(name, ttl_ms=10_000))
    queue = bench.queue("q")
    waiting, deferred, locked = take(queue, 3)
    queue.release(waiting.token)
    queue.defer(deferred.token, {})
    bench.later(11)
    assert texts(bench.dead("q")) == ["waiting", "deferred"]
    queue.release(locked.token)
    assert texts(bench.dead("q")) == ["waiting", "deferred", "locked"]
    assert properties(take(bench.dead("q"))[0])["DeadLetterReason"] == "TTLExpiredException"


def test_the_queue_s_time_to_live_is_the_longest_and_without_dead_lettering_it_is_the_end() -> None:
    bench = Bench({"q": {"DefaultMessageTimeToLive": "PT5M"}})
    bench.send("q", message("a", ttl_ms=3_600_000))
    bench.later(301)
    assert take(bench.queue("q")) == []
    assert texts(bench.dead("q")) == []


def test_a_scheduled_message_comes_at_its_time_under_a_new_number_and_can_be_cancelled() -> None:
    bench = Bench(Q)
    queue = bench.queue("q")
    [number, other] = bench.broker.schedule(
        queue, [message(each, due=bench.clock() + 60) for each in ("a", "b")]
    )
    assert [each.entry.state for each in queue.peek(1, 10, None)] == [State.SCHEDULED] * 2
    assert take(queue) == []
    queue.cancel([other])
    with pytest.raises(BrokerError) as caught:
        queue.cancel([number, other])
    assert caught.value.condition == MESSAGE_NOT_FOUND
    bench.later(61)
    [come] = take(queue)
    assert text(come) == "a"
    assert come.sequence_number > other > number
    assert come.entry.enqueued_ms == int(bench.clock() * 1000)


def test_a_deferred_message_is_had_by_its_number_and_by_one_only() -> None:
    bench = Bench(Q)
    bench.send("q", message("a"))
    queue = bench.queue("q")
    [mine] = take(queue)
    queue.defer(mine.token, {"why": "later"})
    assert take(queue) == []
    [again] = queue.receive_deferred([mine.sequence_number], object(), settled=False, session=None)
    assert properties(again) == {"why": "later"}
    with pytest.raises(BrokerError):
        queue.receive_deferred([mine.sequence_number], object(), settled=False, session=None)
    queue.abandon(again.token, {})
    assert take(queue) == [], "it stays deferred"


def test_a_duplicate_is_dropped_within_the_window() -> None:
    bench = Bench(
        {
            "q": {
                "RequiresDuplicateDetection": True,
                "DuplicateDetectionHistoryTimeWindow": "PT20S",
            }
        }
    )
    for _ in range(2):
        bench.send("q", message("a", id_="same"))
    bench.later(21)
    bench.send("q", message("b", id_="same"))
    assert texts(bench.queue("q")) == ["a", "b"]


def test_forwards_pass_on_and_long_chains_end_in_the_dead_letters_of_where_they_broke() -> None:
    chain = {f"q{n}": {"ForwardTo": f"q{n + 1}"} for n in range(6)} | {"q6": {}}
    bench = Bench(chain)
    bench.send("q4", message("short"))
    bench.send("q0", message("long"))
    assert texts(bench.queue("q6")) == ["short"]
    [dead] = take(bench.dead("q4"))
    assert properties(dead)["DeadLetterReason"] == "MaxTransferHopCountExceeded"


def test_a_forward_into_a_queue_with_sessions_needs_a_session() -> None:
    bench = Bench({"q": {"ForwardTo": "s"}, "s": {"RequiresSession": True}})
    bench.send("q", message("with", session="a"), message("without"))
    assert texts(bench.queue("s")) == ["with"]
    assert texts(bench.dead("q")) == ["without"]


def test_a_batch_is_taken_whole_or_not_at_all() -> None:
    bench = Bench({"s": {"RequiresSession": True}, "q": {}}, limits=Limits(max_message_bytes=500))
    for bad, condition, path in (
        (message("no session"), NOT_ALLOWED, "s"),
        (message("x" * 600, session="a"), MESSAGE_TOO_LARGE, "s"),
        (message(id_="i" * 129), NOT_ALLOWED, "q"),
    ):
        with pytest.raises(BrokerError) as caught:
            bench.send(path, message("good", session="a"), bad)
        assert caught.value.condition == condition
        assert texts(bench.queue(path)) == []


def test_a_full_queue_counts_its_dead_letters_and_takes_again_when_there_is_room() -> None:
    bench = Bench(Q, limits=Limits(max_entity_bytes=600))
    bench.send("q", message("x" * 150))
    queue = bench.queue("q")
    queue.dead_letter(take(queue)[0].token, "why", None, {})
    with pytest.raises(BrokerError) as caught:
        bench.send("q", message("x" * 150))
    assert caught.value.condition == RESOURCE_LIMIT
    bench.dead("q").complete(take(bench.dead("q"))[0].token)
    bench.send("q", message("x" * 150))


def test_entities_are_found_in_any_case_and_unknown_ones_are_not() -> None:
    bench = Bench(Q, {"T": [{"Name": "Sub"}]})
    assert bench.broker.find("Q").path == "q"
    assert bench.broker.find("t/subscriptions/SUB/$deadletterqueue").path.startswith("T/")
    for path in ("nowhere", "q/x", "t/Subscriptions/other", ""):
        with pytest.raises(BrokerError) as caught:
            bench.broker.find(path)
        assert caught.value.condition == NOT_FOUND
    with pytest.raises(BrokerError) as refused:
        bench.broker.find_queue("t")
    assert refused.value.condition == NOT_ALLOWED


def test_everything_is_there_after_a_restart_but_the_locks(tmp_path: Path) -> None:
    queues = {**Q, "s": {"RequiresSession": True}}
    with closing(Bench(queues, {"T": [{"Name": "sub"}]}, tmp_path / "b.sqlite")) as bench:
        queue = bench.queue("q")
        bench.send("q", *[message(each) for each in ("locked", "deferred", "dead", "done")])
        bench.broker.schedule(queue, [message("scheduled", due=bench.clock() + 60)])
        bench.send("s", message("in session", session="a"))
        bench.send("t", message("published"))
        session = bench.queue("s").accept_session("a", object())
        assert session
        bench.queue("s").set_state("a", b"state")
        locked, deferred, dead, done = take(queue, 4)
        queue.abandon(locked.token, {})
        take(queue)
        queue.defer(deferred.token, {})
        queue.dead_letter(dead.token, "why", "because", {})
        queue.complete(done.token)
        bench.broker.commit()
        before = queue.next_sequence
        bench.restart()
        queue = bench.queue("q")
        assert texts(queue) == ["locked", "deferred", "scheduled"]
        [mine] = take(queue)
        assert (text(mine), mine.entry.delivery_count) == ("locked", 1)
        assert properties(take(bench.dead("q"))[0])["DeadLetterErrorDescription"] == "because"
        assert bench.queue("s").sessions.state("a") == b"state"
        assert texts(bench.queue("t/Subscriptions/sub")) == ["published"]
        assert queue.next_sequence == before
        bench.later(61)
        assert text(take(queue)[0]) == "scheduled"


def test_an_emptied_queue_gives_no_number_twice_after_a_restart(tmp_path: Path) -> None:
    with closing(Bench(Q, path=tmp_path / "b.sqlite")) as bench:
        bench.send("q", message("a"))
        [gone] = take(bench.queue("q"), settled=True)
        bench.broker.commit()
        bench.restart()
        bench.send("q", message("b"))
        [after] = take(bench.queue("q"))
        assert after.sequence_number > gone.sequence_number
