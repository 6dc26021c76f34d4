"""Refresh tokens: one spelling, and nothing proven without the session's key."""

import base64
import secrets

import pytest

from functions.auth.refresh_tokens import MalformedToken, decode, encode
from shared_code.ids import new_id

USER = new_id("usr")
SESSION = new_id("ses")
KEY = secrets.token_bytes(32)


def changed(token: str, position: int) -> str:
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[position] ^= 1
    return base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize("counter", [0, 1, 255, 256, 2**32 - 1])
def test_a_token_says_what_was_put_in_and_proves_it(counter: int) -> None:
    token = decode(encode(USER, SESSION, counter, KEY))
    assert (token.user_id, token.session_id, token.counter) == (USER, SESSION, counter)
    assert token.is_authentic(KEY)


def test_another_sessions_key_proves_nothing() -> None:
    assert not decode(encode(USER, SESSION, 0, KEY)).is_authentic(secrets.token_bytes(32))


def test_every_byte_counts() -> None:
    token = encode(USER, SESSION, 7, KEY)
    for position in range(81):
        try:
            claimed = decode(changed(token, position))
        except MalformedToken:
            continue
        assert not claimed.is_authentic(KEY)


def test_a_counter_cannot_be_moved_to_another_token() -> None:
    first, second = (base64.urlsafe_b64decode(encode(USER, SESSION, n, KEY)) for n in (1, 2))
    mixed = base64.urlsafe_b64encode(second[:-16] + first[-16:]).decode()
    assert not decode(mixed).is_authentic(KEY)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "A" * 107,
        "A" * 108,
        "A" * 109,
        "A" * 5000,
        "é" * 108,
        "\x00" * 108,
        encode(USER, SESSION, 0, KEY) + "=",
        encode(USER, SESSION, 0, KEY) + "\n",
        " " + encode(USER, SESSION, 0, KEY)[1:],
        encode(SESSION, USER, 0, KEY),
        changed(encode(USER, SESSION, 0, KEY), 0),
    ],
)
def test_what_we_could_not_have_issued_is_malformed(token: str) -> None:
    with pytest.raises(MalformedToken):
        decode(token)


def test_a_token_has_one_spelling() -> None:
    token = next(each for each in iter(lambda: encode(USER, SESSION, 0, secrets.token_bytes(32)), "")
                 if "-" in each or "_" in each)  # fmt: skip
    with pytest.raises(MalformedToken):
        decode(token.replace("-", "+").replace("_", "/"))


def test_a_token_is_safe_in_urls_and_fits_a_cookie() -> None:
    token = encode(USER, SESSION, 0, KEY)
    assert len(token) == 108
    assert token.replace("-", "").replace("_", "").isalnum()
