"""Who holds which address: one row per address, inserted before the account that it points to.

Invariant: rows are inserted, or replaced on the condition that they are as they were read. The SDK
repeats a write whose answer was lost; what the first try wrote is recognised as ours by its user id.
"""

from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from functions.auth.models import Reservation
from functions.auth.store.tables import EMAILS, SETTING
from shared_code.storage import find, table

_EMAIL_ROW = "email"


async def find_reservation(email_key: str) -> Reservation | None:
    """Who holds the address, or None. One round trip."""
    row = await find(table(SETTING, EMAILS), email_key, _EMAIL_ROW)
    if row is None:
        return None
    return Reservation(
        email_key=email_key,
        user_id=row["user_id"],
        expires_at=row["expires_at"],
        request=row["request"],
        version=row.metadata["etag"],
    )


async def reserve(wanted: Reservation) -> Reservation | None:
    """Reserve a free address. None when it is now ours, else who holds it.

    One round trip for a free address, two for one that is held.
    """
    while True:
        try:
            await table(SETTING, EMAILS).create_entity(_reservation_row(wanted))
        except ResourceExistsError:
            held = await find_reservation(wanted.email_key)
            if held is None:
                continue  # given up between the two calls, so free again
            return None if held.user_id == wanted.user_id else held
        return None


async def take_over(held: Reservation, wanted: Reservation) -> bool:
    """Take the reservation if it still stands as it was read; False in a lost race. One round trip."""
    try:
        await table(SETTING, EMAILS).update_entity(
            _reservation_row(wanted),
            mode="replace",
            etag=held.version,
            match_condition=MatchConditions.IfNotModified,
        )
    except (ResourceModifiedError, ResourceNotFoundError):
        now_held = await find_reservation(wanted.email_key)
        return now_held is not None and now_held.user_id == wanted.user_id
    return True


def _reservation_row(reservation: Reservation) -> dict[str, Any]:
    return {
        "PartitionKey": reservation.email_key,
        "RowKey": _EMAIL_ROW,
        "user_id": reservation.user_id,
        "expires_at": reservation.expires_at,
        "request": reservation.request,
    }


async def give_up(held: Reservation) -> None:
    """Make the address free, unless it has passed to somebody else. One round trip."""
    row = {"PartitionKey": held.email_key, "RowKey": _EMAIL_ROW}
    try:
        await table(SETTING, EMAILS).delete_entity(
            row, etag=held.version, match_condition=MatchConditions.IfNotModified
        )
    except (ResourceModifiedError, ResourceNotFoundError):
        return
