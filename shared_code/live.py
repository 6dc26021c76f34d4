"""The live hub: its names, and the few calls that must reach Web PubSub before an answer is given.

Frames do not leave from here: they go through `realtime`'s output binding. Invariant: a group's name
is made here and nowhere else.
"""

from functools import cache
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from shared_code.settings import optional_setting, setting

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

HUB = "live"
SETTING = "WebPubSubConnectionString"
_SESSION = "session:"


def room_group(room_id: str) -> str:
    """The group of the connections that may hear a room."""
    return f"room:{room_id}"


def workspace_group(workspace_id: str) -> str:
    """The group of the connections that may hear a workspace."""
    return f"workspace:{workspace_id}"


def group_of(place_id: str) -> str:
    """The group of a place that one hears: a room or a workspace."""
    return workspace_group(place_id) if place_id.startswith("ws_") else room_group(place_id)


def session_group(session_id: str) -> str:
    """The group of one session's connections, so that a revoked session can be closed."""
    return f"{_SESSION}{session_id}"


def session_of(group: str) -> str | None:
    """The session whose connections the group holds, or None for another group."""
    return group.removeprefix(_SESSION) if group.startswith(_SESSION) else None


@cache
def service() -> "WebPubSubServiceClient":
    """The service client of the hub, one per process."""
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

    if endpoint := optional_setting(f"{SETTING}__serviceUri"):
        from azure.identity.aio import DefaultAzureCredential

        return WebPubSubServiceClient(endpoint, HUB, DefaultAzureCredential())
    return WebPubSubServiceClient.from_connection_string(setting(SETTING), hub=HUB)


async def let_hear(user_id: str, place_id: str) -> None:
    """Add the user's connections to the place's group. One call; nothing to do when there are none."""
    try:
        await service().add_user_to_group(group_of(place_id), user_id)
    except ResourceNotFoundError:
        return


async def let_connection_hear(connection_id: str, place_id: str) -> None:
    """Add one connection to the place's group. One call; nothing to do when it has gone."""
    try:
        await service().add_connection_to_group(group_of(place_id), connection_id)
    except ResourceNotFoundError:
        return


async def stop_hearing(user_id: str, place_id: str) -> None:
    """Remove the user's connections from the place's group. One call."""
    await service().remove_user_from_group(group_of(place_id), user_id)


async def close_session(session_id: str) -> None:
    """Close the connections of a session that has ended. One call."""
    await service().close_group_connections(
        session_group(session_id), reason="The session has ended"
    )


async def reach() -> None:
    """Raise AzureError unless Web PubSub answers. One call."""
    await service().group_exists("ready")
