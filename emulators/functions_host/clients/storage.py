"""Signed requests to a storage account over one shared HTTP session.

Invariant: every failure is a `StorageError` with the service's status and code, so that callers
decide by code and never by text.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from emulators.functions_host.clients.account import Account
from emulators.functions_host.clients.identity import IdentityError

NOT_FOUND = 404
CONFLICT = 409
_FIRST_ERROR = 400


class StorageError(Exception):
    """The service refused, or could not be reached (status 0)."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}" if status else code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered."""

    headers: Mapping[str, str]
    body: bytes


class StorageClient:
    """Sends requests to one service of one account."""

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        self._session = session
        self._account = account

    @property
    def endpoint(self) -> str:
        """The address of the service."""
        return self._account.endpoint

    async def request(
        self,
        method: str,
        path: str,
        query: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request, path and query already escaped.

        Raises:
            StorageError: for any answer from 400 up, and when there is no answer.
        """
        url = self._account.url(path, query)
        extra = {
            "content-type": "application/octet-stream",
            "content-length": str(len(body)),
            **(headers or {}),
        }
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=await self._account.headers(method, url, extra),
                data=body or None,
            ) as answer:
                content = await answer.read()
        except IdentityError as error:
            raise StorageError(0, str(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise StorageError(0, f"{type(error).__name__}: {error}") from error
        if answer.status >= _FIRST_ERROR:
            code = answer.headers.get("x-ms-error-code") or content.decode(errors="replace")
            raise StorageError(answer.status, code)
        return Answer(answer.headers, content)
