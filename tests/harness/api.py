"""Atrium's API and frames, as tests call them: every answer with its status, frames as they come.

Invariant: users and rooms are made new for each test, so tests can share a stack.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from azure.messaging.webpubsubclient.aio import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    OnGroupDataMessageArgs,
    OnServerDataMessageArgs,
)
from multidict import CIMultiDict


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, its body parsed when it is JSON."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.body["code"])


@dataclass(frozen=True)
class User:
    """A registered user."""

    id: str
    email: str
    password: str
    token: str


class Api:
    """The API of one stack."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def call(
        self, method: str, path: str, user: User | None = None, **options: Any
    ) -> Answer:
        """The answer to one request; `options` are aiohttp's (json, data, headers, params)."""
        headers = CIMultiDict(options.pop("headers", {}))
        if user:
            headers.setdefault("Authorization", f"Bearer {user.token}")
        url = f"{self.url}/api/{path}"
        async with self.session.request(method, url, headers=headers, **options) as answer:
            is_json = "json" in answer.content_type
            body = await (answer.json(content_type=None) if is_json else answer.text())
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, body)

    async def good(self, method: str, path: str, user: User | None = None, **options: Any) -> Any:
        """The body of an answer that must be good."""
        answer = await self.call(method, path, user, **options)
        assert 200 <= answer.status < 300, answer
        return answer.body

    async def user(self, name: str = "Ada") -> User:
        """A new user."""
        email = f"{name.lower()}-{secrets.token_hex(6)}@example.com"
        password = secrets.token_urlsafe(16)
        body = {"email": email, "password": password, "display_name": name}
        answer = await self.good("POST", "auth/register", json=body)
        return User(answer["user"]["id"], email, password, answer["access_token"])

    async def room(self, owner: User, *members: User, kind: str = "public") -> str:
        """The id of a new room, joined by its members."""
        room = await self.good("POST", "rooms", owner, json={"name": "Room", "kind": kind})
        for member in members:
            await self.good("POST", f"rooms/{room['id']}/join", member)
        return str(room["id"])

    async def send(self, user: User, room_id: str, text: str, **fields: Any) -> Any:
        """A message that was accepted."""
        body = {"text": text, **fields}
        return await self.good("POST", f"rooms/{room_id}/messages", user, json=body)

    async def log(self, user: User, room_id: str) -> list[Any]:
        """The whole log of a room, page by page."""
        entries: list[Any] = []
        params: dict[str, str] = {"limit": "150"}
        while True:
            page = await self.good("GET", f"rooms/{room_id}/log", user, params=params)
            entries += page["items"]
            if page["next"] is None:
                return entries
            params["cursor"] = page["next"]

    @asynccontextmanager
    async def listening(self, user: User) -> AsyncIterator["Ear"]:
        """What a user hears through the official client."""

        async def address() -> str:
            return str((await self.good("POST", "realtime/negotiate", user))["url"])

        ear = Ear()
        client = WebPubSubClient(WebPubSubClientCredential(address))
        await client.subscribe(CallbackType.GROUP_MESSAGE, ear.hear)
        await client.subscribe(CallbackType.SERVER_MESSAGE, ear.hear)
        async with client:
            yield ear


@dataclass
class Ear:
    """The frames that arrived, in their order: of groups, and of what is for this user alone."""

    frames: list[Any] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, message: OnGroupDataMessageArgs | OnServerDataMessageArgs) -> None:
        """Take one frame."""
        self.frames.append(message.data)
        self._news.set()

    def seqs(self, room_id: str) -> list[int]:
        """The seqs that arrived of one room."""
        return [frame["seq"] for frame in self.frames if frame.get("room_id") == room_id]

    async def frames_of(self, room_id: str, wanted: Iterable[int], limit: float) -> None:
        """Wait until the frames of all these seqs have arrived, in whatever order, however often."""
        missing = set(wanted)
        try:
            async with asyncio.timeout(limit):
                while missing := missing - set(self.seqs(room_id)):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            raise AssertionError(f"no frames of {sorted(missing)} within {limit:.0f} s") from error

    async def frame(self, room_id: str, seq: int, limit: float = 10.0) -> Any:
        """The frame of one entry, waited for."""
        async with asyncio.timeout(limit):
            while seq not in self.seqs(room_id):
                self._news.clear()
                await self._news.wait()
        return next(f for f in self.frames if (f.get("room_id"), f.get("seq")) == (room_id, seq))

    async def workspace_frame(self, workspace_id: str, seq: int, limit: float = 10.0) -> Any:
        """The frame of one change of a workspace, waited for."""

        def heard() -> Any:
            wanted = (workspace_id, seq)
            found = [f for f in self.frames if (f.get("workspace_id"), f.get("seq")) == wanted]
            return found[0] if found else None

        async with asyncio.timeout(limit):
            while (frame := heard()) is None:
                self._news.clear()
                await self._news.wait()
        return frame

    def changes(self, item_id: str) -> list[Any]:
        """The frames of a file or folder, each change of it once: a frame may come again."""
        of_it = [each for each in self.frames if each.get("item", {}).get("id") == item_id]
        return list({(each["type"], each["item"]["etag"]): each for each in of_it}.values())

    async def changes_until(self, item_id: str, last: str, limit: float = 20.0) -> list[Any]:
        """The frames of a file or folder up to one of this type, waited for."""
        async with asyncio.timeout(limit):
            while last not in (types := [each["type"] for each in self.changes(item_id)]):
                self._news.clear()
                await self._news.wait()
        return self.changes(item_id)[: types.index(last) + 1]


async def until_sent(api: Api, user: User, room_id: str, body: dict[str, object]) -> int:
    """The seq of a message, repeated as it is until it is accepted, as a client would."""
    path = f"rooms/{room_id}/messages"
    answer = await until_good(api, "POST", path, user, json=body)
    return int(answer.body["seq"])


async def until_good(api: Api, method: str, path: str, user: User, **options: Any) -> Answer:
    """A good answer to a request that is safe to repeat, repeated while the service fails."""
    while True:
        try:
            answer = await api.call(method, path, user, **options)
        except aiohttp.ClientError:
            continue
        if answer.status < 300:
            return answer
        assert answer.status in {500, 503}, answer
