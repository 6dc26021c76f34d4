"""Authenticator apps: RFC 6238's digits, each step once, one step of drift."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from pyotp import TOTP

from functions.auth import totp
from functions.auth.sealing import seal

NOW = datetime(2026, 11, 27, 12, 0, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", "unit-tests-have-no-secrets-to-keep-either")


def test_the_secret_has_160_bits_and_is_sealed() -> None:
    app, secret = totp.new_totp("usr_1", NOW)
    raw = base64.b32decode(secret)
    assert len(raw) == 20
    assert raw not in app.sealed_secret
    assert secret not in repr(app)
    assert totp.new_totp("usr_1", NOW)[1] != secret


def test_the_digits_of_rfc_6238() -> None:
    """Appendix B, SHA-1, cut to six digits."""
    app, _ = totp.new_totp("usr_1", NOW)
    sealed = seal(b"12345678901234567890", "usr_1/totp")
    app = app.model_copy(update={"sealed_secret": sealed})
    for seconds, digits in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        at = datetime.fromtimestamp(seconds, UTC)
        assert totp.spent("usr_1", app, digits, at), seconds


def test_a_step_counts_once_and_no_older_one_after_it() -> None:
    app, secret = totp.new_totp("usr_1", NOW)
    digits = TOTP(secret)
    now, before = digits.at(NOW), digits.at(NOW - timedelta(seconds=30))
    spent = totp.spent("usr_1", app, now, NOW)
    assert spent
    assert totp.spent("usr_1", spent, now, NOW) is None
    assert totp.spent("usr_1", spent, before, NOW) is None
    later = NOW + timedelta(seconds=30)
    assert totp.spent("usr_1", spent, digits.at(later), later)


@pytest.mark.parametrize(
    ("off_by", "fits"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_clocks_may_differ_by_one_step(off_by: int, *, fits: bool) -> None:
    app, secret = totp.new_totp("usr_1", NOW)
    digits = TOTP(secret).at(NOW + timedelta(seconds=off_by))
    assert bool(totp.spent("usr_1", app, digits, NOW)) is fits


def test_the_qr_code_holds_the_uri() -> None:
    uri = totp.uri_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "ann@example.com", "Atrium & Co")
    assert (
        uri
        == "otpauth://totp/Atrium%20%26%20Co:ann%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Atrium%20%26%20Co"
    )
    assert totp.qr_svg(uri).startswith("data:image/svg+xml")
