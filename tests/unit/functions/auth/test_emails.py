"""E-mail addresses: which are accepted, and when two are the same."""

import pytest

from functions.auth.emails import accepted, canonical, reservation_key


@pytest.mark.parametrize(
    "address", ["ann@example.com", "Ann.O'Hara+x@example.com", "a@sub.example.co.uk", "a@bücher.de"]
)
def test_a_usual_address_is_accepted_as_written(address: str) -> None:
    assert accepted(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@[127.0.0.1]",
        "ann b@example.com",
        '"ann b"@example.com',
        "ann@example.com\n",
        "ann\x00@example.com",
        "Ann <ann@example.com>",
        "ann@example.com,bob@example.com",
        "ann@example..com",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an e-mail address$"):
        accepted(address)


@pytest.mark.parametrize(
    "address",
    [
        "ann\uff20example.com",  # a full-width @
        "\uff41nn@example.com",  # a full-width a
        "\u0430nn@example.com",  # a Cyrillic a
        "ann\u200b@example.com",  # an invisible space
        "\U0001d41ann@example.com",  # a mathematical bold a
    ],
)
def test_letters_that_look_alike_before_the_at_sign_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"^must be an e-mail address$"):
        accepted(address)


@pytest.mark.parametrize(
    "same",
    [
        "ANN@EXAMPLE.COM",
        "Ann@Example.Com",
        "ann@\uff45xample.com",  # a full-width e in the domain
        "ann@example\u3002com",  # an ideographic full stop
    ],
)
def test_spellings_of_one_address_are_the_same(same: str) -> None:
    assert canonical(accepted(same)) == "ann@example.com"
    assert reservation_key(accepted(same)) == reservation_key("ann@example.com")


def test_both_forms_of_an_international_domain_are_the_same() -> None:
    assert canonical(accepted("ann@xn--bcher-kva.de")) == canonical(accepted("Ann@BÜCHER.de"))


def test_a_domain_that_only_looks_alike_is_another() -> None:
    cyrillic = accepted("ann@ex\u0430mple.com")
    assert reservation_key(cyrillic) != reservation_key("ann@example.com")


@pytest.mark.parametrize("other", ["ann+x@example.com", "a.nn@example.com", "bob@example.com"])
def test_what_only_some_providers_treat_as_the_same_is_another(other: str) -> None:
    assert reservation_key(accepted(other)) != reservation_key("ann@example.com")


def test_a_key_fits_every_table_and_does_not_show_the_address() -> None:
    key = reservation_key("a/b#c?d@example.com")
    assert len(key) == 64
    assert key.isalnum()


def test_an_address_reserved_for_tests_is_let_in() -> None:
    assert accepted("ada@shop.test") == "ada@shop.test"
