"""A partition keeps whoever holds it inside. What it reads is tested on a real store, with its users."""

from typing import Any

import pytest

from shared_code.partition import MAX_OPERATIONS, Partition

HERE = Partition("AUTH_STORAGE", "authworkspaces", "ws_1")


def operation(key: str) -> tuple[str, dict[str, Any]]:
    return "create", {"PartitionKey": key, "RowKey": "x"}


async def test_a_row_of_another_partition_is_not_written() -> None:
    with pytest.raises(ValueError, match="another partition"):
        await HERE.submit([operation("ws_1"), operation("ws_2")])


async def test_too_many_rows_are_not_sent() -> None:
    with pytest.raises(ValueError, match="too many"):
        await HERE.submit([operation("ws_1")] * (MAX_OPERATIONS + 1))
