"""Who may do what, and what becomes of those who speak no AMQP, or bad AMQP."""

import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusAuthenticationError, ServiceBusError

from emulators.amqp import frames
from emulators.amqp.decoder import DecodeError
from emulators.amqp.encoder import encode
from emulators.amqp.frames import FrameReader
from emulators.amqp.performatives import Attach, Begin, Close, Open, Transfer
from emulators.amqp.types import Described, ULong
from tests.harness.service_bus import Broker, broker, entities

KEYS = (
    *("--key", "sender=s1:Send"),
    *("--key", "listener=s2:Listen"),
    *("--key", "one=s3:Send,Listen:q1"),
    *("--key", "all=s4"),
)
CONFIG = entities({"q1": {}, "q10": {}, "q": {}})


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("guarded"), CONFIG, "--memory", *KEYS) as found:
        yield found


def client(running: Broker, name: str, secret: str) -> ServiceBusClient:
    key = f"SharedAccessKeyName={name};SharedAccessKey={secret}"
    return ServiceBusClient.from_connection_string(running.connection_string(key), retry_total=0)


def is_refusal(error: ServiceBusError) -> bool:
    """Whether it is a lack of rights; anything else is the test's failure."""
    if isinstance(error, ServiceBusAuthenticationError) or "nauthorized" in str(error):
        return True
    raise error


def can_send(running: Broker, name: str, secret: str, queue: str) -> bool:
    with client(running, name, secret) as found:
        try:
            with found.get_queue_sender(queue) as sender:
                sender.send_messages(ServiceBusMessage("x"))
        except ServiceBusError as error:
            return not is_refusal(error)
    return True


def can_listen(running: Broker, name: str, secret: str, queue: str) -> bool:
    with client(running, name, secret) as found:
        try:
            with found.get_queue_receiver(queue) as receiver:
                receiver.peek_messages()
        except ServiceBusError as error:
            return not is_refusal(error)
    return True


def test_a_key_opens_what_its_claims_say(guarded: Broker) -> None:
    assert can_send(guarded, "sender", "s1", "q")
    assert not can_listen(guarded, "sender", "s1", "q")
    assert can_listen(guarded, "listener", "s2", "q")
    assert not can_send(guarded, "listener", "s2", "q")
    assert can_send(guarded, "all", "s4", "q")


def test_a_key_for_one_queue_opens_no_other_whose_name_begins_so(guarded: Broker) -> None:
    assert can_send(guarded, "one", "s3", "q1")
    assert can_listen(guarded, "one", "s3", "q1")
    assert not can_send(guarded, "one", "s3", "q10")
    assert not can_send(guarded, "one", "s3", "q")


@pytest.mark.parametrize(("name", "secret"), [("all", "wrong"), ("nobody", "s4")])
def test_a_wrong_key_opens_nothing(guarded: Broker, name: str, secret: str) -> None:
    assert not can_send(guarded, name, secret, "q")


def test_the_health_check_is_on_the_same_port(guarded: Broker) -> None:
    with urllib.request.urlopen(f"http://localhost:{guarded.port}/health", timeout=5) as answer:
        assert answer.status == 200


def connect(running: Broker) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=10)


def until_closed(line: socket.socket) -> bytes:
    """All that the broker says before it hangs up."""
    said = b""
    while data := line.recv(65_536):
        said += data
    return said


def closing_error(said: bytes) -> str:
    """The condition of the close at the end of what was said after the header."""
    reader = FrameReader(1 << 20)
    reader.feed(said)
    assert reader.take(8) == frames.AMQP_HEADER
    bodies = [frame.body for frame in reader]
    assert isinstance(bodies[-1], Close), bodies
    return str(bodies[-1].error.value[0])


OPEN = frames.AMQP_HEADER + frames.frame(Open(container_id="test", hostname="localhost"))
BEGIN = OPEN + frames.frame(Begin(next_outgoing_id=0, incoming_window=10, outgoing_window=10))
UNKNOWN = frames._encoded(0, 0, encode(Described(ULong(0x99), [])))
DEEP = frames._encoded(0, 0, b"\x00" * 5_000)
HUGE_ARRAY = frames._encoded(0, 0, b"\x00\x53\x10\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40")


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (OPEN + b"\x00\x00\x00\x04\x02\x00\x00\x00", "amqp:decode-error"),
        (OPEN + b"\xff\xff\xff\xff\x02\x00\x00\x00", "amqp:decode-error"),
        (OPEN + b"\x00\x00\x00\x09\x02\x09\x00\x00\x40", "amqp:decode-error"),
        (OPEN + b"\x00\x00\x00\x09\x7f\x00\x00\x00\x40", "amqp:decode-error"),
        (OPEN + UNKNOWN, "amqp:decode-error"),
        (OPEN + DEEP, "amqp:decode-error"),
        (OPEN + HUGE_ARRAY, "amqp:decode-error"),
        (OPEN + frames.frame(Begin(next_outgoing_id=0), channel=9_999), "amqp:not-allowed"),
        (BEGIN + frames.frame(Attach(name="x", handle=None, role=False)), "amqp:decode-error"),
        (BEGIN + frames.frame(Transfer(handle=7), payload=b"x"), None),
    ],
)
def test_malformed_frames_are_refused_with_an_error(
    guarded: Broker, data: bytes, condition: str | None
) -> None:
    with connect(guarded) as line:
        line.sendall(data)
        if condition is None:
            line.sendall(frames.frame(Close()))
            until_closed(line)
        else:
            assert closing_error(until_closed(line)) == condition
    assert "Traceback" not in guarded.log


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01", b"SSH-2.0-x\r\n", b"\x00" * 64, b"AMQP\x09\x09\x09\x09"],
)
def test_another_protocol_is_told_ours_and_hung_up_on(guarded: Broker, data: bytes) -> None:
    with connect(guarded) as line:
        line.sendall(data)
        assert until_closed(line) == frames.AMQP_HEADER


def test_rubbish_of_any_kind_harms_nobody_else(guarded: Broker) -> None:
    for seed in range(40):
        with connect(guarded) as line:
            noise = bytes((seed * 7919 + n * n * 31) % 256 for n in range(400))
            line.sendall(OPEN + noise)
    assert can_send(guarded, "all", "s4", "q")
    assert "Traceback" not in guarded.log


def test_more_connections_than_allowed_are_refused(tmp_path: Path) -> None:
    with broker(tmp_path, CONFIG, "--memory", "--max-connections", "2") as few:
        lines = [connect(few) for _ in range(3)]
        for line in lines[:2]:
            line.sendall(OPEN)
            assert line.recv(1_000)
        lines[2].sendall(OPEN)
        assert closing_error(until_closed(lines[2])) == "amqp:resource-limit-exceeded"
        for line in lines:
            line.close()


def test_a_full_queue_refuses_more_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    with (
        broker(tmp_path, CONFIG, "--memory", "--max-entity-bytes", "1000") as small,
        ServiceBusClient.from_connection_string(small.connection_string(), retry_total=0) as found,
        found.get_queue_sender("q") as sender,
        found.get_queue_receiver("q") as receiver,
    ):
        sender.send_messages(ServiceBusMessage(b"x" * 700))
        with pytest.raises(ServiceBusError):
            sender.send_messages(ServiceBusMessage(b"x" * 700))
        for message in receiver.receive_messages(1, max_wait_time=5):
            receiver.complete_message(message)
        sender.send_messages(ServiceBusMessage(b"x" * 700))


def test_the_reader_of_frames_keeps_its_bound() -> None:
    reader = FrameReader(512)
    reader.feed(b"\x00\x00\x02\x01\x02\x00\x00\x00")
    with pytest.raises(DecodeError, match="513 bytes"):
        list(reader)
