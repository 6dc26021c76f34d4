"""What those who run the platform can do, over HTTP and from the command line alike.

Invariant: every action is audited. One that changes something is noted as intended before it is done, so
that none goes unnoted when the process dies; its end is noted after.
"""

import asyncio
from collections.abc import Awaitable, Callable

from functions.admin import store
from functions.admin.errors import DeadLetterNotFound, QueueNotFound
from functions.admin.models import (
    Action,
    AuditEntry,
    DeadLetter,
    DeadLetterGroup,
    Outcome,
    Purge,
    Queue,
    Redrive,
    Redriven,
)
from shared_code.clock import utcnow
from shared_code.ids import new_id
from shared_code.messaging import QUEUES, SUBSCRIPTIONS, dead_letters
from shared_code.service_bus import answered

_NAMES = (*QUEUES, *SUBSCRIPTIONS)
_SIDE_BY_SIDE = 32  # to open a receiver takes the SDK half a second


async def queues(actor: str) -> list[Queue]:
    """All queues with their counts. As many round trips as pages of 250 messages, and 1 for the audit."""
    await _note(actor, "list_queues")
    limit = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def look(name: str) -> Queue:
        async with limit:
            return Queue.of(await dead_letters.look(name))

    async with answered():
        return list(await asyncio.gather(*(look(name) for name in _NAMES)))


async def groups(actor: str, queue: str) -> list[DeadLetterGroup]:
    """A queue's dead letters by reason. Raises QueueNotFound."""
    _check(queue)
    await _note(actor, "group_dead_letters", queue=queue)
    async with answered():
        found = await dead_letters.groups(queue)
    return [DeadLetterGroup(**vars(group)) for group in found]


async def letters(
    actor: str, queue: str, reason: str | None, after: int, limit: int
) -> list[DeadLetter]:
    """A page of a queue's dead letters. Raises QueueNotFound."""
    _check(queue)
    await _note(actor, "list_dead_letters", queue=queue, reason=reason)
    async with answered():
        found = await dead_letters.page(queue, reason, after, limit)
    return [DeadLetter.of(letter) for letter in found]


async def letter(actor: str, queue: str, number: int) -> DeadLetter:
    """One dead letter. Raises QueueNotFound, DeadLetterNotFound."""
    _check(queue)
    await _note(actor, "read_dead_letter", queue=queue, number=number)
    async with answered():
        found = await dead_letters.read(queue, number)
    if found is None:
        raise DeadLetterNotFound
    return DeadLetter.of(found)


async def redrive_one(actor: str, queue: str, number: int) -> Redriven:
    """Send one dead letter to its queue again. Raises QueueNotFound, DeadLetterNotFound."""
    _check(queue)
    entry = await _note(actor, "redrive_one", queue=queue, number=number, outcome="intended")
    await _end_of_one(entry, lambda: dead_letters.redrive(queue, number))
    return Redriven(redriven=1, left=0)


async def redrive_many(actor: str, queue: str, body: Redrive) -> Redriven:
    """Send a group, or all dead letters, to their queue again. Raises QueueNotFound."""
    _check(queue)
    action: Action = "redrive_all" if body.all else "redrive_group"
    entry = await _note(actor, action, queue=queue, reason=body.reason, outcome="intended")
    moved = await _or_failed(entry, lambda: dead_letters.redrive_all(queue, body.reason))
    await store.put(entry.model_copy(update={"outcome": "done", "count": moved.done}))
    return Redriven(redriven=moved.done, left=moved.left)


async def purge_one(actor: str, queue: str, number: int, body: Purge) -> None:
    """Throw a dead letter away. Raises QueueNotFound, DeadLetterNotFound."""
    _check(queue)
    entry = await _note(
        actor, "purge_one", queue=queue, number=number, reason=body.reason, outcome="intended"
    )
    await _end_of_one(entry, lambda: dead_letters.purge(queue, number))


async def audit(after: str | None, limit: int) -> list[AuditEntry]:
    """What was done, newest first. One query."""
    return await store.entries(after, limit)


def _check(queue: str) -> None:
    if queue not in _NAMES:
        raise QueueNotFound


async def _note(  # noqa: PLR0913 - each keyword is one fact of an entry
    actor: str,
    action: Action,
    *,
    queue: str | None = None,
    number: int | None = None,
    reason: str | None = None,
    outcome: Outcome = "done",
) -> AuditEntry:
    entry = AuditEntry(
        id=new_id("aud"),
        at=utcnow(),
        actor=actor,
        action=action,
        queue=queue,
        number=number,
        event_id=None,
        reason=reason,
        outcome=outcome,
        count=None,
    )
    await store.put(entry)
    return entry


async def _end_of_one(
    entry: AuditEntry, work: Callable[[], Awaitable[dead_letters.DeadLetter | None]]
) -> None:
    """Do something to one dead letter and note how it ended. Raises DeadLetterNotFound."""
    found = await _or_failed(entry, work)
    if found is None:
        await store.put(entry.model_copy(update={"outcome": "not_found"}))
        raise DeadLetterNotFound
    await store.put(entry.model_copy(update={"outcome": "done", "event_id": found.event_id}))


async def _or_failed[Result](entry: AuditEntry, work: Callable[[], Awaitable[Result]]) -> Result:
    try:
        async with answered():
            return await work()
    except BaseException:  # also when the caller has gone: it may be half done
        await store.put(entry.model_copy(update={"outcome": "failed"}))
        raise
