"""Signing keys and the tokens they sign: what auth issues is what shared_code accepts."""

import json
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from azure.core.exceptions import ServiceRequestError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from functions.auth import keys, signing
from functions.auth.errors import ForeignSecret
from functions.auth.keys import KeyRing
from functions.auth.sealing import unseal
from functions.auth.signing import RingCache
from shared_code import tokens
from shared_code.clock import utcnow
from shared_code.errors import Unauthenticated
from tests.unit.functions.auth.making import account, session


@pytest.fixture
def ring() -> KeyRing:
    return keys.open_ring(keys.first_keys())


def test_the_private_half_is_sealed_at_rest() -> None:
    stored = keys.first_keys()
    ring = keys.open_ring(stored)
    assert ring.current.private.private_bytes_raw() not in stored[keys.CURRENT].sealed


def test_the_document_holds_every_key_and_no_private_half() -> None:
    ring = keys.open_ring(keys.rotated(keys.first_keys()))
    published = json.loads(ring.jwks())["keys"]
    assert ring.previous
    assert [key["kid"] for key in published] == [
        ring.previous.kid,
        ring.current.kid,
        ring.next.kid,
    ]
    for key in published:
        assert set(key) == {"kty", "crv", "x", "kid", "alg", "use"}
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == (
            "OKP",
            "Ed25519",
            "EdDSA",
            "sig",
        )


class TestRotation:
    """How keys pass from one role to the next."""

    def test_each_key_moves_on_and_the_previous_one_verifies_what_it_signed(self) -> None:
        stored = keys.first_keys()
        before = keys.open_ring(stored)
        after = keys.open_ring(keys.rotated(stored))
        token = signing.access_token(before, account(), session(), utcnow(), [])
        assert after.current.kid == before.next.kid
        assert after.next.kid not in {before.current.kid, before.next.kid}
        tokens.verify(token, tokens.parse_jwks(after.jwks())[before.current.kid])

    def test_it_erases_the_private_half_of_the_previous_key(self) -> None:
        stored = keys.first_keys()
        private = keys.open_ring(stored).current.private.private_bytes_raw()
        kept = keys.rotated(stored)[keys.PREVIOUS]
        assert unseal(kept.sealed, f"{kept.kid}/public") != private
        with pytest.raises(ForeignSecret):
            unseal(kept.sealed, kept.kid)

    def test_a_public_key_that_somebody_planted_is_not_published(self) -> None:
        planted = keys.rotated(keys.first_keys())
        mine = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        for sealed in (mine, b"\x01" + mine, planted[keys.CURRENT].sealed):
            spoilt = {
                **planted,
                keys.PREVIOUS: replace(planted[keys.PREVIOUS], sealed=sealed),
            }
            with pytest.raises(ForeignSecret):
                keys.open_ring(spoilt)

    def test_giving_up_every_key_leaves_none_of_the_old_ones(self) -> None:
        stored = keys.rotated(keys.first_keys())
        announced = keys.with_another_next(stored)
        replaced = keys.open_ring(keys.without_the_past(announced))
        known = {each["kid"] for each in json.loads(replaced.jwks())["keys"]}
        assert known.isdisjoint(key.kid for key in stored.values())
        # Published before it signs.
        assert replaced.current.kid in keys.open_ring(announced).jwks().decode()


class TestAnotherSecret:
    """A change of the secret that seals the keys."""

    def test_keys_are_sealed_anew_and_are_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stored = keys.rotated(keys.first_keys())
        document = keys.open_ring(stored).jwks()
        monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY_PREVIOUS", "a" * 43)
        monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", "b" * 43)
        assert keys.open_ring(stored).jwks() == document
        resealed = keys.resealed(stored)
        monkeypatch.delenv("AUTH_KEY_ENCRYPTION_KEY_PREVIOUS")
        assert keys.open_ring(resealed).jwks() == document
        with pytest.raises(ForeignSecret):
            keys.open_ring(stored)

    def test_what_the_present_secret_sealed_is_left_as_it_is(self) -> None:
        stored = keys.rotated(keys.first_keys())
        assert keys.resealed(stored) == stored


def test_the_document_is_the_same_for_the_same_keys(ring: KeyRing) -> None:
    assert ring.jwks() == replace(ring).jwks()


def test_a_token_is_accepted_by_the_published_keys(ring: KeyRing) -> None:
    now = utcnow()
    token = signing.access_token(ring, account(), session(), now, [])
    proven = tokens.verify(token, tokens.parse_jwks(ring.jwks())[ring.current.kid])
    actor = proven.actor
    assert (actor.user_id, actor.session_id, proven.version) == ("usr_1", "ses_1", 0)
    assert actor.expires_at == (now + timedelta(minutes=10)).replace(microsecond=0)


def test_a_token_says_its_type_its_key_and_nothing_about_the_user_but_his_id(ring: KeyRing) -> None:
    token = signing.access_token(ring, account(), session(), utcnow(), [])
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": ring.current.kid}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims) == {*tokens.REQUIRED_CLAIMS, "amr"}


def test_two_tokens_of_one_moment_differ(ring: KeyRing) -> None:
    now = utcnow()
    issued = {signing.access_token(ring, account(), session(), now, []) for _ in range(2)}
    assert len(issued) == 2


def test_the_current_key_signs_and_the_next_does_not_yet(ring: KeyRing) -> None:
    token = signing.access_token(ring, account(), session(), utcnow(), [])
    with pytest.raises(Unauthenticated):
        tokens.verify(token, ring.next.private.public_key())


class Store:
    """Loads a ring, counts, and stops answering when told."""

    def __init__(self) -> None:
        self.ring = keys.open_ring(keys.first_keys())
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
    cache = RingCache(store.load, max_age=0, grace=300)
    await cache.get()
    store.down = True
    for _ in range(3):
        assert await cache.get() is store.ring
    assert store.loads == 2  # an outage is not asked about by every request


async def test_a_ring_that_may_have_been_rotated_away_signs_no_more() -> None:
    store = Store()
    cache = RingCache(store.load, max_age=0, grace=0)
    await cache.get()
    store.down = True
    with pytest.raises(ServiceRequestError):
        await cache.get()
    store.down = False
    assert await cache.get() is store.ring


async def test_without_a_ring_at_hand_an_outage_is_an_outage() -> None:
    store = Store()
    store.down = True
    with pytest.raises(ServiceRequestError):
        await RingCache(store.load, max_age=300, grace=300).get()
