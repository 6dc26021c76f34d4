"""Authenticator apps: six digits that change each 30 seconds (RFC 6238).

Invariant: digits count once. The step of 30 seconds that they stand for must be newer than the last one that
was taken; pyotp alone would take the same digits twice. One step of clock difference is borne either way.
"""

import base64
import hmac
import secrets
from datetime import datetime

from functions.auth import sealing
from functions.auth.models import Totp

_SECRET_BYTES = 20  # RFC 4226 4 wants 160 bits
_STEP_SECONDS = 30
_DRIFT = 1


def new_totp(user_id: str, now: datetime) -> tuple[Totp, str]:
    """An app that is to be confirmed, and its secret in base32."""
    raw = secrets.token_bytes(_SECRET_BYTES)
    sealed = sealing.seal(raw, _context(user_id))
    return Totp(sealed_secret=sealed, created_at=now), base64.b32encode(raw).decode()


def uri_of(secret: str, email: str, product: str) -> str:
    """What the QR code holds: `otpauth://totp/...`."""
    from pyotp import TOTP

    return TOTP(secret).provisioning_uri(name=email, issuer_name=product)


def qr_svg(uri: str) -> str:
    """The QR code as a `data:` URL of an SVG image."""
    import segno

    return str(segno.make(uri, error="m").svg_data_uri(scale=4))


def spent(user_id: str, totp: Totp, digits: str, now: datetime) -> Totp | None:
    """The app when these digits have been used; None when they are wrong, or were used before."""
    from pyotp import TOTP

    made = TOTP(base64.b32encode(sealing.unseal(totp.sealed_secret, _context(user_id))).decode())
    current = int(now.timestamp()) // _STEP_SECONDS
    for step in range(current - _DRIFT, current + _DRIFT + 1):
        fits = hmac.compare_digest(made.generate_otp(step), digits)
        if fits and step > totp.last_step:
            return totp.model_copy(update={"last_step": step})
    return None


def resealed(user_id: str, totp: Totp) -> Totp:
    """The app, its secret sealed with the present key; equal when it is. Raises ForeignSecret."""
    sealed = sealing.resealed(totp.sealed_secret, _context(user_id))
    return totp.model_copy(update={"sealed_secret": sealed})


def _context(user_id: str) -> str:
    return f"{user_id}/totp"
