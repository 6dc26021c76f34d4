"""What is made of the deployment's own secret, `FILES_SECRET`: the tokens of links, the ids of leases.

Invariant: what is made of it is kept nowhere, and made again when it is needed; with another secret all links
end. A lease that was made with an earlier one is broken, not asked for.
"""

import hashlib
import hmac

from shared_code.errors import InvalidSetting
from shared_code.settings import setting

SETTING = "FILES_SECRET"
_LEAST_LENGTH = 32


def derived_key(purpose: str) -> bytes:
    """32 bytes that nobody guesses, always the same for a purpose. Raises NotConfigured, InvalidSetting."""
    secret = setting(SETTING)
    if len(secret) < _LEAST_LENGTH:
        raise InvalidSetting(SETTING)
    return hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)
