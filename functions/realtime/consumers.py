"""Realtime's triggers without HTTP, on the service's one blueprint: chat's events, and connections.

Invariant: thin. The function that flushes the output binding writes nothing that says "done": bindings
are flushed after it returns, and may fail then; the message comes again.
"""

import json
import logging
from collections.abc import Awaitable, Callable

import azure.functions as func

from functions.realtime import commands, store
from functions.realtime.api import blueprint
from functions.realtime.events import ConnectionOpened
from functions.realtime.models import FileChanged, RoomLogAppended, SessionsEnded, WorkspaceChanged
from shared_code.faults import fault_point
from shared_code.live import HUB
from shared_code.live import SETTING as WEB_PUBSUB
from shared_code.messaging import Event, consumes
from shared_code.messaging.topology import (
    REALTIME_ACCESS,
    REALTIME_FILES,
    REALTIME_PUSH,
    REALTIME_SESSIONS,
    REALTIME_WORKSPACES,
)
from shared_code.work_queue import taken

type Trigger = Callable[..., Awaitable[object]]
type Decorator = Callable[[Trigger], Trigger]

_log = logging.getLogger("atrium.realtime")
_frames_out = blueprint.generic_output_binding(
    "actions", type="webPubSub", hub=HUB, connection=WEB_PUBSUB
)


@consumes(blueprint, REALTIME_PUSH, RoomLogAppended, output=_frames_out)
async def push_frames(event: Event[RoomLogAppended], actions: func.Out[str]) -> None:
    """Send the entries that a room's log has taken to those who may hear the room."""
    actions.set(json.dumps(await commands.frames(event.data.entries)))
    fault_point("realtime.after_frames")


@consumes(blueprint, REALTIME_ACCESS, RoomLogAppended)
async def follow_access(event: Event[RoomLogAppended]) -> None:
    """Keep the projection of who may hear what, and the groups of those who are connected."""
    for entry in event.data.entries:
        if access := entry.access():
            await commands.apply_access(access)


@consumes(blueprint, REALTIME_WORKSPACES, WorkspaceChanged, output=_frames_out)
async def push_workspace_frames(event: Event[WorkspaceChanged], actions: func.Out[str]) -> None:
    """Tell a workspace's change to those who may hear it, and keep who that is."""
    actions.set(json.dumps(await commands.workspace_frames(event.data)))


@consumes(blueprint, REALTIME_FILES, FileChanged, output=_frames_out)
async def push_file_frames(event: Event[FileChanged], actions: func.Out[str]) -> None:
    """Tell what became of a file or a folder to those whose drive it is in."""
    actions.set(json.dumps(commands.file_frames(event.data)))


@consumes(blueprint, REALTIME_SESSIONS, SessionsEnded)
async def close_ended_sessions(event: Event[SessionsEnded]) -> None:
    """Close the sockets of sessions that have ended."""
    await commands.close_sessions(event.data.session_ids)


@blueprint.queue_trigger("message", store.RECONCILE, store.SETTING)
async def reconcile_connection(message: func.QueueMessage) -> None:
    """Look at a connection's groups again, some seconds after it was let in."""
    event = taken(message, ConnectionOpened)
    await commands.reconcile(event.data.user_id, event.data.connection_id)


def _system_event(name: str) -> Decorator:
    decorator: Decorator = blueprint.generic_trigger(
        "request", type="webPubSubTrigger", hub=HUB, eventType="system", eventName=name
    )
    return decorator


@_system_event("connect")
async def on_connect(request: str) -> dict[str, object]:
    """Let a connection in, or refuse it."""
    asked = json.loads(request)
    context, claims = asked["connectionContext"], asked.get("claims") or {}
    groups = claims.get("webpubsub.group", [])
    return await commands.let_in(context.get("userId"), context["connectionId"], groups)


@_system_event("connected")
async def on_connected(request: str) -> None:
    """Open its rooms to a connection that has come up."""
    context = json.loads(request)["connectionContext"]
    await commands.reconcile(context["userId"], context["connectionId"])


@_system_event("disconnected")
async def on_disconnected(request: str) -> None:
    """Note the end of a connection. Its groups end with it."""
    event = json.loads(request)
    _log.info("%s ended: %s", event["connectionContext"]["connectionId"], event.get("reason"))
