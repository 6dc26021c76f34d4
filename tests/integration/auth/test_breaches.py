"""Breached passwords, asked of a real server that speaks the range format, and misbehaves."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from functions.auth import breaches, password_rules
from functions.auth.errors import PasswordBreached
from tests.integration.auth.http_server import serving

STOLEN, FRESH, PADDED = "a stolen passphrase", "a fresh passphrase", "only padding has this"


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


class Range:
    """The service: what it was asked, and how it misbehaves."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.misbehave: Callable[[], web.StreamResponse] | None = None
        self.is_silent = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if self.is_silent:
            await asyncio.Event().wait()
        if self.misbehave:
            return self.misbehave()
        lines = [f"{'0' * 34}{i:X}:{i}" for i in range(16)]
        lines += [f"{sha1(STOLEN)[5:]}:42", f"{sha1(PADDED)[5:]}:0"]
        return web.Response(text="\r\n".join(lines))


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Range]:
    found = Range()
    breaches._breaker.cache_clear()
    async with serving(found.answer) as url:
        monkeypatch.setenv("AUTH_HIBP_URL", f"{url}/range/")
        yield found
    breaches._breaker.cache_clear()


async def checked(password: str) -> None:
    await password_rules.check(password, "ann@example.com", "Ann", field="new_password")


async def test_what_was_stolen_is_refused_and_padding_is_not(service: Range) -> None:
    with pytest.raises(PasswordBreached) as caught:
        await checked(STOLEN)
    assert [(each["field"], each["code"]) for each in caught.value.fields] == [
        ("new_password", "password_breached")
    ]
    await checked(FRESH)
    await checked(PADDED)
    assert len(service.asked) == 3


async def test_five_characters_of_the_hash_leave_and_nothing_else(service: Range) -> None:
    await checked(FRESH)
    (request,) = service.asked
    assert request.path == f"/range/{sha1(FRESH)[:5]}"
    assert request.query_string == ""
    assert request.headers["Add-Padding"] == "true"
    sent = f"{request.path} {request.headers}"
    assert sha1(FRESH)[5:] not in sent.upper()
    assert FRESH not in sent


async def test_without_the_setting_nothing_is_asked(
    service: Range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_HIBP_URL", "")
    await checked(STOLEN)
    assert service.asked == []


@pytest.mark.parametrize(
    "misbehave",
    [
        lambda: web.Response(status=503, text=f"{sha1(STOLEN)[5:]}:42"),
        lambda: web.Response(text="<html>captive portal</html>"),
        lambda: web.Response(text=""),
        lambda: web.Response(text=f"{sha1(STOLEN)[5:]}:{'9' * 5000}"),
        lambda: web.Response(body=b"\xff" * 50_000),
        lambda: web.Response(text=f"{sha1(STOLEN)[5:]}:42\n" * 40_000),
        lambda: web.Response(status=302, headers={"Location": "/range/other"}),
    ],
    ids=["error", "portal", "empty", "number", "bytes", "endless", "redirect"],
)
async def test_an_answer_that_is_none_lets_pass_and_is_logged_without_the_prefix(
    service: Range,
    caplog: pytest.LogCaptureFixture,
    misbehave: Callable[[], web.StreamResponse],
) -> None:
    caplog.set_level(logging.DEBUG)
    service.misbehave = misbehave
    await checked(STOLEN)
    assert len(service.asked) == 1
    told = [each for each in caplog.records if each.name == "atrium.auth.breaches"]
    assert len(told) == 1
    ours = "\n".join(logging.Formatter().format(each) for each in told)
    assert sha1(STOLEN)[:5] not in ours
    assert STOLEN not in ours


async def test_a_silent_service_costs_a_second_and_then_nothing_until_it_answers_again(
    service: Range, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.is_silent = True
    started = time.monotonic()
    await asyncio.gather(*[checked(STOLEN) for _ in range(3)])
    assert 0.9 < time.monotonic() - started < 2.5
    started = time.monotonic()
    for _ in range(20):
        await checked(STOLEN)
    assert time.monotonic() - started < 0.9
    assert len(service.asked) == 3

    service.is_silent = False
    breaker = breaches._breaker()
    monkeypatch.setattr(breaker, "_asked_again_at", 0.0)  # its rest is over
    with pytest.raises(PasswordBreached):
        await checked(STOLEN)
    with pytest.raises(PasswordBreached):
        await checked(STOLEN)
    assert len(service.asked) == 5


async def test_a_service_that_stays_away_is_tried_by_one_at_a_time(
    service: Range, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.misbehave = lambda: web.Response(status=500)
    for _ in range(3):
        await checked(STOLEN)
    monkeypatch.setattr(breaches._breaker(), "_asked_again_at", 0.0)
    await asyncio.gather(*[checked(STOLEN) for _ in range(10)])
    assert len(service.asked) == 4


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/range/", "nonsense", "ftp://127.0.0.1/", "http://["]
)
async def test_nobody_there_or_no_address_lets_pass(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    breaches._breaker.cache_clear()
    monkeypatch.setenv("AUTH_HIBP_URL", url)
    await checked(STOLEN)
    breaches._breaker.cache_clear()
