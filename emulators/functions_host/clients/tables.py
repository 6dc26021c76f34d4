"""Tables: query entities, insert them by transactions; just what the table bindings need.

Invariant: a table that does not exist is empty when read, and made when something is written to it.
"""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from emulators.functions_host.clients.storage import (
    CONFLICT,
    NOT_FOUND,
    Answer,
    StorageClient,
    StorageError,
)

type Entity = dict[str, Any]

_JSON = "application/json"
_HEADERS = {"accept": "application/json;odata=minimalmetadata", "dataserviceversion": "3.0"}
_FIRST_ERROR = 400
MOST_IN_TRANSACTION = 100


class TableClient:
    """One table."""

    def __init__(self, storage: StorageClient, name: str) -> None:
        self.name = name
        self._storage = storage

    async def query(self, condition: str, take: int) -> AsyncIterator[Entity]:
        """Go through the entities that meet an OData condition, page by page.

        Raises:
            StorageError: if the condition is malformed or the service cannot be reached.
        """
        first = f"$filter={quote(condition, safe='')}" if condition else ""
        first += f"{'&' if first else ''}$top={take}" if take else ""
        following = ""
        while True:
            query = "&".join(part for part in (first, following) if part)
            try:
                answer = await self._storage.request("GET", f"{self.name}()", query, b"", _HEADERS)
            except StorageError as error:
                if error.status == NOT_FOUND:
                    return
                raise
            for entity in json.loads(answer.body)["value"]:
                yield entity
            if not (following := _continuation(answer)):
                return

    async def insert(self, entities: list[Entity]) -> None:
        """Insert entities of one partition, all or none; the table is made when it is missing."""
        try:
            await self._transaction(entities)
        except StorageError as error:
            if error.status != NOT_FOUND:
                raise
            await self._create()
            await self._transaction(entities)

    async def _create(self) -> None:
        headers = {**_HEADERS, "content-type": _JSON}
        body = json.dumps({"TableName": self.name}).encode()
        try:
            await self._storage.request("POST", "Tables", "", body, headers)
        except StorageError as error:
            # Another writer may have made it in between.
            if error.status != CONFLICT:
                raise

    async def _transaction(self, entities: list[Entity]) -> None:
        if len(entities) == 1:
            headers = {**_HEADERS, "content-type": _JSON, "prefer": "return-no-content"}
            body = json.dumps(entities[0]).encode()
            await self._storage.request("POST", self.name, "", body, headers)
            return
        batch = f"batch_{uuid.uuid4()}"
        headers = {**_HEADERS, "content-type": f"multipart/mixed; boundary={batch}"}
        body = self._changes(batch, entities).encode()
        answer = await self._storage.request("POST", "$batch", "", body, headers)
        _raise_inner(answer.body.decode(errors="replace"))

    def _changes(self, batch: str, entities: list[Entity]) -> str:
        changes = f"changeset_{uuid.uuid4()}"
        lines = [f"--{batch}", f"Content-Type: multipart/mixed; boundary={changes}", ""]
        for entity in entities:
            lines += [
                f"--{changes}",
                "Content-Type: application/http",
                "Content-Transfer-Encoding: binary",
                "",
                f"POST {self._storage.endpoint}/{self.name} HTTP/1.1",
                f"Content-Type: {_JSON}",
                "Accept: application/json;odata=minimalmetadata",
                "Prefer: return-no-content",
                "DataServiceVersion: 3.0",
                "",
                json.dumps(entity),
            ]
        return "\r\n".join([*lines, f"--{changes}--", f"--{batch}--", ""])


def _continuation(answer: Answer) -> str:
    pairs = (
        (name, answer.headers.get(f"x-ms-continuation-{name}"))
        for name in ("NextPartitionKey", "NextRowKey")
    )
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs if value)


def _raise_inner(text: str) -> None:
    """A transaction that failed is answered 202, with the failure inside."""
    for line in text.splitlines():
        if line.startswith("HTTP/1.1 ") and int(line.split()[1]) >= _FIRST_ERROR:
            code = (
                text[text.find('"code":"') + 8 :].partition('"')[0] if '"code":"' in text else line
            )
            raise StorageError(int(line.split()[1]), code)
