"""Attacks on access tokens, over HTTP, on a route of auth and on one of a service that only verifies.

Reference 1.4: algorithm confusion, `kid` and `jku` injection, missing `exp`, wrong `typ`, and Authorization
headers that no client would send. Each is a 401 problem, never a 500.
"""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.auth import keys
from functions.auth.keys import KeyRing
from functions.auth.store import keys as stored_keys
from shared_code.storage import close_all
from shared_code.tokens import REQUIRED_CLAIMS
from tests.harness.api import Api
from tests.harness.waiting import until_async
from tests.security.forging import Forger, Sign, hs256

ROUTES = ("auth/me", "rooms")
EVIL = "https://evil.example/keys.json"
NOW = int(time.time())


async def refused(api: Api, *authorization: str) -> None:
    """On both routes: 401, a problem with its code, and nothing of the token in it."""
    for path in ROUTES:
        headers = [("Authorization", each) for each in authorization]
        answer = await api.call("GET", path, headers=headers)
        assert (answer.status, answer.code) == (401, "unauthenticated"), (path, answer)
        assert answer.body["request_id"] == answer.headers["x-request-id"]
        assert answer.headers["www-authenticate"] == "Bearer"
        for each in authorization:
            token = each.rpartition(" ")[2]
            assert len(token) < 8 or token not in json.dumps(answer.body)


async def accepted(api: Api, authorization: str) -> None:
    for path in ROUTES:
        answer = await api.call("GET", path, headers={"Authorization": authorization})
        assert answer.status == 200, (path, answer)


async def test_a_forged_token_without_a_fault_is_good_so_that_refusals_mean_something(
    api: Api, forger: Forger
) -> None:
    await accepted(api, f"Bearer {forger.token()}")


class TestAlgorithmConfusion:
    """Who made the token says how it is verified, if one lets him."""

    @pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None])
    async def test_no_signature(self, api: Api, forger: Forger, alg: str | None) -> None:
        await refused(api, f"Bearer {forger.token(header={'alg': alg}, sign=lambda _: b'')}")
        await refused(api, f"Bearer {forger.token(header={'alg': alg})}")

    @pytest.mark.parametrize("signature", [b"", b"\x00" * 64, b"\x00", b"s" * 4096])
    async def test_a_signature_that_is_none(
        self, api: Api, forger: Forger, signature: bytes
    ) -> None:
        await refused(api, f"Bearer {forger.token(sign=lambda _: signature)}")

    @pytest.mark.parametrize("form", ["raw", "pem", "der", "jwk", "x", "document"])
    async def test_the_public_key_as_the_secret_of_an_hmac(
        self, api: Api, forger: Forger, form: str
    ) -> None:
        secret = await _public_key_as(api, str(forger.header["kid"]), form)
        for alg in ("HS256", "HS512", "EdDSA", "Ed25519"):
            await refused(api, f"Bearer {forger.token(header={'alg': alg}, sign=hs256(secret))}")

    async def test_an_empty_secret(self, api: Api, forger: Forger) -> None:
        for kid in (None, "", "../../dev/null", forger.header["kid"]):
            header = {"alg": "HS256", "kid": kid}
            await refused(api, f"Bearer {forger.token(header=header, sign=hs256(b''))}")

    @pytest.mark.parametrize("alg", ["ES256", "RS256", "PS512", "HS256", "EdDSA2", "eddsa"])
    async def test_a_good_signature_under_another_name(
        self, api: Api, forger: Forger, alg: str
    ) -> None:
        await refused(api, f"Bearer {forger.token(header={'alg': alg})}")


async def _public_key_as(api: Api, kid: str, form: str) -> bytes:
    """A published key in each form that a careless verifier may take for a secret."""
    document = await api.good("GET", "auth/jwks.json")
    jwk = next(each for each in document["keys"] if each["kid"] == kid)
    raw = base64.urlsafe_b64decode(jwk["x"] + "=")
    public = Ed25519PublicKey.from_public_bytes(raw)
    forms: dict[str, bytes] = {
        "raw": raw,
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(jwk, separators=(",", ":")).encode(),
        "x": jwk["x"].encode(),
        "document": json.dumps(document, separators=(",", ":")).encode(),
    }
    return forms[form]


class TestKeyInjection:
    """Keys come from the published document, whatever the token says."""

    @pytest.mark.parametrize(
        "kid",
        ["../../dev/null", "' OR 1=1", "x" * 10_000, "key_00000000000000000000000000", "",
         "\x00", "é", "current", 7, ["key"], {"a": 1}, True, None],
    )  # fmt: skip
    async def test_a_key_id_of_no_key(self, api: Api, forger: Forger, kid: Any) -> None:
        own = Ed25519PrivateKey.generate()
        for sign in (None, own.sign, hs256(b"")):
            await refused(api, f"Bearer {forger.token(header={'kid': kid}, sign=sign)}")

    async def test_a_key_of_one_s_own_under_the_id_of_a_good_one(
        self, api: Api, forger: Forger
    ) -> None:
        await refused(api, f"Bearer {forger.token(sign=Ed25519PrivateKey.generate().sign)}")

    @pytest.mark.parametrize("brought", ["jwk", "jku", "x5u", "x5c", "all"])
    async def test_a_key_that_the_token_brings_along(
        self, api: Api, forger: Forger, brought: str
    ) -> None:
        own = Ed25519PrivateKey.generate()
        headers: dict[str, Any] = {
            "jwk": _jwk(own, "mine"),
            "jku": EVIL,
            "x5u": EVIL,
            "x5c": [base64.b64encode(own.public_key().public_bytes_raw()).decode()],
        }
        chosen = headers if brought == "all" else {brought: headers[brought]}
        for kid in ("mine", forger.header["kid"], None):
            token = forger.token(header={**chosen, "kid": kid}, sign=own.sign)
            await refused(api, f"Bearer {token}")

    @pytest.mark.parametrize(
        "header", [{"crit": ["x"], "x": 1}, {"crit": ["b64"], "b64": False}, {"crit": []}]
    )
    async def test_a_header_that_must_be_understood_and_is_not(
        self, api: Api, forger: Forger, header: dict[str, Any]
    ) -> None:
        await refused(api, f"Bearer {forger.token(header=header)}")

    @pytest.mark.usefixtures("as_operator")
    async def test_a_retired_key(self, api: Api, ring: KeyRing, forger: Forger) -> None:
        """The next key is given up: it was published, and no token of another test has its signature."""
        retired = f"Bearer {_signed_by(forger, ring.next.kid, ring.next.private.sign)}"
        await accepted(api, retired)
        try:
            stored = await stored_keys.read_keys()
            await stored_keys.change_keys(stored, keys.with_another_next(stored))
            await stored_keys.publish_jwks()
        finally:
            await close_all()
        unknown = f"Bearer {forger.token(header={'kid': 'key_unknown'})}"

        async def is_refused() -> bool:
            await refused(api, unknown)  # an unknown key lets a verifier look again
            answers = [
                await api.call("GET", path, headers={"Authorization": retired}) for path in ROUTES
            ]
            return all(each.status == 401 for each in answers)

        await until_async(is_refused, "a key that has left is refused", 70)
        await refused(api, retired)
        await accepted(api, f"Bearer {forger.token()}")


def _signed_by(forger: Forger, kid: str, sign: Sign) -> str:
    return forger.token(header={"kid": kid}, sign=sign)


def _jwk(private: Ed25519PrivateKey, kid: str) -> dict[str, str]:
    x = base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}


class TestClaims:
    """Well signed, and still not an access token of ours that is valid now."""

    @pytest.mark.parametrize("claim", REQUIRED_CLAIMS)
    async def test_a_claim_that_is_missing(self, api: Api, forger: Forger, claim: str) -> None:
        await refused(api, f"Bearer {forger.token({claim: None})}")

    @pytest.mark.parametrize(
        "typ", ["JWT", "jwt", "id+jwt", "logout+jwt", "dpop+jwt", "application/at+jwt", "", None, 7]
    )
    async def test_a_token_of_another_type(self, api: Api, forger: Forger, typ: Any) -> None:
        await refused(api, f"Bearer {forger.token(header={'typ': typ})}")

    async def test_an_id_token(self, api: Api, forger: Forger) -> None:
        claims = {"aud": "a-client", "nonce": "n", "sid": None, "ver": None}
        await refused(api, f"Bearer {forger.token(claims, header={'typ': 'JWT'})}")

    @pytest.mark.parametrize(
        "claims",
        [
            {"aud": "another"},
            {"aud": ["another", "third"]},
            {"aud": ""},
            {"aud": "atrium.example"},
            {"iss": "https://evil.example"},
            {"iss": "http://localhost"},
            {"iss": ["http://localhost:7071"]},
            {"exp": NOW - 60},
            {"exp": 0},
            {"exp": -1},
            {"exp": "tomorrow"},
            {"exp": 10**30},
            {"exp": 1e308},
            {"exp": True},
            {"iat": NOW + 3600},
            {"iat": "now"},
            {"nbf": NOW + 3600},
            {"sub": 7},
            {"sub": {"id": "usr_1"}},
            {"ver": "0"},
            {"ver": 1.5},
            {"auth_time": "now"},
            {"auth_time": 10**30},
            {"roles": "admin"},
            {"roles": [["admin"]]},
        ],
    )
    async def test_a_claim_that_is_wrong(
        self, api: Api, forger: Forger, claims: dict[str, Any]
    ) -> None:
        await refused(api, f"Bearer {forger.token(claims)}")

    async def test_claims_that_were_changed_after_signing(self, api: Api, forger: Forger) -> None:
        header, _, signature = forger.token().split(".")
        claims = forger.token({"roles": ["admin"]}).split(".")[1]
        await refused(api, f"Bearer {header}.{claims}.{signature}")

    @pytest.mark.parametrize("part", ["bnVsbA", "W10", "e30", "IiI", "MQ", "_w", ""])
    async def test_parts_that_are_no_objects(self, api: Api, forger: Forger, part: str) -> None:
        header, claims, signature = forger.token().split(".")
        await refused(api, f"Bearer {part}.{claims}.{signature}")
        await refused(api, f"Bearer {header}.{part}.{signature}")


class TestMalformedAuthorization:
    """Headers that are none: 401, never a 500."""

    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Bearer  ", "Basic dXNlcjpwdw==", "Digest username=a", "Bearer .",
         "Bearer ..", "Bearer ...", "Bearer a.b", "Bearer a.b.c.d.e", "Bearer é.é.é", "Bearer \u2603",
         "Bäarer x", "Bearer " + "a" * 100_000, "a" * 100_000, "Bearer " + "." * 5000, "Bearer null",
         "Bearer undefined", "Bearer {}", "Bearer %00", "Bearer eyJhbGciOiJFZERTQSJ9"],
    )  # fmt: skip
    async def test_a_header_without_a_token(self, api: Api, header: str) -> None:
        await refused(api, header)

    async def test_no_header(self, api: Api) -> None:
        await refused(api)

    @pytest.mark.parametrize(
        "form",
        ["Bearer  {}", "Bearer\t{}", "Bearer {} {}", "Bearer {},", "Bearer, {}", 'Bearer "{}"', "{}",
         "Token {}", "Basic {}", "Bearer Bearer {}", "Bearer:{}", "Bearer={}", "BearerX {}"],
    )  # fmt: skip
    async def test_a_good_token_in_a_wrong_form(self, api: Api, forger: Forger, form: str) -> None:
        await refused(api, form.format(*[forger.token()] * 2))

    async def test_two_headers_without_a_token(self, api: Api) -> None:
        await refused(api, "Basic dXNlcjpwdw==", "Bearer nonsense")

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
    async def test_the_scheme_in_any_case_with_a_good_token_works(
        self, api: Api, forger: Forger, scheme: str
    ) -> None:
        await accepted(api, f"{scheme} {forger.token()}")

    async def test_a_token_in_the_query_is_not_looked_at(self, api: Api, forger: Forger) -> None:
        for path in ROUTES:
            answer = await api.call("GET", path, params={"access_token": forger.token()})
            assert (answer.status, answer.code) == (401, "unauthenticated")
