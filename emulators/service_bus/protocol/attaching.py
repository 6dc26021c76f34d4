"""Which link an attach asks for, and whether it may.

Invariant: whoever may not, or asks for what is not there, is refused when he attaches, with the condition
that his SDK knows.
"""

from typing import Any

from emulators.amqp.performatives import Attach
from emulators.amqp.types import Described, Symbol, ULong
from emulators.service_bus.broker import Queue
from emulators.service_bus.broker.entity import Entity
from emulators.service_bus.broker.queue import DEAD_LETTER_SUFFIX
from emulators.service_bus.broker.topic import Subscription
from emulators.service_bus.errors import NOT_ALLOWED, NOT_IMPLEMENTED, UNAUTHORIZED, BrokerError
from emulators.service_bus.protocol.addresses import CBS, management_of, path_of
from emulators.service_bus.protocol.channel import Channel
from emulators.service_bus.protocol.claims import LISTEN, MANAGE, SEND
from emulators.service_bus.protocol.consumers import Consumer, SessionWait
from emulators.service_bus.protocol.management import ManagementNode
from emulators.service_bus.protocol.producers import Producer
from emulators.service_bus.protocol.requests import CbsNode, Replies, Requests

_COORDINATOR = 0x30
_FILTER_AT = 7
SESSION_FILTER = "com.microsoft:session-filter"
_TIMEOUT = "com.microsoft:timeout"
_DEFAULT_TIMEOUT_MS = 60_000
_MAX_HANDLES = 256


def link_for(channel: Channel, attach: Attach) -> None:
    """Make the link and answer the attach, or have it answered later. Raises BrokerError to refuse."""
    if attach.handle in channel.links or len(channel.links) >= _MAX_HANDLES:
        raise BrokerError(
            NOT_ALLOWED, f"the handle {attach.handle} is in use, or there are too many"
        )
    if isinstance(attach.target, Described) and attach.target.descriptor == _COORDINATOR:
        raise BrokerError(NOT_IMPLEMENTED, "transactions are not there")
    if attach.role:
        _outgoing(channel, attach)
    else:
        _incoming(channel, attach)


def _incoming(channel: Channel, attach: Attach) -> None:
    """The peer wants to send."""
    path = path_of(terminus_address(attach.target))
    connection = channel.connection
    if path.lower() == CBS:
        Requests(channel, attach, CbsNode(connection.access))
    elif entity := management_of(path):
        _check_any(channel, entity)
        node = ManagementNode(connection, connection.hub.broker.find(entity))
        Requests(channel, attach, node)
    else:
        connection.access.check(path, SEND)
        Producer(channel, attach, _sendable(channel, path))


def _sendable(channel: Channel, path: str) -> Entity:
    """A queue or a topic; not a subscription, nor the dead letters of either."""
    entity = channel.connection.hub.broker.find(path)
    is_fed = isinstance(entity, Subscription) or path.lower().endswith(DEAD_LETTER_SUFFIX.lower())
    if not is_fed:
        return entity
    raise BrokerError(NOT_ALLOWED, f"nothing can be sent to {path}")


def _outgoing(channel: Channel, attach: Attach) -> None:
    """The peer wants to receive."""
    address = terminus_address(attach.source)
    path = path_of(address)
    if path.lower() == CBS:
        Replies(channel, attach)
        return
    if entity := management_of(path):
        _check_any(channel, entity)
        channel.connection.hub.broker.find(entity)
        Replies(channel, attach)
        return
    channel.connection.access.check(path, LISTEN)
    queue = channel.connection.hub.broker.find_queue(path)
    filters = _filters(attach.source)
    if not queue.needs_session:
        if SESSION_FILTER in filters:
            raise BrokerError(NOT_ALLOWED, f"{path} has no sessions")
        Consumer(channel, attach, queue)
        return
    if SESSION_FILTER not in filters:
        said = f"It is not possible for an entity that requires sessions ({path}) to create a non-sessionful message receiver."  # noqa: E501 - Azure's words
        raise BrokerError(NOT_ALLOWED, said)
    _session_consumer(channel, attach, queue, filters[SESSION_FILTER])


def _session_consumer(channel: Channel, attach: Attach, queue: Queue, wanted: Any) -> None:
    session_id = wanted.value if isinstance(wanted, Described) else wanted
    if session_id is not None:
        session = queue.accept_session(str(session_id), channel)
        Consumer(channel, attach, queue, session)
        return
    properties = attach.properties or {}
    timeout_ms = properties.get(_TIMEOUT, _DEFAULT_TIMEOUT_MS)
    SessionWait(channel, attach, queue, int(timeout_ms))


def _check_any(channel: Channel, path: str) -> None:
    access = channel.connection.access
    if not any(access.may(path, claim) for claim in (LISTEN, SEND, MANAGE)):
        raise BrokerError(UNAUTHORIZED, f"Unauthorized access. A claim is required on {path!r}.")


def terminus_address(terminus: Any) -> str:
    """The address in a source or target; empty when it has none."""
    fields = terminus.value if isinstance(terminus, Described) else None
    address = fields[0] if isinstance(fields, list) and fields else None
    return address if isinstance(address, str) else ""


def _filters(source: Any) -> dict[str, Any]:
    fields = source.value
    found = fields[_FILTER_AT] if len(fields) > _FILTER_AT else None
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def source_of(address: str, session_id: str | None = None) -> Described:
    """A source to answer with: the address as it came, and the session that was granted."""
    granted = None if session_id is None else {Symbol(SESSION_FILTER): session_id}
    return Described(ULong(0x28), [address, *[None] * 6, granted, None, None, None])


def target_of(address: str) -> Described:
    """A target to answer with."""
    return Described(ULong(0x29), [address, *[None] * 6])
