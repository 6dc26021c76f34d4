"""Accounts and sessions for tests: good ones, but for what the caller changes."""

from datetime import timedelta
from typing import Any

from functions.auth.models import Account, Session
from shared_code.clock import utcnow


def account(**changes: Any) -> Account:
    good = Account(
        user_id="usr_1",
        email="ann@example.com",
        display_name="Ann",
        password_hash="hash",
        created_at=utcnow(),
    )
    return good.model_copy(update=changes)


def session(**changes: Any) -> Session:
    now = utcnow()
    good = Session(
        session_id="ses_1",
        sealed_key=b"sealed",
        methods=("password",),
        created_at=now,
        expires_at=now + timedelta(days=60),
        idle_expires_at=now + timedelta(days=14),
        rotated_at=now,
        authenticated_at=now,
    )
    return good.model_copy(update=changes)
