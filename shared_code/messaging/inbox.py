"""The inbox: an event's effect on a table happens once, however often the event comes.

Invariant: the inbox row is written in the same transaction, so in the same table and partition, as the
effect. A row stays as long as its partition does: nothing sweeps it, because nobody knows how late an event
may come again (a redrive has no end). It is small, and a table is paid by what it holds.
"""

import hashlib
from http.client import CONFLICT
from typing import TYPE_CHECKING, Any

from shared_code.clock import rfc3339, utcnow

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

_PREFIX = "in:"
_MAX_OPERATIONS = 100


class AlreadyDone(Exception):
    """The event had its effect before. A consumer that raises it has succeeded."""


async def apply_once(
    rows: "TableClient", event_id: str, consumer: str, partition: str, operations: list[Any]
) -> None:
    """Make the changes (at most 99, all in `partition`) unless the consumer made them for this event.

    One round trip. Raises AlreadyDone when it had; and what the store raises: then it is not known
    whether they were made, and the event's next delivery tells.
    """
    from azure.data.tables import TableTransactionError

    if len(operations) >= _MAX_OPERATIONS:
        raise ValueError(f"{len(operations)} changes and an inbox row exceed a transaction")
    entry = {
        "PartitionKey": partition,
        "RowKey": inbox_key(consumer, event_id),
        "event_id": event_id,
        "at": rfc3339(utcnow()),
    }
    try:
        # The SDK's own retry would turn our success into a conflict; here that is told apart anyway.
        await rows.submit_transaction([("create", entry), *operations], retry_total=0)
    except TableTransactionError as error:
        if error.status_code == CONFLICT and error.index == 0:
            raise AlreadyDone from error
        raise


def inbox_key(consumer: str, event_id: str) -> str:
    """The RowKey of the inbox row: ids may hold what a key may not."""
    digest = hashlib.sha256(f"{consumer}\n{event_id}".encode()).hexdigest()
    return f"{_PREFIX}{digest}"
