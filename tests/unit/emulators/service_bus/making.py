"""A broker with a clock that moves when told, and messages for it."""

import json
from pathlib import Path
from typing import Any

from emulators.amqp import sections
from emulators.amqp.encoder import encode
from emulators.amqp.sections import Message, Properties, with_application_properties
from emulators.amqp.types import Described, Timestamp, ULong
from emulators.service_bus.broker import Broker, Delivery, Limits, Queue
from emulators.service_bus.config import parse
from emulators.service_bus.storage import Journal, SqliteJournal
from tests.harness.service_bus import entities

OWNER = object()


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


class Bench:
    """A broker and its clock; with a file it can be started again."""

    def __init__(
        self,
        queues: dict[str, Any],
        topics: dict[str, Any] | None = None,
        path: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.clock = Clock()
        self._config = parse(json.dumps(entities(queues, topics)))
        self._path = path
        self._limits = limits
        self.broker = self._start()

    def _start(self) -> Broker:
        journal = SqliteJournal(self._path) if self._path else Journal()
        return Broker(self._config, journal, self.clock, self._limits)

    def restart(self) -> None:
        """As after a kill between two turns."""
        self.close()
        self.broker = self._start()

    def close(self) -> None:
        """Let go of the file."""
        self.broker.close()

    def queue(self, path: str) -> Queue:
        return self.broker.find_queue(path)

    def dead(self, path: str) -> Queue:
        return self.queue(f"{path}/$DeadLetterQueue")

    def send(self, path: str, *messages: bytes) -> None:
        self.broker.send(self.broker.find(path), messages)
        self.broker.commit()

    def later(self, seconds: float) -> None:
        """So much time goes by."""
        self.clock.seconds += seconds
        self.broker.run_due()
        self.broker.commit()


def message(
    text: str = "x",
    *,
    session: str | None = None,
    id_: str | None = None,
    ttl_ms: int | None = None,
    due: float | None = None,
    **properties: Any,
) -> bytes:
    found = Message(
        ttl_ms=ttl_ms, properties=Properties(message_id=id_, group_id=session, subject=text)
    )
    found.raw_properties = found.properties.encoded()
    if properties:
        found = with_application_properties(found, properties)
    found.raw_body = encode(Described(ULong(0x75), text.encode()))
    noted = {} if due is None else {"x-opt-scheduled-enqueue-time": Timestamp(int(due * 1000))}
    return sections.encoded(found, 0, noted)


def text(delivery: Delivery) -> str:
    return str(delivery.entry.message.properties.subject)


def texts(queue: Queue) -> list[str]:
    """All that is there, by peeking."""
    return [text(each) for each in queue.peek(1, 1_000, None)]


def take(queue: Queue, count: int = 1, **more: Any) -> list[Delivery]:
    return queue.receive(count, OWNER, **more)


def properties(delivery: Delivery) -> dict[str, Any]:
    return delivery.entry.message.application_properties()
