"""`python -m bench.functions_host`: what the Functions host costs, beside bare servers.

One app, one load generator in a process of its own, 32 connections kept alive. Requests a second and
CPU a request are measured for bare uvicorn, bare aiohttp, and the host with async and sync functions
and one and two workers, each for a few seconds, one after another. "Of uvicorn" is requests a second
against bare uvicorn's where each process has a core to itself, that is 1 / (CPU of the busiest process
of the host): a reader with free cores sees it, two shared cores that also run the load do not.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench import load

_SECONDS = 4.0
_WARM_SECONDS = 1.0
_CONNECTIONS = 32
_MESSAGES = 1000
_TICKS = os.sysconf("SC_CLK_TCK")
_REPOSITORY = Path(__file__).parents[1]
_APP = """
import azure.functions as func

app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("async")
async def an_async(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")

@app.route("sync")
def a_sync(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")
"""
_QUEUE = """
@app.queue_trigger("msg", "bench", "AzureWebJobsStorage")
async def take(msg: func.QueueMessage) -> None:
    pass
"""
_AIOHTTP = """
import sys, uvloop
from aiohttp import web
async def hello(request):
    return web.Response(text="hello")
app = web.Application()
app.router.add_get("/api/async", hello)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None,
            loop=uvloop.new_event_loop())
"""
_UVICORN = """
import sys, uvicorn
headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"5")]
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False,
            loop="uvloop", http="httptools", lifespan="off")
"""

type Row = tuple[str, str]


@dataclass(frozen=True)
class Measured:
    """Requests a second, and the CPU that each process spent on one, in microseconds."""

    rate: float
    cpu: dict[int, float]

    @property
    def busiest(self) -> float:
        """The process that limits the rate when each has a core."""
        return max(self.cpu.values())


@dataclass(frozen=True)
class Server:
    """A running server and its port."""

    process: subprocess.Popen[bytes]
    port: int
    started_in: float = 0.0

    def pids(self) -> list[int]:
        """The process and its children."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, listed.split())]


def measure() -> list[Row]:
    """Everything but the queue, which needs an Azurite (`AzureWebJobsStorage`)."""
    rows: list[Row] = []
    with _bare(_UVICORN) as server:
        uvicorn = _load(server, "/api/async")
    rows.append(("bare uvicorn", _text(uvicorn, uvicorn)))
    with _bare(_AIOHTTP) as server:
        rows.append(("bare aiohttp", _text(_load(server, "/api/async"), uvicorn)))
    for workers in (1, 2):
        with _host(workers) as server:
            began = server.started_in
            for kind in ("async", "sync"):
                found = _load(server, f"/api/{kind}")
                rows.append((f"host, {kind}, {workers} worker(s)", _text(found, uvicorn)))
        rows.append((f"start-up, {workers} worker(s)", f"{began:.2f} s"))
    with _host(1) as server:
        rows.append(("worker hop, one after another", _hop(server)))
        rows.append(("memory after 1,000 and 100,000", _memory(server)))
    return rows + _queue_rows()


def _text(found: Measured, uvicorn: Measured) -> str:
    parts = " + ".join(f"{cost:.0f}" for cost in found.cpu.values())
    return (
        f"{found.rate:7,.0f} requests/s   CPU {parts} µs (busiest {found.busiest:.0f})   "
        f"{uvicorn.busiest / found.busiest:.2f} of uvicorn per core"
    )


def _load(server: Server, path: str) -> Measured:
    load.run(server.port, path, _CONNECTIONS, _WARM_SECONDS)
    before = {pid: _cpu_seconds(pid) for pid in server.pids()}
    began = time.perf_counter()
    done = load.run(server.port, path, _CONNECTIONS, _SECONDS)
    seconds = time.perf_counter() - began
    spent = {pid: (_cpu_seconds(pid) - before[pid]) / done * 1e6 for pid in before}
    return Measured(done / min(seconds, _SECONDS), spent)


def _hop(server: Server) -> str:
    """One connection, one request at a time: a function against the host's own answer."""
    functions = load.run(server.port, "/api/async", 1, 2.0) / 2.0
    pings = load.run(server.port, "/admin/host/ping", 1, 2.0) / 2.0
    return (
        f"{1e6 / functions:.0f} µs with a function, {1e6 / pings:.0f} µs without: "
        f"{1e6 / functions - 1e6 / pings:.0f} µs for routing, wire, runtime and console"
    )


def _memory(server: Server) -> str:
    done, texts = 0, []
    for goal in (1_000, 100_000):
        while done < goal:
            share = 0.2 if goal == 1_000 else 2.0  # noqa: PLR2004 - the first goal is soon reached
            done += load.run(server.port, "/api/async", _CONNECTIONS, share)
        sizes = " + ".join(f"{_megabytes(pid):.1f}" for pid in server.pids())
        texts.append(f"{sizes} MB after {done:,}")
    return "; ".join(texts)


def _queue_rows() -> list[Row]:
    storage = os.environ.get("AzureWebJobsStorage")  # noqa: SIM112 - Azure's own name
    if not storage:
        return [("queue", "not measured: set AzureWebJobsStorage to an Azurite")]
    rows = []
    for batch, threshold in ((16, 16), (1, 0)):
        queues = {"batchSize": batch, "newBatchThreshold": threshold}
        with _host(1, _QUEUE, {"queues": queues}) as server:
            rate = asyncio.run(_drain_queue(storage, server))
        rows.append((f"queue, {batch + threshold} at once", f"{rate:,.0f} messages/s"))
    return rows


async def _drain_queue(storage: str, server: Server) -> float:
    """Stop the host's process while the queue is filled, so that only taking is measured."""
    from azure.storage.queue.aio import QueueServiceClient

    async with QueueServiceClient.from_connection_string(storage) as service:
        queue = service.get_queue_client("bench")
        with contextlib.suppress(Exception):
            await queue.create_queue()
        os.kill(server.process.pid, signal.SIGSTOP)
        await asyncio.gather(*(queue.send_message("bQ==") for _ in range(_MESSAGES)))
        os.kill(server.process.pid, signal.SIGCONT)
        began = time.perf_counter()
        while (await queue.get_queue_properties()).approximate_message_count:
            await asyncio.sleep(0.05)
        return _MESSAGES / (time.perf_counter() - began)


@contextlib.contextmanager
def _bare(code: str) -> Iterator[Server]:
    port = load.free_port()
    command = [sys.executable, "-c", textwrap.dedent(code), str(port)]
    with subprocess.Popen(command, cwd=_REPOSITORY) as process:
        try:
            load.wait_for(port)
            yield Server(process, port)
        finally:
            process.terminate()


@contextlib.contextmanager
def _host(
    workers: int, code: str = "", extensions: dict[str, object] | None = None
) -> Iterator[Server]:
    port = load.free_port()
    module = [sys.executable, "-m", "emulators.functions_host", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder)
        (app / "function_app.py").write_text(_APP + code)
        document = {"version": "2.0", "extensions": extensions or {}}
        (app / "host.json").write_text(json.dumps(document))
        began = time.perf_counter()
        with (
            (app / "out").open("wb") as out,
            subprocess.Popen(
                [*module, "--app", folder, "--workers", str(workers)], cwd=_REPOSITORY, stdout=out
            ) as process,
        ):
            try:
                while "Listening" not in (app / "out").read_text():
                    time.sleep(0.005)
                began = time.perf_counter() - began
                asyncio.run(_both_answer(port, workers))
                yield Server(process, port, began)
            finally:
                process.terminate()


async def _both_answer(port: int, workers: int) -> None:
    """Give the second worker time to index before anything is measured."""
    async with aiohttp.ClientSession() as session:
        for _ in range(20 * workers):
            async with session.get(f"http://127.0.0.1:{port}/api/async") as answer:
                await answer.read()
            await asyncio.sleep(0.02)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _megabytes(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    """Measure and print."""
    load_before = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load_before:.1f} before the start\n")
    for name, figure in measure():
        print(f"  {name:<32} {figure}")


if __name__ == "__main__":
    main()
