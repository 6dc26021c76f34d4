"""Events about sessions and accounts."""

from typing import ClassVar

from shared_code.messaging import Event, EventData
from shared_code.messaging.topology import ACCOUNT_ERASED, SESSIONS_ENDED

SOURCE = "/atrium/auth"


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
