"""Addresses for strangers: shared access signatures, each for one blob, one use and some minutes.

Where the app has an identity they are signed with a user delegation key, elsewhere with the account key.
Invariant: nobody is given a right to list, to delete, to set tags or to another blob.

`FILES_STORE_CAPABILITIES` says what the store can do, parted by commas; by default all that Azure can:
`create_blocks`: with the permission to create alone one may put blocks (Azure from REST version 2026-04-06;
Azurite wants the permission to write for it, and with that one can fill a grave: blobs.py).
"""

import asyncio
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from functions.files.store.tables import CONTENT, QUARANTINE, SETTING
from shared_code.clock import utcnow
from shared_code.errors import InvalidSetting
from shared_code.settings import optional_setting
from shared_code.storage import blob_service

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.storage.blob import UserDelegationKey

CAPABILITIES = "FILES_STORE_CAPABILITIES"
_ALL = frozenset({"create_blocks"})
_NONE = "none"
# Entra's keys hold for seven days at most; one that is used for an hour never ends while it signs.
_KEY_LIFE = timedelta(hours=24)
_KEY_USE = timedelta(hours=1)
_SKEW = timedelta(minutes=15)


def capabilities() -> frozenset[str]:
    """What the store can do. Raises InvalidSetting."""
    text = optional_setting(CAPABILITIES)
    if text is None:
        return _ALL
    named = frozenset(each.strip() for each in text.split(",")) - {"", _NONE}
    if named - _ALL:
        raise InvalidSetting(CAPABILITIES)
    return named


async def upload_url(blob: str, until: datetime) -> str:
    """An address to upload one blob of the quarantine, block by block or whole.

    No round trip; one an hour where the app has an identity.
    """
    permission = "c" if "create_blocks" in capabilities() else "cw"
    return await _signed(QUARANTINE, blob, permission, until)


async def read_url(blob: str, until: datetime, disposition: str, content_type: str) -> str:
    """An address to read one blob, which is served under this type and disposition.

    No round trip; one an hour where the app has an identity.
    """
    return await _signed(
        CONTENT,
        blob,
        "r",
        until,
        content_disposition=disposition,
        content_type=content_type,
        cache_control="private, no-store",
    )


async def _signed(
    container: str, blob: str, permission: str, until: datetime, **response: Any
) -> str:
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas

    service = blob_service(SETTING)
    if service.account_name is None:
        raise InvalidSetting(SETTING)
    client = service.get_blob_client(container, blob)
    signature = generate_blob_sas(
        service.account_name,
        container,
        blob,
        permission=BlobSasPermissions.from_string(permission),
        expiry=until,
        protocol="https" if client.url.startswith("https:") else "https,http",
        **await _key(),
        **response,
    )
    return f"{client.url}?{signature}"


async def _key() -> dict[str, Any]:
    """What signs: the account's key where the setting holds one, else Entra's for this app."""
    account_key = getattr(blob_service(SETTING).credential, "account_key", None)
    if account_key:
        return {"account_key": account_key}
    return {"user_delegation_key": await _delegated().get()}


class _DelegationKey:
    """The key of this process, asked for once an hour."""

    def __init__(self) -> None:
        self._key: UserDelegationKey | None = None
        self._old_at = utcnow()
        self._lock = asyncio.Lock()

    async def get(self) -> "UserDelegationKey":
        async with self._lock:
            now = utcnow()
            if self._key is None or now >= self._old_at:
                service = blob_service(SETTING)
                self._key = await service.get_user_delegation_key(now - _SKEW, now + _KEY_LIFE)
                self._old_at = now + _KEY_USE
            return self._key


@cache
def _delegated() -> _DelegationKey:
    return _DelegationKey()
