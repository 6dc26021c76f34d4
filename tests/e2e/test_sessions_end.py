"""A session ends everywhere: its tokens in every service within two seconds, and its sockets."""

import asyncio
from functools import partial
from typing import Any

import aiohttp
import pytest

from functions.auth.events import sessions_ended
from tests.harness.api import Api, User
from tests.harness.bus import bus, publish
from tests.harness.stack import Stack
from tests.harness.waiting import until_async

TWO_SECONDS = 2.0


async def another_session(api: Api, user: User) -> tuple[User, dict[str, Any]]:
    """The user on another device, and what signing in gave."""
    body = {"email": user.email, "password": user.password}
    answer = await api.good("POST", "auth/login", json=body)
    return User(user.id, user.email, user.password, answer["access_token"]), answer


async def opened(
    api: Api, user: User, session: aiohttp.ClientSession
) -> aiohttp.ClientWebSocketResponse:
    """A socket of the user's session, which has said that it is connected."""
    url = (await api.good("POST", "realtime/negotiate", user))["url"]
    socket = await session.ws_connect(url, protocols=["json.webpubsub.azure.v1"])
    assert (await socket.receive_json())["event"] == "connected"
    return socket


async def is_refused(api: Api, path: str, user: User) -> bool:
    return (await api.call("GET", path, user)).status == 401


async def test_logging_out_ends_the_token_in_every_service_and_closes_the_sockets(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    phone, _ = await another_session(api, ada)
    address = (await api.good("POST", "realtime/negotiate", phone))["url"]
    async with aiohttp.ClientSession() as session:
        theirs, mine = await opened(api, phone, session), await opened(api, ada, session)
        await api.good("POST", "auth/logout", phone)
        async with asyncio.timeout(TWO_SECONDS):
            for path in ("auth/me", "rooms", f"rooms/{room_id}/log"):
                await until_async(partial(is_refused, api, path, phone), path, TWO_SECONDS)
        message = await asyncio.wait_for(theirs.receive(), 10)
        while message.type is aiohttp.WSMsgType.TEXT:  # a word that it is being disconnected
            message = await asyncio.wait_for(theirs.receive(), 10)
        assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
        assert not mine.closed
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(address, protocols=["json.webpubsub.azure.v1"])
        assert refused.value.status == 401
        assert (await api.call("GET", "rooms", ada)).status == 200
        await mine.close()


async def test_what_is_committed_and_not_published_is_published_by_the_event(
    api: Api, stack: Stack
) -> None:
    """A process that died between commit and publishing: the event alone must end the token."""
    ada = await api.user()
    phone, signed_in = await another_session(api, ada)
    sessions = (await api.good("GET", "auth/sessions", phone))["items"]
    current = next(each["id"] for each in sessions if each["current"])
    assert signed_in["refresh_token"]
    async with bus(stack) as client:
        event = sessions_ended(ada.id, [current], None).model_dump(mode="json")
        await publish(client, event, ada.id)
    await until_async(lambda: is_refused(api, "rooms", phone), "the event ends the token", 20)
    assert (await api.call("GET", "rooms", ada)).status == 200
