"""Attacks on the refresh token in a cookie, over HTTP: by the pages of other sites.

Reference 1.4: another site can neither use the cookie of a visitor (CSRF) nor give him one of its own (login
CSRF). Each test changes one thing of a request that is good without the change.
"""

import json
from typing import Any

import pytest

from tests.harness.api import Answer, Api, User
from tests.harness.mails import mail_to
from tests.harness.stack import Stack

NAME = "__Host-atrium_refresh"
OWN = {"X-Atrium-CSRF": "1"}

FOREIGN_ORIGINS = ("https://evil.example", "null", "", "*", "file://", "http://localhost",
                   "http://localhost:1", "https://atrium.example.evil.example")  # fmt: skip
FOREIGN_SITES = ("cross-site", "Cross-Site", "", "nonsense", "same-origin, cross-site")
FOREIGN = [
    pytest.param({}, id="no-header"),
    pytest.param({"X-Atrium-CSRF": ""}, id="empty-header"),
    *(pytest.param({**OWN, "Origin": each}, id=f"origin-{each}") for each in FOREIGN_ORIGINS),
    *(pytest.param({**OWN, "Sec-Fetch-Site": each}, id=f"site-{each}") for each in FOREIGN_SITES),
    pytest.param(
        {**OWN, "Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, id="both"
    ),
]
"""Headers that a page of another site would send, or could hope to pass with."""

# What a form of another site can send without a preflight: its three encodings.
FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")


@pytest.fixture
async def user(api: Api) -> User:
    return await api.user()


def own_origin(stack: Stack) -> str:
    return stack.settings["AUTH_ISSUER"]


async def login(api: Api, user: User, headers: dict[str, str], **more: Any) -> Answer:
    body = {"email": user.email, "password": user.password, "session": "cookie", **more}
    return await api.call("POST", "auth/login", json=body, headers=headers)


async def refresh(api: Api, token: str, headers: dict[str, str], **options: Any) -> Answer:
    headers = {**headers, "Cookie": f"{NAME}={token}"}
    options = options or {"json": {}}
    return await api.call("POST", "auth/refresh", headers=headers, **options)


def given(answer: Answer) -> tuple[str, dict[str, str]]:
    """The cookie that an answer gives, and its attributes in lower case."""
    pair, *attributes = answer.headers["set-cookie"].split("; ")
    name, _, value = pair.partition("=")
    assert name == NAME
    split = [each.partition("=") for each in attributes]
    return value, {name.lower(): value for name, _, value in split}


async def cookie_of(api: Api, user: User) -> str:
    answer = await login(api, user, OWN)
    assert answer.status == 200, answer
    return given(answer)[0]


def refused(answer: Answer) -> None:
    assert (answer.status, answer.code) == (403, "csrf_refused"), answer
    assert "set-cookie" not in answer.headers
    assert "access_token" not in answer.body


class TestTheCookie:
    """What a browser is told about it, each time it gets one."""

    @pytest.mark.parametrize("way", ["login", "refresh", "register", "step-up", "password/change"])
    async def test_no_script_no_other_host_and_no_other_site_has_it(
        self, api: Api, user: User, way: str
    ) -> None:
        answer = await self._got(api, user, way)
        value, attributes = given(answer)
        assert set(attributes) == {"path", "secure", "httponly", "samesite", "max-age"}
        assert (attributes["path"], attributes["samesite"].lower()) == ("/", "strict")
        assert 0 < int(attributes["max-age"]) <= 60 * 86_400
        assert answer.body["refresh_token"] is None
        assert len(value) == 108
        assert value not in json.dumps(answer.body)
        headers = {name: text for name, text in answer.headers.items() if name != "set-cookie"}
        assert value not in str(headers)
        assert (await refresh(api, value, OWN)).status == 200

    async def _got(self, api: Api, user: User, way: str) -> Answer:
        if way == "register":
            body = {"email": f"new-{user.email}", "password": user.password, "display_name": "N"}
            body["session"] = "cookie"
            answer = await api.call("POST", "auth/register", json=body, headers=OWN)
            assert answer.status == 201, answer
            return answer
        answer = await login(api, user, OWN)
        holder = User(user.id, user.email, user.password, answer.body["access_token"])
        if way == "refresh":
            answer = await refresh(api, given(answer)[0], OWN)
        elif way == "step-up":
            body = {"password": user.password}
            answer = await api.call("POST", "auth/step-up", holder, json=body)
        elif way == "password/change":
            body = {"current_password": user.password, "new_password": "another-fine-word 7"}
            answer = await api.call("POST", f"auth/{way}", holder, json=body)
        assert answer.status == 200, answer
        return answer

    async def test_no_domain_is_named(self, api: Api, user: User) -> None:
        """Not even an empty one: Azure's front end fills it in, and no browser takes the cookie then."""
        assert "domain" not in given(await login(api, user, OWN))[1]

    async def test_who_did_not_ask_for_it_gets_none(self, api: Api, user: User) -> None:
        answer = await login(api, user, OWN, session="body")
        assert answer.body["refresh_token"]
        assert "set-cookie" not in answer.headers

    async def test_logging_out_takes_it_away(self, api: Api, user: User) -> None:
        answer = await login(api, user, OWN)
        token = given(answer)[0]
        holder = User(user.id, user.email, user.password, answer.body["access_token"])
        value, attributes = given(await api.call("POST", "auth/logout", holder))
        assert (value, attributes["max-age"]) == ("", "0")
        assert {"secure", "httponly"} <= set(attributes)
        assert (await refresh(api, token, OWN)).code == "invalid_refresh_token"


class TestOfOurs:
    """Requests that are good, so that refusals mean something."""

    @pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
    async def test_by_fetch_metadata(self, api: Api, user: User, site: str) -> None:
        token = given(await login(api, user, {**OWN, "Sec-Fetch-Site": site}))[0]
        assert (await refresh(api, token, {**OWN, "Sec-Fetch-Site": site})).status == 200

    async def test_by_origin(self, api: Api, stack: Stack, user: User) -> None:
        headers = {**OWN, "Origin": own_origin(stack)}
        token = given(await login(api, user, headers))[0]
        assert (await refresh(api, token, headers)).status == 200


class TestOfAnotherSite:
    """It sends the visitor's browser here, with or without his cookie."""

    @pytest.mark.parametrize("headers", FOREIGN)
    async def test_it_cannot_use_the_cookie(
        self, api: Api, user: User, headers: dict[str, str]
    ) -> None:
        token = await cookie_of(api, user)
        refused(await refresh(api, token, headers))
        value, _ = given(await refresh(api, token, OWN))
        assert value != token, "the token was not spent"

    @pytest.mark.parametrize("headers", FOREIGN)
    async def test_it_cannot_sign_its_visitor_in(
        self, api: Api, user: User, headers: dict[str, str]
    ) -> None:
        """Login CSRF: what the visitor does then, he would do in the attacker's account."""
        refused(await login(api, user, headers))
        sessions = await api.good("GET", "auth/sessions", user)
        assert len(sessions["items"]) == 1

    @pytest.mark.parametrize("headers", FOREIGN)
    async def test_it_cannot_register_its_visitor(
        self, api: Api, user: User, headers: dict[str, str]
    ) -> None:
        body = {"email": f"csrf-{user.email}", "password": user.password, "display_name": "C"}
        body["session"] = "cookie"
        refused(await api.call("POST", "auth/register", json=body, headers=headers))
        answer = await api.call(
            "POST", "auth/login", json={"email": body["email"], "password": body["password"]}
        )
        assert answer.code == "invalid_credentials", "there is no account"

    @pytest.mark.parametrize("headers", FOREIGN)
    async def test_it_cannot_sign_in_by_its_own_mail(
        self, api: Api, stack: Stack, user: User, headers: dict[str, str]
    ) -> None:
        asked = await api.good("POST", "auth/sign-in-link", json={"email": user.email})
        token = (await mail_to(stack, user.email, "sign")).token
        body = {"token": token, "browser": asked["browser"], "session": "cookie"}
        refused(await api.call("POST", "auth/sign-in-link/confirm", json=body, headers=headers))
        answer = await api.call("POST", "auth/sign-in-link/confirm", json=body, headers=OWN)
        assert answer.status == 200, "the link was not spent"
        assert given(answer)[0]

    @pytest.mark.parametrize("path", ["login/second-factor", "passkeys/sign-in"])
    async def test_nor_in_any_other_way(self, api: Api, path: str) -> None:
        bodies: dict[str, dict[str, object]] = {
            "login/second-factor": {"ticket": "x", "totp": "123456"},
            "passkeys/sign-in": {"flow": "x", "credential": {}},
        }
        body = {**bodies[path], "session": "cookie"}
        refused(await api.call("POST", f"auth/{path}", json=body))
        answer = await api.call("POST", f"auth/{path}", json=body, headers=OWN)
        assert answer.status in {400, 401}, "looked at, and found to be nonsense"

    @pytest.mark.parametrize("encoding", FORMS)
    async def test_a_form_does_nothing(self, api: Api, user: User, encoding: str) -> None:
        """JSON in a form's clothes needs no preflight: the cookie must not be given, nor taken."""
        token = await cookie_of(api, user)
        body = {"email": user.email, "password": user.password, "session": "cookie"}
        headers = {"Content-Type": encoding, "Cookie": f"{NAME}={token}"}
        contents: dict[str, dict[str, str]] = {"auth/login": body, "auth/refresh": {}}
        for path, content in contents.items():
            data = json.dumps(content)
            answer = await api.call("POST", path, data=data, headers=headers)
            assert answer.status in {403, 415}, answer
            assert "set-cookie" not in answer.headers
            assert "access_token" not in answer.body
        assert len((await api.good("GET", "auth/sessions", user))["items"]) == 2
        assert (await refresh(api, token, OWN)).status == 200

    @pytest.mark.parametrize("encoding", FORMS[1:])
    async def test_real_forms_are_refused_also_with_our_header(
        self, api: Api, user: User, encoding: str
    ) -> None:
        token = await cookie_of(api, user)
        headers = {**OWN, "Content-Type": encoding}
        answer = await refresh(api, token, headers, data=b"{}")
        assert (answer.status, answer.code) == (415, "unsupported_media_type")

    async def test_the_cookie_alone_opens_no_route(self, api: Api, user: User) -> None:
        """Only the refresh looks at it: nothing else can be done in a visitor's name."""
        token = await cookie_of(api, user)
        headers = {**OWN, "Cookie": f"{NAME}={token}; access_token={user.token}"}
        for method, path in (
            ("GET", "auth/me"),
            ("DELETE", "auth/me"),
            ("POST", "auth/logout"),
            ("POST", "auth/step-up"),
            ("POST", "auth/password/change"),
            ("POST", "auth/email/change"),
            ("POST", "auth/sessions/end"),
            ("POST", "rooms"),
            ("POST", "realtime/negotiate"),
        ):
            answer = await api.call(method, path, json={}, headers=headers)
            assert (answer.status, answer.code) == (401, "unauthenticated"), path
        assert (await refresh(api, token, OWN)).status == 200


class TestOtherNames:
    """A cookie that another host of the domain could set is none of ours."""

    @pytest.mark.parametrize(
        "name",
        ["atrium_refresh", "__Secure-atrium_refresh", "__host-atrium_refresh", "refresh_token"],
    )
    async def test_they_are_not_looked_at(self, api: Api, user: User, name: str) -> None:
        token = await cookie_of(api, user)
        headers = {**OWN, "Cookie": f"{name}={token}"}
        answer = await api.call("POST", "auth/refresh", json={}, headers=headers)
        assert (answer.status, answer.code) == (401, "invalid_refresh_token")

    @pytest.mark.parametrize(
        "value", ["", '""', "x", "=", "A" * 108, "é", "%00", "A" * 7000, "x; Domain=evil.example"]
    )
    async def test_values_that_are_no_token(self, api: Api, value: str) -> None:
        answer = await refresh(api, value, OWN)
        assert (answer.status, answer.code) == (401, "invalid_refresh_token")
        assert "set-cookie" not in answer.headers
