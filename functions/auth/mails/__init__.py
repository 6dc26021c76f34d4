"""The mails that auth sends."""

from typing import Literal

type TemplateName = Literal[
    "verify_email",
    "confirm_new_email",
    "confirm_email_change",
    "email_changed",
    "reset_password",
    "password_changed",
    "sign_in_link",
    "account_exists",
    "second_factor_changed",
    "account_deletion",
    "sessions_revoked",
    "new_sign_in",
]
