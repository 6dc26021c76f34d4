"""`--strict` on a running app: every trap that shows only when something runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulators.functions_host.strict import Trap
from tests.integration.functions_host.conftest import Queues
from tests.integration.functions_host.hosting import App, RunningHost, running

CODE = """
import time

@app.route("items/{id}")
async def a_item(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("item")

@app.route("items/recent")
async def recent(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("recent")

@app.route("plain", methods=["GET", "POST"])
def plain(req: func.HttpRequest) -> str:
    return "text"

@app.route("block")
async def block(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(0.4)
    return func.HttpResponse("late")

@app.route("thread")
def thread(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(0.4)
    return func.HttpResponse("fine")
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    with running(App(tmp_path_factory.mktemp("strict"), CODE), "--strict") as found:
        yield found


def test_overlapping_routes_are_told_at_start(host: RunningHost) -> None:
    assert "[strict] recent: /items/recent fits its route" in host.output
    assert Trap.ROUTES.value in host.output


def test_a_plain_answer_is_told(host: RunningHost) -> None:
    host.get("/api/plain")
    host.wait_for("[strict] plain: returned a plain value")
    assert Trap.PLAIN_TEXT.value in host.output


def test_a_chunked_body_is_told(host: RunningHost) -> None:
    host.call("POST", "/api/plain", iter([b"x"]))
    host.wait_for("[strict] plain: got a chunked body")


def test_a_call_that_blocks_the_event_loop_is_told_with_its_place(host: RunningHost) -> None:
    host.get("/api/block")
    host.wait_for("[strict] block: held the event loop for ")
    line = CODE[: CODE.index("time.sleep")].count("\n") + 3
    assert f"ms at function_app.py:{line} in block" in host.output


def test_a_blocking_call_in_the_thread_pool_is_fine(host: RunningHost) -> None:
    host.get("/api/thread")
    host.wait_for(" thread ")
    assert "[strict] thread" not in host.output


async def test_the_traps_of_a_queue_are_told(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    code = f"""
@app.queue_trigger("msg", "{name}", "STORE")
@app.queue_output("out", "{name}-out", "STORE")
@app.retry(strategy="fixed_delay", max_retry_count="1", delay_interval="00:00:01")
def take(msg: func.QueueMessage, out: func.Out[str]) -> None:
    out.set('{{"a": 1}}')
"""
    await queues.create(name)
    await queues.put(name, '{"id": "7"}')
    await queues.put_raw(name, "plain {}")
    with running(App(tmp_path, code, {"STORE": azurite}), "--strict") as host:
        for trap in (Trap.QUEUE_RETRY, Trap.METADATA, Trap.NOT_BASE64, Trap.REWRITTEN):
            host.wait_for(trap.value)
