"""Chat's triggers without HTTP: its own hints, messages that were asked for, and the walk.

Invariant: thin. Each hands what came to one function.
"""

import azure.functions as func

from functions.chat import commands, projector
from functions.chat.api import blueprint
from functions.chat.events import AccountErased, MessageRequested, RoomLogAppended
from shared_code.messaging import Event, consumes
from shared_code.messaging.topology import CHAT_ACCOUNTS, CHAT_MESSAGES, CHAT_PROJECTOR

EVERY_FIVE_SECONDS = "*/5 * * * * *"


@consumes(blueprint, CHAT_PROJECTOR, RoomLogAppended)
async def project_log(event: Event[RoomLogAppended]) -> None:
    """Note what a room's log has told, and repair what hangs on it."""
    await projector.project(event.data)


@consumes(blueprint, CHAT_MESSAGES, MessageRequested)
async def post_message(event: Event[MessageRequested]) -> None:
    """Post a message that a bot or a schedule asked for, by the same rules as over HTTP."""
    await commands.post_requested(event.data)


@consumes(blueprint, CHAT_ACCOUNTS, AccountErased)
async def forget_erased_account(event: Event[AccountErased]) -> None:
    """Erase what chat keeps of a user whose account is erased."""
    await commands.forget_user(event.data.user_id)


@blueprint.timer_trigger("timer", EVERY_FIVE_SECONDS, use_monitor=False)
async def walk_activity(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host binds it by name
    """Tell what was committed and not told."""
    await projector.walker().walk()
