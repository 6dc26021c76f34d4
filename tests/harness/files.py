"""Files as a client uses them: begin, upload by the address, complete, wait for the verdict, download.

Invariant: bytes go to the address that the API gave, with plain HTTP, as a browser or curl would send them.
"""

import asyncio
import base64
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.harness.api import Answer, Api, User
from tests.harness.waiting import until_async

TEXT = "text/plain"
_LARGE = 1024 * 1024  # aiohttp warns of more in one piece


def promised(content: bytes, content_type: str = TEXT) -> dict[str, Any]:
    """What a client says of its content beforehand."""
    digest = hashlib.sha256(content).hexdigest()
    return {"size": len(content), "sha256": digest, "content_type": content_type}


@dataclass(frozen=True)
class Stored:
    """The store's answer to a request of a client."""

    status: int
    code: str | None
    headers: dict[str, str]
    body: bytes


class Files:
    """The files of a stack."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def begin(
        self, user: User, content: bytes, name: str = "note.txt", **fields: Any
    ) -> Answer:
        """The answer to a new file of this content; `fields` are those of the body that differ."""
        body = {"name": name, **promised(content), **fields}
        return await self.api.call("POST", "files", user, json=body)

    async def begun(
        self, user: User, content: bytes, name: str = "note.txt", **fields: Any
    ) -> dict[str, Any]:
        """A new file and its upload."""
        answer = await self.begin(user, content, name, **fields)
        assert answer.status == 201, answer
        body: dict[str, Any] = answer.body
        return body

    async def ask(self, method: str, url: str, **options: Any) -> Stored:
        """One request to the store."""
        if isinstance(data := options.get("data"), bytes) and len(data) > _LARGE:
            options["data"] = io.BytesIO(data)
        async with self.api.session.request(method, url, **options) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            code = headers.get("x-ms-error-code")
            return Stored(answer.status, code, headers, await answer.read())

    async def put(self, upload: dict[str, Any], content: bytes) -> Stored:
        """Upload all at once."""
        return await self.ask("PUT", upload["url"], data=content, headers=upload["headers"])

    async def put_block(self, upload: dict[str, Any], number: int, content: bytes) -> Stored:
        """Upload one block."""
        url = f"{upload['url']}&comp=block&blockid={quote(block_id(number))}"
        return await self.ask("PUT", url, data=content)

    async def commit(self, upload: dict[str, Any], numbers: Iterable[int]) -> Stored:
        """Commit blocks in this order."""
        named = "".join(f"<Latest>{block_id(each)}</Latest>" for each in numbers)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{named}</BlockList>'
        return await self.ask("PUT", f"{upload['url']}&comp=blocklist", data=body.encode())

    async def put_blocks(self, upload: dict[str, Any], content: bytes, size: int) -> Stored:
        """Upload in parallel blocks, and commit them."""
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        puts = (self.put_block(upload, number, piece) for number, piece in enumerate(pieces))
        for answer in await asyncio.gather(*puts):
            assert answer.status == 201, answer
        return await self.commit(upload, range(len(pieces)))

    async def complete(self, user: User, file_id: str) -> Answer:
        """Say that the bytes are there."""
        return await self.api.call("POST", f"files/{file_id}/complete", user)

    async def get(self, user: User, item_id: str) -> dict[str, Any]:
        """An item."""
        body: dict[str, Any] = await self.api.good("GET", f"files/{item_id}", user)
        return body

    async def settled(self, user: User, file_id: str, limit: float = 30.0) -> dict[str, Any]:
        """A file once there is a verdict on what was uploaded last."""

        async def verdict() -> dict[str, Any] | None:
            item = await self.get(user, file_id)
            open_ = item["upload"] and item["upload"]["state"] in {"pending", "checking"}
            return None if open_ else item

        found = await until_async(verdict, f"{file_id} is checked", limit)
        assert found is not None
        return found

    async def upload(
        self, user: User, content: bytes, name: str = "note.txt", **fields: Any
    ) -> dict[str, Any]:
        """A file of this content after its check, whatever the verdict."""
        begun = await self.begun(user, content, name, **fields)
        return await self.finish(user, begun, content)

    async def finish(self, user: User, begun: dict[str, Any], content: bytes) -> dict[str, Any]:
        """Upload what was begun, complete it, and wait for the verdict."""
        assert (await self.put(begun["upload"], content)).status == 201
        answer = await self.complete(user, begun["file"]["id"])
        assert answer.status == 202, answer
        return await self.settled(user, begun["file"]["id"])

    async def available(
        self, user: User, content: bytes = b"hello", name: str = "note.txt", **fields: Any
    ) -> dict[str, Any]:
        """A file of this content that was accepted."""
        item = await self.upload(user, content, name, **fields)
        assert item["state"] == "available", item
        return item

    async def folder(self, user: User, name: str, **fields: Any) -> dict[str, Any]:
        """A new folder."""
        body = {"name": name, **fields}
        made: dict[str, Any] = await self.api.good("POST", "folders", user, json=body)
        return made

    async def download(self, user: User, file_id: str, **params: str) -> Answer:
        """The answer to a wish for an address."""
        return await self.api.call("GET", f"files/{file_id}/download", user, params=params)

    async def content(self, user: User, file_id: str, **params: str) -> Stored:
        """What the store gives by the address for a file."""
        answer = await self.download(user, file_id, **params)
        assert answer.status == 200, answer
        return await self.ask("GET", answer.body["url"])

    async def names(self, user: User, **params: str) -> list[str]:
        """The names of a list, page by page."""
        found: list[str] = []
        while True:
            page = await self.api.good("GET", "files", user, params=params)
            found += [each["name"] for each in page["items"]]
            if page["next"] is None:
                return found
            params["cursor"] = page["next"]


def block_id(number: int) -> str:
    """A block's id, as the store wants it."""
    return base64.b64encode(f"{number:06d}".encode()).decode()
