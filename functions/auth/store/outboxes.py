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

_WORKSPACE = "ws_"


def activity() -> "TableClient":
    """The table of auth's activity ledger."""
    return table(SETTING, ACTIVITY)


def table_of(partition: str) -> "TableClient":
    """The table that a partition is in."""
    return table(SETTING, WORKSPACES if partition.startswith(_WORKSPACE) else USERS)


@cache
def ledger() -> Ledger:
    """The marks of this process, one per process."""
    return Ledger(activity)


@cache
def walker() -> Walker:
    """The walker of auth's ledger, one per process."""
    return Walker(activity, outbox())


@cache
def outbox() -> OutboxRows:
    """The events of partitions that wait to be told, one per process."""
    return OutboxRows(table_of)
