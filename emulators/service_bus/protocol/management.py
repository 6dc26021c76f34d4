"""A `$management` node: what is asked of an entity besides sending and receiving.

Invariant: an operation answers with a status; what is wrong with a request is said in it, never raised.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulators.amqp.decoder import DecodeError
from emulators.amqp.sections import Message
from emulators.amqp.types import Int, Symbol
from emulators.service_bus.broker.entity import Entity
from emulators.service_bus.errors import (
    ARGUMENT_ERROR,
    ENTITY_EXISTS,
    MESSAGE_LOCK_LOST,
    MESSAGE_NOT_FOUND,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    SESSION_LOCK_LOST,
    UNAUTHORIZED,
    BrokerError,
)
from emulators.service_bus.filters import FilterError
from emulators.service_bus.protocol.operations import OPERATIONS

if TYPE_CHECKING:
    from emulators.service_bus.protocol.connection import Connection

_PREFIX = "com.microsoft:"
_STATUS = {
    MESSAGE_NOT_FOUND: 404,
    NOT_FOUND: 404,
    MESSAGE_LOCK_LOST: 410,
    SESSION_LOCK_LOST: 410,
    UNAUTHORIZED: 401,
    ENTITY_EXISTS: 409,
    NOT_IMPLEMENTED: 501,
}
_BAD_REQUEST = 400


class ManagementNode:
    """The management node of one entity, for one connection."""

    def __init__(self, connection: "Connection", entity: Entity) -> None:
        self._connection = connection
        self._entity = entity

    def answer(self, request: Message) -> tuple[Mapping[str, Any], Any]:
        """Run an operation."""
        try:
            status, body = self._run(request)
        except BrokerError as refusal:
            return _said(refusal.condition, refusal.description), {}
        except (DecodeError, FilterError, KeyError, TypeError, ValueError, AttributeError) as fault:
            return _said(ARGUMENT_ERROR, f"the request is malformed: {fault!r}"), {}
        return {"statusCode": Int(status), "statusDescription": "OK"}, body

    def _run(self, request: Message) -> tuple[int, Any]:
        name = str(request.application_properties().get("operation", ""))
        operation = OPERATIONS.get(name.removeprefix(_PREFIX))
        if operation is None:
            raise BrokerError(NOT_IMPLEMENTED, f"there is no operation {name!r}")
        self._connection.access.check(self._entity.path, operation.claim)
        body = request.body_value
        if not isinstance(body, dict):
            raise BrokerError(ARGUMENT_ERROR, "a request has a map as its body")
        arguments = {str(key): value for key, value in body.items()}
        return operation.run(self._connection.hub.broker, self._entity, arguments)


def _said(condition: str, description: str) -> dict[str, Any]:
    return {
        "statusCode": Int(_STATUS.get(condition, _BAD_REQUEST)),
        "statusDescription": description,
        "errorCondition": Symbol(condition),
    }
