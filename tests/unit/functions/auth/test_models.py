"""Auth's bodies: what is taken as it is, what is tidied, and what is refused."""

import pytest
from pydantic import ValidationError

from functions.auth.models import Account, Credentials, NewAccount, Session, SignedIn, User
from shared_code.clock import utcnow

GOOD = {"email": "ann@example.com", "password": "correct horse", "display_name": "Ann"}
SECRET = "correct horse"


def new(**changes: object) -> NewAccount:
    return NewAccount.model_validate({**GOOD, **changes})


def refused_fields(**changes: object) -> set[object]:
    with pytest.raises(ValidationError) as caught:
        new(**changes)
    return {each["loc"][0] for each in caught.value.errors()}


@pytest.mark.parametrize("password", ["        ", " leading", "trailing ", "ünï©ode✓✓✓", "\t" * 8])
def test_a_password_is_taken_exactly_as_received(password: str) -> None:
    assert new(password=password).password == password


@pytest.mark.parametrize("password", ["12345678", "x" * 64, "x" * 128, "🦄" * 128])
def test_passwords_of_8_to_128_characters_are_taken(password: str) -> None:
    assert new(password=password).password == password


@pytest.mark.parametrize("password", ["", "1234567", "x" * 129, 12345678, None])
def test_other_passwords_are_refused(password: object) -> None:
    assert refused_fields(password=password) == {"password"}


def test_a_login_may_use_a_password_from_before_the_rule() -> None:
    Credentials.model_validate({"email": "ann@example.com", "password": "old"})


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (" Ann ", "Ann"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("Ann O'Hara-Smith", "Ann O'Hara-Smith"),
        ("李小龍", "李小龍"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("x" * 80, "x" * 80),
    ],
)
def test_a_display_name_is_stripped_and_composed(raw: str, name: str) -> None:
    assert new(display_name=raw).display_name == name


@pytest.mark.parametrize(
    "name",
    ["", "   ", "x" * 81, "x" * 10_000, "a\x00b", "a\nb", "a\u202eb", "a\u2028b", "\u200b", "\u200d",
     "a\ud800", "\ue000", None, 7],
)  # fmt: skip
def test_other_display_names_are_refused(name: object) -> None:
    assert refused_fields(display_name=name) == {"display_name"}


@pytest.mark.parametrize("extra", ["role", "id", "email_verified", "tenant_id", "is_superuser"])
def test_no_other_field_is_taken(extra: str) -> None:
    assert refused_fields(**{extra: True}) == {extra}


def test_an_address_that_is_too_long_is_refused() -> None:
    assert refused_fields(email="a@" + "b" * 300 + ".com") == {"email"}


def test_a_refused_body_does_not_show_what_it_held() -> None:
    with pytest.raises(ValidationError) as caught:
        new(password="hunter2")
    assert "hunter2" not in str(caught.value)


def test_secrets_do_not_show_in_a_repr() -> None:
    now = utcnow()
    user = User(
        id="usr_1", email="a@example.com", email_verified=False, display_name="A", created_at=now
    )
    shown = [
        new(),
        Credentials(email="a@example.com", password=SECRET),
        SignedIn(
            user=user,
            access_token=SECRET,
            expires_in=1,
            refresh_token=SECRET,
            device_token=SECRET,
        ),
        Account(
            user_id="usr_1",
            email="a@example.com",
            display_name="A",
            password_hash=SECRET,
            created_at=now,
        ),
        Session(
            session_id="ses_1",
            sealed_key=SECRET.encode(),
            methods=("password",),
            created_at=now,
            expires_at=now,
            idle_expires_at=now,
            rotated_at=now,
            authenticated_at=now,
        ),
    ]
    assert SECRET not in repr(shown)
