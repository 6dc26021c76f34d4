"""A real broker with the app's entities and a real Azurite, and a pump that hands messages to a handler.

The pump does what the Functions host does: receive, run, complete or abandon; so the rules of consuming are
seen at work without a host.
"""

import gc
import json
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusReceivedMessage
from azure.servicebus.exceptions import OperationTimeoutError

from shared_code import messaging, service_bus
from shared_code.ids import new_id
from shared_code.messaging import Consumer, Event, EventData, consume, retry
from shared_code.messaging.arrival import Arrival
from shared_code.messaging.consume import deliver
from shared_code.messaging.dead_letters.models import body_of, properties_of
from shared_code.messaging.topology import CHAT_MESSAGES, MESSAGE_REQUESTED
from shared_code.storage import close_all, create_tables


class Said(EventData):
    TYPE: ClassVar[str] = MESSAGE_REQUESTED

    text: str


type Handler = Callable[[Event[Said]], Awaitable[None]]


@pytest.fixture(autouse=True)
async def _connected(
    service_bus_and_storage: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    bus, storage = service_bus_and_storage
    for name in ("CHAT_STORAGE", "ADMIN_STORAGE", "REALTIME_STORAGE"):
        monkeypatch.setenv(name, storage)
    monkeypatch.setenv(service_bus.SETTING, bus)
    # A test need not wait as long as a user may.
    monkeypatch.setattr(consume, "delay_after", lambda attempt: retry.delay_after(attempt) / 20)
    monkeypatch.setattr(consume, "delay_behind", lambda _held: 1.0)
    await messaging.close()
    await close_all()
    await create_tables("CHAT_STORAGE", "chatsessions")
    yield
    await messaging.close()
    await close_all()
    with warnings.catch_warnings():
        # The SDK leaves the socket of an accept that timed out to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def service_bus_and_storage(service_bus: str, azurite: str) -> tuple[str, str]:
    return service_bus, azurite


def event(text: str, subject: str | None = None) -> Event[Said]:
    return Event[Said](
        source="/tests",
        type=MESSAGE_REQUESTED,
        subject=subject or new_id("rm"),
        data=Said(text=text),
    )


class Pump:
    """Hands what comes on a consumer's queue to a handler, as the host would."""

    def __init__(self, handler: Handler, consumer: Consumer = CHAT_MESSAGES) -> None:
        self.consumer = replace(consumer, max_attempts=3)
        self._handler = handler

    async def run(self, until: Callable[[], bool]) -> None:
        """Until the condition holds, which must be before nothing has come for some seconds."""
        while not until():
            if not await self._session(until, wait=5):
                raise AssertionError("nothing comes any more")

    async def some(self) -> None:
        """What comes within a second or so: those that wait come again and again."""
        end = time.monotonic() + 1
        while time.monotonic() < end and await self._session(
            lambda: time.monotonic() > end, wait=1
        ):
            pass

    async def _session(self, until: Callable[[], bool], wait: float) -> bool:
        """Work through the next session that has something; False when none had in time."""
        receiver = service_bus.client().get_queue_receiver(
            self.consumer.queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=wait
        )
        try:
            async with receiver:
                while messages := await receiver.receive_messages(1, max_wait_time=0.3):
                    await self._hand_on(receiver, messages[0])
                    if until():
                        break
        except OperationTimeoutError:
            return False
        return True

    async def _hand_on(self, receiver: Any, message: ServiceBusReceivedMessage) -> None:
        try:
            await deliver(self.consumer, Said, self._handler, arrival(message), {})
        except Exception:  # noqa: BLE001 - whatever it is, the host gives the message back
            await receiver.abandon_message(message)
        else:
            await receiver.complete_message(message)


def arrival(message: ServiceBusReceivedMessage) -> Arrival:
    """What the host's trigger would hand on."""
    return Arrival(
        body=body_of(message),
        message_id=str(message.message_id),
        session_id=message.session_id,
        content_type=message.content_type,
        correlation_id=str(message.correlation_id),
        deliveries=(message.delivery_count or 0) + 1,
        properties=properties_of(message),
    )


def text_of(body: bytes) -> str:
    return str(json.loads(body)["data"]["text"])
