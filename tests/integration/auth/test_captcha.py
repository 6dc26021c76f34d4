"""CAPTCHA tokens, verified by a real server that speaks siteverify, and misbehaves."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from functions.auth import captcha
from functions.auth.errors import CaptchaRequired, CaptchaUnavailable
from shared_code.endpoint import Client
from shared_code.errors import NotConfigured
from tests.integration.auth.http_server import serving

SECRET = "1x0000000000000000000000000000000AA"


class Verifier:
    """Knows one good token, and accepts it once."""

    def __init__(self) -> None:
        self.forms: list[dict[str, Any]] = []
        self.answer_instead: web.Response | None = None
        self._good = {"good"}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = dict(await request.post())
        self.forms.append(form)
        if self.answer_instead is not None:
            return self.answer_instead
        if form.get("secret") != SECRET:
            return self._refused("invalid-input-secret")
        if form.get("response") not in self._good:
            return self._refused("timeout-or-duplicate")
        self._good.discard(str(form["response"]))
        return web.json_response({"success": True, "hostname": "atrium.example"})

    def _refused(self, code: str) -> web.Response:
        return web.json_response({"success": False, "error-codes": [code]})


@pytest.fixture
async def verifier(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Verifier]:
    found = Verifier()
    async with serving(found.answer) as url:
        monkeypatch.setenv("AUTH_CAPTCHA_URL", f"{url}/siteverify")
        monkeypatch.setenv("AUTH_CAPTCHA_SECRET", SECRET)
        yield found


def client(token: str | None) -> Client:
    headers = {} if token is None else {"x-captcha-token": token}
    return Client(address="192.0.2.1", headers=headers)


async def test_a_good_token_passes_once(verifier: Verifier) -> None:
    await captcha.check(client("good"))
    assert verifier.forms == [{"secret": SECRET, "response": "good", "remoteip": "192.0.2.1"}]
    with pytest.raises(CaptchaRequired):
        await captcha.check(client("good"))


@pytest.mark.parametrize("token", [None, "", "x" * 8193])
async def test_what_can_be_no_token_is_refused_unasked(
    verifier: Verifier, token: str | None
) -> None:
    with pytest.raises(CaptchaRequired) as caught:
        await captcha.check(client(token))
    assert (caught.value.status, caught.value.code) == (403, "captcha_required")
    assert verifier.forms == []


async def test_a_hostile_token_stays_one_field(verifier: Verifier) -> None:
    with pytest.raises(CaptchaRequired):
        await captcha.check(client("good&secret=other&response=good"))
    assert verifier.forms[0]["response"] == "good&secret=other&response=good"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "text": "oops"},
        {"status": 200, "text": "<html>"},
        {"status": 200, "text": "[true]"},
        {"status": 200, "text": "{}"},
        {"status": 302, "headers": {"Location": "/elsewhere"}, "text": ""},
        {"status": 200, "text": '{"success": true' + " " * 70_000 + "}"},
    ],
)
async def test_a_verifier_that_gives_no_verdict_closes_the_route(
    verifier: Verifier, answer: dict[str, Any]
) -> None:
    verifier.answer_instead = web.Response(**answer)
    with pytest.raises(CaptchaUnavailable) as caught:
        await captcha.check(client("good"))
    assert (caught.value.status, caught.value.retry_after) == (503, 1)


@pytest.mark.parametrize("success", ["1", '"true"', "null", "[1]"])
async def test_only_true_is_true(verifier: Verifier, success: str) -> None:
    verifier.answer_instead = web.Response(text=f'{{"success": {success}}}')
    with pytest.raises(CaptchaRequired):
        await captcha.check(client("good"))


async def test_nobody_there_closes_the_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_CAPTCHA_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("AUTH_CAPTCHA_SECRET", SECRET)
    with pytest.raises(CaptchaUnavailable):
        await captcha.check(client("good"))


async def test_a_missing_or_wrong_secret_is_our_fault_and_not_the_clients(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    for secret in ("wrong", ""):
        monkeypatch.setenv("AUTH_CAPTCHA_SECRET", secret)
        with pytest.raises(NotConfigured, match="AUTH_CAPTCHA_SECRET"):
            await captcha.check(client("good"))
    assert len(verifier.forms) == 1


async def test_without_the_setting_everybody_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTH_CAPTCHA_URL", raising=False)
    await captcha.check(client(None))
