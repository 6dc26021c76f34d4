"""Auth's tables, and every query on them.

    authusers     PK user id, RK `account`             the account
    authemails    PK hash of the address, RK `email`   whose the address is
    authsessions  PK user id, RK session id            one row per signed-in device
    authkeys      PK `signing`, RK the key's role      the signing keys, sealed

Invariant: rows are inserted, or replaced on the condition that they are as they were read. The SDK
repeats a write whose answer was lost; what the first try wrote is recognised as ours by its random id.
"""

from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from functions.auth.emails import reservation_key
from functions.auth.models import Account, Reservation, Session
from functions.auth.sealing import seal
from functions.auth.store.keys import load_ring as load_ring
from functions.auth.store.keys import provision_keys
from functions.auth.store.keys import read_keys as read_keys
from functions.auth.store.tables import EMAILS, KEYS, SESSIONS, SETTING, USERS
from shared_code import published
from shared_code.storage import (
    create_container,
    create_tables,
    find,
    reach_table,
    table,
)

_ACCOUNT_ROW = "account"
_EMAIL_ROW = "email"
_NOBODY = "usr_nobody"


async def reach() -> None:
    """Raise AzureError unless the tables answer. One round trip."""
    await reach_table(SETTING, USERS)


async def find_account(user_id: str) -> Account | None:
    """The account, or None. One round trip."""
    row = await find(table(SETTING, USERS), user_id, _ACCOUNT_ROW)
    if row is None:
        return None
    return Account(
        user_id=row["PartitionKey"],
        email=row["email"],
        display_name=row["display_name"],
        password_hash=row["password_hash"],
        created_at=row["created_at"],
        roles=tuple(filter(None, str(row.get("roles") or "").split(","))),
        version=row.metadata["etag"],
    )


async def find_account_by_email(address: str) -> Account | None:
    """The account that the address is reserved for, or None. Two round trips, also for an unknown address.

    An address that is not reserved costs a second read as well, so that the time tells nothing.
    The account may carry another address by now: `policy.owns` tells.
    """
    held = await find_reservation(reservation_key(address))
    return await find_account(held.user_id if held else _NOBODY)


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


async def add_account(account: Account) -> bool:
    """Insert a new account. False when another try of the same registration did. One round trip."""
    row = {
        "PartitionKey": account.user_id,
        "RowKey": _ACCOUNT_ROW,
        "email": account.email,
        "display_name": account.display_name,
        "password_hash": account.password_hash,
        "created_at": account.created_at,
    }
    try:
        await table(SETTING, USERS).create_entity(row)
    except ResourceExistsError:
        stored = await find_account(account.user_id)
        # A hash has a random salt, so an equal one is our own.
        return stored is not None and stored.password_hash == account.password_hash
    return True


async def replace_password_hash(account: Account, password_hash: str) -> bool:
    """Replace the hash if the account is as it was read; False in a lost race. One round trip."""
    return await _change(account, password_hash=password_hash)


async def replace_roles(account: Account, roles: tuple[str, ...]) -> bool:
    """Replace the roles if the account is as it was read; False in a lost race. One round trip."""
    return await _change(account, roles=",".join(roles))


async def _change(account: Account, **columns: str) -> bool:
    row = {"PartitionKey": account.user_id, "RowKey": _ACCOUNT_ROW, **columns}
    try:
        await table(SETTING, USERS).update_entity(
            row,
            mode="merge",
            etag=account.version,
            match_condition=MatchConditions.IfNotModified,
        )
    except (ResourceModifiedError, ResourceNotFoundError):
        return False
    return True


async def add_session(session: Session) -> None:
    """Insert a new session, its key sealed. One round trip."""
    row = {
        "PartitionKey": session.user_id,
        "RowKey": session.session_id,
        "sealed_key": seal(session.key, session.session_id),
        "counter": session.counter,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "idle_expires_at": session.idle_expires_at,
    }
    try:
        await table(SETTING, SESSIONS).create_entity(row)
    except ResourceExistsError:
        return  # its id is new and random, so what exists is our own first try


async def provision() -> None:
    """Make the tables, the first keys and the published JWKS. What exists stays.

    Raises NotConfigured when the keys that exist were sealed with another secret.
    """
    await create_tables(SETTING, USERS, EMAILS, SESSIONS, KEYS)
    await create_container(published.SETTING, published.CONTAINER)
    await provision_keys()
