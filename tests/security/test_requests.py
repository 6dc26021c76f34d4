"""Hostile requests over HTTP: fields that no client sends, look-alike addresses, hosts and places of others.

Reference 1.4: mass assignment, homoglyphs, the Host header in mails, open redirects, malformed Authorization
headers. Nothing of it is taken, and nothing of it is a 500.
"""

import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.api import Answer, Api
from tests.harness.mails import mail_to
from tests.harness.stack import Stack

EVIL = "evil.example"
JSON = {"Content-Type": "application/json"}
PRIVILEGES: Mapping[str, Any] = {
    "roles": ["admin"],
    "role": "admin",
    "is_admin": True,
    "email_verified": True,
    "email_verified_at": "2020-01-01T00:00:00.000Z",
    "id": "usr_00000000000000000000000000",
    "user_id": "usr_00000000000000000000000000",
    "erase_at": None,
    "created_at": "2000-01-01T00:00:00.000Z",
    "token_version": 1000,
    "generation": 1000,
    "password_hash": "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
    "PartitionKey": "usr_00000000000000000000000000",
    "__class__": {"roles": ["admin"]},
    "__proto__": {"roles": ["admin"]},
    "constructor": {"prototype": {"roles": ["admin"]}},
    "user": {"roles": ["admin"]},
    "roles[]": "admin",
    "user.roles": "admin",
}
"""Fields of an account, or of its rows, that its owner must not write."""


def local_part() -> str:
    return f"ask-{secrets.token_hex(6)}"


def wide(text: str) -> str:
    """The text in full-width letters, as East Asian keyboards write them."""
    return "".join(chr(ord(each) + 0xFEE0) for each in text)


def new_account(email: str, **more: Any) -> dict[str, Any]:
    return {"email": email, "password": "correct horse battery", "display_name": "Q", **more}


async def registered(api: Api, email: str) -> Answer:
    return await api.call("POST", "auth/register", json=new_account(email))


async def signed_in(api: Api, email: str, password: str = "correct horse battery") -> Answer:
    return await api.call("POST", "auth/login", json={"email": email, "password": password})


def not_valid(answer: Answer) -> None:
    assert (answer.status, answer.code) == (422, "validation_failed"), answer


class TestMassAssignment:
    """A field that is not the caller's to write is refused, and nothing of the request is done."""

    @pytest.mark.parametrize("name", PRIVILEGES)
    async def test_at_registration(self, api: Api, name: str) -> None:
        email = f"{local_part()}@example.com"
        body = new_account(email, **{name: PRIVILEGES[name]})
        not_valid(await api.call("POST", "auth/register", json=body))
        assert (await signed_in(api, email)).code == "invalid_credentials", "there is no account"

    @pytest.mark.parametrize("name", PRIVILEGES)
    async def test_when_one_changes_oneself(self, api: Api, name: str) -> None:
        user = await api.user()
        before = await api.good("GET", "auth/me", user)
        body = {"display_name": "Changed", name: PRIVILEGES[name]}
        not_valid(await api.call("PATCH", "auth/me", user, json=body))
        assert await api.good("GET", "auth/me", user) == before

    @pytest.mark.parametrize("name", ["email", "password", "current_password", "session"])
    async def test_what_has_a_way_of_its_own(self, api: Api, name: str) -> None:
        user = await api.user()
        body = {"display_name": "Changed", name: f"{local_part()}@example.com"}
        not_valid(await api.call("PATCH", "auth/me", user, json=body))
        assert (await signed_in(api, user.email, user.password)).status == 200

    @pytest.mark.parametrize("name", PRIVILEGES)
    async def test_at_login(self, api: Api, name: str) -> None:
        user = await api.user()
        body = {"email": user.email, "password": user.password, name: PRIVILEGES[name]}
        not_valid(await api.call("POST", "auth/login", json=body))
        assert len((await api.good("GET", "auth/sessions", user))["items"]) == 1

    async def test_another_s_id_beside_what_one_may_change(self, api: Api) -> None:
        """What a command works on is the token's user, whatever else is named."""
        ada, eve = await api.user(), await api.user("Eve")
        proof = {"current_password": eve.password, "new_password": "taken over by eve"}
        for method, path, body in (
            ("POST", "auth/password/change", proof),
            ("POST", "auth/email/change", {"email": f"{local_part()}@example.com"}),
            ("POST", "auth/step-up", {"password": eve.password}),
            ("POST", "auth/sessions/end", {"which": "all"}),
        ):
            for name in ("user_id", "id", "sub", "email_of"):
                answer = await api.call(method, path, eve, json={**body, name: ada.id})
                not_valid(answer)
        params = {"user_id": ada.id, "id": ada.id, "roles": "admin"}
        me = await api.good("GET", "auth/me", eve, params=params)
        assert (me["id"], me["roles"]) == (eve.id, [])
        assert (await signed_in(api, ada.email, ada.password)).status == 200
        assert (await signed_in(api, eve.email, eve.password)).status == 200

    async def test_the_session_of_another(self, api: Api) -> None:
        ada, eve = await api.user(), await api.user("Eve")
        [session] = (await api.good("GET", "auth/sessions", ada))["items"]
        answer = await api.call("DELETE", f"auth/sessions/{session['id']}", eve)
        assert (answer.status, answer.code) == (404, "session_not_found")
        assert (await api.call("GET", "auth/me", ada)).status == 200


class TestLookAlikes:
    """An address that looks like another is refused, or another account: never the same one twice."""

    @pytest.mark.parametrize(
        "form",
        [f"{wide('foo')}{{}}@example.com", f"{{}}{wide('@')}example.com", "{}\ufe6bexample.com",
         "{}\N{CYRILLIC SMALL LETTER A}@example.com", "{}\N{KELVIN SIGN}@example.com",
         "{}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}@example.com",
         "{}\N{LATIN SMALL LETTER DOTLESS I}@example.com", "{}\N{LATIN SMALL LETTER SHARP S}@example.com",
         "{}\N{LATIN SMALL LIGATURE FI}@example.com", "{}\N{ZERO WIDTH SPACE}@example.com",
         "{}\N{SOFT HYPHEN}@example.com", "{}\N{RIGHT-TO-LEFT OVERRIDE}@example.com",
         "{}\N{COMBINING ACUTE ACCENT}@example.com", "\N{ZERO WIDTH NO-BREAK SPACE}{}@example.com",
         "{}\0@example.com", "{}@example.com\0", "{}\n@example.com", "{}@exam\0ple.com",
         "{}@example.com\nBcc: x@evil.example", "{}@evil.example@example.com", '"{}"@example.com',
         "<{}@example.com>", "Ada <{}@example.com>", "{}@example.com,x@evil.example",
         "{}@[127.0.0.1]", "{}@localhost", "{}@example", "{}(a)@example.com", "{}..a@example.com",
         "{}@example.com\N{ONE DOT LEADER}evil.example", "{}@-example.com", "{} @example.com",
         "{}@exam\N{SOFT HYPHEN}ple.com"],
    )  # fmt: skip
    async def test_letters_that_cannot_be_told_apart_are_no_address(
        self, api: Api, form: str
    ) -> None:
        email = form.format(local_part())
        not_valid(await registered(api, email))
        for path in ("auth/password/forgot", "auth/sign-in-link"):
            not_valid(await api.call("POST", path, json={"email": email}))
        not_valid(await signed_in(api, email))

    @pytest.mark.parametrize(
        "other",
        ["{}@EXAMPLE.COM", "{}@Example.Com", f"{{}}@{wide('example')}.com",
         f"{{}}@{wide('EXAMPLE.COM')}", "{}@example\N{IDEOGRAPHIC FULL STOP}com",
         "{}@\N{CIRCLED LATIN SMALL LETTER E}xample.com"],
    )  # fmt: skip
    async def test_one_domain_in_another_spelling_is_one_account(
        self, api: Api, other: str
    ) -> None:
        name = local_part()
        assert (await registered(api, f"{name}@example.com")).status == 201
        taken = await registered(api, other.format(name))
        assert (taken.status, taken.code) == (409, "email_taken"), taken
        same = await signed_in(api, other.format(name))
        assert same.status == 200
        assert same.body["user"]["email"] == f"{name}@example.com"

    async def test_cases_are_one_account(self, api: Api) -> None:
        email = f"Ada.{local_part()}@example.com"
        first = await registered(api, email)
        for other in (email.upper(), email.lower(), email.swapcase(), f"aDA.{email[4:]}"):
            taken = await registered(api, other)
            assert (taken.status, taken.code) == (409, "email_taken"), other
            same = await signed_in(api, other)
            assert same.body["user"]["id"] == first.body["user"]["id"]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("bücher.example.com", "xn--bcher-kva.example.com"),
            ("bücher.example.com", "BÜCHER.example.com"),
            ("bücher.example.com", "bu\u0308cher.example.com"),
            ("xn--bcher-kva.example.com", "XN--BCHER-KVA.example.com"),
        ],
    )
    async def test_an_international_domain_is_one_in_all_its_forms(
        self, api: Api, one: str, other: str
    ) -> None:
        name = local_part()
        first = await registered(api, f"{name}@{one}")
        assert first.status == 201, first
        taken = await registered(api, f"{name}@{other}")
        assert (taken.status, taken.code) == (409, "email_taken"), taken

    @pytest.mark.parametrize(
        "domain",
        ["ex\N{CYRILLIC SMALL LETTER A}mple.com", "exampl\N{CYRILLIC SMALL LETTER IE}.com",
         "examp\N{LATIN SMALL LETTER DOTLESS I}e.com", "example.c\N{GREEK SMALL LETTER OMICRON}m",
         "exa\N{LATIN SMALL LETTER M WITH DOT BELOW}ple.com", "example.com.evil.example.com"],
    )  # fmt: skip
    async def test_a_domain_that_looks_alike_is_another_s(self, api: Api, domain: str) -> None:
        """Its owner gets no mail for the account that he imitates, and does not get in."""
        ada = await api.user()
        name, _, _ = ada.email.partition("@")
        alike = f"{name}@{domain}"
        assert (await signed_in(api, alike, ada.password)).status in {401, 422}
        for path in ("auth/password/forgot", "auth/sign-in-link"):
            answer = await api.call("POST", path, json={"email": alike})
            assert answer.status in {202, 422}, answer
        log = await api.good("GET", "auth/me/audit", ada)
        asked = {"password.reset_asked", "sign_in_link.asked"}
        assert not asked & {each["type"] for each in log["items"]}


class TestPlacesOfOthers:
    """Neither a link in a mail nor an answer leads where the request says."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": EVIL},
            {"Host": f"{EVIL}:443"},
            {"X-Forwarded-Host": EVIL},
            {"X-Original-Host": EVIL, "X-Host": EVIL, "X-HTTP-Host-Override": EVIL},
            {"Forwarded": f"host={EVIL};proto=https;for=192.0.2.1"},
            {"X-Original-URL": f"https://{EVIL}/", "X-Rewrite-URL": f"https://{EVIL}/"},
            {"X-Forwarded-Proto": "javascript", "X-Forwarded-Prefix": f"//{EVIL}"},
            {"Referer": f"https://{EVIL}/", "Origin": f"https://{EVIL}"},
            {"X-Forwarded-Server": EVIL, "Via": EVIL, "X-Forwarded-For": EVIL},
        ],
        ids="+".join,
    )
    async def test_the_host_of_a_request_is_in_no_mail(
        self, api: Api, stack: Stack, headers: dict[str, str]
    ) -> None:
        email = f"{local_part()}@example.com"
        body = new_account(email)
        await api.good("POST", "auth/register", json=body, headers=headers)
        for path, purpose in (
            ("password/forgot", "reset_password"),
            ("sign-in-link", "sign_in_link"),
            ("", "verify_email"),
        ):
            if path:
                body = {"email": email}
                answer = await api.call("POST", f"auth/{path}", json=body, headers=headers)
                assert answer.status == 202, answer
                assert EVIL not in str((answer.headers, answer.body))
            mail = await mail_to(stack, email, SUBJECTS[purpose])
            place = stack.settings["AUTH_LINK_URL"].rstrip("/")
            assert mail.link.startswith(f"{place}/{purpose}#token="), mail.link
            assert EVIL not in str(mail)

    @pytest.mark.parametrize(
        "query",
        [f"next=//{EVIL}", f"next=https://{EVIL}", f"redirect_uri=https://{EVIL}", f"url=//{EVIL}",
         f"return_to=https:{EVIL}", "next=javascript:alert(`evil.example`)", f"token={EVIL}",
         f"next=%0d%0aLocation:%20https://{EVIL}", f"%3Cscript%3E{EVIL}%3C/script%3E"],
    )  # fmt: skip
    async def test_the_page_of_a_link_leads_nowhere(self, api: Api, query: str) -> None:
        for page in ("verify_email", "reset_password", "sign_in_link", "link.js"):
            plain = await self._page(api, page)
            asked = await self._page(api, f"{page}?{query}")
            assert asked.status == 200
            assert asked.body == plain.body
            assert "location" not in asked.headers
            assert EVIL not in str((asked.headers, asked.body))

    @pytest.mark.parametrize(
        "page",
        [f"/{EVIL}", f"//{EVIL}", f"%2F%2F{EVIL}", f"%5C%5C{EVIL}", f"https:%2F%2F{EVIL}",
         f"https://{EVIL}/", "javascript:alert('evil.example')", f"..%2F..%2F{EVIL}",
         f"%0d%0aLocation:%20https://{EVIL}", f"%3Cscript%3E{EVIL}", f"verify_email/..//{EVIL}",
         f"verify_email%00{EVIL}", f"link.js%3F{EVIL}", "..%2fapi%2Fhealth?evil.example"],
    )  # fmt: skip
    async def test_a_page_that_is_a_place_is_none(self, api: Api, page: str) -> None:
        answer = await self._page(api, page)
        assert answer.status == 404, answer
        assert "location" not in answer.headers
        assert EVIL not in str((answer.headers, answer.body))

    async def _page(self, api: Api, page: str) -> Answer:
        return await api.call("GET", f"auth/links/{page}", allow_redirects=False)


SUBJECTS = {"reset_password": "password", "sign_in_link": "sign", "verify_email": "confirm your"}


class TestMalformedAuthorization:
    """On routes that write as well: who is not known is told so, before anything else is looked at."""

    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Bearer \u00ff", "Bearer " + "." * 5000, "Basic YTpi", "Bearer {}"]
    )
    async def test_it_is_401_on_every_kind_of_route(self, api: Api, header: str) -> None:
        for method, path in (
            ("PATCH", "auth/me"),
            ("DELETE", "auth/me"),
            ("GET", "auth/me/export"),
            ("POST", "auth/password/change"),
            ("POST", "auth/sessions/end"),
            ("DELETE", "auth/sessions/%00"),
            ("POST", "auth/factors/totp"),
            ("POST", "auth/email/change"),
            ("GET", "admin/queues"),
        ):
            headers = {**JSON, "Authorization": header}
            answer = await api.call(method, path, data=b"{", headers=headers)
            assert (answer.status, answer.code) == (401, "unauthenticated"), (path, answer)
