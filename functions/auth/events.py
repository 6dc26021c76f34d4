"""What auth publishes: sessions that have ended, accounts that go, and mails that it is to send itself.

Invariant: what a mail says may hold a secret, so the event carries it sealed, for one recipient and template.
"""

import base64
import json
from collections.abc import Mapping
from typing import ClassVar

from functions.auth.mails import TemplateName
from functions.auth.sealing import seal
from shared_code.messaging import Event, EventData
from shared_code.messaging.topology import ACCOUNT_ERASED, SESSIONS_ENDED

SOURCE = "/atrium/auth"
MAIL_REQUESTED = "atrium.auth.mail_requested.v1"


class MailRequested(EventData):
    """A mail is to be sent."""

    TYPE: ClassVar[str] = MAIL_REQUESTED

    to: str
    template: TemplateName
    sealed: str


def mail_requested(
    to: str, template: TemplateName, values: Mapping[str, str]
) -> Event[MailRequested]:
    """The event for a mail."""
    sealed = seal(json.dumps(dict(values)).encode(), f"mail/{template}/{to}")
    data = MailRequested(to=to, template=template, sealed=base64.b64encode(sealed).decode())
    return Event[MailRequested](source=SOURCE, type=MailRequested.TYPE, subject=template, data=data)


class SessionsEnded(EventData):
    """Sessions of a user have ended: their access tokens hold no more, their sockets are to be closed.

    With `token_version`, access tokens of an older version hold no more either, whatever their session.
    """

    TYPE: ClassVar[str] = SESSIONS_ENDED

    user_id: str
    session_ids: list[str]
    token_version: int | None = None


def sessions_ended(
    user_id: str, session_ids: list[str], token_version: int | None
) -> Event[SessionsEnded]:
    """The event for sessions that have ended together."""
    data = SessionsEnded(user_id=user_id, session_ids=session_ids, token_version=token_version)
    return Event[SessionsEnded](source=SOURCE, type=SessionsEnded.TYPE, subject=user_id, data=data)


class AccountErased(EventData):
    """An account is being erased: every service erases what it keeps of the user."""

    TYPE: ClassVar[str] = ACCOUNT_ERASED

    user_id: str


def account_erased(user_id: str) -> Event[AccountErased]:
    """The event for one account. Its id is made of what it tells: telling it again is the same event."""
    return Event[AccountErased](
        id=f"{user_id}:erased",
        source=SOURCE,
        type=AccountErased.TYPE,
        subject=user_id,
        data=AccountErased(user_id=user_id),
    )
