"""Whatever is done in whatever order: no message is lost, none doubled, none held by two."""

from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from emulators.service_bus.broker import State
from tests.unit.emulators.service_bus.making import Bench, message, take, text, texts

QUEUE = {"q": {"LockDuration": "PT10S", "MaxDeliveryCount": 3}}


class OneQueue(RuleBasedStateMachine):
    """A queue, and what must be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(QUEUE)
        self.sent: set[str] = set()
        self.done: set[str] = set()
        self.locks: dict[UUID, str] = {}
        self.numbers: list[int] = []

    @property
    def queue(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a test's shorthand
        return self.bench.queue("q")

    def _one_of_the_locks(self, data: st.DataObject) -> UUID:
        """By its place: tokens are random, and a run must be repeatable."""
        return list(self.locks)[data.draw(st.integers(0, len(self.locks) - 1))]

    @rule(count=st.integers(1, 4))
    def send(self, count: int) -> None:
        names = [f"m{len(self.sent) + n}" for n in range(count)]
        self.bench.send("q", *[message(name) for name in names])
        self.sent |= set(names)

    @rule(count=st.integers(1, 3))
    def receive(self, count: int) -> None:
        for each in take(self.queue, count):
            assert text(each) not in self.locks.values(), "held by two"
            self.locks[each.token] = text(each)

    @precondition(lambda self: self.locks)
    @rule(data=st.data(), what=st.sampled_from(["complete", "abandon", "release", "bury", "renew"]))
    def settle(self, data: st.DataObject, what: str) -> None:
        token = self._one_of_the_locks(data)
        if what == "renew":
            self.queue.renew([token])
            return
        name = self.locks.pop(token)
        if what == "complete":
            self.queue.complete(token)
            self.done.add(name)
        elif what == "abandon":
            self.queue.abandon(token, {})
        elif what == "bury":
            self.queue.dead_letter(token, "why", None, {})
        else:
            self.queue.release(token)

    @precondition(lambda self: self.locks)
    @rule(data=st.data())
    def defer_and_fetch(self, data: st.DataObject) -> None:
        token = self._one_of_the_locks(data)
        number = self.queue._locks[token].entry.sequence
        self.queue.defer(token, {})
        name = self.locks.pop(token)
        [again] = self.queue.receive_deferred([number], object(), settled=False, session=None)
        self.locks[again.token] = name

    @rule(seconds=st.sampled_from([1, 6, 11]))
    def time_goes_by(self, seconds: int) -> None:
        self.bench.later(seconds)
        self.locks = {t: n for t, n in self.locks.items() if t in self.queue._locks}

    @invariant()
    def every_message_is_in_exactly_one_place(self) -> None:
        here, dead = texts(self.queue), texts(self.bench.dead("q"))
        assert sorted([*here, *dead, *self.done]) == sorted(self.sent)
        numbers = [each.sequence_number for each in self.queue.peek(1, 1_000, None)]
        assert numbers == sorted(set(numbers))

    @invariant()
    def what_waits_can_be_had(self) -> None:
        waiting = [
            each
            for each in self.queue.peek(1, 1_000, None)
            if each.entry.state is State.ACTIVE and each.entry.lock is None
        ]
        assert self.queue.has_waiting() is bool(waiting)


TestOneQueue = OneQueue.TestCase
TestOneQueue.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
