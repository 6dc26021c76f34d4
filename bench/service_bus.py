"""The bus: the emulator by the official SDK, and one event through the whole stack.

The broker measured here is one of the bench's own, on disk, with 1 KiB bodies and one client process; the
SDK burns more time than the broker, so the figures are the pair's.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusClient, ServiceBusMessage

_CONFIG = """{"UserConfig": {"Namespaces": [{"Name": "sbemulatorns", "Queues": [
    {"Name": "one"}, {"Name": "many"}, {"Name": "latency"},
    {"Name": "sessions", "Properties": {"RequiresSession": true}}]}]}}"""
_CONNECTION = (
    "Endpoint=sb://localhost:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
    "SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;"
)
_BODY = b"x" * 1024
_COUNT = 1_000
_BATCH = 200
_SESSIONS = 10

type Row = tuple[str, str]


@contextmanager
def _broker() -> Iterator[tuple[str, Callable[[], float]]]:
    """A connection string, and a way to kill the broker and start it again (seconds until it answers)."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "config.json").write_text(_CONFIG)
        port = 0

        def start() -> tuple[int, subprocess.Popen[str]]:
            files = (
                "--config",
                str(directory / "config.json"),
                "--data",
                str(directory / "b.sqlite"),
            )
            command = [sys.executable, "-m", "emulators.service_bus", "--port", str(port), *files]
            made = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert made.stdout
            return int(made.stdout.readline().rpartition(":")[2]), made

        port, process = start()

        def restart() -> float:
            nonlocal process
            process.kill()
            process.wait()
            began = time.perf_counter()
            _, process = start()
            return time.perf_counter() - began

        try:
            yield (
                _CONNECTION.format(port=port),
                restart,
            )
        finally:
            process.terminate()
            process.wait()


def run() -> list[Row]:
    """All rows."""
    with _broker() as (connection, restart):
        with ServiceBusClient.from_connection_string(connection) as client:
            rows = [
                *_one_at_a_time(client),
                *_many(client),
                *_with_sessions(client),
                _latency(client),
            ]
            with client.get_queue_sender("many") as sender:
                for _ in range(50):
                    sender.send_messages([ServiceBusMessage(_BODY) for _ in range(_BATCH)])
        rows.append(("kill -9, 10,000 messages kept", f"{restart():7.2f} s until it answers again"))
    return rows


def _rate(count: int, started: float) -> str:
    return f"{count / (time.perf_counter() - started):7.0f}/s"


def _one_at_a_time(client: ServiceBusClient) -> list[Row]:
    with client.get_queue_sender("one") as sender, client.get_queue_receiver("one") as receiver:
        started = time.perf_counter()
        for _ in range(_COUNT):
            sender.send_messages(ServiceBusMessage(_BODY))
        sent = _rate(_COUNT, started)
        started = time.perf_counter()
        for _ in range(_COUNT):
            _take(receiver, 1)
        return [("send, one by one", sent), ("receive and complete, 1", _rate(_COUNT, started))]


def _many(client: ServiceBusClient) -> list[Row]:
    with client.get_queue_sender("many") as sender, client.get_queue_receiver("many") as receiver:
        started = time.perf_counter()
        for _ in range(_COUNT * 5 // _BATCH):
            sender.send_messages([ServiceBusMessage(_BODY) for _ in range(_BATCH)])
        sent = _rate(_COUNT * 5, started)
        started, left = time.perf_counter(), _COUNT * 5
        while left:
            left -= _take(receiver, _BATCH)
        received = _rate(_COUNT * 5, started)
        return [
            (f"send, batches of {_BATCH}", sent),
            (f"receive {_BATCH}, complete each", received),
        ]


def _with_sessions(client: ServiceBusClient) -> list[Row]:
    each = _COUNT // _SESSIONS
    with client.get_queue_sender("sessions") as sender:
        started = time.perf_counter()
        for n in range(_COUNT):
            sender.send_messages(ServiceBusMessage(_BODY, session_id=f"s{n % _SESSIONS}"))
        sent = _rate(_COUNT, started)
    taking = 0.0
    for n in range(_SESSIONS):
        with client.get_queue_receiver("sessions", session_id=f"s{n}") as receiver:
            started, left = time.perf_counter(), each
            while left:
                left -= _take(receiver, _BATCH)
            taking += time.perf_counter() - started
    return [
        ("send, sessions, one by one", sent),
        (f"receive {_BATCH}, sessions", f"{_COUNT / taking:7.0f}/s   (without opening the links)"),
    ]


def _latency(client: ServiceBusClient) -> Row:
    seconds = []
    with (
        client.get_queue_sender("latency") as sender,
        client.get_queue_receiver("latency") as receiver,
    ):
        for _ in range(300):
            started = time.perf_counter()
            sender.send_messages(ServiceBusMessage(_BODY))
            _take(receiver, 1)
            seconds.append(time.perf_counter() - started)
    cuts = statistics.quantiles(seconds, n=20)
    figure = f"p50 {1000 * statistics.median(seconds):6.2f} ms   p95 {1000 * cuts[18]:6.2f} ms"
    return "send, receive, complete", figure


def _take(receiver: Any, most: int) -> int:
    messages = receiver.receive_messages(max_message_count=most, max_wait_time=10)
    for message in messages:
        receiver.complete_message(message)
    return len(messages)


if __name__ == "__main__":
    for name, figure in run():
        print(f"  {name:<32} {figure}")
