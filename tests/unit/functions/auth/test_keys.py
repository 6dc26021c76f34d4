"""Signing keys and the tokens they sign: what auth issues is what shared_code accepts."""

import json
from datetime import timedelta

import jwt
import pytest
from azure.core.exceptions import ServiceRequestError

from functions.auth import keys, signing
from functions.auth.keys import KeyRing
from functions.auth.signing import RingCache
from shared_code import tokens
from shared_code.clock import utcnow
from shared_code.errors import Unauthenticated
from tests.unit.functions.auth.making import account, session


@pytest.fixture
def ring() -> KeyRing:
    return keys.open_ring({role: keys.new_key() for role in keys.ROLES})


def test_the_private_half_is_sealed_at_rest() -> None:
    stored = keys.new_key()
    ring = keys.open_ring(dict.fromkeys(keys.ROLES, stored))
    assert ring.current.private.private_bytes_raw() not in stored.sealed


def test_the_document_holds_both_keys_and_no_private_half(ring: KeyRing) -> None:
    published = json.loads(ring.jwks())["keys"]
    assert [key["kid"] for key in published] == [ring.current.kid, ring.keys[keys.NEXT].kid]
    for key in published:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == (
            "OKP",
            "Ed25519",
            "EdDSA",
            "sig",
        )


def test_the_document_is_the_same_for_the_same_keys(ring: KeyRing) -> None:
    assert ring.jwks() == KeyRing(dict(ring.keys)).jwks()


def test_a_token_is_accepted_by_the_published_keys(ring: KeyRing) -> None:
    now = utcnow()
    token = signing.access_token(ring, account(), session(), now)
    proven = tokens.verify(token, tokens.parse_jwks(ring.jwks())[ring.current.kid])
    actor = proven.actor
    assert (actor.user_id, actor.session_id, proven.version) == ("usr_1", "ses_1", 0)
    assert actor.expires_at == (now + timedelta(minutes=10)).replace(microsecond=0)


def test_a_token_says_its_type_its_key_and_nothing_about_the_user_but_his_id(ring: KeyRing) -> None:
    token = signing.access_token(ring, account(), session(), utcnow())
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": ring.current.kid}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {*tokens.REQUIRED_CLAIMS, "amr"}


def test_two_tokens_of_one_moment_differ(ring: KeyRing) -> None:
    now = utcnow()
    issued = {signing.access_token(ring, account(), session(), now) for _ in range(2)}
    assert len(issued) == 2


def test_the_current_key_signs_and_the_next_does_not_yet(ring: KeyRing) -> None:
    token = signing.access_token(ring, account(), session(), utcnow())
    with pytest.raises(Unauthenticated):
        tokens.verify(token, ring.keys[keys.NEXT].private.public_key())


class Store:
    """Loads a ring, counts, and stops answering when told."""

    def __init__(self) -> None:
        self.ring = keys.open_ring({role: keys.new_key() for role in keys.ROLES})
        self.loads = 0
        self.down = False

    async def load(self) -> KeyRing:
        self.loads += 1
        if self.down:
            raise ServiceRequestError("no route")
        return self.ring


async def test_the_ring_is_read_once_while_it_is_young() -> None:
    store = Store()
    cache = RingCache(store.load, max_age=300)
    assert await cache.get() is await cache.get()
    assert store.loads == 1


async def test_an_old_ring_is_read_again_so_that_a_rotation_needs_no_restart() -> None:
    store = Store()
    cache = RingCache(store.load, max_age=0)
    await cache.get()
    store.ring = Store().ring
    assert await cache.get() is store.ring


async def test_the_ring_at_hand_serves_while_the_store_does_not_answer() -> None:
    store = Store()
    cache = RingCache(store.load, max_age=0)
    await cache.get()
    store.down = True
    assert await cache.get() is store.ring


async def test_without_a_ring_at_hand_an_outage_is_an_outage() -> None:
    store = Store()
    store.down = True
    with pytest.raises(ServiceRequestError):
        await RingCache(store.load, max_age=300).get()
