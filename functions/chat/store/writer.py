"""Group commit: the one writer of a room in this process.

Concurrent changes to a room join the transaction that leaves next. Invariants: one commit of a room is
under way at a time; what was cached of members is used only under the `access_seq` that it was read
under; a change whose caller has gone is not committed, if it is not on its way already.

After a lost race it is the winner who pauses, because he needs no re-read and would win again; who wins
next is not known, so each writer that met a conflict lately pauses after its own commits
(measured with two writers on one room: the longest wait falls from 1.9 s to about 0.1 s).
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field

from functions.chat.errors import ClientIdReused, RoomBusy, RoomNotFound
from functions.chat.models import LogEntry, Member
from functions.chat.policy import SEND_SECONDS
from functions.chat.store.commit import commit, keep_name
from functions.chat.store.head import Head
from functions.chat.store.plan import Accepted, Change, Plan, Waiting, key_of, make_plan
from functions.chat.store.reads import find_entries, read_entry, read_head, read_member, read_name
from shared_code.clock import utcnow
from shared_code.faults import fault_point
from shared_code.outbox import Ledger, Mark

_POLITE_SECONDS = 1.0

type Pending = Waiting[asyncio.Future[Accepted]]
type Announce = Callable[[list[LogEntry]], None]


@dataclass
class _Known:
    """What is known of the room: the head, its ETag, and the members read under its access_seq."""

    head: Head
    etag: str
    members: dict[str, Member | None] = field(default_factory=dict)


class RoomWriter:
    """Takes changes to one room and commits them in groups."""

    def __init__(self, room_id: str, announce: Announce, ledger: Ledger) -> None:
        self._room_id = room_id
        self._announce = announce
        self._ledger = ledger
        self._waiting: deque[Pending] = deque()
        self._known: _Known | None = None
        self._task: asyncio.Task[None] | None = None
        self._looking: set[asyncio.Task[None]] = set()
        self._conflict_at = float("-inf")

    @property
    def is_idle(self) -> bool:
        """True when nothing waits and nothing is under way."""
        return not self._waiting and not self._looking and (not self._task or self._task.done())

    async def submit(self, change: Change) -> Accepted:
        """Wait until the change is durable, or done already.

        No round trip of its own: it shares the transaction of its group, and what is not known yet of
        the head and the user is read once. Raises the AtriumError that refuses it, and RoomBusy when
        it was not accepted in time: it may still be, so the caller repeats it under its client id.
        """
        pending: Pending = Waiting(change, asyncio.get_running_loop().create_future())
        self._enqueue(pending)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await pending.result
        except TimeoutError as error:
            raise RoomBusy from error

    def _enqueue(self, pending: Pending) -> None:
        self._waiting.append(pending)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            batch = [each for each in self._waiting if not each.result.done()]
            self._waiting.clear()
            if not batch:
                return
            try:
                await self._round(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear it
                self._known = None
                _fail(batch, error)

    async def _round(self, batch: list[Pending]) -> None:
        """One group: plan it on what is known, on a fresh head if need be, and commit it."""
        known, fresh, mark = await self._room_for(batch)
        plan = make_plan(known.head, known.members, batch, utcnow(), fresh=fresh)
        if plan.stale:
            known = await self._refresh()
            await _read_members(known, batch)
            plan = make_plan(known.head, known.members, batch, utcnow(), fresh=True)
        self._answer_without_commit(plan, known)
        if plan.entries:
            await self._commit(plan, known, mark)

    async def _room_for(self, batch: list[Pending]) -> tuple[_Known, bool, Mark]:
        """What is known of the room and of the users of the batch, and whether it was just read.

        And the mark under which this may be committed: a cold room is marked while its head is read.
        """
        if self._known is None:
            known, mark = await asyncio.gather(self._refresh(), self._marked())
            fresh = True
        else:
            known, fresh, mark = self._known, False, await self._marked()
        await _read_members(known, batch)
        return known, fresh, mark

    async def _marked(self) -> Mark:
        async with asyncio.timeout(SEND_SECONDS):
            return await self._ledger.ensure(self._room_id)

    async def _refresh(self) -> _Known:
        """Read the head; members stay known when nothing has changed access since.

        A store that does not answer holds nobody longer than a send may take: the SDK would go on trying.
        """
        async with asyncio.timeout(SEND_SECONDS):
            found = await read_head(self._room_id)
        if found is None:
            raise RoomNotFound
        head, etag = found
        before = self._known
        keep = before is not None and before.head.access_seq == head.access_seq
        self._known = _Known(head, etag, before.members if before and keep else {})
        return self._known

    def _answer_without_commit(self, plan: Plan[asyncio.Future[Accepted]], known: _Known) -> None:
        self._waiting.extendleft(reversed(plan.later))
        for pending, error in plan.refused:
            _fail([pending], error)
        for pending in plan.done:
            member = known.members[pending.change.user_id]
            _accept(pending, Accepted(None, known.head, member))
        for pending, seq in plan.to_recall:
            self._look(pending, self._recall(pending, seq, known))
        for pending, key in plan.to_name:
            self._look(pending, self._read_name(pending, key, known))
        for pending, start, end in plan.to_search:
            self._look(pending, self._search(pending, start, end, known))

    async def _commit(
        self, plan: Plan[asyncio.Future[Accepted]], known: _Known, mark: Mark
    ) -> None:
        started = time.monotonic()
        fault_point("chat.before_commit")
        committed = await commit(plan, known.etag, mark)
        if committed is None:
            self._conflict_at = time.monotonic()
            for pending, _ in reversed(plan.taken):
                pending.lost_race()
                self._waiting.appendleft(pending)
            await self._refresh()
            return
        fault_point("chat.after_commit")
        head = plan.next_head
        self._known = None
        if committed.etag:
            self._known = _Known(head, committed.etag, {**known.members, **plan.members})
        self._announce(plan.entries)
        for pending, index in plan.taken:
            member = plan.members.get(pending.change.user_id)
            _accept(pending, Accepted(plan.entries[index], head, member))
        await self._be_polite(time.monotonic() - started)

    async def _be_polite(self, commit_seconds: float) -> None:
        if time.monotonic() - self._conflict_at < _POLITE_SECONDS:
            await asyncio.sleep(commit_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret

    def _look(self, pending: Pending, search: Coroutine[None, None, None]) -> None:
        """Look something up beside the commits, which need not wait for it."""

        async def look() -> None:
            try:
                await search
            except Exception as error:  # noqa: BLE001 - the one who waits must hear it
                _fail([pending], error)

        task = asyncio.create_task(look())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _recall(self, pending: Pending, seq: int, known: _Known) -> None:
        """Answer a repeated send from the entry that the ring points to. One round trip."""
        entry = await read_entry(self._room_id, seq)
        if entry is None or not pending.change.is_named_by(entry):
            pending.not_at.add(seq)
            self._enqueue(pending)
        else:
            await _answer_repeat(pending, entry, known.head)

    async def _read_name(self, pending: Pending, key: str, known: _Known) -> None:
        """Ask whether a requested message was posted before the ring's time. One round trip, or two.

        A name that is free now was free when the head that we know was written; what came after that
        head, the ring holds, or else it is asked again.
        """
        seq = await read_name(self._room_id, key)
        if seq is None:
            pending.free_to = known.head.last_seq
            self._enqueue(pending)
            return
        entry = await read_entry(self._room_id, seq)
        if entry is None or not pending.change.is_named_by(entry):
            _fail([pending], ClientIdReused())
        else:
            _settle_repeat(pending, entry, known.head)

    async def _search(self, pending: Pending, start: int, end: int, known: _Known) -> None:
        """Look for a client id in the entries that the ring has forgotten, start < seq ≤ end."""
        async for entry in find_entries(self._room_id, start, end):
            if pending.change.is_named_by(entry):
                await _answer_repeat(pending, entry, known.head)
                return
        pending.searched_to = end
        self._enqueue(pending)


async def _read_members(known: _Known, batch: Iterable[Pending]) -> None:
    """Read the members of the batch that are not known yet, side by side. One round trip each."""
    unknown = {each.change.user_id for each in batch} - known.members.keys()
    async with asyncio.timeout(SEND_SECONDS):
        found = await asyncio.gather(*(read_member(known.head.room_id, each) for each in unknown))
    known.members.update(zip(unknown, found, strict=True))


async def _answer_repeat(pending: Pending, entry: LogEntry, head: Head) -> None:
    """Answer from an entry that may have no name yet, when it was sent otherwise than through the queue.

    One write for a requested message: what is answered now is answered so at any later delivery.
    """
    key = key_of(pending.change)
    if key and pending.change.is_repeated_by(entry):
        await keep_name(entry.room_id, key, entry.seq)
    _settle_repeat(pending, entry, head)


def _settle_repeat(pending: Pending, entry: LogEntry, head: Head) -> None:
    if pending.change.is_repeated_by(entry):
        _accept(pending, Accepted(entry, head, None))
    else:
        _fail([pending], ClientIdReused())


def _accept(pending: Pending, accepted: Accepted) -> None:
    if not pending.result.done():
        pending.result.set_result(accepted)


def _fail(batch: Iterable[Pending], error: Exception) -> None:
    for pending in batch:
        if not pending.result.done():
            pending.result.set_exception(error)
