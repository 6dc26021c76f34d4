"""Flows: what is under way between two requests of somebody who is not signed in yet, or proves who he is.

    PK SHA-256 of the flow's token, RK the kind; `sealed` what the second request must know
    until  when it ends, in milliseconds since 1970

Invariant: the token opens one flow of one kind, in its time; what is taken is taken by one caller.
"""

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from functions.auth.sealing import seal, unseal
from functions.auth.store.tables import FLOWS, SETTING
from shared_code.clock import now_ms
from shared_code.storage import find, int64, number, table, unchanged
from shared_code.sweeping import sweep
from shared_code.text import digest

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

type FlowKind = Literal["second_factor", "passkey", "passkey_registration", "provider"]

_TOKEN_BYTES = 32
_NAME_BYTES = 9


async def begin_flow(kind: FlowKind, known: dict[str, Any], life: timedelta) -> str:
    """Keep what is known for so long; the token that finds it. One round trip."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await _flows().create_entity(
        {
            **_key(kind, token),
            "sealed": seal(json.dumps(known).encode(), _context(kind)),
            "until": int64(now_ms() + round(life.total_seconds() * 1000)),
        }
    )
    return token


async def read_flow(kind: FlowKind, token: str) -> dict[str, Any] | None:
    """What is known, which stays; None when it has ended or never was. One round trip."""
    row = await _find(kind, token)
    return _known(kind, row) if row else None


async def take_flow(kind: FlowKind, token: str) -> dict[str, Any] | None:
    """What is known, which nobody gets again; of several callers one gets it. Two round trips.

    The row is marked and left to the sweep: the SDK takes deleting what is gone for success.
    """
    row = await _find(kind, token)
    if row is None:
        return None
    name = secrets.token_urlsafe(_NAME_BYTES)
    taken = {**_key(kind, token), "until": int64(0), "taken_by": name}
    try:
        await _flows().update_entity(taken, **unchanged(row))
    except (ResourceModifiedError, ResourceNotFoundError):
        # Somebody was faster, or the SDK has repeated a write of ours that had succeeded.
        now = await find(_flows(), taken["PartitionKey"], taken["RowKey"])
        if now is None or now.get("taken_by") != name:
            return None
    return _known(kind, row)


async def sweep_flows() -> int:
    """Delete the flows that ended or were taken; how many. A timer calls it. As sweeping.sweep."""
    return await sweep(_flows(), f"until lt {now_ms()}L")


async def _find(kind: FlowKind, token: str) -> "TableEntity | None":
    key = _key(kind, token)
    row = await find(_flows(), key["PartitionKey"], key["RowKey"])
    return row if row is not None and number(row["until"]) > now_ms() else None


def _known(kind: FlowKind, row: "TableEntity") -> dict[str, Any]:
    known: dict[str, Any] = json.loads(unseal(row["sealed"], _context(kind)))
    return known


def _key(kind: FlowKind, token: str) -> dict[str, str]:
    return {"PartitionKey": digest(token), "RowKey": kind}


def _context(kind: FlowKind) -> str:
    return f"flow/{kind}"


def _flows() -> "TableClient":
    return table(SETTING, FLOWS)
