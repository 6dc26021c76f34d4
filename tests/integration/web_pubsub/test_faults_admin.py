"""The admin API and its commands: REST faults, time, errors, and who may call."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.core.exceptions import HttpResponseError

from tests.harness.waiting import until_async
from tests.integration.web_pubsub.admin import Admin, command
from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import JSON, RELIABLE, Clients, Emulator


@pytest_asyncio.fixture
async def admin(emulator: Emulator, clients: Clients) -> AsyncIterator[Admin]:
    """The admin API of the session's emulator."""
    yield Admin(emulator, clients.session)


@pytest.fixture
def own() -> Iterator[Emulator]:
    """An emulator whose clock the test may advance."""
    running = Emulator()
    yield running
    assert running.stop()[0] == 0


async def test_rest_answers_as_a_throttled_service(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    async with admin.fault("rest", hub, status=429, retryAfter=7, count=1):
        with (
            emulator.service(hub) as service,
            pytest.raises(HttpResponseError) as caught,
        ):
            await asyncio.to_thread(service.send_to_all, "x", retry_total=0)
        response: Any = caught.value.response
        assert response.headers["Retry-After"] == "7"
        assert caught.value.status_code == 429
        await asyncio.to_thread(_say, emulator, hub)


async def test_the_official_sdk_retries_what_it_is_told_to(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    async with admin.fault("rest", hub, status=503, retryAfter=0, count=2) as fault:
        await asyncio.to_thread(_say, emulator, hub)
        assert (await admin.listed(fault))["state"] == "ended"


async def test_a_rest_fault_can_be_about_one_user(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    async with admin.fault("rest", hub, user="ann", status=503):
        with emulator.service(hub) as service:
            assert not service.user_exists("bob")
            with pytest.raises(HttpResponseError):
                service.user_exists("ann", retry_total=0)


def _say(emulator: Emulator, hub: str) -> None:
    with emulator.service(hub) as service:
        service.send_to_all("x", content_type="text/plain")


async def test_an_hour_passes_in_a_second(own: Emulator) -> None:
    async with Clients(own, "h") as clients:
        admin = Admin(own, clients.session)
        old = clients.url()
        away, connected = await clients.connect(RELIABLE)
        away.drop()
        staying, _ = await clients.connect()
        await admin.do("/clock", advance="1h")
        assert await clients.refusal(old) == 401
        refused = await clients.recover(connected)
        assert (await refused.closing())[0] == 1008
        assert await staying.nothing_waits()
        await asyncio.to_thread(_say, own, "h")  # tokens made now are good
        fresh, _ = await clients.connect()
        assert await fresh.nothing_waits()
        _, clock = await admin.ask("GET", "/clock")
        assert clock["advanced"] == 3600


async def test_the_life_of_a_message_goes_by_the_same_clock(
    own: Emulator,
) -> None:
    async with Clients(own, "h") as clients:
        admin = Admin(own, clients.session)
        socket, connected = await clients.connect(RELIABLE, groups=["g"])
        socket.drop()
        with own.service("h") as service:
            for ttl in (10, 200):
                send: Any = service.send_to_group
                send("g", str(ttl), content_type="text/plain", params={"messageTtlSeconds": ttl})
        await admin.do("/clock", advance="20s")
        recovered = await clients.recover(connected)
        await recovered.receive()
        assert (await recovered.receive())["data"] == "200"


async def test_faults_are_listed_and_cleared(admin: Admin, hub: str) -> None:
    made = [await admin.do("/faults", kind="drop", hub=hub, count=3) for _ in range(2)]
    assert made[0] == await admin.listed(made[0]["id"])
    status, answer = await admin.ask("DELETE", f"/faults/{made[0]['id']}")
    assert (status, answer) == (200, {"cleared": 1})
    assert (await admin.listed(made[0]["id"]))["state"] == "ended"
    status, answer = await admin.ask("DELETE", f"/faults/{made[0]['id']}")
    assert (status, answer["status"]) == (404, 404)
    assert (await admin.ask("DELETE", f"/faults/{made[1]['id']}"))[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/faults", {"kind": "drop"}, 400, "hub"),
        ("/faults", [], 400, "the body"),
        ("/close", {"hub": "h", "code": 1006}, 400, "code"),
        ("/cut", {"hub": "h", "x": 1}, 400, "x"),
        ("/clock", {"advance": "-1h"}, 400, "advance"),
        ("/nothing", {}, 404, None),
    ],
)
async def test_a_bad_request_is_a_problem(
    admin: Admin, path: str, body: object, status: int, field: str | None
) -> None:
    answered, problem = await admin.ask("POST", path, body)
    assert (answered, problem["status"], problem.get("field")) == (status, status, field)
    assert problem["detail"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "[evil"}, 403),
        ({"Host": "[::evil]:80"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json"}, 400),
    ],
)
async def test_what_a_foreign_web_page_could_send_is_refused(
    emulator: Emulator, headers: dict[str, str], status: int
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{emulator.url}/_emulator/cut", data=b"{}", headers=headers) as response,
    ):
        assert response.status == status
        assert response.content_type == "application/problem+json"


async def test_a_body_that_is_no_json_is_refused(emulator: Emulator) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"{", b"\xff", b"[" * 100_000, b""):
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{emulator.url}/_emulator/cut", data=body, headers=headers) as response,
        ):
            assert response.status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=bogus"},
        {"Content-Type": "application/json; charset=zlib"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_a_body_that_is_not_what_its_headers_say_is_refused(
    emulator: Emulator, headers: dict[str, str]
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{emulator.url}/_emulator/cut", data=b"{}", headers=headers) as response,
    ):
        assert response.status == 400
        assert response.content_type == "application/problem+json"


async def test_the_clock_stays_within_what_a_calendar_holds(own: Emulator) -> None:
    async with aiohttp.ClientSession() as session:
        admin = Admin(own, session)
        decade = {"advance": "3660d"}
        answers = await asyncio.gather(*[admin.ask("POST", "/clock", decade) for _ in range(11)])
    assert sorted(status for status, _ in answers) == [200] * 10 + [409]


async def test_commands_do_what_the_api_does(emulator: Emulator, clients: Clients) -> None:
    socket, _ = await clients.connect(groups=["g"])
    drop = ("fault", "drop", "--hub", clients.hub, "--count", "1")
    code, made, _ = await command(emulator, *drop)
    assert (code, made["kind"], made["left"]) == (0, "drop", 1)
    _say(emulator, clients.hub)
    assert await socket.nothing_waits()
    _, listed, _ = await command(emulator, "faults")
    assert next(each for each in listed["faults"] if each["id"] == made["id"])["struck"] == 1
    assert await command(emulator, "close", "--hub", clients.hub, "--code", "4000") == (
        0,
        {"closed": 1},
        "",
    )
    assert (await socket.closing())[0] == 4000


async def test_a_command_that_cannot_be_done_is_one_line_and_exit_code_1(
    emulator: Emulator,
) -> None:
    for words in (
        ("clear", "f0"),
        ("close", "--hub", "h", "--code", "1006"),
        ("clock", "back", "1h"),
    ):
        code, _, errors = await command(emulator, *words)
        assert (code, errors.count("\n")) == (1, 1)


async def test_without_a_fault_or_a_watcher_nobody_sits_on_the_wire(
    handled: Handled, admin: Admin
) -> None:
    """Faults and watchers that come and go leave frames as they were, in order."""
    socket, _ = await handled.clients.connect(JSON)
    for number in range(3):
        async with admin.fault("drop", handled.name, frames=["pong"], count=1) as fault:
            await socket.send(type="ping")
            await admin.until_struck(fault, 1)
        answer = await socket.ask(type="event", event="go", data=number, ackId=number)
        assert answer == {"type": "ack", "ackId": number, "success": True}

    async def told() -> bool:
        return len(handled.handler.named("go")) == 3

    await until_async(told, "three events")
