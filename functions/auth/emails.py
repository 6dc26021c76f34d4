"""E-mail addresses: which are accepted, and when two are the same.

Invariant: addresses are validated before they are compared, and compared in one form alone, so that no
look-alike (full-width letters, another spelling of an international domain) makes a second account.
"""

import hashlib
import unicodedata


def accepted(raw: str) -> str:
    """The address as it is kept and shown. Raises ValueError, in words that do not repeat `raw`."""
    from email_validator import EmailNotValidError, validate_email

    try:
        # Only ASCII before the @: letters of other scripts that look alike cannot be told apart.
        # `.test` is let in: it is reserved for tests (RFC 6761), reaches nobody, and teams use it.
        found = validate_email(
            raw, check_deliverability=False, allow_smtputf8=False, test_environment=True
        )
    except EmailNotValidError as error:
        raise ValueError("must be an e-mail address") from error
    return found.normalized


def canonical(address: str) -> str:
    """The form that decides whether two accepted addresses are the same."""
    return unicodedata.normalize("NFKC", address).lower()


def reservation_key(address: str) -> str:
    """The partition key that an address is reserved under: an address may hold `/`, `#` and `?`."""
    return hashlib.sha256(canonical(address).encode()).hexdigest()
