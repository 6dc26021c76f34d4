"""The Web PubSub inputs: what a client needs to connect, and a service's request read for a function."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.integration.functions_host.hosting import App, RunningHost, running

KEY = "k" * 40
CODE = """
@app.route(route="negotiate/{kind}", methods=["POST", "GET"])
@app.generic_input_binding(arg_name="connection", type="webPubSubConnection", hub="%HUB%-{kind}",
                           userId="{query.user}", connection="WPS")
def negotiate(req: func.HttpRequest, connection: str) -> func.HttpResponse:
    return func.HttpResponse(connection)

@app.route(route="header")
@app.generic_input_binding(arg_name="connection", type="webPubSubConnection", hub="h",
                           userId="{headers.x-user}", connection="SECURE")
def by_header(req: func.HttpRequest, connection: str) -> func.HttpResponse:
    return func.HttpResponse(connection)

@app.route(route="anonymous")
@app.generic_input_binding(arg_name="connection", type="webPubSubConnection", hub="h")
def nobody(req: func.HttpRequest, connection: str) -> func.HttpResponse:
    return func.HttpResponse(connection)

@app.route(route="upstream", methods=["POST", "OPTIONS"])
@app.generic_input_binding(arg_name="context", type="webPubSubContext", connection="WPS")
def upstream(req: func.HttpRequest, context: str) -> func.HttpResponse:
    return func.HttpResponse(context)
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    plain = f"Endpoint=http://localhost;Port=8080;AccessKey={KEY};"
    settings = {
        "HUB": "live",
        "WPS": plain,
        "WebPubSubConnectionString": plain,
        "SECURE": f"Endpoint=https://x.webpubsub.azure.com;AccessKey={KEY};",
    }
    with running(App(tmp_path_factory.mktemp("inputs"), CODE, settings)) as found:
        yield found


def test_a_connection_is_for_one_hub_and_one_user(host: RunningHost) -> None:
    found = host.get("/api/negotiate/chat?user=ann%20b").json
    base = "ws://localhost:8080/client/hubs/live-chat"
    assert found["baseUrl"] == base
    assert found["url"] == f"{base}?access_token={found['accessToken']}"
    audience = "http://localhost:8080/client/hubs/live-chat"
    claims = jwt.decode(found["accessToken"], KEY, algorithms=["HS256"], audience=audience)
    assert claims["sub"] == "ann b"
    assert claims["exp"] - claims["iat"] == 3600


def test_the_user_may_come_from_a_header_and_https_gives_a_secure_socket(host: RunningHost) -> None:
    found = host.get("/api/header", **{"X-User": "bob"}).json
    assert found["baseUrl"] == "wss://x.webpubsub.azure.com/client/hubs/h"
    audience = "https://x.webpubsub.azure.com/client/hubs/h"
    claims = jwt.decode(found["accessToken"], KEY, algorithms=["HS256"], audience=audience)
    assert claims["sub"] == "bob"
    assert host.get("/api/header").status == 500


def test_without_a_user_the_token_names_none(host: RunningHost) -> None:
    token = host.get("/api/anonymous").json["accessToken"]
    assert "sub" not in jwt.decode(token, options={"verify_signature": False})


def event(*, signed: bool = True) -> dict[str, str]:
    digest = hmac.digest(KEY.encode(), b"c1", hashlib.sha256).hex()
    return {
        "ce-type": "azure.webpubsub.user.message",
        "ce-eventname": "message",
        "ce-hub": "live",
        "ce-connectionid": "c1",
        "ce-userid": "ann",
        "ce-signature": f"sha256={digest}" if signed else "sha256=00",
        "webhook-request-origin": "localhost",
        "content-type": "text/plain",
    }


def call(host: RunningHost, method: str, headers: dict[str, str], body: str = "") -> Any:
    return json.loads(host.call(method, "/api/upstream", body, headers).body)


def test_a_request_of_the_service_is_read_for_the_function(host: RunningHost) -> None:
    found = call(host, "POST", event(), "hello")
    assert (found["hasError"], found["errorMessage"], found["isPreflight"]) == (False, None, False)
    assert found["response"]["status"] == 200
    assert found["request"]["data"] == "hello"
    assert found["request"]["connectionContext"]["userId"] == "ann"


def test_a_request_that_is_none_of_the_service_comes_with_the_error_and_the_answer(
    host: RunningHost,
) -> None:
    found = call(host, "POST", event(signed=False), "hello")
    assert (found["hasError"], found["response"]["status"]) == (True, 401)
    found = call(host, "POST", {"content-type": "text/plain"}, "hello")
    assert (found["request"], found["response"]["status"]) == (None, 400)
    assert "missing headers" in found["errorMessage"]


def test_the_services_question_whether_it_may_call_comes_with_its_answer(host: RunningHost) -> None:
    found = call(host, "OPTIONS", {"webhook-request-origin": "localhost"})
    assert (found["isPreflight"], found["response"]["status"]) == (True, 200)
    assert found["response"]["headers"] == {"WebHook-Allowed-Origin": ["*"]}
    found = call(host, "OPTIONS", {"webhook-request-origin": "evil.example"})
    assert (found["request"], found["response"]["status"]) == ({"isValid": False}, 400)
