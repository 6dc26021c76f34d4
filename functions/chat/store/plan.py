"""What the next commit of a room will hold, decided before anything is sent.

Invariants: pure. Each waiting change gets exactly one verdict; an entry's seq is the place it takes; a
known client id is answered from its first entry, also within the batch; rows of a batch are distinct;
what would exceed a limit waits. A message that came through the queue is taken only with its name, and only
when that is known to be free in all that the ring has forgotten. A verdict that commits nothing (refused,
done) is final only when the head was read for this plan: what was cached may be out of date, so the plan
then asks for a fresh one (`stale`).
A user whose membership this batch changes is judged again only when that change is durable.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from functions.chat.errors import ClientIdReused, ClientIdTooOld
from functions.chat.models import LogEntry, Member
from functions.chat.policy import SEARCH_BEYOND_RING
from functions.chat.store.head import EMPTY_SLOT, Head, slot_of
from functions.chat.store.rows import MAX_SEGMENT_BYTES, Segment, encode, name_key
from shared_code.errors import AtriumError
from shared_code.ids import new_id

MAX_ENTRIES = 100
"""Entries in one commit: bounds what a page must read, and rows stay under a transaction's 100."""

_MAX_OWN_ROWS = 90
"""Rows of members and names in one commit; with head and segment they stay under a transaction's 100."""

_NEVER = -1


class Change(Protocol):
    """One thing that one user wants to happen in a room; it appends one entry, or nothing."""

    @property
    def user_id(self) -> str:
        """Who wants it."""

    @property
    def client_id(self) -> str | None:
        """The name of the send, when repeats are known by name."""

    @property
    def after_seq(self) -> int | None:
        """The last seq that the client knew when it composed the change."""

    @property
    def is_requested(self) -> bool:
        """True when it came through the queue: it may come again at any time, so its name is kept."""

    def check(self, head: Head, member: Member | None) -> None:
        """Raise the AtriumError that refuses the change, if any."""

    def is_done(self, member: Member | None) -> bool:
        """True when nothing is left to do, as for joining a room that one is in."""

    def is_named_by(self, entry: LogEntry) -> bool:
        """True when `entry` was made under this user and client id."""

    def is_repeated_by(self, entry: LogEntry) -> bool:
        """True when `entry`, which is named so, also says the same."""

    def entry(self, room_id: str, seq: int, at: datetime) -> LogEntry:
        """The entry, given the place that it takes."""

    def member_after(self, member: Member | None, seq: int, at: datetime) -> Member | None:
        """The member row to write with the entry, if the change is about membership."""


@dataclass(eq=False)
class Waiting[Result]:
    """A change that waits. `searched_to` and `not_at` remember where its client id is not.

    `free_to`: up to this seq no entry has taken its name, as its row, not being there, has told.
    """

    change: Change
    result: Result
    searched_to: int = 0
    not_at: set[int] = field(default_factory=set)
    free_to: int = 0

    def lost_race(self) -> None:
        """Its commit failed, and perhaps because its name was taken: that is to be read again."""
        self.free_to = _NEVER


@dataclass(frozen=True)
class Accepted:
    """The end of a change: its entry (None when nothing was left to do) and what then holds."""

    entry: LogEntry | None
    head: Head
    member: Member | None


@dataclass
class Plan[Result]:
    """The verdicts on a batch. `taken` maps each accepted change to the index of its entry."""

    head: Head
    at: datetime
    commit_id: str = field(default_factory=lambda: new_id("cmt"))
    entries: list[LogEntry] = field(default_factory=list)
    slots: list[bytes] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    taken: list[tuple[Waiting[Result], int]] = field(default_factory=list)
    done: list[Waiting[Result]] = field(default_factory=list)
    refused: list[tuple[Waiting[Result], AtriumError]] = field(default_factory=list)
    to_recall: list[tuple[Waiting[Result], int]] = field(default_factory=list)
    to_search: list[tuple[Waiting[Result], int, int]] = field(default_factory=list)
    to_name: list[tuple[Waiting[Result], str]] = field(default_factory=list)
    later: list[Waiting[Result]] = field(default_factory=list)
    stale: bool = False
    size: int = 0

    @property
    def next_head(self) -> Head:
        """The head once the batch is committed."""
        return self.head.after(self.entries, self.slots, access_changed=bool(self.members))

    @property
    def segment(self) -> Segment:
        """The segment that the commit writes."""
        return Segment(self.head.room_id, self.commit_id, self.entries)


def make_plan[Result](
    head: Head,
    members: dict[str, Member | None],
    batch: Iterable[Waiting[Result]],
    at: datetime,
    *,
    fresh: bool,
) -> Plan[Result]:
    """Decide on every change of the batch, in order.

    `members` must hold what is known of each change's user; `fresh` says that `head` was read for this
    plan.
    """
    plan: Plan[Result] = Plan(head, at)
    for waiting in batch:
        if waiting.change.user_id in plan.members:
            plan.later.append(waiting)
            continue
        try:
            _decide(plan, waiting, members[waiting.change.user_id])
        except AtriumError as error:
            plan.refused.append((waiting, error))
    plan.stale = not fresh and bool(plan.refused or plan.done)
    return plan


def _decide[Result](plan: Plan[Result], waiting: Waiting[Result], member: Member | None) -> None:
    change = waiting.change
    change.check(plan.head, member)
    if change.is_done(member):
        plan.done.append(waiting)
    elif not _is_known(plan, waiting):
        _take(plan, waiting, member)


def _is_known[Result](plan: Plan[Result], waiting: Waiting[Result]) -> bool:
    """True when the change's client id is known, or must be looked for, and a verdict was given."""
    change = waiting.change
    if change.client_id is None:
        return False
    slot = slot_of(change.user_id, change.client_id)
    return (
        _is_in_ring(plan, waiting, slot)
        or _is_name_to_be_read(plan, waiting)
        or _is_in_batch(plan, waiting, slot)
        or _is_to_be_searched(plan, waiting)
    )


def _is_in_batch[Result](plan: Plan[Result], waiting: Waiting[Result], slot: bytes) -> bool:
    places = (at for at, taken in enumerate(plan.slots) if taken == slot)
    named = (at for at in places if waiting.change.is_named_by(plan.entries[at]))
    index = next(named, None)
    if index is None:
        return False
    if not waiting.change.is_repeated_by(plan.entries[index]):
        raise ClientIdReused
    if waiting.change.is_requested and _rows_are_full(plan):
        plan.later.append(waiting)
    else:
        _answer_with(plan, waiting, index)
    return True


def _rows_are_full[Result](plan: Plan[Result]) -> bool:
    return len(plan.members) + len(plan.names) >= _MAX_OWN_ROWS


def _answer_with[Result](plan: Plan[Result], waiting: Waiting[Result], index: int) -> None:
    """The change ends in this entry of the commit; if it came through the queue, with its name."""
    plan.taken.append((waiting, index))
    if key := key_of(waiting.change):
        plan.names[key] = plan.entries[index].seq


def key_of(change: Change) -> str | None:
    """The key of the name that is kept of the change, or None when none is."""
    if not change.is_requested or change.client_id is None:
        return None
    return name_key(change.user_id, change.client_id)


def _is_name_to_be_read[Result](plan: Plan[Result], waiting: Waiting[Result]) -> bool:
    """The ring has forgotten what came before it; whether that has a requested message, its row tells."""
    key = key_of(waiting.change)
    if key is None or waiting.free_to >= plan.head.ring_start:
        return False
    plan.to_name.append((waiting, key))
    return True


def _is_in_ring[Result](plan: Plan[Result], waiting: Waiting[Result], slot: bytes) -> bool:
    seqs = [seq for seq in plan.head.seqs_of(slot) if seq not in waiting.not_at]
    if not seqs:
        return False
    plan.to_recall.append((waiting, seqs[0]))
    return True


def _is_to_be_searched[Result](plan: Plan[Result], waiting: Waiting[Result]) -> bool:
    """The ring has forgotten what came before it; a client that composed earlier needs a search."""
    if waiting.change.after_seq is None:
        return False
    start, end = max(waiting.change.after_seq, waiting.searched_to), plan.head.ring_start
    if start >= end:
        return False
    if end - start > SEARCH_BEYOND_RING:
        raise ClientIdTooOld
    plan.to_search.append((waiting, start, end))
    return True


def _take[Result](plan: Plan[Result], waiting: Waiting[Result], member: Member | None) -> None:
    """Give the change the next place, unless a limit says that it waits for the next commit."""
    change = waiting.change
    seq = plan.head.last_seq + len(plan.entries) + 1
    entry = change.entry(plan.head.room_id, seq, plan.at)
    row = change.member_after(member, seq, plan.at)
    size = plan.size + len(encode([entry]))
    full = len(plan.entries) >= MAX_ENTRIES or _rows_are_full(plan)
    if full or size > MAX_SEGMENT_BYTES:
        plan.later.append(waiting)
        return
    if row:
        plan.members[row.user_id] = row
    plan.size = size
    plan.entries.append(entry)
    plan.slots.append(slot_of(change.user_id, change.client_id) if change.client_id else EMPTY_SLOT)
    _answer_with(plan, waiting, len(plan.entries) - 1)
