"""Auth's triggers without HTTP, all for its own events.

What has ended is published again, since the first telling may have been lost with its process; mails leave
from here alone, so that no request waits for a mail server.
"""

from functions.auth import revoking
from functions.auth.api import blueprint
from functions.auth.events import MailRequested, SessionsEnded
from functions.auth.mails import sending
from shared_code.messaging import Event, consumes
from shared_code.messaging.topology import AUTH_MAIL, AUTH_SESSIONS


@consumes(blueprint, AUTH_SESSIONS, SessionsEnded)
async def publish_ended_sessions(event: Event[SessionsEnded]) -> None:
    """Make sure that the tokens of sessions that have ended are refused everywhere."""
    ended = event.data
    version = ended.token_version
    await revoking.revoke(ended.session_ids, {} if version is None else {ended.user_id: version})


@consumes(blueprint, AUTH_MAIL, MailRequested)
async def send_mail(event: Event[MailRequested]) -> None:
    """Send a mail that a command asked for."""
    await sending.send(event)
