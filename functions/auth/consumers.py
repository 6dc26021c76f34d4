"""Auth's triggers without HTTP, all for its own events.

What has ended is published again, since the first telling may have been lost with its process, and so is
followed what became of members; mails leave from here alone: no request waits for a mail server.
"""

from functions.auth import revoking
from functions.auth.api import blueprint
from functions.auth.commands import erasing_workspaces
from functions.auth.events import MailRequested, SessionsEnded, WorkspaceChanged
from functions.auth.mails import sending
from shared_code.messaging import Event, consumes
from shared_code.messaging.topology import AUTH_MAIL, AUTH_SESSIONS, AUTH_WORKSPACES


@consumes(blueprint, AUTH_SESSIONS, SessionsEnded)
async def publish_ended_sessions(event: Event[SessionsEnded]) -> None:
    """Make sure that the tokens of sessions that have ended are refused everywhere."""
    ended = event.data
    version = ended.token_version
    await revoking.revoke(ended.session_ids, {} if version is None else {ended.user_id: version})


@consumes(blueprint, AUTH_WORKSPACES, WorkspaceChanged)
async def follow_workspaces(event: Event[WorkspaceChanged]) -> None:
    """Repair users' lists of workspaces, and erase what was deleted, step by step."""
    await erasing_workspaces.followed(event.data)


@consumes(blueprint, AUTH_MAIL, MailRequested)
async def send_mail(event: Event[MailRequested]) -> None:
    """Send a mail that a command asked for."""
    await sending.send(event)
