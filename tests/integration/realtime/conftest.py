"""Realtime on a real Azurite and a Web PubSub emulator, with clients that really listen.

Clients and caches live as long as a process, a test's event loop does not: each test starts and ends
without any.
"""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from functions.realtime import commands, store
from shared_code import live
from shared_code.ids import new_id
from shared_code.storage import close_all
from tests.integration.chat.rooms import actor, user
from tests.integration.web_pubsub.harness import Emulator

SUBPROTOCOL = "json.webpubsub.azure.v1"
LIMIT = 10


@pytest.fixture(scope="session")
def hub_process() -> Iterator[Emulator]:
    running = Emulator()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
async def _provisioned(azurite: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv(store.SETTING, azurite)
    await close_all()
    await store.provision()
    yield
    await close_all()


@pytest.fixture
async def hub(hub_process: Emulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    monkeypatch.setenv(live.SETTING, hub_process.connection_string)
    live.service.cache_clear()
    yield hub_process
    await live.service().close()
    live.service.cache_clear()


class Listener:
    """One connection of a user, opened at a negotiated address, and what it hears."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.connection_id = ""
        self._session = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def open(self) -> None:
        connection = await commands.negotiate(actor(self.user_id))
        self._socket = await self._session.ws_connect(connection.url, protocols=[SUBPROTOCOL])
        self.connection_id = (await self._next())["connectionId"]

    async def close(self) -> None:
        if self._socket:
            await self._socket.close()
        await self._session.close()

    async def _next(self) -> dict[str, str]:
        assert self._socket
        found: dict[str, str] = await self._socket.receive_json(timeout=LIMIT)
        return found

    async def hears(self, room_id: str) -> bool:
        """Whether something said to the room's group arrives, before what is said to its user next."""
        said, marker = new_id("said"), new_id("marker")
        await live.service().send_to_group(
            live.room_group(room_id), said, content_type="text/plain"
        )
        await live.service().send_to_user(self.user_id, marker, content_type="text/plain")
        heard = False
        while (data := (await self._next()).get("data")) != marker:
            heard = heard or data == said
        return heard


@pytest.fixture
async def listener(hub: Emulator) -> AsyncIterator[Listener]:
    """A connected user that no other test knows."""
    assert hub.url
    opened = Listener(user())
    await opened.open()
    yield opened
    await opened.close()
