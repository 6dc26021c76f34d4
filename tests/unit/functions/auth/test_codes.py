"""Codes of mails: what proves, for whom, how long, and what is kept of them."""

from datetime import timedelta

import pytest

from functions.auth import codes
from functions.auth.codes import claim_of, fits, is_from, may_try, new_code, proves
from functions.auth.models import Code, CodePurpose
from functions.auth.policy import CODE_LIFE
from shared_code.clock import utcnow

NOW = utcnow()
ANN, BOB = "usr_ann", "usr_bob"


def test_the_link_that_was_sent_proves_and_no_other_does() -> None:
    code, sent = new_code(ANN, "verify_email", NOW)
    claim = claim_of(sent.token)
    assert (claim.user_id, claim.purpose) == (ANN, "verify_email")
    assert proves(ANN, code, NOW, claim)
    other, other_sent = new_code(ANN, "verify_email", NOW)
    assert not proves(ANN, code, NOW, claim_of(other_sent.token))
    assert not proves(ANN, other, NOW, claim)
    assert not proves(ANN, None, NOW, claim)
    assert not proves(ANN, code, NOW, claim_of(sent.token.replace("verify_email", "sign_in_link")))


def test_what_is_sealed_for_one_user_or_purpose_opens_for_no_other() -> None:
    code, sent = new_code(ANN, "verify_email", NOW)
    with pytest.raises(Exception, match="secret that sealed"):
        proves(BOB, code, NOW, claim_of(sent.token))
    moved = code.model_copy(update={"purpose": "reset_password"})
    with pytest.raises(Exception, match="secret that sealed"):
        fits(ANN, moved, sent.digits)


@pytest.mark.parametrize("purpose", CODE_LIFE)
def test_a_code_is_good_until_its_life_is_over(purpose: CodePurpose) -> None:
    code, sent = new_code(ANN, purpose, NOW)
    last = NOW + CODE_LIFE[purpose] - timedelta(milliseconds=1)
    assert proves(ANN, code, last, claim_of(sent.token))
    assert may_try(code, last)
    over = NOW + CODE_LIFE[purpose]
    assert not proves(ANN, code, over, claim_of(sent.token))
    assert not may_try(code, over)


def test_digits_fit_exactly_and_bear_five_tries() -> None:
    code, sent = new_code(ANN, "verify_email", NOW)
    assert len(sent.digits) == 6
    assert fits(ANN, code, sent.digits)
    assert not fits(ANN, code, f"{(int(sent.digits) + 1) % 10**6:06d}")
    for tries in range(codes.MAX_TRIES + 1):
        tried = code.model_copy(update={"tries": tries})
        assert may_try(tried, NOW) is (tries < codes.MAX_TRIES)


def test_bound_to_a_browser_nothing_proves_without_it() -> None:
    code, sent = new_code(ANN, "sign_in_link", NOW, browser="b")
    claim = claim_of(sent.token)
    assert proves(ANN, code, NOW, claim, "b")
    assert is_from(ANN, code, "b")
    for other in ("", "c", "bb"):
        assert not proves(ANN, code, NOW, claim, other)
        assert not is_from(ANN, code, other)


def test_what_is_kept_and_shown_holds_no_secret() -> None:
    code, sent = new_code(ANN, "verify_email", NOW)
    secret = claim_of(sent.token).secret
    for text in (code.model_dump_json(), repr(code), repr(sent), repr(claim_of(sent.token))):
        assert secret not in text
        assert sent.digits not in text
    assert Code.model_validate_json(code.model_dump_json()) == code
