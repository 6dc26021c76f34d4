"""The Web PubSub emulator: connects, memory, fan-out beside bare aiohttp, REST, recovery.

`python -m bench.web_pubsub` runs alone, with servers of its own; everything shares this machine.
"""

import asyncio
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import jwt

from bench.sockets import LIMIT, Goal, Socket, gather_bounded, new_event_loop

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
JSON, RELIABLE = "json.webpubsub.azure.v1", "json.reliable.webpubsub.azure.v1"
SIZES = (1, 100, 1000, 5000)
ROUNDS = {1: 400, 100: 200, 1000: 40, 5000: 12}
MESSAGE = "x" * 200
RECOVERED, MISSED = 1000, 10
REST_SECONDS, REST_SENDERS = 3.0, 16
ROOT = Path(__file__).parents[1]

type Row = tuple[str, str]
type Publish = Callable[[int], None]


@dataclass(frozen=True)
class Server:
    """A process that listens."""

    port: int
    process: subprocess.Popen[bytes]

    def kib(self) -> int:
        """Return the memory that is resident."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() // 1024


def main() -> None:
    """Measure and print."""
    rows = run()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end; all on this machine")
    for name, figure in rows:
        print(f"  {name:<28} {figure}")


def run() -> list[Row]:
    """Measure, on the loop that the emulator uses too."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(measure())


async def measure() -> list[Row]:
    """Return all figures."""
    sockets = _raise_limit()
    with _started("emulators.web_pubsub", "--port") as emulator:
        with _started("bench.bare_websockets") as bare:
            rows = await _connects_and_fan_out(emulator, bare, sockets)
        rows.append(await _rest(emulator))
        rows.append(await _recovery(emulator))
    return rows


async def _connects_and_fan_out(emulator: Server, bare: Server, most: int) -> list[Row]:
    before = emulator.kib(), bare.kib()
    ours, our_rate = await _connect(most, lambda number: _open_member(emulator, number))
    theirs, their_rate = await _connect(most, lambda _: Socket.open(bare.port, "/"))
    each = [
        (server.kib() - kib) / most for server, kib in zip((emulator, bare), before, strict=True)
    ]
    rows = [
        ("connects", f"{our_rate:,.0f}/s, bare aiohttp {their_rate:,.0f}/s"),
        (f"idle connection of {most:,}", f"{each[0]:.1f} KiB, bare aiohttp {each[1]:.1f} KiB"),
    ]
    our_sender = await Socket.open(
        emulator.port, _client_target(emulator.port, "h", ["webpubsub.sendToGroup"]), JSON
    )
    their_sender = await Socket.open(bare.port, "/?sender=1")
    publish_frame = _publisher(their_sender, lambda count: _frame(f"first{count}"))
    for size in [size for size in SIZES if size <= most]:
        publish_ours = _publisher(our_sender, lambda count: _frame(f"first{count}"))
        publish_theirs = _publisher(their_sender, lambda count: f"{count}:{_delivered(count)}")
        times = await _fan_out(size, (ours, publish_ours), (theirs, publish_theirs))
        rows.append((f"fan-out to {size:,}", _compared(*times)))
        if size == 1:
            times = await _fan_out(size, (ours, publish_ours), (theirs, publish_frame))
            rows.append(("  with JSON on both sides", _compared(*times)))
    for each_socket in (*ours, *theirs, our_sender, their_sender):
        each_socket.drop()
    return rows


async def _fan_out(
    size: int, ours: tuple[list[Socket], Publish], theirs: tuple[list[Socket], Publish]
) -> tuple[float, float]:
    """Return the median seconds until the last of the first sockets has it; turn and turn about."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS[size] + 2):
        for taken, (sockets, publish) in zip(times, (ours, theirs), strict=True):
            goal = Goal(sockets[:size], len(_delivered(size)))
            started = time.perf_counter()
            publish(size)
            async with asyncio.timeout(LIMIT):
                await goal.reached.wait()
            if number >= 2:  # noqa: PLR2004 - the first two warm up
                taken.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


async def _rest(emulator: Server) -> Row:
    """Publish to a group with one member, as fast as the answers come."""
    member = await Socket.open(
        emulator.port, _client_target(emulator.port, "rest", groups=["g"]), JSON
    )
    url = f"http://localhost:{emulator.port}/api/hubs/rest/groups/g/:send"
    headers = {
        "Authorization": f"Bearer {_token(url)}",
        "Content-Type": "application/json",
    }
    body = json.dumps(MESSAGE)
    times: list[float] = []
    until = time.perf_counter() + REST_SECONDS

    async def send(session: aiohttp.ClientSession) -> None:
        while (started := time.perf_counter()) < until:
            async with session.post(url, data=body, headers=headers) as response:
                assert response.status == 202  # noqa: PLR2004 - accepted
            times.append(time.perf_counter() - started)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*[send(session) for _ in range(REST_SENDERS)])
    member.drop()
    rate, middle = len(times) / REST_SECONDS, 1000 * statistics.median(times)
    return (
        "publish through REST",
        f"{rate:,.0f}/s with {REST_SENDERS} senders, median {middle:.1f} ms",
    )


async def _recovery(emulator: Server) -> Row:
    """Drop reliable clients, publish while they are away, and let all come back at once."""
    target = _client_target(emulator.port, "recovery", groups=["g"])
    open_one = partial(Socket.open, emulator.port, target, RELIABLE, keep=True)
    dropped = await gather_bounded([open_one] * RECOVERED)
    names = [await _connected(each) for each in dropped]
    async with aiohttp.ClientSession(f"http://localhost:{emulator.port}") as session:
        await _say(session, emulator.port, MISSED // 2)
        await _post(session, "/_emulator/cut", {"hub": "recovery"})
        await asyncio.gather(*[each.closed.wait() for each in dropped])
        await _say(session, emulator.port, MISSED - MISSED // 2)
    started = time.perf_counter()
    back = await gather_bounded([partial(_recover, emulator, name) for name in names])
    seconds = time.perf_counter() - started
    complete = sum(_sequence(each) == list(range(1, MISSED + 1)) for each in back)
    assert complete == RECOVERED, f"{RECOVERED - complete} connections lost something"
    for each in back:
        each.drop()
    return (
        f"{RECOVERED:,} recoveries",
        f"{seconds:.2f} s until each has its {MISSED} messages, in order, none lost",
    )


async def _recover(emulator: Server, connected: dict[str, Any]) -> Socket:
    query = (
        f"awps_connection_id={connected['connectionId']}"
        f"&awps_reconnection_token={connected['reconnectionToken']}"
    )
    target = f"/client/hubs/recovery?{query}"
    back = await Socket.open(emulator.port, target, RELIABLE, keep=True)
    async with asyncio.timeout(LIMIT):
        while len(_sequence(back)) < MISSED:
            goal = Goal([back], 1)
            if len(_sequence(back)) < MISSED:
                await goal.reached.wait()
    return back


def _sequence(client: Socket) -> list[int]:
    frames = [json.loads(text) for text in client.texts()]
    return [frame["sequenceId"] for frame in frames if "sequenceId" in frame]


async def _connected(client: Socket) -> dict[str, Any]:
    async with asyncio.timeout(LIMIT):
        while not (texts := client.texts()):
            goal = Goal([client], 1)
            await goal.reached.wait()
    connected: dict[str, Any] = json.loads(texts[0])
    return connected


async def _say(session: aiohttp.ClientSession, port: int, count: int) -> None:
    path = "/api/hubs/recovery/groups/g/:send"
    headers = {"Authorization": f"Bearer {_token(f'http://localhost:{port}{path}')}"}
    for _ in range(count):
        await _post(session, path, MESSAGE, headers)


async def _post(
    session: aiohttp.ClientSession, path: str, body: object, headers: dict[str, str] | None = None
) -> None:
    async with session.post(path, json=body, headers=headers) as response:
        assert response.ok, await response.text()


async def _connect(
    count: int, open_one: Callable[[int], Awaitable[Socket]]
) -> tuple[list[Socket], float]:
    started = time.perf_counter()
    sockets = await gather_bounded([partial(open_one, number) for number in range(count)])
    return sockets, count / (time.perf_counter() - started)


async def _open_member(emulator: Server, number: int) -> Socket:
    """Connect, and wait for the first frame: a client is of no use before."""
    groups = tuple(f"first{size}" for size in SIZES if number < size)
    client = await Socket.open(
        emulator.port, _client_target(emulator.port, "h", groups=groups), JSON, keep=True
    )
    await _connected(client)
    client.frames = None
    return client


_targets: dict[object, str] = {}


def _client_target(port: int, hub: str, roles: list[str] | None = None, groups: Any = ()) -> str:
    """Return the path with a token; tokens are made once, for their making is not measured."""
    wanted = (port, hub, tuple(roles or ()), tuple(groups))
    if wanted not in _targets:
        path = f"/client/hubs/{hub}"
        claims = {"role": roles or [], "webpubsub.group": list(groups)}
        _targets[wanted] = (
            f"{path}?access_token={_token(f'http://localhost:{port}{path}', **claims)}"
        )
    return _targets[wanted]


def _token(audience: str, **claims: Any) -> str:
    now = int(time.time())
    return jwt.encode({"aud": audience, "iat": now, "exp": now + 3600, **claims}, KEY, "HS256")


def _publisher(sender: Socket, text_for: Callable[[int], str]) -> Publish:
    return lambda count: sender.send_text(text_for(count).encode())


def _frame(group: str) -> str:
    return json.dumps({"type": "sendToGroup", "group": group, "dataType": "text", "data": MESSAGE})


def _delivered(count: int) -> str:
    """Return what a member gets: the same bytes from both servers."""
    frame = {
        "type": "message",
        "from": "group",
        "fromUserId": None,
        "group": f"first{count}",
        "dataType": "text",
        "data": MESSAGE,
    }
    return json.dumps(frame, separators=(",", ":"))


def _compared(ours: float, theirs: float) -> str:
    return (
        f"{1000 * ours:.2f} ms, bare aiohttp {1000 * theirs:.2f} ms, "
        f"ratio {theirs / ours:.2f} (goal 0.8)"
    )


def _raise_limit() -> int:
    """Allow as many open files as we may, and return how many sockets that is good for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * SIZES[-1] + 1000
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return min(SIZES[-1], (allowed - 1000) // 2)


@contextlib.contextmanager
def _started(module: str, *options: str) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *options, str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield Server(port, process)
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + LIMIT
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("the server does not listen")


if __name__ == "__main__":
    main()
