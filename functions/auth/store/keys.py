"""The signing keys at rest, and the JWKS that is published of them.

Invariant: a private key is stored sealed; keys change in one transaction, so that of two commands at once
one wins whole.
"""

from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from functions.auth import keys
from functions.auth.errors import NoSigningKeys
from functions.auth.models import StoredKey
from functions.auth.store.tables import KEYS, SETTING
from shared_code import published
from shared_code.storage import blob_service, table
from shared_code.tokens import JWKS_DOCUMENT

_KEY_PARTITION = "signing"


async def read_keys() -> dict[str, StoredKey]:
    """The signing keys by role; empty before provisioning. One round trip."""
    query = "PartitionKey eq @partition"
    rows = table(SETTING, KEYS).query_entities(query, parameters={"partition": _KEY_PARTITION})
    return {
        row["RowKey"]: StoredKey(row["kid"], row["sealed"], row["created_at"]) async for row in rows
    }


async def load_ring() -> keys.KeyRing:
    """The signing keys, opened. One round trip. Raises NotConfigured when there are none to open."""
    stored = await read_keys()
    if not set(keys.ROLES) <= set(stored):
        raise NoSigningKeys(SETTING)
    return keys.open_ring(stored)


async def provision_keys() -> None:
    """Make the first keys and publish the JWKS. What exists stays.

    Raises NotConfigured when the keys that exist were sealed with another secret.
    """
    if not await read_keys():
        await _insert_first_keys()
    await _publish_jwks((await load_ring()).jwks())


async def _insert_first_keys() -> None:
    """One transaction, so that of two provision commands at once one makes all keys, the other none."""
    from azure.data.tables import TableTransactionError

    created = [(role, keys.new_key()) for role in keys.ROLES]
    try:
        await table(SETTING, KEYS).submit_transaction(
            [("create", _key_row(role, key)) for role, key in created]
        )
    except (TableTransactionError, ResourceExistsError):
        if not await read_keys():
            raise


def _key_row(role: str, key: StoredKey) -> dict[str, Any]:
    return {
        "PartitionKey": _KEY_PARTITION,
        "RowKey": role,
        "kid": key.kid,
        "sealed": key.sealed,
        "created_at": key.created_at,
    }


async def _publish_jwks(document: bytes) -> None:
    """Publish the JWKS unless it is what is published: an unchanged blob keeps its ETag."""
    blob = blob_service(published.SETTING).get_blob_client(published.CONTAINER, JWKS_DOCUMENT)
    try:
        if await (await blob.download_blob()).readall() == document:
            return
    except ResourceNotFoundError:
        pass
    await published.publish(JWKS_DOCUMENT, document, "application/jwk-set+json")
