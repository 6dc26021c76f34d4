"""One AMQP session: its links, its windows, and which deliveries are not settled.

Invariants: delivery ids count deliveries, transfer ids count frames; no frame leaves when the peer's
window is shut, it waits in order.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from emulators.amqp.decoder import DecodeError
from emulators.amqp.performatives import (
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Performative,
    Transfer,
    error,
)
from emulators.amqp.types import Described
from emulators.service_bus.errors import BrokerError

if TYPE_CHECKING:
    from emulators.service_bus.protocol.connection import Connection

_WINDOW = 2**31 - 1  # what may come in: bounded by the credit of links instead
_OVERHEAD = 64  # bytes of a transfer frame around its payload, generously
_ID_MASK = 2**32 - 1


class Link(Protocol):
    """One end of a link, as a session needs it."""

    handle: int

    def on_flow(self, flow: Flow) -> None:
        """The peer tells of credit."""

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """The peer sends a message, or a part."""

    def on_settled(self, token: UUID, outcome: Described | None) -> Described | None:
        """The peer tells what has become of a delivery; the outcome to answer with."""

    def on_gone(self, *, clean: bool) -> None:
        """The link has ended."""

    def wake(self) -> None:
        """The socket takes bytes again."""


class Channel:
    """One session."""

    def __init__(self, connection: "Connection", number: int, begin: Begin) -> None:
        self.connection = connection
        self.number = number
        self.links: dict[int, Link] = {}
        self._next_outgoing = 0
        self._next_incoming = int(begin.next_outgoing_id or 0)
        self._remote_window = int(begin.incoming_window or 0)
        self._next_delivery = 0
        self._unsettled: dict[int, tuple[Link, UUID]] = {}
        self._held: deque[tuple[Transfer, bytes]] = deque()

    def opened(self) -> Begin:
        """The answer to the peer's begin."""
        return Begin(
            remote_channel=self.number,
            next_outgoing_id=0,
            incoming_window=_WINDOW,
            outgoing_window=_WINDOW,
            handle_max=_WINDOW,
        )

    def send(self, body: Performative, payload: bytes = b"") -> None:
        """Send a frame of this session."""
        self.connection.send(body, self.number, payload)

    # What the peer sends

    def on_attach(self, attach: Attach) -> None:
        """A link is wanted."""
        if not isinstance(attach.handle, int) or not isinstance(attach.name, str):
            raise DecodeError("a link has a name and a handle")
        from emulators.service_bus.protocol.attaching import link_for

        try:
            link_for(self, attach)
        except BrokerError as refusal:
            self.refuse(attach, refusal)

    def refuse(self, attach: Attach, refusal: BrokerError) -> None:
        """Answer an attach with nothing, and a detach that says why."""
        self.links.pop(attach.handle, None)
        self.send(
            Attach(
                name=attach.name,
                handle=attach.handle,
                role=not attach.role,
                snd_settle_mode=0,
                rcv_settle_mode=0,
                initial_delivery_count=None if not attach.role else 0,
                properties={},
            )
        )
        self.detach(attach.handle, refusal)

    def on_flow(self, flow: Flow) -> None:
        """Windows, and a link's credit."""
        window, first = int(flow.incoming_window or 0), int(flow.next_incoming_id or 0)
        self._remote_window = (first + window - self._next_outgoing) & _ID_MASK
        self._release_held()
        if flow.handle is not None:
            if link := self.links.get(flow.handle):
                link.on_flow(flow)
        elif flow.echo:
            self.send(self.flow())

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A message, or a part of one."""
        self._next_incoming = (self._next_incoming + 1) & _ID_MASK
        if link := self.links.get(transfer.handle):
            link.on_transfer(transfer, payload)

    def on_disposition(self, disposition: Disposition) -> None:
        """The peer, as a receiver, tells of deliveries."""
        if not disposition.role:
            return
        first = int(disposition.first)
        last = first if disposition.last is None else int(disposition.last)
        for delivery in self._known(first, last):
            link, token = self._unsettled.pop(delivery)
            answer = link.on_settled(token, disposition.state)
            if not disposition.settled and answer is not None:
                self.settle(delivery, answer, receiver=False)

    def _known(self, first: int, last: int) -> list[int]:
        """The unsettled ids in a range, which may be much wider than they are many."""
        if last - first < len(self._unsettled):
            return [each for each in range(first, last + 1) if each in self._unsettled]
        return [each for each in sorted(self._unsettled) if first <= each <= last]

    def on_detach(self, detach: Detach) -> None:
        """The peer ends a link."""
        if link := self._forget(detach.handle):
            self.send(Detach(handle=detach.handle, closed=bool(detach.closed)))
            link.on_gone(clean=True)

    # What we send

    def flow(self, **link: Any) -> Flow:
        """A flow frame with this session's windows and a link's state."""
        return Flow(
            next_incoming_id=self._next_incoming,
            incoming_window=_WINDOW,
            next_outgoing_id=self._next_outgoing,
            outgoing_window=_WINDOW,
            **link,
        )

    def settle(self, delivery: int, outcome: Described, *, receiver: bool) -> None:
        """Tell the peer the final outcome of a delivery."""
        self.send(
            Disposition(role=receiver, first=delivery, last=delivery, settled=True, state=outcome)
        )

    def transfer(self, link: Link, tag: UUID, encoded: bytes, *, settled: bool) -> None:
        """Send a message, in as many frames as it needs."""
        delivery = self._next_delivery
        self._next_delivery = (delivery + 1) & _ID_MASK
        if not settled:
            self._unsettled[delivery] = (link, tag)
        size = self.connection.peer_frame_bytes - _OVERHEAD
        parts = [encoded[at : at + size] for at in range(0, len(encoded), size)]
        for number, part in enumerate(parts):
            first = number == 0
            self._put(
                Transfer(
                    handle=link.handle,
                    delivery_id=delivery if first else None,
                    delivery_tag=tag.bytes_le if first else None,
                    message_format=0 if first else None,
                    settled=settled,
                    more=number + 1 < len(parts),
                ),
                part,
            )

    def _put(self, transfer: Transfer, payload: bytes) -> None:
        self._held.append((transfer, payload))
        self._release_held()

    def _release_held(self) -> None:
        while self._held and self._remote_window > 0:
            transfer, payload = self._held.popleft()
            self._next_outgoing = (self._next_outgoing + 1) & _ID_MASK
            self._remote_window -= 1
            self.send(transfer, payload)

    def detach(self, handle: int, refusal: BrokerError) -> None:
        """End a link with an error."""
        link = self._forget(handle)
        reason = error(refusal.condition, refusal.description)
        self.send(Detach(handle=handle, closed=True, error=reason))
        if link:
            link.on_gone(clean=True)

    def _forget(self, handle: int) -> Link | None:
        """Take a link out; what it had not settled stays locked until its time is over."""
        link = self.links.pop(handle, None)
        if link is not None:
            self._unsettled = {
                delivery: entry
                for delivery, entry in self._unsettled.items()
                if entry[0] is not link
            }
            self._held = deque(each for each in self._held if each[0].handle != handle)
        return link

    def end(self, *, clean: bool) -> None:
        """The session is over, and its links."""
        for handle in list(self.links):
            if link := self._forget(handle):
                link.on_gone(clean=clean)
