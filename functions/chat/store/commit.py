"""One commit: head and segment in one transaction, and what is done when its outcome is not known.

Invariants: the transaction is conditioned on the head's ETag, so of all writers that planned on one head
at most one succeeds. An answer that does not settle the outcome (time-out, 409, 412, a failing store) is
settled by reading the segment at the first seq: our commit id there means success. Until that is known
nothing is renumbered: what is sent again is the identical batch, under the identical ETag. A name that is
taken already fails the whole transaction, and is a lost race like any other: the plan then reads the names
again. Nothing is sent under an activity mark that is too old (shared_code/outbox): the walk would not see it.
The SDK's own retries are off here: it would turn our success into our conflict.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from enum import Enum
from http.client import CONFLICT, PRECONDITION_FAILED
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError

from functions.chat.errors import RoomBusy
from functions.chat.store import rows
from functions.chat.store.plan import Plan
from functions.chat.store.reads import read_segment
from functions.chat.store.tables import ROOMS, chat_table
from shared_code.outbox import Mark
from shared_code.storage import is_outage

MAX_OPERATIONS = 100
"""Operations in one transaction; checked here, because the store's refusal of more is unreadable."""

_ATTEMPT_SECONDS = 1.0
_COMMIT_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 0.02
_RACE_STATUSES = {CONFLICT, PRECONDITION_FAILED}


class _Outcome(Enum):
    """What an attempt told when it did not succeed."""

    LOST_RACE = 1
    UNKNOWN = 2


@dataclass(frozen=True)
class Committed:
    """A commit that is durable; `etag` is the head's, or None when it has to be read again."""

    etag: str | None


async def commit(plan: Plan[Any], etag: str, mark: Mark) -> Committed | None:
    """Commit the plan on the head of `etag`; None when another writer was first.

    One round trip, two or more when the answer leaves the outcome open. Raises RoomBusy when the
    outcome cannot be settled in time: the batch may or may not be in the log, and clients repeat their
    sends under their client ids. Raises AzureError when the store refuses the batch as such.
    """
    operations = _operations(plan, etag)
    deadline = min(time.monotonic() + _COMMIT_SECONDS, mark.deadline)
    pause = _FIRST_PAUSE_SECONDS
    while True:
        if mark.seconds_left < 0:
            raise RoomBusy
        answer = await _attempt(operations)
        if isinstance(answer, str):
            return Committed(etag=answer)
        found = await _settle(plan, deadline)
        if found is not None:
            return Committed(etag=None) if found == plan.commit_id else None
        if answer is _Outcome.LOST_RACE:
            return None
        if time.monotonic() > deadline:
            raise RoomBusy
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
        pause *= 2


async def keep_name(room_id: str, key: str, seq: int) -> None:
    """Keep a name for an entry that is in the log without it: it was not sent through the queue.

    One round trip; harmless when the name is kept already.
    """
    try:
        await chat_table(ROOMS).create_entity(rows.name_to_row(room_id, key, seq))
    except ResourceExistsError:
        return


def _operations(plan: Plan[Any], etag: str) -> list[Any]:
    """The transaction: the head on its ETag, the segment and any names as new rows, any member rows."""
    condition = {
        "mode": "replace",
        "etag": etag,
        "match_condition": MatchConditions.IfNotModified,
    }
    room_id = plan.head.room_id
    operations: list[Any] = [
        ("update", rows.head_to_row(plan.next_head), condition),
        ("create", rows.segment_to_row(plan.segment)),
    ]
    operations.extend(
        ("upsert", rows.member_to_row(room_id, member), {"mode": "replace"})
        for member in plan.members.values()
    )
    operations.extend(
        ("create", rows.name_to_row(room_id, key, seq)) for key, seq in plan.names.items()
    )
    if len(operations) > MAX_OPERATIONS:
        raise ValueError(f"{len(operations)} operations exceed a transaction")
    return operations


async def _attempt(operations: list[Any]) -> str | _Outcome:
    """Send the transaction once: the head's new ETag, or why there is none."""
    try:
        async with asyncio.timeout(_ATTEMPT_SECONDS):
            answers = await chat_table(ROOMS).submit_transaction(operations, retry_total=0)
    except TimeoutError:
        return _Outcome.UNKNOWN
    except HttpResponseError as error:
        if error.status_code in _RACE_STATUSES:
            return _Outcome.LOST_RACE
        if is_outage(error):
            return _Outcome.UNKNOWN
        raise
    except AzureError as error:
        # A connection that breaks after the commit is reported as a request that never arrived.
        if is_outage(error):
            return _Outcome.UNKNOWN
        raise
    return str(answers[0]["etag"])


async def _settle(plan: Plan[Any], deadline: float) -> str | None:
    """The commit id of the segment at the plan's first seq, or None when there is no segment yet.

    Raises RoomBusy when the store cannot be asked in time.
    """
    while True:
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                segment = await read_segment(plan.head.room_id, plan.segment.first_seq)
        except (TimeoutError, AzureError) as error:
            if isinstance(error, AzureError) and not is_outage(error):
                raise
            if time.monotonic() > deadline:
                raise RoomBusy from error
            await asyncio.sleep(_FIRST_PAUSE_SECONDS)
        else:
            return segment.commit_id if segment else None
