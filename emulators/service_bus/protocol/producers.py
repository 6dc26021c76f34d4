"""Links on which a peer sends: credit, messages in parts, batches, and their outcomes.

Invariant: a message is acknowledged only when the broker has it, and a batch is taken whole or not at all.
"""

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from emulators.amqp.decoder import DecodeError
from emulators.amqp.performatives import (
    Attach,
    Flow,
    Transfer,
    accepted,
    rejected,
)
from emulators.amqp.sections import BATCH_FORMAT, split_batch
from emulators.amqp.types import Described, Symbol, ULong
from emulators.service_bus.broker.entity import Entity
from emulators.service_bus.errors import (
    DECODE_ERROR,
    MESSAGE_TOO_LARGE,
    UNAUTHORIZED,
    BrokerError,
)
from emulators.service_bus.protocol.channel import Channel
from emulators.service_bus.protocol.claims import SEND

_CREDIT = 1_000
_BATCH_PROPERTY = "com.microsoft:max-message-batch-size"
_SLACK = 64 * 1024  # bytes that an envelope of a batch may add to its messages


class Incoming(ABC):
    """What all links have in common on which the peer sends."""

    def __init__(self, channel: Channel, attach: Attach, max_bytes: int) -> None:
        self.channel = channel
        self.handle: int = attach.handle
        self._max_bytes = max_bytes
        self._received = 0
        self._credit = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._first: Transfer | None = None
        channel.links[self.handle] = self
        channel.send(
            Attach(
                name=attach.name,
                handle=self.handle,
                role=True,
                snd_settle_mode=2 if attach.snd_settle_mode is None else attach.snd_settle_mode,
                rcv_settle_mode=attach.rcv_settle_mode or 0,
                source=attach.source,
                target=attach.target,
                max_message_size=max_bytes,
                properties={Symbol(_BATCH_PROPERTY): ULong(max_bytes)},
            )
        )
        self._give_credit()

    def _give_credit(self) -> None:
        self._credit = _CREDIT
        self.channel.send(
            self.channel.flow(
                handle=self.handle, delivery_count=self._received, link_credit=_CREDIT
            )
        )

    def on_flow(self, flow: Flow) -> None:
        """The peer, as a sender, tells of itself; an echo is all that it may want."""
        if flow.echo:
            self._give_credit()

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """Collect the parts of a message; the last one makes it whole."""
        if self._first is None:
            self._first = transfer
        self._size += len(payload)
        if self._size <= self._max_bytes + _SLACK:
            self._parts.append(payload)
        if transfer.more and not transfer.aborted:
            return
        first, encoded, size = self._first, b"".join(self._parts), self._size
        self._first, self._parts, self._size = None, [], 0
        self._received += 1
        self._credit -= 1
        if not transfer.aborted:
            outcome = self._outcome(first, encoded, size)
            if not (first.settled or transfer.settled):
                self.channel.settle(int(first.delivery_id), outcome, receiver=True)
        if self._credit <= _CREDIT // 2:
            self._give_credit()

    def _outcome(self, first: Transfer, encoded: bytes, size: int) -> Described:
        if size > self._max_bytes + _SLACK:
            return rejected(MESSAGE_TOO_LARGE, f"{size} bytes, at most {self._max_bytes} are taken")
        try:
            self.take(encoded, int(first.message_format or 0))
        except BrokerError as refusal:
            return rejected(refusal.condition, refusal.description)
        except DecodeError as fault:
            return rejected(DECODE_ERROR, str(fault))
        return accepted()

    @abstractmethod
    def take(self, encoded: bytes, message_format: int) -> None:
        """Do what the message is for. Raises BrokerError, DecodeError."""

    def on_settled(self, _token: UUID, _outcome: Any) -> None:  # noqa: B027 - to do nothing is right here
        """Nothing that we receive is settled by the peer."""

    def on_gone(self, *, clean: bool) -> None:  # noqa: B027 - to do nothing is right here
        """Nothing is left behind."""

    def wake(self) -> None:  # noqa: B027 - to do nothing is right here
        """Nothing waits for the socket here."""


class Producer(Incoming):
    """A link to a queue or topic."""

    def __init__(self, channel: Channel, attach: Attach, entity: Entity) -> None:
        self._entity = entity
        limits = channel.connection.hub.broker.limits
        super().__init__(channel, attach, limits.max_message_bytes)

    def take(self, encoded: bytes, message_format: int) -> None:
        """Send to the entity."""
        if not self.channel.connection.access.may(self._entity.path, SEND):
            raise BrokerError(UNAUTHORIZED, "ExpiredToken: the token has expired")
        whole = message_format != BATCH_FORMAT
        messages = [encoded] if whole else split_batch(encoded)
        self.channel.connection.hub.broker.send(self._entity, messages)
