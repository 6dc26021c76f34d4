"""Access tokens: what is accepted, and each known way of forging one."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from shared_code import tokens
from shared_code.errors import Unauthenticated
from shared_code.revocations import Revocations
from shared_code.tokens import authenticate

ISSUER = "https://atrium.example"
KEY_ID = "key_1"
USER = "usr_01k9zz0000000000000000000a"
SESSION = "ses_01k9zz0000000000000000000a"
ENDED = "ses_01k9zz0000000000000000000b"
OUTDATED = "usr_01k9zz0000000000000000000b"

type Sign = Callable[..., str]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(private: Ed25519PrivateKey, kid: str) -> dict[str, str]:
    x = b64(private.public_key().public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}


@dataclass
class Published:
    """The published keys, and how young a copy each reader asked for."""

    keys: dict[str, Any]
    later: dict[str, Any] = field(default_factory=dict)
    asked: list[float | None] = field(default_factory=list)

    async def get(self, max_age: float | None = None) -> dict[str, Any]:
        self.asked.append(max_age)
        return self.keys if max_age is None else {**self.keys, **self.later}


class Revoked:
    """One session that was ended, and one user whose tokens below version 3 hold no more."""

    async def get(self) -> Revocations:
        return Revocations({ENDED: 0}, {OUTDATED: (3, 0)})


@pytest.fixture(scope="module")
def private() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch, private: Ed25519PrivateKey) -> Published:
    document = json.dumps({"keys": [jwk(private, KEY_ID)]}).encode()
    published = Published(tokens.parse_jwks(document))
    monkeypatch.setattr(tokens, "jwks", lambda: published)
    monkeypatch.setattr(tokens, "revocations", Revoked)
    monkeypatch.setenv("AUTH_ISSUER", ISSUER)
    return published


@pytest.fixture
def sign(private: Ed25519PrivateKey) -> Sign:
    """Make a good token, but for what the caller changes; None removes a claim or a header."""

    def sign(
        claims: dict[str, Any] | None = None,
        header: dict[str, Any] | None = None,
        key: Any = private,
        algorithm: str = "EdDSA",
    ) -> str:
        now = int(time.time())
        good = {
            "iss": ISSUER,
            "aud": "atrium",
            "sub": USER,
            "sid": SESSION,
            "jti": "tok_1",
            "iat": now,
            "exp": now + 600,
            "ver": 0,
            "auth_time": now,
        }
        changed = {**good, **(claims or {})}
        payload = {name: value for name, value in changed.items() if value is not None}
        headers = {"typ": "at+jwt", "kid": KEY_ID, **(header or {})}
        sent = {
            name: value for name, value in headers.items() if value is not None or name == "typ"
        }
        return jwt.encode(payload, key, algorithm=algorithm, headers=sent)

    return sign


def by_hand(header: dict[str, Any], token: str, signature: bytes) -> str:
    """The token's claims under another header and signature: PyJWT would refuse to make this."""
    claims = token.split(".")[1]
    return f"{b64(json.dumps(header).encode())}.{claims}.{b64(signature)}"


async def refused(token: str) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        await authenticate(f"Bearer {token}")
    return caught.value


async def test_a_token_of_a_session_that_was_ended_holds_no_more(sign: Sign) -> None:
    assert str(await refused(sign({"sid": ENDED}))) == "The session has ended"


async def test_a_token_of_an_older_version_holds_no_more_and_a_newer_one_does(sign: Sign) -> None:
    for version in (0, 2):
        await refused(sign({"sub": OUTDATED, "ver": version}))
    for version in (3, 4):
        await authenticate(f"Bearer {sign({'sub': OUTDATED, 'ver': version})}")


@pytest.mark.parametrize("value", ["1", 1.5, True, [], {}])
@pytest.mark.parametrize("claim", ["ver", "auth_time"])
async def test_numbers_that_are_none_are_refused(sign: Sign, claim: str, value: Any) -> None:
    await refused(sign({claim: value}))


async def test_a_good_token_names_its_user_and_session(sign: Sign) -> None:
    actor = await authenticate(f"Bearer {sign()}")
    assert (actor.user_id, actor.session_id) == (USER, SESSION)
    assert actor.expires_at.timestamp() == pytest.approx(time.time() + 600, abs=5)


async def test_the_scheme_may_be_written_in_any_case(sign: Sign) -> None:
    assert (await authenticate(f"bearer {sign()}")).user_id == USER


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwdw==", "Bearer a b", "Bearer .", "Bearer ..",
     "Bearer a.b.c", "Bearer é.é.é", "Bearer \x00", "Bearer " + "a" * 5000, "Bearer bnVsbA.e30.e30",
     "Bearer W10.e30.e30", "Bearer eyJ0eXAiOltdLCJhbGciOnt9fQ.e30.e30"],
)  # fmt: skip
async def test_a_malformed_header_is_unauthenticated(
    published: Published, header: str | None
) -> None:
    with pytest.raises(Unauthenticated):
        await authenticate(header)
    assert published.asked == []


async def test_an_unsigned_token_is_refused(sign: Sign) -> None:
    for algorithm in ("none", "None", "NONE"):
        header = {"alg": algorithm, "typ": "at+jwt", "kid": KEY_ID}
        await refused(by_hand(header, sign(), b""))


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_the_public_key_is_no_hmac_secret(sign: Sign, private: Ed25519PrivateKey) -> None:
    raw = private.public_key().public_bytes_raw()
    await refused(sign(key=raw, algorithm="HS256"))


async def test_a_header_that_lies_about_its_algorithm_is_refused(
    sign: Sign, private: Ed25519PrivateKey
) -> None:
    token = sign(key=private.public_key().public_bytes_raw() * 2, algorithm="HS256")
    signature = base64.urlsafe_b64decode(token.rpartition(".")[2] + "=")
    await refused(by_hand({"alg": "EdDSA", "typ": "at+jwt", "kid": KEY_ID}, token, signature))


async def test_another_asymmetric_algorithm_is_refused(sign: Sign) -> None:
    await refused(sign(key=generate_private_key(65537, 2048), algorithm="RS256"))


@pytest.mark.parametrize("typ", ["JWT", "", "id+jwt", "AT+JWT", "application/at+jwt", None])
async def test_a_token_of_another_type_is_refused(sign: Sign, typ: str | None) -> None:
    await refused(sign(header={"typ": typ}))


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
async def test_a_token_without_a_required_claim_is_refused(sign: Sign, claim: str) -> None:
    await refused(sign({claim: None}))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": []},
        {"iss": "https://atrium.example.evil"},
        {"iss": "https://atrium"},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
        {"exp": "soon"},
        {"exp": 10**30},
        {"exp": 1e308},
        {"auth_time": 10**30},
        {"auth_time": -(10**15)},
        {"sub": 7},
        {"roles": "admin"},
        {"roles": ["admin", 1]},
        {"roles": {"admin": True}},
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(sign: Sign, claims: dict[str, Any]) -> None:
    await refused(sign(claims))


async def test_roles_are_those_of_the_token_and_none_when_it_says_nothing(sign: Sign) -> None:
    assert (await authenticate(f"Bearer {sign()}")).roles == frozenset()
    token = sign({"roles": ["admin", "x"]})
    assert (await authenticate(f"Bearer {token}")).roles == {"admin", "x"}


async def test_an_expired_token_is_refused_and_told_so(sign: Sign) -> None:
    error = await refused(sign({"exp": int(time.time()) - 10}))
    assert error.detail == "The access token has expired"


async def test_a_clock_that_is_a_little_ahead_costs_nobody_his_token(sign: Sign) -> None:
    token = sign({"iat": int(time.time()) + 2})
    assert (await authenticate(f"Bearer {token}")).user_id == USER


async def test_a_token_signed_by_another_key_is_refused(sign: Sign) -> None:
    await refused(sign(key=Ed25519PrivateKey.generate()))


async def test_a_changed_claim_breaks_the_signature(sign: Sign) -> None:
    header, _, signature = sign().split(".")
    claims = sign({"sub": "usr_someone_else"}).split(".")[1]
    await refused(f"{header}.{claims}.{signature}")


@pytest.mark.parametrize(
    "kid", ["key_2", "../../dev/null", "' OR 1=1 --", "key_1\x00", "KEY_1", "", "k" * 1500]
)
async def test_an_unknown_key_is_asked_for_once_and_refused(
    sign: Sign, published: Published, kid: str
) -> None:
    await refused(sign(header={"kid": kid}))
    assert published.asked == [None, 1.0]


async def test_a_token_without_a_key_id_is_refused(sign: Sign) -> None:
    await refused(sign(header={"kid": None}))


async def test_a_key_id_of_ten_kilobytes_is_refused_without_asking(
    sign: Sign, published: Published
) -> None:
    await refused(sign(header={"kid": "k" * 10_000}))
    assert published.asked == []


async def test_keys_that_the_token_brings_along_are_ignored(sign: Sign) -> None:
    own = Ed25519PrivateKey.generate()
    brought = {"jwk": jwk(own, KEY_ID), "jku": "https://evil.example/jwks.json"}
    await refused(sign(header=brought, key=own))
    await refused(sign(header={**brought, "kid": "evil"}, key=own))


async def test_a_key_published_a_moment_ago_works_at_once(sign: Sign, published: Published) -> None:
    fresh = Ed25519PrivateKey.generate()
    published.later = {"key_2": fresh.public_key()}
    token = sign(header={"kid": "key_2"}, key=fresh)
    assert (await authenticate(f"Bearer {token}")).user_id == USER


async def test_a_published_key_of_another_algorithm_is_not_used(private: Ed25519PrivateKey) -> None:
    other = {**jwk(private, "key_2"), "alg": "HS256"}
    unnamed = {name: value for name, value in jwk(private, "key_3").items() if name != "alg"}
    document = json.dumps({"keys": [jwk(private, KEY_ID), other, unnamed]}).encode()
    assert list(tokens.parse_jwks(document)) == [KEY_ID]


async def test_no_refusal_repeats_the_token(sign: Sign) -> None:
    token = sign({"aud": "another"})
    assert token not in str(await refused(token))
