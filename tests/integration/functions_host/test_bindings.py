"""What holds for bindings of every type: expressions, generic ones, errors, retries, runs by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.waiting import until
from tests.integration.functions_host.conftest import Queues
from tests.integration.functions_host.hosting import App, running


async def test_outputs_may_take_their_names_from_the_trigger(
    tmp_path: Path, azurite: str, queues: Queues, name: str
) -> None:
    code = """
    @app.route(route="to/{where}")
    @app.queue_output(arg_name="out", queue_name="%PLACE%-{where}-{query.n}", connection="STORE")
    def send(req: func.HttpRequest, out: func.Out[bytes]) -> func.HttpResponse:
        out.set(b"hi")
        return func.HttpResponse("sent")
    """
    with running(App(tmp_path, code, {"STORE": azurite, "PLACE": name})) as host:
        assert host.get("/api/to/There?n=1").status == 200
        assert await queues.wait_for(f"{name}-there-1", 1) == ["hi"]
        assert host.get("/api/to/there").status == 500
        host.wait_for("output 'out': {query.n} has no value")


def test_an_identity_without_https_or_with_unset_settings_is_an_error_of_its_function_only(
    tmp_path: Path,
) -> None:
    code = """
    @app.route(route="a")
    @app.blob_input(arg_name="f", path="a/b", connection="WHO")
    def plain_http(req: func.HttpRequest, f: str) -> str: ...

    @app.route(route="b")
    @app.blob_input(arg_name="f", path="%NOPE%/b", connection="SECURE")
    def unset(req: func.HttpRequest, f: str) -> str: ...

    @app.route(route="c")
    @app.blob_input(arg_name="f", path="a/b", connection="SECURE")
    def fine(req: func.HttpRequest, f: str) -> str: ...
    """
    settings = {
        "WHO__blobServiceUri": "http://127.0.0.1:10000/devstoreaccount1",
        "SECURE__accountName": "nobody",
        "SECURE__credential": "managedidentity",
    }
    with running(App(tmp_path, code, settings)) as host:
        host.wait_for("plain_http  in error: the connection 'WHO' is identity-based, which needs")
        host.wait_for("unset       in error: %NOPE% stands in a binding")
        host.wait_for("fine        [any method]")


def test_an_output_of_a_failed_function_is_not_written_and_one_that_fails_fails_the_invocation(
    tmp_path: Path, azurite: str, name: str
) -> None:
    code = """
    @app.route(route="x")
    @app.queue_output(arg_name="queue", queue_name="%PLACE%_bad!", connection="STORE")
    @app.blob_output(arg_name="blob", path="%PLACE%/written", connection="STORE")
    def send(req: func.HttpRequest, queue: func.Out[str], blob: func.Out[str]) -> func.HttpResponse:
        queue.set("x")
        blob.set("x")
        return func.HttpResponse("never seen")

    @app.route(route="read")
    @app.blob_input(arg_name="blob", path="%PLACE%/written", connection="STORE")
    def read(req: func.HttpRequest, blob: str) -> func.HttpResponse:
        return func.HttpResponse(str(blob))
    """
    with running(App(tmp_path, code, {"STORE": azurite, "PLACE": name})) as host:
        assert host.get("/api/read").body == b"None"
        reply = host.get("/api/x")
        assert (reply.status, reply.body) == (500, b"")
        host.wait_for("output 'queue': queue")
        # There is no transaction over outputs: this one was written at the same time.
        assert host.get("/api/read").body == b"x"


def test_generic_bindings_are_the_bindings_of_their_types(
    tmp_path: Path, azurite: str, name: str
) -> None:
    code = """
    import logging
    @app.generic_trigger(arg_name="req", type="httpTrigger", route="put")
    @app.generic_output_binding(arg_name="$return", type="http")
    @app.generic_output_binding(arg_name="blob", type="blob", path="%PLACE%/g", connection="STORE")
    def put(req: func.HttpRequest, blob: func.Out[str]) -> func.HttpResponse:
        blob.set(req.get_body().decode())
        return func.HttpResponse("put")

    @app.generic_trigger(arg_name="req", type="httpTrigger", route="get")
    @app.generic_output_binding(arg_name="$return", type="http")
    @app.generic_input_binding(arg_name="blob", type="blob", path="%PLACE%/g", connection="STORE",
                               data_type="BINARY")
    def get(req: func.HttpRequest, blob: bytes) -> func.HttpResponse:
        return func.HttpResponse(blob)

    @app.generic_trigger(arg_name="timer", type="timerTrigger", schedule="0 0 0 1 1 *",
                         runOnStartup=True)
    def tick(timer) -> None:
        logging.info("generic tick %s", timer.past_due)
    """
    with running(App(tmp_path, code, {"STORE": azurite, "PLACE": name})) as host:
        auth = {"x-functions-key": host.keys.master}
        assert host.call("POST", "/api/put", b"\xc3\xa4", auth).body == b"put"
        assert host.call("GET", "/api/get", None, auth).body == b"\xc3\xa4"
        host.wait_for("generic tick False")


def test_a_trigger_of_an_unknown_type_is_an_error_but_can_be_run_by_hand(tmp_path: Path) -> None:
    code = """
    import logging
    @app.generic_trigger(arg_name="thing", type="daprTopicTrigger", topic="t")
    def unknown(thing: str) -> None:
        logging.info("got %s", thing)

    @app.route(route="x")
    @app.generic_input_binding(arg_name="thing", type="sql", commandText="select 1")
    def reads(req: func.HttpRequest, thing: str) -> func.HttpResponse: ...
    """
    with running(App(tmp_path, code)) as host:
        host.wait_for("unknown  in error: this host has no trigger of type 'daprTopicTrigger'")
        host.wait_for("reads    in error: this host has no input binding of type 'sql'")
        assert host.run_by_hand("unknown", "a thing").status == 202
        host.wait_for("got a thing")


def test_a_warm_up_function_runs_at_start_and_when_it_is_asked_for(tmp_path: Path) -> None:
    code = """
    import logging
    @app.warm_up_trigger(arg_name="warm")
    def warmup(warm) -> None:
        logging.info("is warm")
    """
    with running(App(tmp_path, code)) as host:
        until(lambda: host.output.count("INFO is warm") == 1, "the run at start")
        # What the platform calls on a new instance.
        assert host.get("/admin/warmup").status == 200
        until(lambda: host.output.count("INFO is warm") == 2, "the run that was asked for")
        assert host.run_by_hand("warmup", "").status == 202
        until(lambda: host.output.count("INFO is warm") == 3, "the run by hand")


FIXED = '@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")'
EXPONENTIAL = """@app.retry(strategy="exponential_backoff", max_retry_count="2",
    minimum_interval="00:00:00", maximum_interval="00:00:01")"""
OF_APP = {"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:00"}
POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "own": (FIXED, {}),
    "exponential": (EXPONENTIAL, {}),
    "of the app": ("", OF_APP),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_retry_knows_its_number_and_the_failure_before_it(tmp_path: Path, policy: str) -> None:
    decorator, of_app = POLICIES[policy]
    code = f"""
import logging
@app.route(route="x")
{decorator}
def flaky(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    retry = context.retry_context
    failure = retry.rpc_exception
    before = failure.message if failure else "nothing"
    logging.info("try %s of %s after %s", retry.retry_count, retry.max_retry_count, before)
    if retry.retry_count < 2:
        raise ValueError(f"failure {{retry.retry_count}}")
    return func.HttpResponse("at last")
"""
    host_json = {"retry": of_app} if of_app else {}
    with running(App(tmp_path, code, host_json=host_json)) as host:
        assert host.get("/api/x").body == b"at last"
        host.wait_for("try 0 of 2 after nothing")
        host.wait_for("try 1 of 2 after ValueError: failure 0")
        host.wait_for("try 2 of 2 after ValueError: failure 1")


def test_a_policy_without_end_tries_until_it_succeeds(tmp_path: Path) -> None:
    code = """
    import logging
    @app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
    @app.retry(strategy="fixed_delay", max_retry_count="-1", delay_interval="00:00:00")
    def flaky(timer: func.TimerRequest, context: func.Context) -> None:
        if context.retry_context.retry_count < 7:
            raise ValueError("again")
        logging.info("done after %s", context.retry_context.retry_count)
    """
    with running(App(tmp_path, code)) as host:
        host.wait_for("done after 7")


def test_every_trigger_but_http_can_be_run_by_hand(tmp_path: Path, azurite: str) -> None:
    code = """
    import logging
    @app.queue_trigger(arg_name="msg", queue_name="by-hand", connection="STORE")
    def queue(msg: func.QueueMessage) -> None:
        logging.info("queue got %s", msg.get_body().decode())

    @app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
    def timer(timer: func.TimerRequest) -> None:
        logging.info("timer ran")

    @app.generic_trigger(arg_name="data", type="webPubSubTrigger", hub="h", eventType="user",
                         eventName="message")
    def hub(data: str) -> None:
        logging.info("hub got %s", data)

    @app.route(route="x")
    def http(req: func.HttpRequest) -> func.HttpResponse: ...
    """
    settings = {"STORE": azurite, "AzureWebJobsStorage": azurite}
    with running(App(tmp_path, code, settings)) as host:
        for function, text in (("queue", "q"), ("timer", ""), ("hub", "h")):
            assert host.run_by_hand(function, text).status == 202
        host.wait_for("queue got q")
        host.wait_for("timer ran")
        host.wait_for("hub got h")
        assert host.run_by_hand("http", "").status == 400
        assert json.loads(host.run_by_hand("http", "").body)["error"]
