"""The signing keys at rest, and the JWKS that is published of them.

Invariants: what must stay secret or unforged is stored sealed; keys change in one transaction that holds
all of them as they were read, so that of two changes at once one wins whole. What is published is never
older than what was published before: the document is looked at first, then the rows, and it is replaced
only as it was found.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from functions.auth import keys
from functions.auth.errors import KeysChanged, NoSigningKeys
from functions.auth.keys import StoredKeys
from functions.auth.models import StoredKey
from functions.auth.store.tables import KEYS, SETTING
from shared_code import published
from shared_code.storage import blob_service, table
from shared_code.tokens import JWKS_DOCUMENT

_KEY_PARTITION = "signing"
_JWKS_TYPE = "application/jwk-set+json"
_LOST_RACE = {404, 409, 412}


async def read_keys() -> dict[str, StoredKey]:
    """The signing keys by role; empty before provisioning. One round trip."""
    return {role: _key(row) for role, row in (await _read_rows()).items()}


async def read_complete_keys() -> dict[str, StoredKey]:
    """The signing keys by role. One round trip. Raises NoSigningKeys."""
    stored = await read_keys()
    if not set(keys.SIGNING_ROLES) <= set(stored):
        raise NoSigningKeys(SETTING)
    return stored


async def load_ring() -> keys.KeyRing:
    """The signing keys, opened. One round trip. Raises NotConfigured when there are none to open."""
    return keys.open_ring(await read_complete_keys())


async def provision_keys() -> None:
    """Make the first keys and publish the JWKS. What exists stays.

    Raises NotConfigured when the keys that exist were sealed with another secret.
    """
    if not await read_keys():
        await _insert_first_keys()
    await publish_jwks()


async def _insert_first_keys() -> None:
    """Of two provision commands at once one makes all keys, the other none."""
    try:
        await change_keys({}, keys.first_keys())
    except KeysChanged:
        return


async def change_keys(before: StoredKeys, after: StoredKeys) -> None:
    """Write other keys in the place of those that were read, all or none.

    Two round trips, and one more after a lost race, which may have been lost against ourselves: the SDK
    repeats a transaction whose answer was lost. Raises KeysChanged when somebody else was faster.
    """
    from azure.data.tables import TableTransactionError

    rows = await _read_rows()
    if {role: _key(row) for role, row in rows.items()} != before:
        raise KeysChanged
    try:
        await table(SETTING, KEYS).submit_transaction(_operations(rows, after))
    except TableTransactionError as error:
        if error.status_code not in _LOST_RACE:
            raise
        if await read_keys() != after:
            raise KeysChanged from error


async def publish_jwks() -> datetime:
    """Publish the JWKS unless it is what is published; since when it is, by the store's clock.

    Two round trips, four when it changes. Safe to repeat, and at any number of places at once. Raises
    NotConfigured when there are no keys.
    """
    blob = blob_service(published.SETTING).get_blob_client(published.CONTAINER, JWKS_DOCUMENT)
    while True:
        try:
            download = await blob.download_blob()
        except ResourceNotFoundError:
            document = (await load_ring()).jwks()
            await published.publish_first(JWKS_DOCUMENT, document, _JWKS_TYPE)
            continue
        found = await download.readall()
        document = (await load_ring()).jwks()
        if found == document:
            since: datetime = download.properties.last_modified
            return since
        try:
            await published.publish(
                JWKS_DOCUMENT, document, _JWKS_TYPE, instead_of=download.properties.etag
            )
        except ResourceModifiedError:
            continue


async def _read_rows() -> dict[str, Any]:
    query = "PartitionKey eq @partition"
    rows = table(SETTING, KEYS).query_entities(query, parameters={"partition": _KEY_PARTITION})
    return {row["RowKey"]: row async for row in rows}


def _key(row: Mapping[str, Any]) -> StoredKey:
    return StoredKey(row["kid"], row["sealed"], row["created_at"])


def _operations(rows: Mapping[str, Any], after: StoredKeys) -> list[tuple[Any, ...]]:
    """Every row is in it, also one that stays as it is, so that any two changes are in each other's way."""
    operations: list[tuple[Any, ...]] = []
    for role in sorted({*rows, *after}):
        entity = _row(role, after[role]) if role in after else dict(rows[role])
        if role not in rows:
            operations.append(("create", entity))
            continue
        held = {
            "etag": rows[role].metadata["etag"],
            "match_condition": MatchConditions.IfNotModified,
        }
        if role in after:
            operations.append(("update", entity, {"mode": "replace", **held}))
        else:
            operations.append(("delete", entity, held))
    return operations


def _row(role: str, key: StoredKey) -> dict[str, Any]:
    return {
        "PartitionKey": _KEY_PARTITION,
        "RowKey": role,
        "kid": key.kid,
        "sealed": key.sealed,
        "created_at": key.created_at,
    }
