"""A load generator in a process of its own: raw sockets, kept alive, one request at a time each.

Invariant: it counts complete answers of status 200 only, and ends with an error on any other.
"""

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import uvloop


def run(port: int, path: str, connections: int, seconds: float) -> int:
    """Load a server from another process; return how many requests were answered."""
    command = [sys.executable, "-m", "bench.load", str(port), path, str(connections), str(seconds)]
    return int(subprocess.check_output(command, cwd=Path(__file__).parents[1]))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int) -> None:
    """Wait until someone listens."""
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"nothing listens on {port}")


class _Client(asyncio.Protocol):
    """Sends the next request as soon as an answer is complete."""

    def __init__(self, path: str, deadline: float) -> None:
        self.done = 0
        self.ended = asyncio.get_running_loop().create_future()
        self._deadline = deadline
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(SystemExit(f"not 200: {head[:80]!r}"))
            return
        self._received = b""
        self.done += 1
        if time.perf_counter() < self._deadline:
            self._transport.write(self._request)
        else:
            self._transport.close()
            self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionResetError("the server closed"))


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _load(port: int, path: str, connections: int, seconds: float) -> int:
    loop = asyncio.get_running_loop()
    deadline = time.perf_counter() + seconds
    made = [
        await loop.create_connection(lambda: _Client(path, deadline), "127.0.0.1", port)
        for _ in range(connections)
    ]
    clients = [client for _, client in made]
    await asyncio.gather(*(client.ended for client in clients))
    return sum(client.done for client in clients)


def main() -> None:
    """Load a server and print the number of answers."""
    port, path, connections, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(runner.run(_load(int(port), path, int(connections), float(seconds))))


if __name__ == "__main__":
    main()
