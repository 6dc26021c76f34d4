"""Blob inputs, outputs and triggers, against Azurite through the official SDK."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from tests.harness.waiting import until
from tests.integration.functions_host.hosting import App, RunningHost, running


@pytest.fixture
def container(azurite: str, name: str) -> Iterator[ContainerClient]:
    """A container that no other test has; it does not exist yet."""
    with BlobServiceClient.from_connection_string(azurite) as service:
        yield service.get_container_client(name)


def app_of(directory: Path, azurite: str, name: str, code: str, **host_json: Any) -> App:
    return App(directory, code, {"AzureWebJobsStorage": azurite, "PLACE": name}, host_json)


def text_of(container: ContainerClient, blob: str) -> str:
    try:
        return container.download_blob(blob).readall().decode()
    except ResourceNotFoundError:
        return ""


INPUTS = """
import json
import re
@app.route(route="text/{name}")
@app.blob_input(arg_name="given", path="%PLACE%/{name}", connection="AzureWebJobsStorage")
def as_text(req: func.HttpRequest, given: str) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(given))

@app.route(route="bytes/{name}")
@app.blob_input(arg_name="given", path="%PLACE%/{name}", connection="AzureWebJobsStorage",
                data_type="binary")
def as_bytes(req: func.HttpRequest, given: bytes) -> func.HttpResponse:
    return func.HttpResponse(b"none" if given is None else given)

@app.route(route="stream")
@app.blob_input(arg_name="given", path="%PLACE%/{query.name}", connection="AzureWebJobsStorage",
                data_type="binary")
def as_stream(req: func.HttpRequest, given: func.InputStream) -> func.HttpResponse:
    return func.HttpResponse(b"none" if given is None else given.read())
"""


def test_a_blob_input_gives_text_bytes_or_a_stream_and_none_for_no_blob(
    tmp_path: Path, azurite: str, name: str, container: ContainerClient
) -> None:
    container.create_container()
    container.upload_blob("a b.txt", "höllo".encode())
    container.upload_blob("raw", b"\xff\x00")
    with running(app_of(tmp_path, azurite, name, INPUTS)) as host:
        assert host.get("/api/text/a%20b.txt").json == "höllo"
        assert host.get("/api/text/missing").json is None
        assert host.get("/api/bytes/raw").body == b"\xff\x00"
        assert host.get("/api/bytes/missing").body == b"none"
        assert host.get("/api/stream?name=raw").body == b"\xff\x00"
        # Without dataType binary the host decodes, as in Azure.
        assert host.get("/api/text/raw").json == "\ufffd\x00"
        # A name that is not given fails the invocation, and says why.
        assert host.get("/api/stream").status == 500
        host.wait_for("input 'given': {query.name} has no value: 'name' does not exist")


OUTPUTS = """
import io, json
@app.route(route="put/{kind}")
@app.blob_output(arg_name="out", path="%PLACE%/{kind}.txt", connection="AzureWebJobsStorage")
def put(req: func.HttpRequest, out: func.Out[bytes]) -> func.HttpResponse:
    body = req.get_body()
    kind = req.route_params["kind"]
    out.set({"bytes": body, "text": body.decode()}.get(kind))
    if req.params.get("fail"):
        raise ValueError("no")
    return func.HttpResponse("done")

@app.route(route="stream")
@app.blob_output(arg_name="out", path="%PLACE%/stream.txt", connection="AzureWebJobsStorage")
def stream(req: func.HttpRequest, out: func.Out[io.StringIO]) -> func.HttpResponse:
    out.set(io.StringIO(req.get_body().decode()))
    return func.HttpResponse("done")

@app.queue_trigger(arg_name="msg", queue_name="%PLACE%", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="$return", path="%PLACE%/{order.id}/{DateTime:yyyy}-{rand-guid:N}",
                 connection="AzureWebJobsStorage")
def returned(msg: func.QueueMessage) -> str:
    return msg.get_body().decode()
"""


def test_a_blob_output_makes_or_replaces_a_blob_and_nothing_when_the_function_fails(
    tmp_path: Path, azurite: str, name: str, container: ContainerClient
) -> None:
    with running(app_of(tmp_path, azurite, name, OUTPUTS)) as host:
        assert host.call("POST", "/api/stream", "read").status == 200
        assert text_of(container, "stream.txt") == "read"
        for kind in ("bytes", "text"):
            assert host.call("POST", f"/api/put/{kind}", "first").status == 200
            assert host.call("POST", f"/api/put/{kind}", "second").status == 200
            assert text_of(container, f"{kind}.txt") == "second"
        assert host.call("POST", "/api/put/text?fail=1", "third").status == 500
        assert text_of(container, "text.txt") == "second"
        assert host.call("POST", "/api/put/none", "x").status == 200
        assert text_of(container, "none.txt") == ""
        host.run_by_hand("returned", '{"order": {"id": 7}}')
        blob = until(lambda: list(container.list_blobs("7/")), "the returned blob")[0]
        assert text_of(container, blob.name) == '{"order": {"id": 7}}'
        assert len(blob.name) == len("7/2026-") + 32


TRIGGER = """
import json, logging
@app.blob_trigger(arg_name="file", path="%PLACE%/in/{name}.{ext}", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="out", path="%PLACE%/out/{name}.{rand-guid}", connection="AzureWebJobsStorage")
def copy(file: func.InputStream, out: func.Out[str]) -> None:
    content = file.read()
    if content == b"poison":
        raise ValueError("never")
    out.set(json.dumps({"name": file.name, "length": file.length, "uri": file.uri,
                        "type": file.blob_properties["ContentType"], "metadata": file.metadata,
                        "content": content.hex()}))
"""


def results(container: ContainerClient) -> list[dict[str, Any]]:
    names = [blob.name for blob in container.list_blobs("out/")]
    return [json.loads(text_of(container, name)) for name in names]


def test_each_version_of_a_blob_runs_its_function_once_also_across_restarts(
    tmp_path: Path, azurite: str, name: str, container: ContainerClient
) -> None:
    container.create_container()
    container.upload_blob("in/a.b.txt", b"\xff", metadata={"k": "v"})
    container.upload_blob("other/x.txt", b"not mine")
    app = app_of(tmp_path, azurite, name, TRIGGER)
    with running(app) as host:
        until(lambda: results(container), "the first version ran")
        [found] = results(container)
        assert found["name"] == f"{name}/in/a.b.txt"
        assert (found["length"], found["content"]) == (1, "ff")
        assert found["uri"].endswith(f"/{name}/in/a.b.txt")
        assert (found["type"], found["metadata"]) == ("application/octet-stream", {"k": "v"})
        container.upload_blob("in/a.b.txt", b"two", overwrite=True)
        until(lambda: len(results(container)) == 2, "the second version ran")
        assert host.stop() == 0
    with running(app):
        container.upload_blob("in/later.txt", b"three")
        until(lambda: len(results(container)) == 3, "only what is new ran")
    contents = sorted(found["content"] for found in results(container))
    assert contents == sorted(["ff", b"two".hex(), b"three".hex()])


def receipts(azurite: str, name: str) -> list[str]:
    with BlobServiceClient.from_connection_string(azurite) as service:
        own = service.get_container_client("azure-webjobs-hosts")
        return [b.name for b in own.list_blobs("blobreceipts/") if f"/{name}/" in b.name]


def test_a_blob_that_fails_five_times_is_poisoned(
    tmp_path: Path, azurite: str, name: str, container: ContainerClient
) -> None:
    container.create_container()
    container.upload_blob("in/bad.txt", b"poison")
    with (
        QueueServiceClient.from_connection_string(azurite) as queues,
        running(app_of(tmp_path, azurite, name, TRIGGER)) as host,
    ):
        host.wait_for("failed 5 times and was moved to 'webjobs-blobtrigger-poison'")
        assert host.output.count("Exception: ValueError: never") == 5
        poison = queues.get_queue_client("webjobs-blobtrigger-poison")
        messages = [_decoded(message.content) for message in poison.peek_messages(32)]
        [found] = [message for message in messages if message["ContainerName"] == name]
        assert found["FunctionId"] == "Host.Functions.copy"
        assert (found["BlobType"], found["BlobName"]) == ("BlockBlob", "in/bad.txt")
        [receipt] = receipts(azurite, name)
        assert f"/Host.Functions.copy/{found['ETag']}/{name}/in/bad.txt" in receipt


def _decoded(text: str) -> dict[str, Any]:
    import base64

    found: dict[str, Any] = json.loads(base64.b64decode(text))
    return found


def test_a_blob_trigger_can_be_run_by_hand_with_a_blobs_path(
    tmp_path: Path, azurite: str, name: str, container: ContainerClient
) -> None:
    container.create_container()
    code = TRIGGER.replace("@app.blob_trigger(", '@app.blob_trigger(source="EventGrid", ')
    container.upload_blob("in/hand.txt", b"x")
    with running(app_of(tmp_path, azurite, name, code)) as host:
        assert host.run_by_hand("copy", f"{name}/in/nothing.txt").status == 400
        assert host.run_by_hand("copy", f"{name}/in/hand.txt").status == 202
        until(lambda: results(container), "the blob ran")


def deliver(host: RunningHost, body: Any, kind: str = "Notification", **query: str) -> Any:
    code = query.get("code", host.keys.system("blobs_extension"))
    function = query.get("function", "Host.Functions.copy")
    path = f"/runtime/webhooks/blobs?functionName={function}&code={code}"
    headers = {"aeg-event-type": kind, "content-type": "application/json"}
    return host.call("POST", path, json.dumps(body), headers)


def test_event_grid_tells_of_a_blob_by_the_webhook(
    tmp_path: Path, azurite: str, name: str, container: ContainerClient
) -> None:
    container.create_container()
    code = TRIGGER.replace("@app.blob_trigger(", '@app.blob_trigger(source="EventGrid", ')
    container.upload_blob("in/ä b.txt", b"x")
    container.upload_blob("in/unannounced.txt", b"y")
    with running(app_of(tmp_path, azurite, name, code)) as host:
        validation = [{"data": {"validationCode": "abc"}}]
        answer = deliver(host, validation, "SubscriptionValidation")
        assert (answer.status, answer.json) == (200, {"validationResponse": "abc"})
        assert deliver(host, [], code="wrong").status == 401
        url = f"{container.url}/in/%C3%A4%20b.txt"
        event = {"data": {"url": url, "eTag": "0x1", "blobType": "BlockBlob"}}
        assert deliver(host, [event]).status == 202
        until(lambda: results(container), "the blob ran")
        assert [found["name"] for found in results(container)] == [f"{name}/in/ä b.txt"]
        assert deliver(host, [{"data": {}}]).status == 400
        assert deliver(host, [event], function="Host.Functions.nobody").status == 202
        host.wait_for("which is no blob trigger")


def test_a_blob_path_that_makes_no_sense_puts_its_function_in_error(
    tmp_path: Path, azurite: str, name: str
) -> None:
    code = """
    @app.blob_trigger(arg_name="f", path="{x}/y", connection="AzureWebJobsStorage")
    def pattern(f: func.InputStream) -> None: ...

    @app.route(route="x")
    @app.blob_input(arg_name="f", path="nowhere", connection="AzureWebJobsStorage")
    def nameless(req: func.HttpRequest, f: str) -> func.HttpResponse: ...

    @app.route(route="y")
    @app.blob_input(arg_name="f", path="a/{b", connection="AzureWebJobsStorage")
    def braces(req: func.HttpRequest, f: str) -> func.HttpResponse: ...
    """
    with running(app_of(tmp_path, azurite, name, code)) as host:
        host.wait_for("pattern   in error: the container of the blob path '{x}/y'")
        host.wait_for("nameless  in error: the path 'nowhere' of 'f' must be container/name")
        host.wait_for("braces    in error: 'a/{b': a brace without its counterpart")


def test_storage_that_is_away_is_told_once_and_tried_again(
    tmp_path: Path, azurite: str, name: str
) -> None:
    away = re.sub("AccountKey=[^;]*", "AccountKey=d3Jvbmc=", azurite)
    with running(app_of(tmp_path, away, name, TRIGGER)) as host:
        host.wait_for("copy: blobs cannot be watched: 403")
