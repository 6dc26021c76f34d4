"""Device tokens: known for one address, for half a year, and made by us."""

import base64
from datetime import timedelta

import pytest

from functions.auth.devices import LIFE, device_token, is_known
from functions.auth.sealing import seal
from shared_code.clock import utcnow

ANN = "ann@example.com"


def test_a_device_is_known_for_the_address_that_it_signed_in_with() -> None:
    token = device_token(ANN, utcnow())
    assert is_known(token, ANN)
    assert is_known(token, ANN.upper())
    assert not is_known(token, "bob@example.com")


def test_it_is_forgotten_after_half_a_year() -> None:
    assert is_known(device_token(ANN, utcnow() - LIFE + timedelta(minutes=1)), ANN)
    assert not is_known(device_token(ANN, utcnow() - LIFE - timedelta(minutes=1)), ANN)


@pytest.mark.parametrize("token", [None, "", "x", "é", "=" * 9])
def test_what_we_did_not_make_is_no_device(token: str | None) -> None:
    assert not is_known(token, ANN)


def test_what_we_sealed_for_something_else_is_no_device() -> None:
    assert not is_known(base64.urlsafe_b64encode(seal(b"[1, 2]", "another")).decode(), ANN)
