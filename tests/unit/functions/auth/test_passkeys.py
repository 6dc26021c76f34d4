"""Passkeys without a store: what is refused, and that no bytes of a stranger's end in a fault of ours."""

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.auth import passkeys
from functions.auth.errors import InvalidPasskey
from functions.auth.models import Passkey
from shared_code.clock import utcnow
from tests.harness.authenticator import Authenticator, b64
from tests.unit.functions.auth.making import account

ORIGIN = "https://atrium.example"
CHALLENGE = b64(b"c" * 32)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.fixture(autouse=True, scope="module")
def _settings() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH_ISSUER", ORIGIN)
        patch.delenv("AUTH_ORIGINS", raising=False)
        yield


def new_device(**knobs: Any) -> tuple[Authenticator, Passkey]:
    device = Authenticator(ORIGIN, **knobs)
    options = passkeys.creation_options(account(), [])
    credential = device.create(options)
    return device, passkeys.made(credential, options["challenge"], "Laptop", utcnow())


def signed(device: Authenticator) -> dict[str, Any]:
    return device.get({"challenge": CHALLENGE, "rpId": "atrium.example"})


def used(passkey: Passkey, credential: dict[str, Any], *, alone: bool = True) -> Passkey | None:
    return passkeys.used(passkey, credential, CHALLENGE, utcnow(), alone=alone)


def test_a_passkey_is_made_and_signs() -> None:
    device, passkey = new_device()
    assert passkey.transports == ("hybrid", "internal")
    assert used(passkey, signed(device))


def test_a_passkey_of_another_origin_or_challenge_is_refused() -> None:
    options = passkeys.creation_options(account(), [])
    foreign = Authenticator("https://atrium.example.evil.example").create(options)
    with pytest.raises(InvalidPasskey):
        passkeys.made(foreign, options["challenge"], "x", utcnow())
    with pytest.raises(InvalidPasskey):
        passkeys.made(Authenticator(ORIGIN).create(options), CHALLENGE, "x", utcnow())


def test_user_verification_is_needed_alone_only() -> None:
    device, passkey = new_device(verifies_user=False)
    assert used(passkey, signed(device), alone=True) is None
    assert used(passkey, signed(device), alone=False)


def test_a_counter_must_go_up_unless_it_is_always_zero() -> None:
    device, passkey = new_device(counter=5)
    first = used(passkey, signed(device))
    assert first
    assert first.sign_count == 6
    device.counter = 5
    assert used(first, signed(device)) is None
    synchronised, other = new_device()
    again = used(other, signed(synchronised))
    assert again
    assert used(again, signed(synchronised))


def test_the_product_may_have_another_domain_and_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_PASSKEY_RP_ID", "product.example")
    monkeypatch.setenv("AUTH_ORIGINS", "https://app.product.example")
    options = passkeys.creation_options(account(), [])
    assert options["rp"]["id"] == "product.example"
    credential = Authenticator("https://app.product.example").create(options)
    passkeys.made(credential, options["challenge"], "x", utcnow())


@given(JSON.flatmap(lambda value: st.tuples(st.just(value), st.integers(0, 11))))
@settings(max_examples=300, deadline=None)
def test_one_part_of_a_good_credential_replaced_by_anything_is_refused_or_no_part_of_it(
    replaced: tuple[Any, int],
) -> None:
    value, which = replaced
    device, passkey = new_device()
    good = signed(device)
    paths = [(key,) for key in good] + [("response", key) for key in good["response"]]
    hostile: Any = copy.deepcopy(good)
    *way, last = paths[which % len(paths)]
    inner = hostile
    for step in way:
        inner = inner[step]
    inner[last] = value
    result = used(passkey, hostile)
    if last in {"clientDataJSON", "authenticatorData", "signature"}:
        assert result is None
    passkeys.owner_of(hostile)
    options = passkeys.creation_options(account(), [])
    made = device.create(options)
    made["response" if last == "response" else "id"] = value
    with suppress(InvalidPasskey):
        passkeys.made(made, options["challenge"], "x", utcnow())


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_as_an_attestation_are_refused(data: bytes) -> None:
    options = passkeys.creation_options(account(), [])
    credential = Authenticator(ORIGIN).create(options)
    credential["response"]["attestationObject"] = b64(data)
    with pytest.raises(InvalidPasskey):
        passkeys.made(credential, options["challenge"], "x", utcnow())
