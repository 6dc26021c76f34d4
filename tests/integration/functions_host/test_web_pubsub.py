"""The Web PubSub trigger and output."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.integration.functions_host.hosting import App, Reply, RunningHost, running
from tests.integration.functions_host.service import KEY, Service

CODE = """
import json
import socket

def on(name, kind="user", arg="request", **more):
    return app.generic_trigger(
        arg_name=arg, type="webPubSubTrigger", hub="live", eventName=name, eventType=kind, **more)

@on("connect", "system")
def connect(request: str):
    event = json.loads(request)
    if "refuse" in (event["query"] or {}):
        return {"code": "unauthorized", "errorMessage": "not you"}
    if "raise" in (event["query"] or {}):
        raise ValueError("broken")
    if "text" in (event["query"] or {}):
        return json.dumps({"userId": "dropped"})
    return {"userId": "ann", "groups": ["g1"], "roles": [], "subprotocol": None,
            "states": {"n": 1}}

@on("connected", "system")
async def connected(request: str) -> None:
    print("CONNECTED", json.loads(request)["connectionContext"], flush=True)

@on("disconnected", "system", arg="reason")
async def disconnected(reason: str) -> None:
    print("REASON", reason, flush=True)
    raise RuntimeError("nobody waits for this")

@on("say")
async def say(request: str):
    event = json.loads(request)
    return {"data": json.dumps(event), "dataType": "json", "states": {"b": 2}}

@on("data", arg="data")
async def data(data: str):
    return {"data": data + "!", "dataType": "text"}

@on("raw", arg="data", data_type=func.DataType.BINARY)
async def raw(data: bytes):
    return {"data": repr(data)}

@on("other", arg="whatever")
async def other(whatever: str):
    return {"data": repr(whatever), "dataType": "text"}

@on("wrong")
async def wrong(request: str):
    return {"code": "userError", "errorMessage": "no"}

@on("fails")
async def fails(request: str):
    raise ValueError("boom")

@on("silent")
async def silent(request: str) -> None:
    pass

@app.route("send")
@app.generic_output_binding(arg_name="actions", type="webPubSub", hub="live")
async def send(req: func.HttpRequest, actions: func.Out[str]) -> func.HttpResponse:
    actions.set(req.get_body().decode())
    return func.HttpResponse("sent")
"""


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.fixture
async def listening(service: Service) -> AsyncIterator[Service]:
    """The service, answering on the port that the module's host was told."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", service.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", service.port).start()
    service.calls.clear()
    service.refuse = None
    yield service
    await runner.cleanup()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Iterator[RunningHost]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        service.port = free.getsockname()[1]
    settings = {"WebPubSubConnectionString": service.connection}
    with running(App(tmp_path_factory.mktemp("wps"), CODE, settings)) as found:
        yield found


def hook(host: RunningHost) -> str:
    return f"/runtime/webhooks/webpubsub?code={host.keys.system('webpubsub_extension')}"


def event(
    host: RunningHost,
    name: str,
    body: bytes = b"{}",
    content_type: str = "application/json",
    without: str = "",
    **changes: str | None,
) -> Reply:
    """Send an event as the service does; a change to None leaves a header out."""
    kind = "sys" if name in {"connect", "connected", "disconnected"} else "user"
    digest = hmac.digest(KEY.encode(), b"c1", hashlib.sha256).hex()
    headers: dict[str, str | None] = {
        "ce-specversion": "1.0",
        "ce-type": f"azure.webpubsub.{kind}.{name}",
        "ce-eventName": name,
        "ce-hub": "live",
        "ce-connectionId": "c1",
        "ce-userId": "ann",
        "ce-signature": f"sha256=00,sha256={digest}",
        "WebHook-Request-Origin": "localhost",
        "content-type": content_type,
        **{key.replace("_", "-"): value for key, value in changes.items()},
    }
    present = {key: value for key, value in headers.items() if value is not None and key != without}
    return host.call("POST", hook(host), body, present)


def states(reply: Reply) -> Any:
    return json.loads(base64.b64decode(reply.header("ce-connectionstate") or "e30="))


def test_validation_answers_the_origin_of_the_connection_string(host: RunningHost) -> None:
    reply = host.call("OPTIONS", hook(host), headers={"WebHook-Request-Origin": "a.b, LocalHost"})
    assert (reply.status, reply.header("webhook-allowed-origin")) == (200, "*")


def test_validation_refuses_an_unknown_origin(host: RunningHost) -> None:
    headers = {"WebHook-Request-Origin": "evil.example"}
    assert host.call("OPTIONS", hook(host), headers=headers).status == 400


def test_the_webhook_needs_its_system_key(host: RunningHost) -> None:
    for code in ("", f"?code={host.keys.master}", "?code=wrong"):
        assert host.call("OPTIONS", f"/runtime/webhooks/webpubsub{code}").status == 401


def test_connect_returns_user_groups_roles_and_states(host: RunningHost) -> None:
    reply = event(host, "connect", b'{"query": {}}')
    assert reply.status == 200
    assert reply.json == {"userId": "ann", "groups": ["g1"], "roles": []}
    assert states(reply) == {"n": 1}


def test_an_error_code_in_a_reply_becomes_a_status(host: RunningHost) -> None:
    reply = event(host, "connect", b'{"query": {"refuse": ["1"]}}')
    assert (reply.status, reply.body) == (401, b"not you")
    assert event(host, "wrong").status == 400


def test_an_exception_in_a_waiting_event_is_a_500(host: RunningHost) -> None:
    assert event(host, "connect", b'{"query": {"raise": ["1"]}}').status == 500
    assert event(host, "fails").status == 500


def test_a_reply_that_is_a_string_is_dropped_with_a_warning(host: RunningHost) -> None:
    reply = event(host, "connect", b'{"query": {"text": ["1"]}}')
    assert (reply.status, reply.body) == (200, b"")
    host.wait_for("connect: the reply is a string, not a dict")


def test_connected_runs_and_is_answered_empty(host: RunningHost) -> None:
    reply = event(host, "connected", b"{}")
    assert (reply.status, reply.body) == (200, b"")
    host.wait_for("CONNECTED {'eventType': 'System', 'eventName': 'connected', 'hub': 'live'")


def test_a_parameter_named_reason_gets_the_reason_and_failure_is_not_told(
    host: RunningHost,
) -> None:
    assert event(host, "disconnected", b'{"reason": "bye"}').status == 200
    host.wait_for("REASON bye")


def test_a_user_event_is_told_whole_and_its_reply_goes_back_typed(host: RunningHost) -> None:
    state = base64.b64encode(b'{"a": 1}').decode()
    reply = event(host, "say", b'{"x":1}', ce_connectionState=state)
    assert reply.header("content-type") == "application/json; charset=utf-8"
    told = reply.json
    assert (told["data"], told["dataType"]) == ('{"x":1}', "Json")
    context = told["connectionContext"]
    assert (context["connectionId"], context["userId"], context["eventType"]) == (
        "c1",
        "ann",
        "User",
    )
    assert context["states"] == {"a": 1}
    assert states(reply) == {"a": 1, "b": 2}


def test_a_parameter_named_data_gets_the_text(host: RunningHost) -> None:
    reply = event(host, "data", b"hi", content_type="text/plain; charset=utf-8")
    assert (reply.body, reply.header("content-type")) == (b"hi!", "text/plain; charset=utf-8")


def test_binary_data_arrives_as_bytes_and_an_untyped_reply_is_binary(host: RunningHost) -> None:
    reply = event(host, "raw", b"\x00\xff", content_type="application/octet-stream")
    assert reply.body == b"b'\\x00\\xff'"
    assert reply.header("content-type") == "application/octet-stream"


def test_a_parameter_of_another_name_gets_nothing(host: RunningHost) -> None:
    assert event(host, "other").body == b"None"


def test_no_reply_is_an_empty_200(host: RunningHost) -> None:
    reply = event(host, "silent")
    assert (reply.status, reply.body) == (200, b"")


def test_hub_and_event_ignore_case(host: RunningHost) -> None:
    assert event(host, "silent", ce_hub="LIVE", ce_eventName="Silent").status == 200


def test_an_unknown_event_or_hub_is_a_404_even_unsigned(host: RunningHost) -> None:
    assert event(host, "unknown", ce_signature=None).status == 404
    assert event(host, "say", ce_hub="elsewhere").status == 404


@pytest.mark.parametrize("signature", [None, "", "sha256=00"])
def test_a_missing_or_wrong_signature_is_a_401(host: RunningHost, signature: str | None) -> None:
    assert event(host, "say", ce_signature=signature).status == 401


@pytest.mark.parametrize(
    "header", ["ce-connectionId", "ce-hub", "ce-type", "ce-eventName", "WebHook-Request-Origin"]
)
def test_a_missing_header_is_a_400(host: RunningHost, header: str) -> None:
    assert event(host, "say", without=header).status == 400


def test_an_unsupported_content_type_is_a_400(host: RunningHost) -> None:
    assert event(host, "say", content_type="image/png").status == 400


async def test_every_action_is_its_rest_call_in_order(
    host: RunningHost, listening: Service
) -> None:
    text = "text/plain; charset=utf-8"
    cases: list[tuple[dict[str, Any], tuple[str, str, str | None, str]]] = [
        (
            {"actionName": "sendToAll", "data": "a", "dataType": "text", "excluded": ["x", "y"]},
            ("POST", ":send?excluded=x&excluded=y", text, "a"),
        ),
        (
            {"ActionName": "SENDTOGROUP", "group": "g/1", "data": "{}", "dataType": "json"},
            ("POST", "groups/g%2F1/:send", "application/json; charset=utf-8", "{}"),
        ),
        (
            {
                "actionName": "sendToUser",
                "userId": "u",
                "data": "b",
                "dataType": "text",
                "filter": "userId ne 'z'",
            },
            ("POST", "users/u/:send?filter=userId%20ne%20%27z%27", text, "b"),
        ),
        (
            {
                "actionName": "sendToConnection",
                "connectionId": "c",
                "data": {"type": "Buffer", "data": [104, 105]},
            },
            ("POST", "connections/c/:send", "application/octet-stream", "hi"),
        ),
        (
            {"actionName": "addUserToGroup", "userId": "u", "group": "g"},
            ("PUT", "users/u/groups/g", None, ""),
        ),
        (
            {"actionName": "removeUserFromGroup", "userId": "u", "group": "g"},
            ("DELETE", "users/u/groups/g", None, ""),
        ),
        (
            {"actionName": "removeUserFromAllGroups", "userId": "u"},
            ("DELETE", "users/u/groups", None, ""),
        ),
        (
            {"actionName": "addConnectionToGroup", "connectionId": "c", "group": "g"},
            ("PUT", "groups/g/connections/c", None, ""),
        ),
        (
            {"actionName": "removeConnectionFromGroup", "connectionId": "c", "group": "g"},
            ("DELETE", "groups/g/connections/c", None, ""),
        ),
        (
            {"actionName": "closeAllConnections", "reason": "late", "excluded": ["c"]},
            ("POST", ":closeConnections?excluded=c&reason=late", None, ""),
        ),
        (
            {"actionName": "closeClientConnection", "connectionId": "c", "reason": "bye now"},
            ("DELETE", "connections/c?reason=bye%20now", None, ""),
        ),
        (
            {"actionName": "closeGroupConnections", "group": "g"},
            ("POST", "groups/g/:closeConnections", None, ""),
        ),
        (
            {
                "actionName": "grantPermission",
                "connectionId": "c",
                "permission": "SendToGroup",
                "targetName": "g",
            },
            ("PUT", "permissions/sendToGroup/connections/c?targetName=g", None, ""),
        ),
        (
            {"actionName": "revokePermission", "connectionId": "c", "permission": "joinLeaveGroup"},
            ("DELETE", "permissions/joinLeaveGroup/connections/c", None, ""),
        ),
    ]
    body = json.dumps([action for action, _ in cases])
    assert (await calling(host, body)).status == 200
    base = "/api/hubs/live/"
    assert [
        (method, path.removeprefix(base), kind if data else None, data)
        for method, path, kind, data in listening.calls
    ] == [expected for _, expected in cases]


@pytest.mark.parametrize(
    "action",
    [
        {"actionName": "fly"},
        {"actionName": "sendToGroup", "data": "x"},
        {"actionName": "sendToAll", "data": {"an": "object"}, "dataType": "json"},
        "text",
    ],
)
async def test_a_malformed_action_fails_the_invocation_after_those_before_it(
    host: RunningHost, listening: Service, action: Any
) -> None:
    good = {"actionName": "sendToAll", "data": "x", "dataType": "text"}
    assert (await calling(host, json.dumps([good, action, good]))).status == 500
    assert len(listening.calls) == 1


async def test_a_refusal_of_the_service_fails_the_invocation(
    host: RunningHost, listening: Service
) -> None:
    listening.refuse = "groups/bad"
    action = {"actionName": "sendToGroup", "group": "bad", "data": "x", "dataType": "text"}
    assert (await calling(host, json.dumps(action))).status == 500


async def calling(host: RunningHost, body: str) -> Reply:
    return await asyncio.to_thread(host.call, "POST", "/api/send", body)
