"""Attacks on refresh tokens over HTTP: by whoever has one, an old one, or none.

Reference 1.4: parallel refreshes and an answer that was lost are no theft; an older token is one, and ends
the session for thief and owner alike; what is no token of ours ends nothing, and is a 401, never a 500.
"""

import asyncio
import base64
import secrets
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from functions.auth import refresh_tokens, store
from functions.auth.sealing import unseal
from shared_code.ids import new_id
from shared_code.storage import close_all
from tests.harness.api import Answer, Api, User
from tests.harness.waiting import until_async

TOKEN_BYTES = 81  # version, user, session, counter and what authenticates them
MAC_BYTES = 16
COUNTER_AT = slice(TOKEN_BYTES - MAC_BYTES - 4, TOKEN_BYTES - MAC_BYTES)
COOKIE = "__Host-atrium_refresh"
CSRF = {"X-Atrium-CSRF": "1"}


@dataclass(frozen=True)
class Device:
    """A session of a user: who he is there, and the refresh token that it began with."""

    user: User
    refresh: str


async def device(api: Api, user: User) -> Device:
    body = {"email": user.email, "password": user.password}
    signed_in = await api.good("POST", "auth/login", json=body)
    return Device(replace(user, token=signed_in["access_token"]), signed_in["refresh_token"])


@pytest.fixture
async def phone(api: Api) -> Device:
    return await device(api, await api.user())


async def refresh(api: Api, token: str) -> Answer:
    return await api.call("POST", "auth/refresh", json={"refresh_token": token})


async def rotated(api: Api, token: str) -> str:
    answer = await refresh(api, token)
    assert answer.status == 200, answer
    return str(answer.body["refresh_token"])


async def refused(api: Api, token: str) -> None:
    answer = await refresh(api, token)
    assert (answer.status, answer.code) == (401, "invalid_refresh_token"), answer
    assert len(token) < 20 or token not in str(answer.body)


async def is_over(api: Api, user: User) -> bool:
    """Whether both auth and a service that only verifies refuse the access token."""
    answers = [await api.call("GET", path, user) for path in ("auth/me", "rooms")]
    return all(each.status == 401 for each in answers)


async def audit_types(api: Api, user: User) -> list[str]:
    log = await api.good("GET", "auth/me/audit", user)
    return [each["type"] for each in log["items"]]


async def test_twenty_parallel_refreshes_have_one_successor_and_one_session(
    api: Api, phone: Device
) -> None:
    before = await api.good("GET", "auth/sessions", phone.user)
    answers = await asyncio.gather(*(refresh(api, phone.refresh) for _ in range(20)))
    assert {each.status for each in answers} == {200}, answers
    [successor] = {each.body["refresh_token"] for each in answers}
    assert successor != phone.refresh
    after = await api.good("GET", "auth/sessions", phone.user)
    assert {each["id"] for each in after["items"]} == {each["id"] for each in before["items"]}
    for each in answers:
        holder = replace(phone.user, token=each.body["access_token"])
        assert (await api.call("GET", "rooms", holder)).status == 200
    assert await rotated(api, successor) != successor
    assert "refresh.reuse_detected" not in await audit_types(api, phone.user)


class TestReuse:
    """A token that was superseded twice was stolen, by whomever it comes now."""

    async def test_the_whole_session_is_dead_and_no_other(self, api: Api, phone: Device) -> None:
        laptop = await device(api, phone.user)
        newest = await rotated(api, await rotated(api, phone.refresh))
        fresh = await refresh(api, newest)
        newest = fresh.body["refresh_token"]

        answer = await refresh(api, phone.refresh)
        assert (answer.status, answer.code) == (401, "refresh_token_reused")
        assert "refresh_token" not in answer.body
        await refused(api, newest)
        for token in (phone.user.token, fresh.body["access_token"]):
            holder = replace(phone.user, token=token)
            await until_async(partial(is_over, api, holder), "the tokens are dead", 2)

        assert not await is_over(api, laptop.user)
        await rotated(api, laptop.refresh)
        log = await api.good("GET", "auth/me/audit", laptop.user)
        [entry] = [each for each in log["items"] if each["type"] == "refresh.reuse_detected"]
        sessions = await api.good("GET", "auth/sessions", laptop.user)
        assert entry["session_id"] not in {each["id"] for each in sessions["items"]}

    async def test_thieves_in_parallel_get_nothing_and_are_one_entry(
        self, api: Api, phone: Device
    ) -> None:
        laptop = await device(api, phone.user)
        newest = await rotated(api, await rotated(api, phone.refresh))
        answers = await asyncio.gather(*(refresh(api, phone.refresh) for _ in range(8)))
        assert {each.status for each in answers} == {401}, answers
        codes = {each.code for each in answers}
        assert "refresh_token_reused" in codes
        assert codes <= {"refresh_token_reused", "invalid_refresh_token"}
        await refused(api, newest)
        assert (await audit_types(api, laptop.user)).count("refresh.reuse_detected") == 1

    async def test_a_dead_session_stays_dead(self, api: Api, phone: Device) -> None:
        second = await rotated(api, phone.refresh)
        third = await rotated(api, second)
        assert (await refresh(api, phone.refresh)).code == "refresh_token_reused"
        for token in (phone.refresh, second, third):
            await refused(api, token)

    async def test_a_token_after_stepping_up_and_one_before(self, api: Api, phone: Device) -> None:
        """Stepping up takes the place of a token just as a refresh does."""
        proof = {"password": phone.user.password}
        stepped = await api.good("POST", "auth/step-up", phone.user, json=proof)
        newest = await rotated(api, stepped["refresh_token"])
        assert (await refresh(api, phone.refresh)).code == "refresh_token_reused"
        await refused(api, newest)


class TestForged:
    """What we did not issue: refused, and the session that it names goes on."""

    @pytest.mark.parametrize(
        "token",
        ["", " ", "x", "null", "A" * 108, "A" * 107, "A" * 109, "=" * 108, "-" * 108, "_" * 108,
         "é" * 54, "ÿ" * 108, "\x00" * 108, "A" * 107 + "\n", "AXVzcl8w" + "A" * 100, "a.b.c",
         "../../etc/passwd", "' or 1=1 --", "A" * 200, "\u0661" * 108],
    )  # fmt: skip
    async def test_nonsense(self, api: Api, token: str) -> None:
        await refused(api, token)

    @pytest.mark.parametrize(
        "token", ["A" * 201, "A" * 50_000, 7, True, [], {}, ["A" * 108], {"$ne": ""}, 1e308]
    )
    async def test_what_no_token_can_be(self, api: Api, token: Any) -> None:
        answer = await api.call("POST", "auth/refresh", json={"refresh_token": token})
        assert (answer.status, answer.code) == (422, "validation_failed"), answer

    async def test_a_token_that_was_cut_or_lengthened(self, api: Api, phone: Device) -> None:
        token = phone.refresh
        for length in (*range(0, 108, 9), 106, 107):
            await refused(api, token[:length])
        for spelling in (f"{token}=", f"{token}A", f" {token}", f"{token}\n", token[1:]):
            await refused(api, spelling)
        await rotated(api, token)

    async def test_a_token_with_one_bit_turned(self, api: Api, phone: Device) -> None:
        raw = base64.urlsafe_b64decode(phone.refresh)
        assert len(raw) == TOKEN_BYTES
        for at in range(len(raw)):
            turned = bytearray(raw)
            turned[at] ^= 1
            await refused(api, base64.urlsafe_b64encode(turned).decode())
        await rotated(api, phone.refresh)

    async def test_another_counter_under_the_same_proof(self, api: Api, phone: Device) -> None:
        """An old counter without its proof is no reuse: else anybody could end anybody's session."""
        newest = phone.refresh
        for _ in range(3):
            newest = await rotated(api, newest)
        raw = base64.urlsafe_b64decode(newest)
        for counter in (0, 1, 2, 4, 5, 1000, 2**31, 2**32 - 1):
            forged = bytearray(raw)
            forged[COUNTER_AT] = counter.to_bytes(4)
            await refused(api, base64.urlsafe_b64encode(forged).decode())
        await rotated(api, newest)
        assert not await is_over(api, phone.user)

    async def test_the_name_of_one_session_under_the_proof_of_another(self, api: Api) -> None:
        ada = await api.user()
        one, other = await device(api, ada), await device(api, ada)
        eve = await device(api, await api.user("Eve"))
        for victim, thief in ((one, other), (one, eve), (other, one)):
            for cut in (31, 61, TOKEN_BYTES - MAC_BYTES):  # user, session and counter of the victim
                stolen = base64.urlsafe_b64decode(victim.refresh)[:cut]
                own = base64.urlsafe_b64decode(thief.refresh)[cut:]
                if stolen + own in {
                    base64.urlsafe_b64decode(each.refresh) for each in (one, other)
                }:
                    continue  # both are one user's: nothing was changed
                await refused(api, base64.urlsafe_b64encode(stolen + own).decode())
        for each in (one, other, eve):
            await rotated(api, each.refresh)

    async def test_a_key_of_one_s_own(self, api: Api, phone: Device) -> None:
        known = refresh_tokens.decode(phone.refresh)
        for user_id, session_id in (
            (known.user_id, known.session_id),
            (known.user_id, new_id("ses")),
            (new_id("usr"), known.session_id),
            (new_id("usr"), new_id("ses")),
        ):
            for counter in (0, known.counter, known.counter + 1):
                for key in (secrets.token_bytes(32), b""):
                    await refused(api, refresh_tokens.encode(user_id, session_id, counter, key))
        await rotated(api, phone.refresh)

    @pytest.mark.usefixtures("as_operator")
    async def test_a_counter_ahead_well_proven(self, api: Api, phone: Device) -> None:
        """By the session's true key, which nobody has: wrong in nothing but its number."""
        known = refresh_tokens.decode(phone.refresh)
        try:
            record = await store.read_user(known.user_id)
        finally:
            await close_all()
        session = record.session(known.session_id) if record else None
        assert session
        key = unseal(session.sealed_key, session.session_id)
        again = refresh_tokens.encode(known.user_id, known.session_id, known.counter, key)
        assert again == phone.refresh, "the key is the true one"
        for ahead in (1, 2, 1000, 2**32 - 1 - known.counter):
            counter = known.counter + ahead
            token = refresh_tokens.encode(known.user_id, known.session_id, counter, key)
            await refused(api, token)
        await rotated(api, phone.refresh)

    async def test_other_tokens_of_ours_in_its_place(self, api: Api, phone: Device) -> None:
        body = {"email": phone.user.email, "password": phone.user.password}
        signed_in = await api.good("POST", "auth/login", json=body)
        for name in ("access_token", "device_token"):
            answer = await refresh(api, signed_in[name])
            assert answer.status in {401, 422}, answer
        holder = replace(phone.user, token=phone.refresh)
        for path in ("auth/me", "rooms"):
            assert (await api.call("GET", path, holder)).status == 401


class TestCookieAndBody:
    """A script that stole the one cannot use it as the other."""

    async def test_a_cookie_s_token_is_worth_nothing_in_a_body(self, api: Api) -> None:
        user = await api.user()
        token = await self._cookie(api, user)
        await refused(api, token)
        answer = await self._by_cookie(api, token)
        assert answer.status == 200, "it was spent on nothing, and its session goes on"
        assert answer.body["refresh_token"] is None

    async def test_a_body_s_token_is_worth_nothing_in_a_cookie(
        self, api: Api, phone: Device
    ) -> None:
        answer = await self._by_cookie(api, phone.refresh)
        assert (answer.status, answer.code) == (401, "invalid_refresh_token")
        assert "set-cookie" not in answer.headers
        await rotated(api, phone.refresh)

    async def test_an_old_cookie_s_token_in_a_body_ends_nothing(self, api: Api) -> None:
        """It proves nothing there, so it is no theft that could be told."""
        user = await api.user()
        first = await self._cookie(api, user)
        token = first
        for _ in range(2):
            token = _cookie_of(await self._by_cookie(api, token))
        await refused(api, first)
        assert (await self._by_cookie(api, token)).status == 200

    async def test_the_body_counts_when_both_come(self, api: Api, phone: Device) -> None:
        """A body that is wrong is refused, whatever the browser sends along."""
        cookie = await self._cookie(api, phone.user)
        headers = {**CSRF, "Cookie": f"{COOKIE}={cookie}"}
        body = {"refresh_token": "x"}
        answer = await api.call("POST", "auth/refresh", json=body, headers=headers)
        assert (answer.status, answer.code) == (401, "invalid_refresh_token")
        assert "set-cookie" not in answer.headers

    async def _cookie(self, api: Api, user: User) -> str:
        body = {"email": user.email, "password": user.password, "session": "cookie"}
        return _cookie_of(await api.call("POST", "auth/login", json=body, headers=CSRF))

    async def _by_cookie(self, api: Api, token: str) -> Answer:
        headers = {**CSRF, "Cookie": f"{COOKIE}={token}"}
        return await api.call("POST", "auth/refresh", json={}, headers=headers)


def _cookie_of(answer: Answer) -> str:
    assert answer.status == 200, answer
    name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
    assert name == COOKIE
    return value
