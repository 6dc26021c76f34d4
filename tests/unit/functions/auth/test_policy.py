"""Auth's rules: guessable passwords, whose an address is, and when it is free again."""

from datetime import timedelta

from functions.auth import policy
from functions.auth.emails import reservation_key
from functions.auth.models import Account, Reservation
from shared_code.clock import utcnow

NOW = utcnow()
ADDRESS = "ann@example.com"
KEY = reservation_key(ADDRESS)
ANN = Account(
    user_id="usr_ann", email=ADDRESS, display_name="Ann", password_hash="hash", created_at=NOW
)
MOVED = ANN.model_copy(update={"email": "ann@example.org"})


def reservation(seconds_left: float, request: str = "") -> Reservation:
    return Reservation(KEY, "usr_ann", NOW + timedelta(seconds=seconds_left), request)


def test_an_account_owns_the_address_that_it_carries() -> None:
    assert policy.owns(ANN, KEY)


def test_an_account_that_moved_on_or_never_was_does_not_own_the_address() -> None:
    assert not policy.owns(MOVED, KEY)
    assert not policy.owns(None, KEY)


def test_an_address_may_be_taken_over_when_its_account_never_appeared() -> None:
    assert policy.may_take_over(reservation(-1), None, NOW)
    assert policy.may_take_over(reservation(0), MOVED, NOW)


def test_an_address_is_kept_while_it_is_reserved_or_owned() -> None:
    assert not policy.may_take_over(reservation(1), None, NOW)
    assert not policy.may_take_over(reservation(-1), ANN, NOW)


def test_a_registration_ends_long_before_its_reservation() -> None:
    slowest_write = timedelta(minutes=1)
    ends = timedelta(seconds=policy.REGISTRATION_SECONDS) + slowest_write
    assert 3 * ends <= policy.RESERVATION_LIFE


def test_a_repeat_is_known_by_its_key_and_no_key_is_no_repeat() -> None:
    assert policy.is_repeat(reservation(1, "digest"), reservation(9, "digest"))
    assert not policy.is_repeat(reservation(1, "digest"), reservation(9, "other"))
    assert not policy.is_repeat(reservation(1), reservation(9))
