"""What happens before the upgrade, and which subprotocol comes out of it."""

import asyncio
import time
from typing import Any

import jwt
import pytest

from tests.integration.web_pubsub.harness import JSON, KEY, RELIABLE, Clients, Emulator

BAD_KEY = (
    b"GET /client/hubs/h HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: !\r\n\r\n"
)


def token(emulator: Emulator, hub: str, key: str = KEY, **changes: Any) -> str:
    claims = {"aud": f"{emulator.url}/client/hubs/{hub}", "exp": time.time() + 60} | changes
    return jwt.encode(claims, key, algorithm="HS256")


def endpoint(emulator: Emulator, hub: str, query: str = "") -> str:
    return f"{emulator.url}/client/hubs/{hub}?{query}"


async def test_a_missing_or_bad_token_is_refused_before_the_upgrade(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    bad = [
        "",
        "garbage",
        token(emulator, hub, key="k" * 40),
        token(emulator, hub, exp=time.time() - 400),
        token(emulator, hub, aud=f"{emulator.url}/client/hubs/other"),
        token(emulator, hub, aud=f"{emulator.url}/api/hubs/{hub}"),
        token(emulator, hub, aud="http://elsewhere/client/hubs/" + hub),
    ]
    for each in bad:
        assert await clients.refusal(endpoint(emulator, hub, f"access_token={each}")) == 401


async def test_the_token_may_come_in_the_header_and_the_hub_in_the_query(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    headers = {"Authorization": f"Bearer {token(emulator, hub)}"}
    for url in (endpoint(emulator, hub), f"{emulator.url}/client/?hub={hub}"):
        async with clients.session.ws_connect(url, headers=headers) as socket:
            assert not socket.closed


async def test_the_audience_is_compared_in_any_case_and_for_any_loopback_name(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    upper = token(emulator, hub, aud=f"WS://LOCALHOST:{emulator.port}/CLIENT/HUBS/{hub.upper()}")
    url = f"ws://127.0.0.1:{emulator.port}/client/hubs/{hub}?access_token={upper}"
    await clients.open_url(url)


async def test_a_request_that_is_no_websocket_is_a_400(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    good = token(emulator, hub)
    async with clients.session.get(endpoint(emulator, hub, f"access_token={good}")) as response:
        assert response.status == 400


async def test_bad_names_are_a_400(emulator: Emulator, hub: str, clients: Clients) -> None:
    for bad_hub in ("1hub", "a-b", "%20", "x" * 129):
        assert await clients.refusal(endpoint(emulator, bad_hub)) == 400
    assert await clients.refusal(f"{emulator.url}/client/") == 400
    bad_group = token(emulator, hub, **{"webpubsub.group": " "})
    assert await clients.refusal(endpoint(emulator, hub, f"access_token={bad_group}")) == 400


@pytest.mark.parametrize(
    "mode", ["webpubsub_mode=", "webpubsub_mode=x", "webpubsub_mode=sendToGroup"]
)
async def test_an_empty_or_unknown_raw_mode_is_rejected_before_the_upgrade(
    clients: Clients, mode: str
) -> None:
    assert await clients.refusal(clients.url(query=mode)) == 400


async def test_an_unsupported_subprotocol_is_not_selected(clients: Clients) -> None:
    socket = await clients.open(("mine", "mqtt"))
    assert socket.raw.protocol is None


async def test_negotiation_ignores_case_and_echoes_the_clients_spelling(clients: Clients) -> None:
    socket = await clients.open(("mine", JSON.upper(), RELIABLE))
    assert socket.raw.protocol == JSON.upper()
    assert (await socket.receive())["event"] == "connected"


async def test_the_json_subprotocol_receives_a_connected_message(clients: Clients) -> None:
    _, connected = await clients.connect(user_id="ann")
    assert connected.pop("connectionId")
    assert connected == {"type": "system", "event": "connected", "userId": "ann"}


async def test_the_reliable_subprotocol_receives_a_reconnection_token(clients: Clients) -> None:
    _, connected = await clients.connect(RELIABLE)
    assert connected["userId"] is None
    assert connected["reconnectionToken"]


async def test_health_is_answered_and_unknown_paths_are_not_found(
    emulator: Emulator, clients: Clients
) -> None:
    async with clients.session.head(f"{emulator.url}/api/health") as response:
        assert response.status == 200
    async with clients.session.get(f"{emulator.url}/elsewhere") as response:
        assert response.status == 404


async def test_hubs_are_the_same_in_any_case(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    url = clients.url(hub=hub.upper(), user_id="ann")
    await (await clients.open_url(url, (JSON,))).receive()
    with emulator.service(hub) as service:
        assert service.user_exists("ann")


async def test_hostile_http_is_answered_without_a_500(emulator: Emulator) -> None:
    hostile = [
        b"GET /client/hubs/h HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        BAD_KEY,
        b"GET /client/hubs/%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HEAD /api/hubs/%ff/users/%00 HTTP/1.1\r\nHost: [\r\nAuthorization: Bearer a.b.c\r\n\r\n",
        b"GET http://x/api/hubs/h/:send HTTP/1.1\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ]
    for request in hostile:
        assert await _status(emulator.port, request) in range(400, 500)


async def _status(port: int, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()
    return int(line.split()[1])
