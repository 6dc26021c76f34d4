"""Auth's triggers without HTTP: its own events, whose first telling may have been lost with its process."""

from functions.auth import revoking
from functions.auth.api import blueprint
from functions.auth.events import SessionsEnded
from shared_code.messaging import Event, consumes
from shared_code.messaging.topology import AUTH_SESSIONS


@consumes(blueprint, AUTH_SESSIONS, SessionsEnded)
async def publish_ended_sessions(event: Event[SessionsEnded]) -> None:
    """Make sure that the tokens of sessions that have ended are refused everywhere."""
    ended = event.data
    version = ended.token_version
    await revoking.revoke(ended.session_ids, {} if version is None else {ended.user_id: version})
