"""What is left of a session after its end, over HTTP and on sockets: nothing, wherever it is tried.

Reference 1.4: after the account is deleted, the password changed or reset, after logging out and after all
sessions were ended, the access token is refused in auth and in chat within two seconds, the refresh token
at once, sockets close, and an address that was negotiated before opens none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import aiohttp
import pytest

from tests.harness.api import Api, User
from tests.harness.mails import mail_to
from tests.harness.stack import Stack
from tests.harness.waiting import until_async

TWO_SECONDS = 2.0
CLOSES = 20.0
NEW_PASSWORD = "another-fine-word 7"
CSRF = {"X-Atrium-CSRF": "1"}


@dataclass(frozen=True)
class Device:
    """A session: its user with its access token, its refresh token, a socket, and the way to another."""

    user: User
    refresh: str
    room: str
    socket: aiohttp.ClientWebSocketResponse
    address: str

    async def is_refused(self, api: Api) -> bool:
        """Whether auth, chat and realtime all refuse the access token."""
        answers = [
            await api.call("GET", "auth/me", self.user),
            await api.call("GET", "auth/sessions", self.user),
            await api.call("GET", "rooms", self.user),
            await api.call("GET", f"rooms/{self.room}/log", self.user),
            await api.call("POST", "realtime/negotiate", self.user),
        ]
        return all(each.status == 401 and each.code == "unauthenticated" for each in answers)


@dataclass(frozen=True)
class Scene:
    """A user with two devices, in a room; and somebody else there."""

    api: Api
    stack: Stack
    phone: Device
    laptop: Device
    stranger: Device


async def device(api: Api, user: User, room: str, sockets: AsyncExitStack) -> Device:
    body = {"email": user.email, "password": user.password}
    signed_in = await api.good("POST", "auth/login", json=body)
    here = replace(user, token=signed_in["access_token"])
    address = (await api.good("POST", "realtime/negotiate", here))["url"]
    socket = await api.session.ws_connect(address, protocols=["json.webpubsub.azure.v1"])
    sockets.push_async_callback(socket.close)
    assert (await socket.receive_json())["event"] == "connected"
    unused = (await api.good("POST", "realtime/negotiate", here))["url"]
    return Device(here, signed_in["refresh_token"], room, socket, unused)


@pytest.fixture
async def scene(api: Api, stack: Stack) -> Any:
    ada, eve = await api.user(), await api.user("Eve")
    room = await api.room(ada, eve)
    async with AsyncExitStack() as sockets:
        devices = [await device(api, each, room, sockets) for each in (ada, ada, eve)]
        yield Scene(api, stack, *devices)


async def gone(api: Api, *devices: Device) -> None:
    """Nothing of these sessions does anything any more."""
    for each in devices:
        answer = await api.call("POST", "auth/refresh", json={"refresh_token": each.refresh})
        assert (answer.status, answer.code) == (401, "invalid_refresh_token")
    async with asyncio.timeout(TWO_SECONDS):
        for each in devices:
            refused = partial(each.is_refused, api)
            await until_async(refused, "the access token is refused", TWO_SECONDS)
    for each in devices:
        await asyncio.wait_for(closed(each.socket), CLOSES)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await api.session.ws_connect(each.address, protocols=["json.webpubsub.azure.v1"])
        assert refusal.value.status == 401
    for each in devices:  # and it stays so
        assert await each.is_refused(api)


async def closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Read on until it is closed."""
    while (await socket.receive()).type not in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
        pass


async def alive(api: Api, each: Device) -> None:
    """Somebody whom it does not concern: everything of his goes on."""
    assert (await api.call("GET", "rooms", each.user)).status == 200
    assert not each.socket.closed
    await api.good("POST", "auth/refresh", json={"refresh_token": each.refresh})


async def signs_in(api: Api, user: User, password: str) -> bool:
    body = {"email": user.email, "password": password}
    answer = await api.call("POST", "auth/login", json=body)
    assert answer.status in {200, 401}, answer
    return answer.status == 200


async def test_after_logging_out(scene: Scene) -> None:
    api, phone = scene.api, scene.phone
    await api.good("POST", "auth/logout", phone.user)
    await gone(api, phone)
    await alive(api, scene.laptop)
    await alive(api, scene.stranger)


async def test_after_one_session_was_ended_from_another(scene: Scene) -> None:
    api, phone = scene.api, scene.phone
    sessions = (await api.good("GET", "auth/sessions", phone.user))["items"]
    current = next(each["id"] for each in sessions if each["current"])
    await api.good("DELETE", f"auth/sessions/{current}", scene.laptop.user)
    await gone(api, phone)
    await alive(api, scene.laptop)


async def test_after_all_sessions_were_ended(scene: Scene) -> None:
    api = scene.api
    await api.good("POST", "auth/sessions/end", scene.phone.user, json={"which": "all"})
    await gone(api, scene.phone, scene.laptop)
    await alive(api, scene.stranger)
    assert await signs_in(api, scene.phone.user, scene.phone.user.password)


async def test_after_the_others_were_ended(scene: Scene) -> None:
    api = scene.api
    await api.good("POST", "auth/sessions/end", scene.laptop.user, json={"which": "others"})
    await gone(api, scene.phone)
    await alive(api, scene.laptop)


async def test_after_the_account_was_deleted(scene: Scene) -> None:
    api, ada = scene.api, scene.phone.user
    answer = await api.good("DELETE", "auth/me", ada)
    assert answer["erase_at"]
    await gone(api, scene.phone, scene.laptop)
    await alive(api, scene.stranger)
    # Signing in has the account back, and none of the sessions before.
    assert await signs_in(api, ada, ada.password)
    for each in (scene.phone, scene.laptop):
        assert await each.is_refused(api)
        refresh = {"refresh_token": each.refresh}
        assert (await api.call("POST", "auth/refresh", json=refresh)).status == 401


async def test_after_the_password_was_changed(scene: Scene) -> None:
    """The device that changed it goes on with what the answer gave, and with nothing before."""
    api, ada = scene.api, scene.laptop.user
    body = {"current_password": ada.password, "new_password": NEW_PASSWORD}
    changed = await api.good("POST", "auth/password/change", ada, json=body)
    await gone(api, scene.phone)
    refused = partial(scene.laptop.is_refused, api)
    await until_async(refused, "its old access token is refused", TWO_SECONDS)
    await alive(api, scene.stranger)
    here = replace(ada, token=changed["access_token"])
    assert (await api.call("GET", "rooms", here)).status == 200
    refresh = {"refresh_token": changed["refresh_token"]}
    assert (await api.call("POST", "auth/refresh", json=refresh)).status == 200
    assert not await signs_in(api, ada, ada.password)
    assert await signs_in(api, ada, NEW_PASSWORD)


async def test_after_the_password_was_reset(scene: Scene) -> None:
    api, ada = scene.api, scene.phone.user
    await api.good("POST", "auth/password/forgot", json={"email": ada.email})
    token = (await mail_to(scene.stack, ada.email, "new password")).token
    body = {"token": token, "new_password": NEW_PASSWORD}
    await api.good("POST", "auth/password/reset", json=body)
    await gone(api, scene.phone, scene.laptop)
    await alive(api, scene.stranger)
    again = await api.call("POST", "auth/password/reset", json=body)
    assert (again.status, again.code) == (400, "invalid_code")
    assert not await signs_in(api, ada, ada.password)
    assert await signs_in(api, ada, NEW_PASSWORD)


async def test_after_a_stolen_refresh_token_came_back(scene: Scene) -> None:
    api, phone = scene.api, scene.phone
    newest = phone.refresh
    for _ in range(2):
        answer = await api.good("POST", "auth/refresh", json={"refresh_token": newest})
        newest = answer["refresh_token"]
    stolen = await api.call("POST", "auth/refresh", json={"refresh_token": phone.refresh})
    assert stolen.code == "refresh_token_reused"
    await gone(api, replace(phone, refresh=newest))
    await alive(api, scene.laptop)


Ending = Callable[[Api, User], Awaitable[Any]]

ENDINGS: dict[str, Ending] = {
    "delete": lambda api, user: api.good("DELETE", "auth/me", user),
    "logout": lambda api, user: api.good("POST", "auth/logout", user),
    "end-all": lambda api, user: api.good("POST", "auth/sessions/end", user, json={"which": "all"}),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_session_in_a_cookie_ends_as_well(api: Api, ending: str) -> None:
    ada = await api.user()
    body = {"email": ada.email, "password": ada.password, "session": "cookie"}
    answer = await api.call("POST", "auth/login", json=body, headers=CSRF)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    headers = {**CSRF, "Cookie": cookie}
    await ENDINGS[ending](api, replace(ada, token=answer.body["access_token"]))
    answer = await api.call("POST", "auth/refresh", json={}, headers=headers)
    assert (answer.status, answer.code) == (401, "invalid_refresh_token")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("ending", ENDINGS)
async def test_refreshing_while_it_ends_saves_no_session(api: Api, ending: str) -> None:
    """A race that the thief could try to win: whatever it gave him is worth nothing after the end."""
    ada = await api.user()
    body = {"email": ada.email, "password": ada.password}
    signed_in = await api.good("POST", "auth/login", json=body)
    here = replace(ada, token=signed_in["access_token"])
    token = {"refresh_token": signed_in["refresh_token"]}
    racing = [api.call("POST", "auth/refresh", json=token) for _ in range(6)]
    *answers, _ = await asyncio.gather(*racing, ENDINGS[ending](api, here))
    won = {each.body["refresh_token"]: each for each in answers if each.status == 200}
    assert {each.status for each in answers} <= {200, 401}
    for each, answer in won.items():
        late = await api.call("POST", "auth/refresh", json={"refresh_token": each})
        assert (late.status, late.code) == (401, "invalid_refresh_token")
        thief = replace(ada, token=answer.body["access_token"])
        refused = partial(_is_401, api, thief)
        await until_async(refused, "what it gave is refused", TWO_SECONDS)


async def _is_401(api: Api, user: User) -> bool:
    answers = [await api.call("GET", path, user) for path in ("auth/me", "rooms")]
    return all(each.status == 401 for each in answers)


async def test_signing_in_with_the_old_password_while_it_changes_opens_nothing_that_lasts(
    api: Api,
) -> None:
    ada = await api.user()
    body = {"current_password": ada.password, "new_password": NEW_PASSWORD}
    login = {"email": ada.email, "password": ada.password}
    racing = [api.call("POST", "auth/login", json=login) for _ in range(5)]
    *answers, _ = await asyncio.gather(
        *racing, api.good("POST", "auth/password/change", ada, json=body)
    )
    for answer in answers:
        assert answer.status in {200, 401, 409, 503}, answer
        if answer.status != 200:
            continue
        token = {"refresh_token": answer.body["refresh_token"]}
        late = await api.call("POST", "auth/refresh", json=token)
        assert late.status == 401
        thief = replace(ada, token=answer.body["access_token"])
        await until_async(partial(_is_401, api, thief), "it is over", TWO_SECONDS)
