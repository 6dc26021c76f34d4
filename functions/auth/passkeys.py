"""Passkeys: WebAuthn credentials, by py_webauthn.

Invariants: a signature counts only over a challenge of ours, from an origin of ours, for our relying party;
where a passkey is the only factor, the authenticator must have verified its user (ASVS 6.3.3). Attestation
is not asked for: any authenticator will do.
"""

import json
import re
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from functions.auth import cookies
from functions.auth.errors import InvalidPasskey
from functions.auth.mails import product_name
from functions.auth.models import Account, Passkey
from functions.auth.policy import FLOW_LIFE
from shared_code.ids import id_pattern
from shared_code.settings import optional_setting, setting

RP_ID = "AUTH_PASSKEY_RP_ID"
"""The domain that passkeys belong to; without it the host of AUTH_ISSUER. It must not change later."""

_TIMEOUT_MS = int(FLOW_LIFE.total_seconds() * 1000)


def creation_options(account: Account, existing: list[Passkey]) -> dict[str, Any]:
    """What a browser needs to make a passkey: `PublicKeyCredentialCreationOptions`."""
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = webauthn.generate_registration_options(
        rp_id=relying_party(),
        rp_name=product_name(),
        user_id=account.user_id.encode(),
        user_name=account.email,
        user_display_name=account.display_name,
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(existing),
    )
    return _json(options)


def request_options(allowed: list[Passkey], *, alone: bool) -> dict[str, Any]:
    """What a browser needs to sign with a passkey: `PublicKeyCredentialRequestOptions`."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=relying_party(),
        timeout=_TIMEOUT_MS,
        allow_credentials=_descriptors(allowed),
        user_verification=UserVerificationRequirement.REQUIRED
        if alone
        else UserVerificationRequirement.PREFERRED,
    )
    return _json(options)


def made(credential: dict[str, Any], challenge: str, name: str, now: datetime) -> Passkey:
    """The passkey that a browser has made for the challenge. Raises InvalidPasskey."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

    try:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=relying_party(),
            expected_origin=_origins(),
        )
    except _malformed() as error:
        raise InvalidPasskey from error
    return Passkey(
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=bytes_to_base64url(verified.credential_public_key),
        sign_count=verified.sign_count,
        name=name,
        created_at=now,
        transports=_transports(credential),
        backed_up=verified.credential_backed_up,
    )


def used(
    passkey: Passkey, credential: dict[str, Any], challenge: str, now: datetime, *, alone: bool
) -> Passkey | None:
    """The passkey when it has signed the challenge; None when it has not, or its counter went back."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes

    try:
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=relying_party(),
            expected_origin=_origins(),
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=alone,
        )
    except _malformed():
        return None
    changes = {
        "sign_count": verified.new_sign_count,
        "last_used_at": now,
        "backed_up": verified.credential_backed_up,
    }
    return passkey.model_copy(update=changes)


def owner_of(credential: dict[str, Any]) -> str | None:
    """The user that the authenticator names; unproven. None when it names none."""
    from webauthn.helpers import base64url_to_bytes

    response = credential.get("response")
    handle = response.get("userHandle") if isinstance(response, dict) else None
    try:
        named = base64url_to_bytes(handle).decode("ascii") if isinstance(handle, str) else ""
    except ValueError:
        return None
    return named if re.fullmatch(id_pattern("usr"), named) else None


def relying_party() -> str:
    """The domain that passkeys belong to. Raises NotConfigured."""
    return optional_setting(RP_ID) or urlsplit(setting("AUTH_ISSUER")).hostname or ""


def _origins() -> list[str]:
    return sorted(cookies.origins())


def _descriptors(passkeys: list[Passkey]) -> list[Any]:
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(each.credential_id),
            transports=[AuthenticatorTransport(name) for name in each.transports],
        )
        for each in passkeys
    ]


def _transports(credential: dict[str, Any]) -> tuple[str, ...]:
    """How the authenticator says it can be reached, in words that the standard has."""
    from webauthn.helpers.structs import AuthenticatorTransport

    response = credential.get("response")
    named = response.get("transports") if isinstance(response, dict) else None
    known = {each.value for each in AuthenticatorTransport}
    words = {each for each in named if isinstance(each, str)} if isinstance(named, list) else set()
    return tuple(sorted(words & known))


def _json(options: Any) -> dict[str, Any]:
    from webauthn import options_to_json

    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


@cache
def _malformed() -> tuple[type[Exception], ...]:
    """What py_webauthn raises for a stranger's bytes: its own errors, and those of the parsers below it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from webauthn.helpers.exceptions import WebAuthnException

    return (WebAuthnException, ValueError, TypeError, KeyError, UnsupportedAlgorithm)
