"""Validation and retries of webhook calls, with the network and the clock replaced."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.connect_reply import ConnectReply, InvalidReplyError, read_connect_reply
from emulators.web_pubsub.events import EventContext, sign
from emulators.web_pubsub.messages import Content, DataType
from emulators.web_pubsub.upstream import EventFailedError, read_event_reply
from emulators.web_pubsub.webhook_client import Call, Reply, WebhookClient, WebhookError
from emulators.web_pubsub.webhook_validation import WebhookValidator

HOOK = URL("http://handler/hook")


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, CIMultiDictProxy(CIMultiDict(named)), body)


class ScriptedClient(WebhookClient):
    """Answers from a list; an exception in it is raised."""

    def __init__(self, *answers: Reply | Exception) -> None:
        super().__init__(Clock())
        self.answers: Iterator[Reply | Exception] = iter(answers)
        self.calls: list[Call] = []

    async def _attempt(self, call: Call) -> Reply:
        self.calls.append(call)
        await asyncio.sleep(0)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, without waiting."""
    waited: list[float] = []

    async def sleep(_: Clock, seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(Clock, "sleep", sleep)
    return waited


CALL = Call("POST", HOOK, {"ce-id": "1"}, 1.0, b"body")
REFUSED = aiohttp.ClientConnectionError()


@pytest.mark.parametrize("failure", [reply(408), reply(500), reply(503), REFUSED, OSError()])
async def test_retries_use_one_three_five_seconds_and_replay_the_request(
    failure: Reply | Exception, delays: list[float]
) -> None:
    client = ScriptedClient(failure, failure, failure, reply(200))
    assert (await client.call(CALL)).status == 200
    assert delays == [1.0, 3.0, 5.0]
    assert client.calls == [CALL] * 4


async def test_exhaustion_gives_the_last_status_or_an_error(delays: list[float]) -> None:
    assert (await ScriptedClient(*[reply(503)] * 4).call(CALL)).status == 503
    with pytest.raises(WebhookError):
        await ScriptedClient(*[REFUSED] * 4).call(CALL)
    assert len(delays) == 6


@pytest.mark.parametrize("answer", [reply(429), reply(400), reply(302), WebhookError("time-out")])
async def test_other_failures_are_final(answer: Reply | Exception, delays: list[float]) -> None:
    client = ScriptedClient(answer)
    if isinstance(answer, Reply):
        assert (await client.call(CALL)).status == answer.status
    else:
        with pytest.raises(WebhookError):
            await client.call(CALL)
    assert delays == []


def allowed(origins: str) -> Reply:
    return reply(200, WebHook_Allowed_Origin=origins)


class Validation:
    """A validator with a clock of its own."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self.client = ScriptedClient(*answers)
        self.now = 0.0
        clock = Clock(real_monotonic=lambda: self.now)
        self.validator = WebhookValidator(self.client, "localhost", clock)

    async def at(self, now: float) -> bool:
        self.now = now
        return await self.validator.is_valid(HOOK)


@pytest.mark.parametrize("origins", ["*", "localhost", "other, LOCALHOST", "localhost:8080"])
async def test_a_handler_that_names_our_origin_is_valid(origins: str) -> None:
    validation = Validation(allowed(origins))
    assert await validation.at(0)
    call = validation.client.calls[0]
    assert call.method == "OPTIONS"
    assert call.headers == {"WebHook-Request-Origin": "localhost", "ce-awpsversion": "1.0"}


@pytest.mark.parametrize("answer", [allowed("other"), reply(200), reply(401), reply(302)])
async def test_any_other_answer_is_not(answer: Reply) -> None:
    assert not await Validation(answer).at(0)


async def test_a_404_to_options_is_followed_by_a_get() -> None:
    validation = Validation(reply(404), allowed("*"))
    assert await validation.at(0)
    assert [call.method for call in validation.client.calls] == ["OPTIONS", "GET"]


async def test_success_lasts_a_minute_and_failure_doubles_from_a_second() -> None:
    no = allowed("other")
    validation = Validation(allowed("*"), no, no, no, allowed("*"))
    assert [await validation.at(now) for now in (0, 59.9)] == [True, True]
    assert [await validation.at(now) for now in (60, 60.9)] == [False, False]
    assert [await validation.at(now) for now in (61, 62.9)] == [False, False]
    assert [await validation.at(now) for now in (63, 66.9)] == [False, False]
    assert await validation.at(67)
    assert len(validation.client.calls) == 5


async def test_the_first_validation_is_shared_by_all_who_wait() -> None:
    validation = Validation(allowed("*"))
    assert await asyncio.gather(*[validation.at(0) for _ in range(10)]) == [True] * 10
    assert len(validation.client.calls) == 1


async def test_one_waiter_that_gives_up_takes_nothing_from_the_others() -> None:
    validation = Validation(allowed("*"))
    first = asyncio.create_task(validation.at(0))
    second = asyncio.create_task(validation.at(0))
    await asyncio.sleep(0)
    first.cancel()
    assert await second


def test_a_connect_reply_may_be_empty_or_change_what_it_names() -> None:
    assert read_connect_reply(b"") == read_connect_reply(b"{}") == ConnectReply()
    body = b'{"userId":"u","groups":["g"],"roles":[],"subprotocol":"s","other":1}'
    assert read_connect_reply(body) == ConnectReply("u", ("g",), (), "s")
    assert read_connect_reply(b'{"groups":[],"userId":""}') == ConnectReply()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"userId":5}',
        b'{"userId":"a\\nb"}',
        b'{"roles":"r"}',
        b'{"roles":[1]}',
        b'{"groups":[" "]}',
        b'{"groups":{}}',
        b"[" * 100000,
    ],
)
def test_a_connect_reply_that_cannot_be_used_is_an_error(body: bytes) -> None:
    with pytest.raises(InvalidReplyError):
        read_connect_reply(body)


def test_an_event_reply_is_typed_by_its_content_type() -> None:
    text = read_event_reply(reply(200, b"x", Content_Type="text/plain; charset=utf-8"))
    assert text == Content(DataType.TEXT, b"x")
    assert read_event_reply(reply(200, b"x")) == Content(DataType.BINARY, b"x")
    assert read_event_reply(reply(204, b"")) is None
    assert read_event_reply(reply(200, Content_Type="image/png")) is None
    metadata = read_event_reply(reply(200, X_WebPubSub_Metadata_Key="v"))
    assert metadata == Content(DataType.TEXT, b"", {"key": "v"})


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"x", Content_Type="image/png"),
        reply(200, b"{", Content_Type="application/json"),
        reply(200, b"\xff", Content_Type="text/plain"),
        reply(200, b"x", X_WebPubSub_Metadata_Key="v" * 1025),
    ],
)
def test_an_event_reply_that_is_not_what_it_says_is_a_failure(answer: Reply) -> None:
    with pytest.raises(EventFailedError):
        read_event_reply(answer)


def test_event_ids_count_per_connection_and_absent_values_have_no_header() -> None:
    context = EventContext("h", "c", None, None, sign("c", b"key"), "localhost")
    first = context.headers("azure.webpubsub.sys.", "connect")
    context.state = "s"
    second = context.headers("azure.webpubsub.user.", "go")
    assert (first["ce-id"], second["ce-id"]) == ("0", "1")
    assert {"ce-userId", "ce-subprotocol", "ce-connectionState"}.isdisjoint(first)
    assert second["ce-connectionState"] == "s"
    assert second["ce-type"] == "azure.webpubsub.user.go"
    assert first["ce-source"] == "/hubs/h/client/c"


async def test_a_time_out_goes_by_the_clock_and_is_final() -> None:
    clock, asked = Clock(), asyncio.Event()

    class HangingClient(WebhookClient):
        async def _send(self, call: Call) -> Reply:
            assert call.body == b"body"
            assert not asked.is_set(), "the handler may be at work still"
            asked.set()
            await asyncio.Event().wait()
            return reply(200)

    call = asyncio.create_task(HangingClient(clock).call(replace(CALL, timeout_seconds=100.0)))
    await asked.wait()
    clock.jump(99.0, at=0)
    assert not call.done()
    clock.jump(1.1, at=0)
    with pytest.raises(WebhookError, match="100 s"):
        await asyncio.wait_for(call, 5)
