"""A small client of Atrium's API, and of its frames through the official Web PubSub client.

It finds the running stack in `.local/endpoints.json`, or in the file that ATRIUM_ENDPOINTS names.
"""

import json
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from azure.messaging.webpubsubclient.aio import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.models import CallbackType, OnGroupDataMessageArgs

# The official client warns when it is closed while connected, which is what we do.
logging.getLogger("azure.messaging.webpubsubclient").setLevel(logging.ERROR)

type OnFrame = Callable[[dict[str, Any], float], None]


def endpoints() -> dict[str, Any]:
    """Where the running stack is. Raises SystemExit with what to do when there is none."""
    path = Path(os.environ.get("ATRIUM_ENDPOINTS", ".local/endpoints.json"))
    if not path.exists():
        raise SystemExit(f"No stack is running ({path} is missing). Start one with: make run")
    found: dict[str, Any] = json.loads(path.read_text())
    if not _is_alive(found["pid"]):
        raise SystemExit(
            f"No stack is running ({path} is of one that died). Start one with: make run"
        )
    return found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


@dataclass(frozen=True)
class User:
    """A registered user and his access token."""

    id: str
    display_name: str
    token: str


class Atrium:
    """The API, as a program would call it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def call(
        self,
        method: str,
        path: str,
        token: str = "",
        /,
        headers: dict[str, str] | None = None,
        **body: Any,
    ) -> Any:
        """The JSON answer of one call. Raises RuntimeError with the problem for any other status."""
        headers = (headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        json_body = body if method == "POST" else None
        async with self._session.request(
            method, f"{self._url}/api/{path}", json=json_body, headers=headers
        ) as answer:
            text = await answer.text()
            if not answer.ok:
                raise RuntimeError(f"{method} {path}: {answer.status} {text}")
            return json.loads(text) if text else None

    async def register(self, name: str) -> User:
        """A new user with an address that nobody has."""
        email = f"{name.lower()}-{secrets.token_hex(6)}@example.com"
        answer = await self.call(
            "POST",
            "auth/register",
            email=email,
            password=secrets.token_urlsafe(16),
            display_name=name,
        )
        return User(answer["user"]["id"], name, answer["access_token"])

    async def room(self, owner: User, *members: User) -> str:
        """The id of a new public room that the members have joined."""
        room = await self.call("POST", "rooms", owner.token, name="Bench", kind="public")
        for member in members:
            await self.call("POST", f"rooms/{room['id']}/join", member.token)
        return str(room["id"])

    async def send(self, user: User, room_id: str, text: str) -> Any:
        """The message that was sent."""
        return await self.call("POST", f"rooms/{room_id}/messages", user.token, text=text)

    @asynccontextmanager
    async def listening(self, user: User, on_frame: OnFrame) -> AsyncIterator[None]:
        """Hear the user's frames through the official client, each with the time of its arrival."""

        async def address() -> str:
            return str((await self.call("POST", "realtime/negotiate", user.token))["url"])

        async def heard(message: OnGroupDataMessageArgs) -> None:
            on_frame(message.data, time.perf_counter())

        client = WebPubSubClient(WebPubSubClientCredential(address))
        await client.subscribe(CallbackType.GROUP_MESSAGE, heard)
        async with client:
            yield


@asynccontextmanager
async def atrium(connections: int = 100) -> AsyncIterator[Atrium]:
    """The API of the running stack."""
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Atrium(session, endpoints()["functions"])
