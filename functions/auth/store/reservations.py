"""Who holds which name: one row for each address, or identity elsewhere, inserted before what it points to.

Invariant: rows are inserted, or replaced on the condition that they are as they were read. The SDK
repeats a write whose answer was lost; what the first try wrote is recognised as ours by its user id.
"""

from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from functions.auth.models import Reservation, ReservationKind
from functions.auth.store.tables import EMAILS, IDENTITIES, SETTING
from shared_code.storage import find, table
from shared_code.text import digest

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

_TABLES: dict[ReservationKind, str] = {"email": EMAILS, "identity": IDENTITIES}


def _names(kind: ReservationKind) -> "TableClient":
    return table(SETTING, _TABLES[kind])


def identity_key(issuer: str, subject: str) -> str:
    """The name under which an identity elsewhere is reserved."""
    return digest(f"{issuer}\n{subject}")


async def find_reservation(key: str, kind: ReservationKind = "email") -> Reservation | None:
    """Who holds the name, or None. One round trip."""
    row = await find(_names(kind), key, kind)
    if row is None:
        return None
    return Reservation(
        key=key,
        kind=kind,
        user_id=row["user_id"],
        expires_at=row["expires_at"],
        request=row["request"],
        version=row.metadata["etag"],
    )


async def reserve(wanted: Reservation) -> Reservation | None:
    """Reserve a free name. None when it is now ours, else who holds it.

    One round trip for a free name, two for one that is held.
    """
    while True:
        try:
            await _names(wanted.kind).create_entity(_reservation_row(wanted))
        except ResourceExistsError:
            held = await find_reservation(wanted.key, wanted.kind)
            if held is None:
                continue  # given up between the two calls, so free again
            return None if held.user_id == wanted.user_id else held
        return None


async def take_over(held: Reservation, wanted: Reservation) -> bool:
    """Take the reservation if it still stands as it was read; False in a lost race. One round trip."""
    try:
        await _names(wanted.kind).update_entity(
            _reservation_row(wanted),
            mode="replace",
            etag=held.version,
            match_condition=MatchConditions.IfNotModified,
        )
    except (ResourceModifiedError, ResourceNotFoundError):
        now_held = await find_reservation(wanted.key, wanted.kind)
        return now_held is not None and now_held.user_id == wanted.user_id
    return True


def _reservation_row(reservation: Reservation) -> dict[str, Any]:
    return {
        "PartitionKey": reservation.key,
        "RowKey": reservation.kind,
        "user_id": reservation.user_id,
        "expires_at": reservation.expires_at,
        "request": reservation.request,
    }


async def release(key: str, user_id: str, kind: ReservationKind = "email") -> None:
    """Make a name free if it is this user's. Two round trips."""
    held = await find_reservation(key, kind)
    if held and held.user_id == user_id:
        await give_up(held)


async def give_up(held: Reservation) -> None:
    """Make the name free, unless it has passed to somebody else. One round trip."""
    row = {"PartitionKey": held.key, "RowKey": held.kind}
    try:
        await _names(held.kind).delete_entity(
            row, etag=held.version, match_condition=MatchConditions.IfNotModified
        )
    except (ResourceModifiedError, ResourceNotFoundError):
        return
