"""Finding out over HTTP who has an account: no answer tells.

Reference 1.4: for an address with an account and one without, the same status, the same body, the same
headers. What may differ is random or a time, and has one shape. Hashes and reads are counted in
tests/integration/auth.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pyotp import TOTP

from tests.harness.api import Answer, Api, User
from tests.harness.mails import mail_to, mails_to
from tests.harness.stack import Stack, with_settings

OF_ITS_OWN = {"date", "x-request-id"}
"""Headers whose values differ between any two answers."""


def address() -> str:
    """Nobody's, as long as those of the tests' users."""
    return f"ada-{secrets.token_hex(6)}@example.com"


@dataclass(frozen=True)
class Seen:
    """What an attacker sees of an answer, without what is random; that has its length instead."""

    status: int
    headers: dict[str, str]
    body: Any

    @classmethod
    def of(cls, answer: Answer, *random: str) -> "Seen":
        headers = {
            name: "" if name in OF_ITS_OWN else value for name, value in answer.headers.items()
        }
        body = answer.body
        if isinstance(body, dict):
            hidden = {"request_id", *random}
            body = {k: len(v) if k in hidden else v for k, v in body.items()}
        return cls(answer.status, headers, body)


async def posted(api: Api, path: str, user: User | None = None, /, **body: Any) -> Answer:
    return await api.call("POST", f"auth/{path}", user, json=body)


async def deleted(api: Api) -> User:
    user = await api.user()
    await api.good("DELETE", "auth/me", user)
    return user


async def with_second_factor(api: Api) -> User:
    user = await api.user()
    begun = await api.good("POST", "auth/factors/totp", user)
    digits = {"digits": TOTP(begun["secret"]).now()}
    await api.good("POST", "auth/factors/totp/confirm", user, json=digits)
    return user


async def verified(api: Api, stack: Stack) -> User:
    user = await api.user()
    digits = (await mail_to(stack, user.email, "confirm your")).code
    await api.good("POST", "auth/email/verify", user, json={"digits": digits})
    return user


@pytest.fixture
async def known(api: Api, stack: Stack) -> list[str]:
    """The addresses of one account of each kind."""
    makers = (api.user(), verified(api, stack), with_second_factor(api), deleted(api))
    return [(await each).email for each in makers]


async def test_a_wrong_password_is_as_wrong_as_an_unknown_account(
    api: Api, known: list[str]
) -> None:
    [unknown] = {str(await _wrong(api, address())) for _ in range(3)}
    for email in known:
        assert str(await _wrong(api, email)) == unknown
    seen = await _wrong(api, known[0])
    assert (seen.status, seen.body["code"]) == (401, "invalid_credentials")


async def test_a_wrong_password_says_nothing_of_the_session_s_kind(
    api: Api, known: list[str]
) -> None:
    headers = {"X-Atrium-CSRF": "1"}
    seen = []
    for email in (address(), *known):
        body = {"email": email, "password": "wrong one", "session": "cookie"}
        answer = await api.call("POST", "auth/login", json=body, headers=headers)
        assert "set-cookie" not in answer.headers
        seen.append(Seen.of(answer))
    assert all(each == seen[0] for each in seen)


async def test_who_guessed_too_often_is_told_the_same(api: Api, known: list[str]) -> None:
    """The eleventh try is one too many, whether or not there is an account."""
    told = []
    for email in (address(), known[0]):
        for _ in range(10):
            assert (await _wrong(api, email)).status == 401
        answer = await posted(api, "login", email=email, password="wrong one")
        assert (answer.status, answer.code) == (429, "too_many_requests")
        told.append((answer.body["title"], answer.headers["ratelimit-policy"], set(answer.headers)))
    assert told[0] == told[1]


async def _wrong(api: Api, email: str) -> Seen:
    return Seen.of(await posted(api, "login", email=email, password="wrong one"))


async def test_asking_for_a_mail_tells_nobody_whether_one_is_sent(
    api: Api, stack: Stack, known: list[str]
) -> None:
    for path, random in (("password/forgot", ()), ("sign-in-link", ("browser",))):
        for _ in range(2):  # the second time no mail is sent: one just was
            expected = Seen.of(await posted(api, path, email=address()), *random)
            assert expected.status == 202
            for email in known:
                assert Seen.of(await posted(api, path, email=email), *random) == expected
    for subject in ("set a new password", "sign in"):  # so there was something to tell
        await mail_to(stack, known[0], subject)


async def test_a_wrong_code_is_as_wrong_as_one_that_nobody_was_sent(api: Api) -> None:
    asked, never, browser = await api.user(), await api.user(), secrets.token_urlsafe(32)
    await posted(api, "sign-in-link", email=asked.email)
    own = (await posted(api, "sign-in-link", email=never.email)).body["browser"]
    seen = []
    for email, of in ((address(), browser), (asked.email, browser), (never.email, own)):
        answer = await posted(api, "sign-in-link/confirm", email=email, digits="000000", browser=of)
        seen.append(Seen.of(answer))
    assert seen[0] == seen[1] == seen[2]
    assert (seen[0].status, seen[0].body["code"]) == (400, "invalid_code")


@pytest.mark.parametrize(
    ("path", "purpose", "more"),
    [
        ("email/verify-link", "verify_email", {}),
        ("email/change/confirm-link", "confirm_new_email", {}),
        ("password/reset", "reset_password", {"new_password": "correct horse battery"}),
        ("sign-in-link/confirm", "sign_in_link", {"browser": "x" * 43}),
    ],
)
async def test_a_link_for_an_account_is_as_wrong_as_one_for_nobody(
    api: Api, path: str, purpose: str, more: dict[str, str]
) -> None:
    """A user's id is in messages and frames: it must not tell more than that."""
    user = await api.user()
    secret = secrets.token_urlsafe(32)
    ids = ("usr_00000000000000000000000000", user.id, (await deleted(api)).id)
    seen = [
        Seen.of(await posted(api, path, None, token=f"{each}.{purpose}.{secret}", **more))
        for each in ids
    ]
    assert seen[0] == seen[1] == seen[2]
    assert (seen[0].status, seen[0].body["code"]) == (400, "invalid_code")


async def test_changing_one_s_address_tells_not_who_has_it(
    api: Api, stack: Stack, known: list[str]
) -> None:
    eve, free = await api.user("Eve"), address()
    seen = []
    for email in (free, *known, eve.email):
        asked = await posted(api, "email/change", eve, email=email)
        wrong = await posted(api, "email/change/confirm", eve, side="new", digits="000000")
        me = await api.good("GET", "auth/me", eve)
        assert (me["email"], asked.status) == (eve.email, 202)
        seen.append((Seen.of(asked), Seen.of(wrong)))
    assert all(each == seen[0] for each in seen)
    assert seen[0][1].body["code"] == "invalid_code"
    log = await api.good("GET", "auth/me/audit", eve)
    asked_entries = [each for each in log["items"] if each["type"] == "email.change_asked"]
    assert len(asked_entries) == len(seen)
    shapes = {str({**each, "id": 0, "at": 0}) for each in asked_entries}
    assert len(shapes) == 1, "nor does his own log"
    await mail_to(stack, known[0], "have an account")  # only its owner hears of it
    assert (await mail_to(stack, free)).code


async def test_another_s_account_is_as_absent_as_nobody_s(api: Api) -> None:
    """What belongs to others is not there, whoever they are."""
    ada, eve = await api.user(), await api.user("Eve")
    [session] = (await api.good("GET", "auth/sessions", ada))["items"]
    nobody_s = "ses_00000000000000000000000000"
    seen = [
        Seen.of(await api.call("DELETE", f"auth/sessions/{each}", eve))
        for each in (session["id"], nobody_s)
    ]
    assert seen[0] == seen[1]
    assert seen[0].status == 404


@pytest.fixture
def where_addresses_must_be_confirmed(tmp_path: Path) -> Iterator[Stack]:
    with with_settings(tmp_path, AUTH_REGISTRATION="confirmed") as found:
        yield found


async def test_where_addresses_must_be_confirmed_registering_tells_nobody(
    where_addresses_must_be_confirmed: Stack,
) -> None:
    stack, taken, free = where_addresses_must_be_confirmed, address(), address()
    async with aiohttp.ClientSession() as session:
        api = Api(session, stack.functions)
        first = await _registered(api, taken)
        await mail_to(stack, taken, "confirm your")
        again, other = await _registered(api, taken), await _registered(api, free)
    assert first == again == other
    assert (first.status, first.body) == (201, {"mail_sent": True})
    await mail_to(stack, taken, "have an account")  # only its owner hears of it
    await mail_to(stack, free, "confirm your")
    assert len(await mails_to(stack, free)) == 1


async def _registered(api: Api, email: str) -> Seen:
    body = {"email": email, "password": secrets.token_hex(8), "display_name": "Ada"}
    return Seen.of(await posted(api, "register", **body))
