"""Secrets at rest: bound to their place and to the deployment's secret."""

import pytest

from functions.auth.errors import ForeignSecret, SecretTooShort
from functions.auth.sealing import resealed, seal, unseal
from shared_code.errors import NotConfigured


def test_what_is_sealed_opens_for_its_context() -> None:
    assert unseal(seal(b"private", "key_1"), "key_1") == b"private"


def test_what_is_sealed_does_not_show_and_differs_each_time() -> None:
    first, second = seal(b"private", "key_1"), seal(b"private", "key_1")
    assert b"private" not in first
    assert first != second


def test_it_opens_in_no_other_context() -> None:
    with pytest.raises(ForeignSecret):
        unseal(seal(b"private", "key_1"), "key_2")


def test_a_change_of_any_byte_is_noticed() -> None:
    sealed = seal(b"private", "key_1")
    for position in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[position] ^= 1
        with pytest.raises(ForeignSecret):
            unseal(bytes(damaged), "key_1")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"0" * 12, b"\x01" + b"0" * 20])
def test_what_is_cut_short_does_not_open(sealed: bytes) -> None:
    with pytest.raises(ForeignSecret):
        unseal(sealed, "key_1")


def test_another_secret_opens_nothing_and_the_error_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sealed = seal(b"private", "key_1")
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", "b" * 43)
    with pytest.raises(ForeignSecret, match="AUTH_KEY_ENCRYPTION_KEY"):
        unseal(sealed, "key_1")


@pytest.mark.parametrize("secret", ["hunter2", "generate:32", "x" * 31])
def test_a_short_secret_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", secret)
    with pytest.raises(SecretTooShort, match="AUTH_KEY_ENCRYPTION_KEY") as caught:
        seal(b"private", "key_1")
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    "secret", ["x" * 32, "any words will do, if there are enough of them", "ü" * 99]
)
def test_a_secret_of_any_form_works(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", secret)
    assert unseal(seal(b"private", "key_1"), "key_1") == b"private"


def test_an_empty_secret_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", "")
    with pytest.raises(NotConfigured):
        seal(b"private", "key_1")


def change_secret(monkeypatch: pytest.MonkeyPatch, new: str, before: str) -> None:
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", new)
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY_PREVIOUS", before)


def test_what_the_secret_before_sealed_opens_and_everything_new_does_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = seal(b"private", "key_1")
    change_secret(monkeypatch, "b" * 43, before="a" * 43)
    assert unseal(old, "key_1") == b"private"
    new, again = seal(b"private", "key_1"), resealed(old, "key_1")
    monkeypatch.delenv("AUTH_KEY_ENCRYPTION_KEY_PREVIOUS")
    assert unseal(new, "key_1") == unseal(again, "key_1") == b"private"
    with pytest.raises(ForeignSecret):
        unseal(old, "key_1")


def test_instances_that_have_the_new_secret_and_those_that_do_not_yet_open_each_other_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change_secret(monkeypatch, "a" * 43, before="b" * 43)  # first the new one is only known
    by_old = seal(b"private", "key_1")
    change_secret(monkeypatch, "b" * 43, before="a" * 43)  # then both change places
    assert unseal(by_old, "key_1") == b"private"
    by_new = seal(b"private", "key_1")
    change_secret(monkeypatch, "a" * 43, before="b" * 43)
    assert unseal(by_new, "key_1") == b"private"


def test_what_is_sealed_with_the_present_secret_is_not_sealed_again() -> None:
    sealed = seal(b"private", "key_1")
    assert resealed(sealed, "key_1") is sealed


def test_the_secret_before_opens_no_other_context_either(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(b"private", "key_1")
    change_secret(monkeypatch, "b" * 43, before="a" * 43)
    with pytest.raises(ForeignSecret):
        unseal(sealed, "key_2")


def test_a_short_secret_before_is_refused_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(b"private", "key_1")
    change_secret(monkeypatch, "b" * 43, before="short")
    with pytest.raises(SecretTooShort, match="AUTH_KEY_ENCRYPTION_KEY_PREVIOUS"):
        unseal(sealed, "key_1")
