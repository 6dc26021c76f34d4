"""Requests and their replies: the pairs of links to `$cbs` and to a `$management` node.

Invariant: a reply goes out settled, since the SDKs never settle it, on the link that the request names.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID, uuid4

from emulators.amqp.performatives import Attach, Flow, Transfer
from emulators.amqp.sections import Message, parse, response
from emulators.amqp.types import Described, Int
from emulators.service_bus.errors import NOT_ALLOWED, BrokerError
from emulators.service_bus.protocol.channel import Channel
from emulators.service_bus.protocol.claims import Access
from emulators.service_bus.protocol.producers import Incoming

_MAX_REQUEST_BYTES = 1024 * 1024
_ACCEPTED, _UNAUTHORIZED, _BAD_REQUEST = 202, 401, 400
_ID_MASK = 2**32 - 1


class Node(Protocol):
    """What answers requests."""

    def answer(self, request: Message) -> tuple[Mapping[str, Any], Any]:
        """The application properties and the body of the reply."""


class Requests(Incoming):
    """The link on which requests come."""

    def __init__(self, channel: Channel, attach: Attach, node: Node) -> None:
        from emulators.service_bus.protocol.attaching import terminus_address

        self._node = node
        self._address = terminus_address(attach.target)
        super().__init__(channel, attach, _MAX_REQUEST_BYTES)

    def take(self, encoded: bytes, message_format: int) -> None:  # noqa: ARG002 - requests have none
        """Answer a request."""
        request = parse(encoded)
        replies = self._replies(request.properties.reply_to)
        if replies is None:
            raise BrokerError(NOT_ALLOWED, "there is no link for the reply")
        properties, body = self._node.answer(request)
        replies.put(response(request.properties.message_id, properties, body))

    def _replies(self, reply_to: str | None) -> "Replies | None":
        """The link that takes replies of this node to that address; else of this node."""
        links = [each for each in self.channel.links.values() if isinstance(each, Replies)]
        named = [each for each in links if reply_to and each.target == reply_to]
        same = [each for each in links if each.source.lower() == self._address.lower()]
        return next(iter([*named, *same]), None)


class Replies:
    """The link on which replies go."""

    def __init__(self, channel: Channel, attach: Attach) -> None:
        from emulators.service_bus.protocol.attaching import terminus_address

        self.channel = channel
        self.handle: int = attach.handle
        self.source = terminus_address(attach.source)
        self.target = terminus_address(attach.target)
        self._credit = 0
        self._delivered = 0
        self._waiting: deque[bytes] = deque()
        channel.links[self.handle] = self
        channel.send(
            Attach(
                name=attach.name,
                handle=self.handle,
                role=False,
                snd_settle_mode=2 if attach.snd_settle_mode is None else attach.snd_settle_mode,
                rcv_settle_mode=attach.rcv_settle_mode or 0,
                source=attach.source,
                target=attach.target,
                initial_delivery_count=0,
                properties={},
            )
        )

    def put(self, encoded: bytes) -> None:
        """Send a reply, as soon as there is credit."""
        self._waiting.append(encoded)
        self.wake()

    def on_flow(self, flow: Flow) -> None:
        """The peer gives credit."""
        begun = self._delivered if flow.delivery_count is None else int(flow.delivery_count)
        self._credit = max(begun + int(flow.link_credit or 0) - self._delivered, 0)
        self.wake()

    def wake(self) -> None:
        """Send what waits."""
        while self._waiting and self._credit:
            self._credit -= 1
            self._delivered = (self._delivered + 1) & _ID_MASK
            self.channel.transfer(self, uuid4(), self._waiting.popleft(), settled=True)

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A receiver sends nothing."""

    def on_settled(self, _token: UUID, _outcome: Described | None) -> None:
        """Replies are settled."""

    def on_gone(self, *, clean: bool) -> None:
        """Nothing is left behind."""


class CbsNode:
    """Takes tokens (claims-based security)."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def answer(self, request: Message) -> tuple[Mapping[str, Any], Any]:
        """Take a token; whether it is valid."""
        asked = request.application_properties()
        if asked.get("operation") != "put-token":
            return _status(_BAD_REQUEST, f"no operation {asked.get('operation')!r}"), None
        token, audience = request.body_value, asked.get("name")
        if not isinstance(token, str) or not isinstance(audience, str):
            return _status(_UNAUTHORIZED, "a token and its audience are texts"), None
        try:
            self._access.put_token(token, audience)
        except BrokerError as refusal:
            return _status(_UNAUTHORIZED, refusal.description), None
        return _status(_ACCEPTED, "Accepted"), None


def _status(code: int, description: str) -> dict[str, Any]:
    return {"status-code": Int(code), "status-description": description}
