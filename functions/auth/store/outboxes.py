"""Events that wait to be told, of users and of workspaces: one ledger, one walk.

Invariant: a partition's key says by its prefix in which table it is.
"""

from functools import cache
from typing import TYPE_CHECKING

from functions.auth.store.tables import ACTIVITY, SETTING, USERS, WORKSPACES
from shared_code.outbox import Ledger, OutboxRows, Walker
from shared_code.storage import table

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

WORKSPACE = "ws"


def activity() -> "TableClient":
    """The table of auth's activity ledger."""
    return table(SETTING, ACTIVITY)


class Outboxes:
    """The outbox rows of both tables. It is an `Outbox` for the walk."""

    def __init__(self) -> None:
        self._users = OutboxRows(lambda: table(SETTING, USERS))
        self._workspaces = OutboxRows(lambda: table(SETTING, WORKSPACES))

    def _of(self, partition: str) -> OutboxRows:
        return self._workspaces if partition.startswith(f"{WORKSPACE}_") else self._users

    async def behind(self, partition: str) -> str | None:
        """As OutboxRows.behind."""
        return await self._of(partition).behind(partition)

    async def tell(self, partition: str) -> int:
        """As OutboxRows.tell."""
        return await self._of(partition).tell(partition)

    def tell_soon(self, partition: str) -> None:
        """As OutboxRows.tell_soon."""
        self._of(partition).tell_soon(partition)


@cache
def ledger() -> Ledger:
    """The marks of this process, one per process."""
    return Ledger(activity)


@cache
def walker() -> Walker:
    """The walker of auth's ledger, one per process."""
    return Walker(activity, outbox())


@cache
def outbox() -> Outboxes:
    """The events of partitions that wait to be told, one per process."""
    return Outboxes()
