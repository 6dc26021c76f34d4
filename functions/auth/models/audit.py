"""The audit log of an account: what happened to it, in typed entries that its owner can read.

Invariant: an entry is written in the transaction of what it tells of, and never changed; it holds no
secret and no other person's address.
"""

from typing import Literal

from shared_code.records import Noted

type AuditType = Literal[
    "account.registered",
    "account.changed",
    "account.deletion_asked",
    "account.deletion_undone",
    "account.admin_made",
    "email.verified",
    "email.change_asked",
    "email.changed",
    "password.changed",
    "password.reset_asked",
    "password.reset",
    "session.started",
    "session.ended",
    "session.others_ended",
    "session.all_ended",
    "session.stepped_up",
    "refresh.reuse_detected",
    "factor.totp_added",
    "factor.totp_removed",
    "factor.recovery_codes_made",
    "factor.recovery_code_used",
    "factor.passkey_added",
    "factor.passkey_removed",
    "factor.failed",
    "identity.linked",
    "identity.unlinked",
    "sign_in_link.asked",
]


class AuditEntry(Noted):
    """An entry of an account's log."""

    type: AuditType
    address: str | None = None
    user_agent: str | None = None
