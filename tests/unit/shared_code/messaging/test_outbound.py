"""Sending: what the sender hears when a message cannot be sent, and that its neighbours do not suffer."""

import asyncio
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch
from azure.servicebus.exceptions import MessageSizeExceededError, ServiceBusConnectionError

import shared_code.messaging.outbound as module
from shared_code import service_bus
from shared_code.errors import PayloadTooLarge, Unavailable
from shared_code.messaging.outbound import Outbound, outbound

LIMIT = 4_096


class Sender:
    """The SDK's sender with its real batches, and a wire that fails if told."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.fails: Exception | None = None
        self.closed = 0

    async def create_message_batch(self) -> ServiceBusMessageBatch:
        return ServiceBusMessageBatch(LIMIT)

    async def send_messages(self, batch: ServiceBusMessageBatch) -> None:
        if self.fails:
            raise self.fails
        self.sent += [str(each) for each in batch._messages]

    async def close(self) -> None:
        self.closed += 1

    async def closes_as_client(self) -> None:
        """What closing the client does to senders: nothing that one could rely on."""

    def get_queue_sender(self, _name: str) -> "Sender":
        return self


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    made = Sender()
    monkeypatch.setattr(service_bus, "client", lambda: made)
    monkeypatch.setattr(service_bus, "close", made.closes_as_client)
    return made


def message(text: str, **options: Any) -> ServiceBusMessage:
    return ServiceBusMessage(text, **options)


async def test_what_is_too_large_is_told_so_and_the_way_stays_open(sender: Sender) -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        await Outbound("q").send(message("x" * LIMIT))
    assert isinstance(caught.value.__cause__, MessageSizeExceededError)
    assert sender.closed == 0


async def test_what_cannot_be_written_is_no_matter_of_size(sender: Sender) -> None:
    with pytest.raises(ValueError, match="invalid"):
        await Outbound("q").send(message("x", application_properties={"n": 2**40}))
    with pytest.raises(TypeError):
        await Outbound("q").send(message("x", application_properties={"n": {1, 2}}))
    assert sender.closed == 0


@pytest.mark.parametrize(
    "error", [ServiceBusConnectionError(message="gone"), ValueError("closed"), OSError()]
)
async def test_a_bus_that_does_not_take_it_is_unavailable(sender: Sender, error: Exception) -> None:
    sender.fails = error
    with pytest.raises(Unavailable):
        await Outbound("q").send(message("x"))
    assert sender.closed == 1, "a sender that failed is not used again"


async def test_the_bus_s_own_word_for_too_large_counts_for_one_that_was_alone(
    sender: Sender,
) -> None:
    sender.fails = MessageSizeExceededError(message="too large")
    way = Outbound("q")
    with pytest.raises(PayloadTooLarge):
        await way.send(message("x"))
    both = await asyncio.gather(
        way.send(message("a")), way.send(message("b")), return_exceptions=True
    )
    assert [type(each) for each in both] == [Unavailable, Unavailable]


async def test_one_bad_message_does_not_spoil_those_that_wait_with_it(sender: Sender) -> None:
    way = Outbound("q")
    given = [
        message("a"),
        message("b", application_properties={"n": {1, 2}}),
        message("x" * LIMIT),
        message("c"),
    ]
    heard = await asyncio.gather(*(way.send(each) for each in given), return_exceptions=True)
    assert [type(each) for each in heard] == [type(None), TypeError, PayloadTooLarge, type(None)]
    assert sender.sent == ["a", "c"]


async def test_closing_closes_every_sender_and_the_next_message_opens_another(
    sender: Sender,
) -> None:
    for queue in ("q", "r"):
        await outbound(queue).send(message(queue))
    assert outbound("q") is outbound("q")
    await module.close()
    assert sender.closed == 2
    await outbound("q").send(message("again"))
    await module.close()
    assert sender.sent == ["q", "r", "again"]
    assert sender.closed == 3
