"""Device tokens: proof that a device has signed in to an account before.

It opens nothing. It keeps a stranger's failed tries from closing the account to its owner: those count
against devices that are not known (limits.py). Invariant: a token is good for the address that it was
given for, until its life is over.
"""

import base64
import json
from datetime import datetime, timedelta

from functions.auth.emails import reservation_key
from functions.auth.errors import ForeignSecret
from functions.auth.sealing import seal, unseal
from shared_code.clock import utcnow

HEADER = "x-device-token"
LIFE = timedelta(days=180)
_CONTEXT = "device"


def device_token(email: str, now: datetime) -> str:
    """The token of a device that has just signed in with this address."""
    plain = json.dumps([reservation_key(email), int(now.timestamp())]).encode()
    return base64.urlsafe_b64encode(seal(plain, _CONTEXT)).decode()


def is_known(token: str | None, email: str) -> bool:
    """Whether the device has signed in with this address."""
    if not token:
        return False
    try:
        email_key, at = json.loads(unseal(base64.urlsafe_b64decode(token), _CONTEXT))
    except (ValueError, ForeignSecret):
        return False
    is_young = at >= (utcnow() - LIFE).timestamp()
    return bool(is_young and email_key == reservation_key(email))
