"""What auth publishes: ended sessions, erased accounts, changes of workspaces, and mails that it is to send.

Invariant: what a mail says may hold a secret, so the event carries it sealed, for one recipient and template.
"""

import base64
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from functions.auth.mails import TemplateName, Values, checked, read
from functions.auth.sealing import seal, unseal
from shared_code.clock import Timestamp
from shared_code.messaging import Event, EventData
from shared_code.messaging.topology import (
    ACCOUNT_ERASED,
    MAIL_REQUESTED,
    SESSIONS_ENDED,
    WORKSPACE_CHANGED,
)
from shared_code.roles import WorkspaceRole

SOURCE = "/atrium/auth"

type _Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


class MailRequested(EventData):
    """A mail is to be sent. `sealed` is what it is to say: links and digits that open an account."""

    TYPE: ClassVar[str] = MAIL_REQUESTED

    to: Annotated[str, Field(min_length=3, max_length=320)]
    template: TemplateName
    sealed: _Base64

    @property
    def values(self) -> Values:
        """What the mail is to say. Raises ForeignSecret, and ValueError for what no version of us wrote."""
        plain = unseal(
            base64.b64decode(self.sealed, validate=True), _context(self.template, self.to)
        )
        return read(self.template, plain)


def mail_requested(
    to: str, template: TemplateName, values: Mapping[str, str]
) -> Event[MailRequested]:
    """The event for a mail. Raises ValidationError when a value is missing or has another form."""
    plain = checked(template, values).model_dump_json().encode()
    sealed = base64.b64encode(seal(plain, _context(template, to))).decode()
    data = MailRequested(to=to, template=template, sealed=sealed)
    return Event[MailRequested](source=SOURCE, type=MailRequested.TYPE, subject=template, data=data)


def _context(template: TemplateName, to: str) -> str:
    """Sealed for this, it opens for no other recipient and in no other mail."""
    return f"mail/{template}/{to}"


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


type WorkspaceChangeType = Literal[
    "created", "renamed", "member_joined", "member_role_changed", "member_left", "deleted", "erased"
]


class WorkspaceChanged(EventData):
    """A workspace changed. `seq` numbers its changes; the newest of a member says what he is.

    `name` comes with `created` and `renamed`; `user_id` and `joined_at` with changes of a member, and `role`
    unless he has left. `erased` is the last: every service erases what it keeps of the workspace.
    """

    TYPE: ClassVar[str] = WORKSPACE_CHANGED

    workspace_id: str
    seq: int
    change: WorkspaceChangeType
    at: Timestamp
    by: str | None = None
    name: str | None = None
    user_id: str | None = None
    role: WorkspaceRole | None = None
    joined_at: Timestamp | None = None


def workspace_changed(data: WorkspaceChanged) -> Event[WorkspaceChanged]:
    """The event for one change. Its id is made of its seq, so that events are told in that order."""
    return Event[WorkspaceChanged](
        id=f"{data.workspace_id}:{data.seq:012d}",
        source=SOURCE,
        type=WorkspaceChanged.TYPE,
        subject=data.workspace_id,
        data=data,
    )
