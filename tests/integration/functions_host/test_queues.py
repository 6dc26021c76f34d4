"""The Storage queue trigger and output, against Azurite through the official SDK."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.harness.waiting import until, until_async
from tests.integration.functions_host.conftest import Queues
from tests.integration.functions_host.hosting import App, running

pytestmark = pytest.mark.long  # together they take minutes

ECHO = """
@app.queue_trigger(arg_name="msg", queue_name="%INPUT%", connection="STORE")
@app.queue_output(arg_name="out", queue_name="%OUTPUT%", connection="STORE")
def echo(msg: func.QueueMessage, out: func.Out[{kind}]) -> None:
    {body}
"""


def app_of(directory: Path, azurite: str, name: str, code: str, **queue_options: Any) -> App:
    settings = {"AzureWebJobsSTORE": azurite, "INPUT": name, "OUTPUT": f"{name}-out"}
    return App(directory, code, settings, {"extensions": {"queues": queue_options}})


async def test_a_message_runs_its_function_and_is_deleted(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = ECHO.format(kind="bytes", body="out.set(msg.get_body() + b'!')")
    with running(app_of(tmp_path, azurite, name, code)):
        await queues.put(name, "höllo")
        assert await queues.wait_for(f"{name}-out", 1) == ["höllo!"]
        await queues.wait_empty(name)


async def test_a_message_put_while_idle_starts_within_a_fraction_of_a_second(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = """
    import logging
    @app.queue_trigger(arg_name="msg", queue_name="%INPUT%", connection="STORE")
    def tell(msg: func.QueueMessage) -> None:
        logging.info("got %s", msg.get_body().decode())
    """
    with running(app_of(tmp_path, azurite, name, code)) as host:
        began = time.monotonic()
        await queues.put(name, "one")
        until(lambda: "got one" in host.output, "the message is handled", 1.0)
        assert time.monotonic() - began < 0.5


async def test_with_batch_one_and_threshold_zero_messages_run_one_after_another_in_order(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    await queues.put(name, *(str(number) for number in range(8)))
    code = """
    import asyncio, logging
    running = 0
    @app.queue_trigger(arg_name="msg", queue_name="%INPUT%", connection="STORE")
    async def tell(msg: func.QueueMessage) -> None:
        global running
        running += 1
        await asyncio.sleep(0.02)
        logging.info("did %s of %s", msg.get_body().decode(), running)
        running -= 1
    """
    app = app_of(tmp_path, azurite, name, code, batchSize=1, newBatchThreshold=0)
    with running(app) as host:
        host.wait_for("did 7")
        done = [line.split("did ")[1] for line in host.output.splitlines() if "did " in line]
        assert done == [f"{number} of 1" for number in range(8)]


async def test_a_batch_runs_at_once(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    await queues.put(name, *"abcd")
    code = """
    import asyncio, logging
    together = asyncio.Barrier(4)
    @app.queue_trigger(arg_name="msg", queue_name="%INPUT%", connection="STORE")
    async def meet(msg: func.QueueMessage) -> None:
        await asyncio.wait_for(together.wait(), 10)
        logging.info("met")
    """
    with running(app_of(tmp_path, azurite, name, code)) as host:
        until(lambda: host.output.count("INFO met") == 4, "all four meet")


async def test_metadata_reaches_the_message(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    body = (
        "out.set(repr([msg.dequeue_count, bool(msg.id), bool(msg.pop_receipt), "
        "msg.insertion_time.tzinfo is not None, msg.expiration_time > msg.insertion_time, "
        "msg.time_next_visible > msg.insertion_time]).encode())"
    )
    with running(app_of(tmp_path, azurite, name, ECHO.format(kind="bytes", body=body))):
        await queues.put(name, "x")
        assert await queues.wait_for(f"{name}-out", 1) == ["[1, True, True, True, True, True]"]


async def test_fields_of_a_json_body_replace_metadata(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = ECHO.format(kind="bytes", body="out.set(msg.id.encode())")
    with running(app_of(tmp_path, azurite, name, code)):
        await queues.put(name, '{"id": 7}')
        assert await queues.wait_for(f"{name}-out", 1) == ["7"]


async def test_a_failing_message_is_tried_again_and_then_moved_to_the_poison_queue(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    body = "out.set(b'never sent'); raise ValueError(f'try {msg.dequeue_count}')"
    app = app_of(tmp_path, azurite, name, ECHO.format(kind="bytes", body=body), maxDequeueCount=3)
    with running(app) as host:
        await queues.put(name, "bad")
        assert await queues.wait_for(f"{name}-poison", 1) == ["bad"]
        assert [host.output.count(f"Exception: ValueError: try {n}") for n in (1, 2, 3, 4)] == [
            1,
            1,
            1,
            0,
        ]
        await queues.wait_empty(name)
        assert await queues.raw_texts(f"{name}-out") == []


async def test_text_that_is_not_base64_is_poisoned_and_the_reason_is_said(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = ECHO.format(kind="bytes", body="out.set(b'ran')")
    with running(app_of(tmp_path, azurite, name, code, maxDequeueCount=2)) as host:
        await queues.put_raw(name, "plain text!")
        host.wait_for("was moved to")
        assert "its text is not base64" in host.output
        assert await queues.raw_texts(f"{name}-poison") == ["plain text!"]
        assert await queues.raw_texts(f"{name}-out") == []


async def test_message_encoding_none_takes_text_as_it_is(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = ECHO.format(kind="bytes", body="out.set(msg.get_body())")
    with running(app_of(tmp_path, azurite, name, code, messageEncoding="none")):
        await queues.put_raw(name, "plain <text> & more")

        async def arrived() -> bool:
            return await queues.raw_texts(f"{name}-out") == ["plain <text> & more"]

        await until_async(arrived, "the text arrives unencoded")


async def test_a_json_array_becomes_one_message_per_element_and_objects_are_indented(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = ECHO.format(kind="str", body="""out.set('[{"a":1},"two"]')""")
    with running(app_of(tmp_path, azurite, name, code)):
        await queues.put(name, "go")
        assert await queues.wait_for(f"{name}-out", 2) == ['{\n  "a": 1\n}', "two"]


async def test_a_queue_message_object_puts_its_body(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = ECHO.format(kind="func.QueueMessage", body="out.set(func.QueueMessage(body=b'inner'))")
    with running(app_of(tmp_path, azurite, name, code)):
        await queues.put(name, "go")
        assert await queues.wait_for(f"{name}-out", 1) == ["inner"]


async def test_a_missing_queue_is_said_once_and_served_when_it_is_made(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    code = ECHO.format(kind="bytes", body="out.set(b'ran')")
    with running(app_of(tmp_path, azurite, name, code)) as host:
        host.wait_for("does not exist yet")
        await queues.create(name)
        await queues.put(name, "go")
        assert await queues.wait_for(f"{name}-out", 1) == ["ran"]
        assert host.output.count("does not exist yet") == 1


async def test_a_failing_output_fails_the_http_invocation(
    tmp_path: Path, azurite: str, name: str
) -> None:
    code = """
    @app.route("send")
    @app.queue_output(arg_name="out", queue_name="%OUTPUT%", connection="STORE")
    def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
        out.set("{not json}")
        return func.HttpResponse("done")
    """
    with running(app_of(tmp_path, azurite, name, code)) as host:
        reply = host.get("/api/send")
        assert (reply.status, reply.body) == (500, b"")
        host.wait_for("output 'out': the value looks like JSON but is not")


async def test_outputs_are_written_before_the_http_answer(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    code = """
    @app.route("send")
    @app.queue_output(arg_name="out", queue_name="%OUTPUT%", connection="STORE")
    async def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
        out.set("sent")
        return func.HttpResponse("done")
    """
    with running(app_of(tmp_path, azurite, name, code)) as host:
        assert host.get("/api/send").status == 200
        assert await queues.texts(f"{name}-out") == ["sent"]


async def test_the_return_value_goes_to_the_return_output(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = """
    @app.queue_trigger(arg_name="msg", queue_name="%INPUT%", connection="STORE")
    @app.queue_output(arg_name="$return", queue_name="%OUTPUT%", connection="STORE")
    def back(msg: func.QueueMessage) -> bytes:
        return b"returned"
    """
    with running(app_of(tmp_path, azurite, name, code)):
        await queues.put(name, "go")
        assert await queues.wait_for(f"{name}-out", 1) == ["returned"]


async def test_stopping_gives_a_running_message_back_at_once(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    await queues.create(name)
    code = """
    import asyncio, logging
    @app.queue_trigger(arg_name="msg", queue_name="%INPUT%", connection="STORE")
    async def slow(msg: func.QueueMessage) -> None:
        logging.info("began")
        await asyncio.sleep(60)
    """
    with running(app_of(tmp_path, azurite, name, code)) as host:
        await queues.put(name, "again")
        host.wait_for("INFO began")
        assert host.stop() == 0
        assert await queues.texts(name) == ["again"]
