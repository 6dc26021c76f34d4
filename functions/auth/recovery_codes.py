"""Recovery codes: eight, for whoever has lost his other second factors; each works once.

Invariant: only digests are kept, and a code that was used leaves them. 120 random bits need no slow hash
(ASVS 6.5.2 asks for one below 112).
"""

import base64
import secrets
from datetime import datetime

from functions.auth.models import RecoveryCodes
from shared_code.text import digest

COUNT = 8  # as Warehouse (PyPI)
_BYTES = 15
_GROUP = 4


def new_codes(now: datetime) -> tuple[RecoveryCodes, list[str]]:
    """What is kept, and the codes: six groups of four of A to Z and 2 to 7."""
    raw = [base64.b32encode(secrets.token_bytes(_BYTES)).decode() for _ in range(COUNT)]
    kept = RecoveryCodes(digests=tuple(digest(each) for each in raw), created_at=now)
    return kept, ["-".join(_groups(each)) for each in raw]


def spent(kept: RecoveryCodes, code: str) -> RecoveryCodes | None:
    """What is left when this code has been used; None when it is none of them."""
    used = digest("".join(each for each in code.upper() if each.isalnum()))
    if used not in kept.digests:
        return None
    return kept.model_copy(update={"digests": tuple(each for each in kept.digests if each != used)})


def _groups(text: str) -> list[str]:
    return [text[start : start + _GROUP] for start in range(0, len(text), _GROUP)]
