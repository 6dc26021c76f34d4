"""Does what a client asks for: membership, publishing, events; and answers if it asked for that.

Invariant: a request whose ack id has succeeded before is answered and not done again; nothing is
done without permission; a raw client, which cannot be answered, is closed instead.
"""

import logging
from collections.abc import Coroutine

from emulators.web_pubsub.codec import (
    AckError,
    JoinGroup,
    LeaveGroup,
    Malformed,
    Ping,
    Request,
    SendEvent,
    SendToGroup,
    SequenceAck,
)
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.hub import Hub, deliver_to
from emulators.web_pubsub.messages import Message
from emulators.web_pubsub.permissions import Operation
from emulators.web_pubsub.upstream import EventFailedError, Upstream

INTERNAL_ERROR = "Internal server error"
_CLOSE_CODES = {"Forbidden": 1008, "InternalServerError": 1011}
_log = logging.getLogger(__name__)

type GroupRequest = JoinGroup | LeaveGroup | SendToGroup


class Operations:
    """The requests of one connection."""

    __slots__ = ("_connection", "_hub", "_upstream")

    def __init__(self, connection: Connection, hub: Hub, upstream: Upstream) -> None:
        self._connection = connection
        self._hub = hub
        self._upstream = upstream

    def handle(self, request: Request) -> Coroutine[None, None, None] | None:
        """Do a request in its turn; a coroutine comes back only if it has to wait."""
        match request:
            case SendEvent():
                return self._send_event(request)
            case Malformed(close_code, message):
                self._connection.close(close_code, message)
            case JoinGroup() | LeaveGroup() | SendToGroup():
                self._do_group_request(request)
            case Ping():
                self._connection.write(self._connection.codec.pong())
            case SequenceAck(sequence_id):
                self._connection.acknowledge(sequence_id)
        return None

    def _do_group_request(self, request: GroupRequest) -> None:
        error = self._duplicate(request.ack_id) or self._forbidden(request)
        if error is None:
            self._perform(request)
        self._answer(request.ack_id, error)

    def _perform(self, request: GroupRequest) -> None:
        match request:
            case JoinGroup(group):
                self._hub.join(self._connection, group)
            case LeaveGroup(group):
                self._hub.leave(self._connection, group)
            case SendToGroup(group, content, no_echo, _, ttl_seconds):
                user_id = self._connection.user_id
                expires_at = self._connection.clock.deadline(ttl_seconds)
                message = Message(content, group=group, from_user_id=user_id, expires_at=expires_at)
                excluded = (self._connection.id,) if no_echo else ()
                deliver_to(self._hub.of_group(group), message, excluded=excluded)

    async def _send_event(self, request: SendEvent) -> None:
        error = self._duplicate(request.ack_id)
        if error is None:
            error = await self._dispatch(request)
        self._answer(request.ack_id, error)

    async def _dispatch(self, request: SendEvent) -> AckError | None:
        connection = self._connection
        try:
            reply = await self._upstream.user_event(
                connection.events, request.event, request.content
            )
        except EventFailedError as failure:
            _log.warning("event %r on hub %s: %s", request.event, self._hub.name, failure)
            return AckError("InternalServerError", INTERNAL_ERROR)
        if reply is not None:
            connection.deliver(Message(reply))
        return None

    def _duplicate(self, ack_id: int | None) -> AckError | None:
        if ack_id is None or ack_id not in self._connection.acks:
            return None
        return AckError("Duplicate", f"Message with ack-id: {ack_id} has been processed.")

    def _forbidden(self, request: GroupRequest) -> AckError | None:
        sends = isinstance(request, SendToGroup)
        operation = Operation.SEND_TO_GROUP if sends else Operation.JOIN_LEAVE_GROUP
        if self._connection.permissions.allows(operation, request.group):
            return None
        what = f"{operation} on group '{request.group}'"
        return AckError("Forbidden", f"The client does not have permission to {what}.")

    def _answer(self, ack_id: int | None, error: AckError | None) -> None:
        connection = self._connection
        if error is not None and not connection.codec.acknowledges:
            reason = INTERNAL_ERROR if error.name == "InternalServerError" else error.message
            connection.close(_CLOSE_CODES[error.name], reason)
        elif ack_id is not None:
            if error is None:
                connection.acks.remember(ack_id)
            connection.answer(connection.codec.ack(ack_id, error))
