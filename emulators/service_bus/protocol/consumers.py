"""Links on which a peer receives: credit, drain, sessions, and what it says of each message.

Invariants: no more is given than there is credit for; the outcome that is answered is the one that was
asked for, since the SDK (7.15) compares them; a session is held exactly as long as its link.
"""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

from emulators.amqp.performatives import (
    ACCEPTED,
    MODIFIED,
    REJECTED,
    Attach,
    Flow,
    Transfer,
    accepted,
    modified,
    rejected,
    released,
)
from emulators.amqp.types import Described, Symbol
from emulators.service_bus.broker import Queue, Session
from emulators.service_bus.errors import (
    NOT_ALLOWED,
    SESSION_LOCK_LOST,
    TIMEOUT,
    UNAUTHORIZED,
    BrokerError,
)
from emulators.service_bus.protocol.channel import Channel
from emulators.service_bus.protocol.claims import LISTEN

_SETTLED = 1  # snd-settle-mode: what is sent is settled, so receive-and-delete
_TICKS_AT_EPOCH = 621_355_968_000_000_000  # .NET counts 100 ns since the year 1
_ID_MASK = 2**32 - 1


class Consumer:
    """A link from a queue, subscription or dead-letter queue, with a session if it has them."""

    def __init__(
        self, channel: Channel, attach: Attach, queue: Queue, session: Session | None = None
    ) -> None:
        self.channel = channel
        self.handle: int = attach.handle
        self._queue = queue
        self._session = session
        self._hub = channel.connection.hub
        self._settled = attach.snd_settle_mode == _SETTLED
        self._credit = 0
        self._delivered = 0
        self._drains = False
        self._is_gone = False
        channel.links[self.handle] = self
        channel.send(_attached(attach, session))
        self._hub.enlist(queue, self)
        if session:
            session.on_lost = self._on_session_lost

    @property
    def is_open(self) -> bool:
        """Whether it wants messages, and its socket bears them."""
        congested = self.channel.connection.is_congested
        return not self._is_gone and not congested and (self._credit > 0 or self._drains)

    def take(self, most: int) -> int:
        """Take up to `most` messages and send them; then, if it drains, the rest of its credit."""
        if not self.channel.connection.access.may(self._queue.path, LISTEN):
            self.channel.detach(self.handle, BrokerError(UNAUTHORIZED, "ExpiredToken"))
            return 0
        found = self._queue.receive(
            min(most, self._credit), self, settled=self._settled, session=self._session
        )
        for delivery in found:
            self.channel.transfer(self, delivery.token, delivery.encode(), settled=self._settled)
        self._credit -= len(found)
        self._delivered = (self._delivered + len(found)) & _ID_MASK
        if self._drains and (not found or not self._credit):
            self._end_drain()
        return len(found)

    def _end_drain(self) -> None:
        self._drains = False
        self._delivered = (self._delivered + self._credit) & _ID_MASK
        self._credit = 0
        self.channel.send(
            self.channel.flow(
                handle=self.handle, delivery_count=self._delivered, link_credit=0, drain=True
            )
        )

    def on_flow(self, flow: Flow) -> None:
        """The peer gives credit, or wants what it gave back."""
        begun = self._delivered if flow.delivery_count is None else int(flow.delivery_count)
        self._credit = max((begun + int(flow.link_credit or 0) - self._delivered) & _ID_MASK, 0)
        if self._credit > _ID_MASK // 2:  # what is on its way is more than the credit
            self._credit = 0
        self._drains = bool(flow.drain)
        if flow.echo and not self._drains:
            self.channel.send(
                self.channel.flow(
                    handle=self.handle,
                    delivery_count=self._delivered,
                    link_credit=self._credit,
                )
            )
        self.wake()

    def wake(self) -> None:
        """Look at the queue at the end of the turn."""
        self._hub.broker.ready.add(self._queue)

    def on_transfer(self, _transfer: Transfer, _payload: bytes) -> None:
        """A receiver sends nothing. Raises BrokerError."""
        self.channel.detach(self.handle, BrokerError(NOT_ALLOWED, "this link is for receiving"))

    def on_settled(self, token: UUID, outcome: Described | None) -> Described | None:
        """Do with the message what the peer says; what to answer."""
        try:
            return self._settle(token, outcome)
        except BrokerError as refusal:
            return rejected(refusal.condition, refusal.description)

    def _settle(self, token: UUID, outcome: Described | None) -> Described | None:
        queue = self._queue
        code = outcome.descriptor if isinstance(outcome, Described) else None
        fields = outcome.value if isinstance(outcome, Described) else []
        if code == ACCEPTED:
            queue.complete(token)
            return accepted()
        if code == MODIFIED:
            failed, undeliverable, changes = [*fields, None, None, None][:3]
            properties = _plain(changes)
            # The JavaScript SDK abandons without `failed`, and Azure counts that too.
            (queue.defer if undeliverable else queue.abandon)(token, properties)
            return modified(failed=bool(failed), undeliverable=bool(undeliverable))
        if code == REJECTED:
            reason, description, properties = _dead_letter_info(fields)
            queue.dead_letter(token, reason, description, properties)
            return rejected()
        with suppress(BrokerError):  # released: its lock may be gone, and nobody asks
            queue.release(token)
        return released()

    def _on_session_lost(self) -> None:
        said = "The session lock has expired. Accept the session again."
        self.channel.detach(self.handle, BrokerError(SESSION_LOCK_LOST, said))

    def on_gone(self, *, clean: bool) -> None:
        """The link has ended; a session is free again, and what was locked in it waits again."""
        self._is_gone = True
        self._hub.dismiss(self._queue, self)
        if self._session:
            self._session.on_lost = None
            self._queue.sessions.close(self._session, failed=not clean)


class SessionWait:
    """A peer that wants whichever session has a message next. Its attach is answered when one has."""

    def __init__(self, channel: Channel, attach: Attach, queue: Queue, timeout_ms: int) -> None:
        self.channel = channel
        self.handle: int = attach.handle
        self._attach = attach
        self._queue = queue
        self._hub = channel.connection.hub
        self.is_open = True
        channel.links[self.handle] = self
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(timeout_ms / 1000, self._give_up)
        self._hub.enlist(queue, self)

    def take(self, _most: int) -> int:
        """Take a session, if one waits: from now on the link is its consumer."""
        session = self._queue.accept_session(None, self.channel)
        if session is None:
            return 0
        self.on_gone(clean=True)
        Consumer(self.channel, self._attach, self._queue, session)
        return 1

    def _give_up(self) -> None:
        self.on_gone(clean=True)
        said = "No session had a message within the time that was given."
        self.channel.refuse(self._attach, BrokerError(TIMEOUT, said))
        self._hub.turn()

    def on_flow(self, flow: Flow) -> None:
        """Credit counts from the answer to the attach."""

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A receiver sends nothing."""

    def on_settled(self, _token: UUID, _outcome: Described | None) -> None:
        """Nothing was delivered."""

    def wake(self) -> None:
        """It waits for a message, not for the socket."""

    def on_gone(self, *, clean: bool) -> None:  # noqa: ARG002 - nothing is held yet
        """Wait no longer."""
        self.is_open = False
        self._timer.cancel()
        self._hub.dismiss(self._queue, self)


def _attached(attach: Attach, session: Session | None) -> Attach:
    from emulators.service_bus.protocol.attaching import source_of, terminus_address

    source, properties = attach.source, {}
    if session:
        source = source_of(terminus_address(attach.source), session.id)
        ticks = session.locked_until_ms * 10_000 + _TICKS_AT_EPOCH
        properties = {Symbol("com.microsoft:locked-until-utc"): ticks}
    return Attach(
        name=attach.name,
        handle=attach.handle,
        role=False,
        snd_settle_mode=2 if attach.snd_settle_mode is None else attach.snd_settle_mode,
        rcv_settle_mode=attach.rcv_settle_mode or 0,
        source=source,
        target=attach.target,
        initial_delivery_count=0,
        properties=properties,
    )


def _dead_letter_info(fields: list[Any]) -> tuple[str | None, str | None, dict[str, Any]]:
    """Reason, description and more properties, from the error that a peer rejects with."""
    fault = fields[0] if fields else None
    values = fault.value if isinstance(fault, Described) else []
    info = _plain(values[2]) if len(values) > 2 else {}  # noqa: PLR2004 - the third is the map
    reason = info.pop("DeadLetterReason", None)
    description = info.pop("DeadLetterErrorDescription", None)
    return reason, description, info


def _plain(changes: Any) -> dict[str, Any]:
    """Properties to add to a message, by plain names."""
    if not isinstance(changes, dict):
        return {}
    return {str(name): value for name, value in changes.items() if value is not None}
