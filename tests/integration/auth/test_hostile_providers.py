"""Answers that a good provider would never give, from a server of ours: none of them signs anybody in.

The good paths are tested against a real provider (test_providers.py); GitHub's two APIs are played here as
its documentation has them, since there is none to run.
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from functions.auth.providers import discovery
from tests.integration.auth.conftest import Answer, Call, has_failed
from tests.integration.auth.http_server import serving
from tests.security.forging import Sign, hs256

BACK = "https://app.example/back"
SECRET = "a client's secret, of more than thirty-two characters"
RSA = generate_private_key(65537, 2048)
OTHER = generate_private_key(65537, 2048)


def jwk(key: RSAPrivateKey, **more: Any) -> dict[str, Any]:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": "k1", "use": "sig", "alg": "RS256", **more}


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Hostile:
    """A provider that gives the answers it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.document: dict[str, Any] = {}
        self.keys: Any = [jwk(RSA)]
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {"kid": "k1"}
        self.key: Any = RSA
        self.algorithm = "RS256"
        self.sign: Sign | None = None
        self.token: Any = None
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        self.form: dict[str, str] = {}

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path in self.answers:
            status, body = self.answers[request.path]
            return web.json_response(body, status=status)
        if request.path.endswith("openid-configuration"):
            return web.json_response(self.metadata() | self.document)
        if request.path == "/jwks":
            return web.json_response({"keys": self.keys})
        assert request.path == "/token", request.path
        self.form = {key: str(value) for key, value in (await request.post()).items()}
        return web.json_response({"id_token": self.id_token(), "access_token": "at"})

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
        }

    def id_token(self) -> Any:
        if self.token is not None:
            return self.token
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "sub-1",
            "aud": "us",
            "iat": now,
            "exp": now + 60,
            "email": "someone@example.com",
            "email_verified": True,
            **self.claims,
        }
        claims = {key: value for key, value in claims.items() if value is not None}
        if self.sign:  # PyJWT would not take such a key
            sign = self.sign
            parts = [{"typ": "JWT", "alg": self.algorithm, **self.header}, claims]
            signed = b".".join(encoded(json.dumps(each).encode()) for each in parts)
            return (signed + b"." + encoded(sign(signed))).decode()
        return jwt.encode(claims, self.key, algorithm=self.algorithm, headers=self.header)


@pytest.fixture
async def hostile(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hostile]:
    made = Hostile()
    async with serving(made.handle) as url:
        made.url = url
        monkeypatch.setenv("AUTH_PROVIDERS", "acme,github")
        monkeypatch.setenv("AUTH_REDIRECT_URIS", BACK)
        for name in ("ACME", "GITHUB"):
            monkeypatch.setenv(f"AUTH_PROVIDER_{name}_ISSUER", url)
            monkeypatch.setenv(f"AUTH_PROVIDER_{name}_CLIENT_ID", "us")
            monkeypatch.setenv(f"AUTH_PROVIDER_{name}_CLIENT_SECRET", SECRET)
        discovery.forget()
        yield made


async def signing_in(call: Call, hostile: Hostile, provider: str = "acme") -> Answer:
    """The answer to a callback; the token has the right nonce unless the test says otherwise."""
    started = await call("auth_start_provider", {"redirect_uri": BACK}, provider=provider)
    if started.status != 200:
        return started
    query = parse_qs(urlsplit(started.body["authorization_url"]).query)
    if "nonce" in query:
        hostile.claims.setdefault("nonce", query["nonce"][0])
    body = {"state": started.body["state"], "browser": started.body["browser"], "code": "c"}
    return await call("auth_provider_callback", body)


async def test_without_a_fault_it_signs_in_so_that_refusals_mean_something(
    call: Call, hostile: Hostile, address: str
) -> None:
    hostile.claims |= {"sub": address, "email": address}
    answer = await signing_in(call, hostile)
    assert answer.status == 200, answer
    assert hostile.form["code_verifier"]
    assert hostile.form["redirect_uri"] == BACK


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": ["x"]},
        {"nonce": ""},
        {"aud": "others"},
        {"aud": ["us", "others"]},
        {"aud": ["us", "others"], "azp": "others"},
        {"azp": "others"},
        {"iss": "https://accounts.google.com"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
    ],
)
async def test_claims_that_are_not_for_us_or_not_for_this_request(
    call: Call, hostile: Hostile, claims: dict[str, Any]
) -> None:
    hostile.claims |= claims
    assert has_failed(await signing_in(call, hostile), 400, "provider_refused")


class TestSignatures:
    """Who made the token."""

    async def test_another_key(self, call: Call, hostile: Hostile) -> None:
        hostile.key = OTHER
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    async def test_our_secret_as_an_hmac(self, call: Call, hostile: Hostile) -> None:
        hostile.sign, hostile.algorithm = hs256(SECRET.encode()), "HS256"
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    async def test_the_public_key_as_an_hmac(self, call: Call, hostile: Hostile) -> None:
        hostile.sign, hostile.algorithm = hs256(json.dumps(jwk(RSA)).encode()), "HS256"
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    async def test_none(self, call: Call, hostile: Hostile) -> None:
        hostile.key, hostile.algorithm = None, "none"
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    async def test_another_algorithm_than_the_keys(self, call: Call, hostile: Hostile) -> None:
        hostile.algorithm = "PS256"
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    async def test_a_key_that_the_token_brings(self, call: Call, hostile: Hostile) -> None:
        hostile.key = OTHER
        hostile.header = {"kid": "k1", "jwk": jwk(OTHER), "jku": f"{hostile.url}/evil"}
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")
        assert "/evil" not in hostile.asked

    async def test_a_weak_key(self, call: Call, hostile: Hostile) -> None:
        weak = generate_private_key(65537, 1024)
        hostile.keys = [jwk(weak)]
        hostile.sign = lambda signed: weak.sign(signed, PKCS1v15(), SHA256())
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    @pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "JWS"])
    async def test_a_token_of_another_kind(self, call: Call, hostile: Hostile, kind: Any) -> None:
        hostile.header = {"kid": "k1", "typ": kind}
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    async def test_a_key_that_is_anothers_of_the_set(
        self, call: Call, hostile: Hostile, address: str
    ) -> None:
        """Microsoft publishes the keys of all tenants together."""
        hostile.keys = [jwk(RSA, issuer="https://another.example")]
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")
        discovery.forget()
        hostile.keys = [jwk(RSA, issuer=hostile.url)]
        hostile.claims = {"sub": address, "email": address}
        assert (await signing_in(call, hostile)).status == 200

    async def test_a_key_for_encrypting(self, call: Call, hostile: Hostile) -> None:
        hostile.keys = [jwk(RSA, use="enc")]
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")

    async def test_an_unknown_key_is_asked_for_once_a_minute(
        self, call: Call, hostile: Hostile, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        hostile.header = {"kid": "new"}
        for _ in range(3):
            hostile.claims = {}
            assert has_failed(await signing_in(call, hostile), 400, "provider_refused")
        assert hostile.asked.count("/jwks") == 1
        monkeypatch.setattr(discovery, "_UNKNOWN_KEY_PAUSE", 0.0)
        hostile.keys = [jwk(RSA), jwk(RSA, kid="new")]
        hostile.claims = {"sub": address, "email": address}
        assert (await signing_in(call, hostile)).status == 200
        assert hostile.asked.count("/jwks") == 2

    async def test_a_set_with_keys_of_many_kinds(
        self, call: Call, hostile: Hostile, address: str
    ) -> None:
        ed = Ed25519PrivateKey.generate()
        x = base64.urlsafe_b64encode(ed.public_key().public_bytes_raw()).rstrip(b"=").decode()
        hostile.keys = [
            "not a key",
            {"kty": "oct", "kid": "o", "k": "AAAA"},
            {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "ed"},
            jwk(RSA),
        ]
        hostile.key, hostile.algorithm, hostile.header = ed, "EdDSA", {"kid": "ed"}
        hostile.claims = {"sub": address, "email": address}
        assert (await signing_in(call, hostile)).status == 200

    @pytest.mark.parametrize(
        "token", ["", "x", "a.b.c", "\u00e9.\u00e9.\u00e9", 7, ["x"], "e30.e30."]
    )
    async def test_what_is_no_token(self, call: Call, hostile: Hostile, token: Any) -> None:
        hostile.token = token
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")


class TestDiscovery:
    """What a provider says of itself."""

    @pytest.mark.parametrize(
        "document",
        [
            {"issuer": "https://accounts.google.com"},
            {"issuer": None},
            {"token_endpoint": None},
            {"token_endpoint": "ftp://127.0.0.1/token"},
            {"jwks_uri": "file:///etc/passwd"},
            {"token_endpoint": "http://10.0.0.5/token"},
            {"token_endpoint": "https://x@evil.example/token"},
            {"token_endpoint": "http://127.0.0.1@evil.example/token"},
            {"token_endpoint": "http://[::1"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"authorization_endpoint": 7},
        ],
    )
    async def test_a_document_that_is_another_s_or_none(
        self, call: Call, hostile: Hostile, document: dict[str, Any]
    ) -> None:
        hostile.document = document
        assert has_failed(await signing_in(call, hostile), 503, "unavailable")

    @pytest.mark.parametrize("answer", [(500, {}), (302, {}), (200, []), (200, "x")])
    async def test_no_document(self, call: Call, hostile: Hostile, answer: tuple[int, Any]) -> None:
        hostile.answers["/.well-known/openid-configuration"] = answer
        assert has_failed(await signing_in(call, hostile), 503, "unavailable")

    @pytest.mark.parametrize("answer", [(500, {}), (200, {}), (200, {"keys": 7}), (200, [])])
    async def test_no_keys(self, call: Call, hostile: Hostile, answer: tuple[int, Any]) -> None:
        hostile.answers["/jwks"] = answer
        assert has_failed(await signing_in(call, hostile), 503, "unavailable")

    async def test_after_a_failure_it_is_left_alone_for_a_while(
        self, call: Call, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = "/.well-known/openid-configuration"
        hostile.answers[path] = (500, {})
        for _ in range(3):
            assert has_failed(await signing_in(call, hostile), 503, "unavailable")
        assert hostile.asked.count(path) == 1
        monkeypatch.setattr(discovery, "_FAILURE_PAUSE", 0.0)
        del hostile.answers[path]
        hostile.document = {"token_endpoint_auth_methods_supported": None}
        assert (await signing_in(call, hostile)).status != 503

    async def test_many_at_once_ask_once(self, hostile: Hostile) -> None:
        found = await asyncio.gather(*(discovery.metadata(hostile.url) for _ in range(20)))
        assert {each.issuer for each in found} == {hostile.url}
        assert len(hostile.asked) == 1

    async def test_it_is_asked_once_an_hour(
        self, call: Call, hostile: Hostile, address: str
    ) -> None:
        for n in range(3):
            hostile.claims = {"sub": f"{n}{address}", "email": f"{n}{address}"}
            assert (await signing_in(call, hostile)).status == 200
        assert hostile.asked.count("/.well-known/openid-configuration") == 1
        assert hostile.asked.count("/jwks") == 1

    async def test_the_document_for_all_tenants_of_microsoft(
        self, call: Call, hostile: Hostile, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each token names the tenant that it is of."""
        monkeypatch.setenv("AUTH_PROVIDER_ACME_ISSUER", f"{hostile.url}/common/v2.0")
        hostile.document = {"issuer": f"{hostile.url}/{{tenantid}}/v2.0"}
        good = {"sub": address, "email": address, "tid": "t-1", "iss": f"{hostile.url}/t-1/v2.0"}
        for wrong in ({"tid": "t-2"}, {"tid": None}, {"iss": f"{hostile.url}/{{tenantid}}/v2.0"}):
            hostile.claims = good | wrong
            assert has_failed(await signing_in(call, hostile), 400, "provider_refused")
        hostile.claims = good
        assert (await signing_in(call, hostile)).status == 200


class TestExchange:
    """The token endpoint, and who the user is."""

    @pytest.mark.parametrize(
        ("answer", "status", "code"),
        [
            ((400, {"error": "invalid_grant"}), 400, "provider_refused"),
            ((401, {"error": "invalid_client"}), 503, "unavailable"),
            ((500, {}), 503, "unavailable"),
            ((302, {}), 503, "unavailable"),
            ((200, []), 503, "unavailable"),
            ((200, {}), 400, "provider_refused"),
        ],
    )
    async def test_answers_of_the_token_endpoint(
        self, call: Call, hostile: Hostile, answer: tuple[int, Any], status: int, code: str
    ) -> None:
        hostile.answers["/token"] = answer
        assert has_failed(await signing_in(call, hostile), status, code)

    async def test_user_info_of_somebody_else(
        self, call: Call, hostile: Hostile, address: str
    ) -> None:
        hostile.document = {"userinfo_endpoint": f"{hostile.url}/me"}
        hostile.claims = {"email": None, "email_verified": None, "sub": address}
        said = {"email": address, "email_verified": True}
        hostile.answers["/me"] = (200, {"sub": "another", **said})
        assert has_failed(await signing_in(call, hostile), 400, "provider_refused")
        hostile.claims = {"email": None, "email_verified": None, "sub": address}
        hostile.answers["/me"] = (200, {"sub": address, **said})
        assert (await signing_in(call, hostile)).status == 200

    @pytest.mark.parametrize("verified", [False, None, "false", "yes", 0, {}, []])
    async def test_an_address_that_is_not_vouched_for(
        self, call: Call, hostile: Hostile, verified: Any
    ) -> None:
        hostile.claims = {"email_verified": verified}
        answer = await signing_in(call, hostile)
        assert has_failed(answer, 403, "email_not_verified_by_provider")

    @pytest.mark.parametrize(
        "email",
        ["\uff46\uff4f\uff4f@example.com", "x", "a@b", "a@b.example\r\nBcc: c@d.example", 7],
    )
    async def test_an_address_that_we_would_not_take(
        self, call: Call, hostile: Hostile, email: Any
    ) -> None:
        hostile.claims = {"email": email}
        answer = await signing_in(call, hostile)
        assert has_failed(answer, 403, "email_not_verified_by_provider")

    @pytest.mark.parametrize("name", ["", "a\u202eb", "x" * 500, 7, None, "\u0000"])
    async def test_a_name_that_we_would_not_take_is_replaced(
        self, call: Call, hostile: Hostile, address: str, name: Any
    ) -> None:
        hostile.claims = {"sub": address, "email": address, "name": name}
        answer = await signing_in(call, hostile)
        assert answer.status == 200
        called = answer.body["user"]["display_name"]
        assert called == ("x" * 80 if name == "x" * 500 else address.partition("@")[0])


class TestGitHub:
    """The one that has OAuth alone."""

    def play(self, hostile: Hostile, number: Any, *emails: dict[str, Any]) -> None:
        hostile.answers |= {
            "/login/oauth/access_token": (200, {"access_token": "gho_1"}),
            "/api/v3/user": (200, {"id": number, "login": "octo", "name": "Octo Cat"}),
            "/api/v3/user/emails": (200, list(emails)),
        }

    async def test_it_signs_in_by_number_and_verified_primary_address(
        self, call: Call, hostile: Hostile, address: str
    ) -> None:
        number = time.time_ns()
        self.play(
            hostile,
            number,
            {"email": f"other-{address}", "primary": False, "verified": True},
            {"email": address, "primary": True, "verified": True},
        )
        first = await signing_in(call, hostile, "github")
        assert (first.status, first.body["user"]["email"]) == (200, address)
        assert first.body["user"]["display_name"] == "Octo Cat"
        self.play(hostile, number)
        again = await signing_in(call, hostile, "github")
        assert again.body["user"]["id"] == first.body["user"]["id"], "the address may change"

    async def test_an_address_that_is_not_verified(
        self, call: Call, hostile: Hostile, address: str
    ) -> None:
        self.play(hostile, 1, {"email": address, "primary": True, "verified": False})
        answer = await signing_in(call, hostile, "github")
        assert has_failed(answer, 403, "email_not_verified_by_provider")

    @pytest.mark.parametrize(
        ("path", "answer", "status"),
        [
            ("/login/oauth/access_token", (200, {"error": "bad_verification_code"}), 400),
            ("/api/v3/user", (200, {"id": "7"}), 400),
            ("/api/v3/user", (200, {"id": True}), 400),
            ("/api/v3/user", (401, {}), 503),
            ("/api/v3/user/emails", (200, {}), 503),
            ("/api/v3/user/emails", (403, []), 503),
        ],
    )
    async def test_answers_that_say_nothing(
        self, call: Call, hostile: Hostile, path: str, answer: tuple[int, Any], status: int
    ) -> None:
        self.play(hostile, 1)
        hostile.answers[path] = answer
        assert (await signing_in(call, hostile, "github")).status == status

    async def test_the_request_has_pkce(self, call: Call, hostile: Hostile) -> None:
        started = await call("auth_start_provider", {"redirect_uri": BACK}, provider="github")
        url = started.body["authorization_url"]
        assert url.startswith(f"{hostile.url}/login/oauth/authorize?")
        assert "code_challenge_method=S256" in url
