"""Events of drives that wait to be told, and the walk that tells what was left."""

from functools import cache
from typing import TYPE_CHECKING

from functions.files.store.tables import ACTIVITY, DRIVES, SETTING
from shared_code.outbox import Ledger, OutboxRows, Walker
from shared_code.storage import table

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient


def activity() -> "TableClient":
    """The table of files' activity ledger."""
    return table(SETTING, ACTIVITY)


def table_of(_partition: str) -> "TableClient":
    """The table that a partition is in."""
    return table(SETTING, DRIVES)


@cache
def ledger() -> Ledger:
    """The marks of this process, one per process."""
    return Ledger(activity)


@cache
def walker() -> Walker:
    """The walker of files' ledger, one per process."""
    return Walker(activity, outbox())


@cache
def outbox() -> OutboxRows:
    """The events of drives that wait to be told, one per process."""
    return OutboxRows(table_of)
