"""Attacks on second factors over HTTP: by whoever has the password, or a session, but not the factor.

Reference 1.4: recovery codes in parallel, digits twice, guessing one factor after the other; passkeys of
another site; and ways around (the reset of a password, a stolen session).
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pyotp import TOTP

from tests.harness.api import Answer, Api, User
from tests.harness.authenticator import Authenticator
from tests.harness.stack import Stack


@dataclass(frozen=True)
class Victim:
    """A user with an authenticator app, whose password the attacker has."""

    user: User
    app: TOTP
    codes: list[str]


@pytest.fixture
async def victim(api: Api) -> Victim:
    user = await api.user("victim")
    begun = await api.good("POST", "auth/factors/totp", user)
    app = TOTP(begun["secret"])
    body = {"digits": app.now()}
    added = await api.good("POST", "auth/factors/totp/confirm", user, json=body)
    return Victim(user, app, added["recovery_codes"])


async def ticket(api: Api, user: User) -> str:
    body = {"email": user.email, "password": user.password}
    answer = await api.good("POST", "auth/login", json=body)
    assert "access_token" not in answer
    return str(answer["ticket"])


async def second(api: Api, with_ticket: str, **proof: Any) -> Answer:
    return await api.call("POST", "auth/login/second-factor", json={"ticket": with_ticket, **proof})


async def counted(*calls: Awaitable[Answer]) -> Counter[int]:
    return Counter(each.status for each in await asyncio.gather(*calls))


async def test_a_ticket_opens_nothing(api: Api, victim: Victim) -> None:
    with_ticket = await ticket(api, victim.user)
    holder = replace(victim.user, token=with_ticket)
    for path in ("auth/me", "auth/factors", "rooms"):
        assert (await api.call("GET", path, holder)).status == 401
    refreshed = await api.call("POST", "auth/refresh", json={"refresh_token": with_ticket})
    assert refreshed.status == 401


async def test_one_recovery_code_many_times_at_once(api: Api, victim: Victim) -> None:
    tickets = [await ticket(api, victim.user) for _ in range(5)]
    found = await counted(*(second(api, t, recovery_code=victim.codes[0]) for t in tickets))
    assert found[200] == 1, found
    assert found[403] == 4, found
    has = await api.good("GET", "auth/factors", victim.user)
    assert has["recovery_codes_left"] == 7


async def test_digits_that_were_seen_open_nothing_more(api: Api, victim: Victim) -> None:
    """The digits that confirmed the app were used: whoever saw them comes too late."""
    seen = victim.app.now()
    answer = await second(api, await ticket(api, victim.user), totp=seen)
    if answer.status == 200:  # thirty seconds passed since: these are new ones
        answer = await second(api, await ticket(api, victim.user), totp=seen)
    assert (answer.status, answer.code) == (403, "wrong_second_factor")


async def test_guessing_stops_after_five_tries_whatever_is_guessed(
    api: Api, victim: Victim
) -> None:
    with_ticket = await ticket(api, victim.user)
    guesses: list[dict[str, Any]] = [
        {"totp": "000000"},
        {"recovery_code": "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"},
        {"passkey": {"flow": "x", "credential": {}}},
    ] * 4
    found = await counted(*(second(api, with_ticket, **each) for each in guesses))
    assert found[429] == len(guesses) - 5, found
    assert found[403] == 5, found
    late = await second(api, await ticket(api, victim.user), recovery_code=victim.codes[0])
    assert late.status == 429
    assert int(late.headers["retry-after"]) > 0


async def test_a_failed_try_says_nothing_and_is_in_the_victims_log(
    api: Api, victim: Victim
) -> None:
    with_ticket = await ticket(api, victim.user)
    wrong = [
        await second(api, with_ticket, totp="000000"),
        await second(api, with_ticket, recovery_code="A" * 24),
    ]
    bodies = [{k: v for k, v in each.body.items() if k != "request_id"} for each in wrong]
    assert bodies[0] == bodies[1]
    log = await api.good("GET", "auth/me/audit", victim.user)
    assert [each["type"] for each in log["items"][:2]] == ["factor.failed"] * 2


async def test_a_passkey_for_another_site_is_refused(api: Api, stack: Stack) -> None:
    user = await api.user()
    asked = await api.good("POST", "auth/factors/passkeys/options", user)
    for origin in ("https://evil.example", "http://localhost.evil.example", "http://localhost:1"):
        body = {
            "flow": asked["flow"],
            "credential": Authenticator(origin).create(asked["options"]),
            "name": "x",
        }
        answer = await api.call("POST", "auth/factors/passkeys", user, json=body)
        assert answer.status == 400, origin
    asked = await api.good("POST", "auth/factors/passkeys/options", user)
    device = Authenticator(stack.settings["AUTH_ISSUER"])
    body = {
        "flow": asked["flow"],
        "credential": device.create(asked["options"]),
        "name": "x",
    }
    await api.good("POST", "auth/factors/passkeys", user, json=body)
    asked = await api.good("POST", "auth/passkeys/options", json={})
    phished = replace(device, origin="https://evil.example").get(asked["options"])
    body = {"flow": asked["flow"], "credential": phished}
    answer = await api.call("POST", "auth/passkeys/sign-in", json=body)
    assert (answer.status, answer.code) == (401, "passkey_refused")


async def test_junk_in_the_name_of_a_victim_does_not_lock_him_out(api: Api, stack: Stack) -> None:
    """A user's id is no secret: whoever knows it can send signatures that are none."""
    user = await api.user()
    device = Authenticator(stack.settings["AUTH_ISSUER"])
    asked = await api.good("POST", "auth/factors/passkeys/options", user)
    credential = device.create(asked["options"])
    body = {"flow": asked["flow"], "credential": credential, "name": "x"}
    await api.good("POST", "auth/factors/passkeys", user, json=body)
    forged = replace(device, key=Authenticator("x").key)
    for _ in range(8):
        asked = await api.good("POST", "auth/passkeys/options", json={})
        body = {"flow": asked["flow"], "credential": forged.get(asked["options"])}
        # As Azure's front end would tell it: another network than the victim's.
        headers = {"X-Forwarded-For": f"198.51.100.{secrets.randbelow(250)}"}
        answer = await api.call("POST", "auth/passkeys/sign-in", json=body, headers=headers)
        assert answer.status in {401, 429}
    asked = await api.good("POST", "auth/step-up/passkey-options", user)
    proof = {"passkey": {"flow": asked["flow"], "credential": device.get(asked["options"])}}
    answer = await api.call("POST", "auth/step-up", user, json=proof)
    assert answer.status == 200, answer


@pytest.mark.parametrize(
    "body",
    [
        {"ticket": None, "totp": "123456"},
        {"ticket": "x", "totp": 123456},
        {"ticket": "x", "totp": ["1"] * 6},
        {"ticket": "x", "totp": "123456", "user_id": "usr_1"},
        {"ticket": "x", "passkey": {"flow": "x"}},
        {"ticket": "x" * 5000, "totp": "123456"},
    ],
)
async def test_bodies_that_no_client_sends(api: Api, body: dict[str, Any]) -> None:
    answer = await api.call("POST", "auth/login/second-factor", json=body)
    assert (answer.status, answer.code) == (422, "validation_failed")


@pytest.mark.parametrize("credential", [{"id": "\ud800"}, {"response": {"userHandle": "AAAA\x00"}}])
async def test_credentials_that_no_authenticator_makes(
    api: Api, credential: dict[str, Any]
) -> None:
    asked = await api.good("POST", "auth/passkeys/options", json={})
    body = {"flow": asked["flow"], "credential": credential}
    answer = await api.call("POST", "auth/passkeys/sign-in", json=body)
    assert 400 <= answer.status < 500, answer
