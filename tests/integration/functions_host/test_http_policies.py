"""CORS, limits, disabled functions, custom headers, and the administrator's view of them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.functions_host.hosting import App, Reply, RunningHost, running

CODE = """
import asyncio

@app.route("open")
async def open_(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")

@app.route("off")
async def off(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("off")

@app.timer_trigger("t", "*/1 * * * * *", use_monitor=False)
def clock(t: func.TimerRequest) -> None:
    print("TICK", flush=True)

@app.route("not_listed")
async def not_listed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("no")

@app.route("unset", binding_arg_name="resp")
def unset(req: func.HttpRequest, resp: func.Out[func.HttpResponse]) -> None:
    pass

@app.route("slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    print("SLOW BEGINS", flush=True)
    await asyncio.sleep(1)
    return func.HttpResponse("slow")
"""
HOST_JSON = {
    "functions": ["open_", "OFF", "clock", "slow", "unset"],
    "surprise": 1,
    "extensions": {
        "http": {
            "maxOutstandingRequests": 1,
            "customHeaders": {"X-Content-Type-Options": "nosniff"},
        }
    },
}
ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    settings = {
        "AzureWebJobs.off.Disabled": "true",
        "AzureWebJobs_clock_Disabled": "1",
        "AzureFunctionsJobHost__extensions__http__routePrefix": "v1",
        "AzureWebJobsDisableHomepage": "true",
    }
    app = App(
        tmp_path_factory.mktemp("policies"),
        CODE,
        settings,
        HOST_JSON,
        local_host={"CORS": f"{ORIGIN}, https://other.example", "CORSCredentials": True},
    )
    with running(app) as found:
        yield found


def preflight(host: RunningHost, origin: str) -> Reply:
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a,x-b"}
    return host.call("OPTIONS", "/v1/open", headers={"Origin": origin, **asked})


def test_a_preflight_of_an_allowed_origin_is_answered_by_the_host(host: RunningHost) -> None:
    reply = preflight(host, ORIGIN)
    assert reply.status == 204
    assert reply.header("access-control-allow-origin") == ORIGIN
    assert reply.header("access-control-allow-methods") == "PUT"
    assert reply.header("access-control-allow-headers") == "x-a,x-b"
    assert reply.header("access-control-allow-credentials") == "true"


def test_a_preflight_of_another_origin_gets_no_permission(host: RunningHost) -> None:
    reply = preflight(host, "https://evil.example")
    assert (reply.status, reply.header("access-control-allow-origin")) == (204, None)


def test_an_answer_tells_an_allowed_origin_that_it_may_read_it(host: RunningHost) -> None:
    reply = host.get("/v1/open", Origin=ORIGIN)
    assert (reply.body, reply.header("access-control-allow-origin")) == (b"open", ORIGIN)
    assert reply.header("vary") == "Origin"
    assert host.get("/v1/open").header("access-control-allow-origin") is None


def test_an_options_request_that_is_no_preflight_reaches_the_function(host: RunningHost) -> None:
    assert host.call("OPTIONS", "/v1/open", headers={"Origin": ORIGIN}).body == b"open"


def test_any_origin_may_be_allowed(tmp_path: Path) -> None:
    app = App(tmp_path, CODE, local_host={"CORS": "*", "CORSCredentials": True})
    with running(app) as host:
        reply = host.get("/api/open", Origin=ORIGIN)
        assert reply.header("access-control-allow-origin") == "*"
        assert reply.header("access-control-allow-credentials") is None
        host.wait_for("do not go together")


def test_a_request_beyond_the_limit_is_refused_at_once(host: RunningHost) -> None:
    slow = threading.Thread(target=lambda: host.get("/v1/slow"))
    slow.start()
    host.wait_for("SLOW BEGINS")
    reply = host.get("/v1/open")
    slow.join()
    assert (reply.status, reply.body) == (429, b"")
    assert host.get("/v1/open").status == 200


def test_custom_headers_stand_on_every_answer(host: RunningHost) -> None:
    for path in ("/v1/open", "/v1/nothing", "/"):
        assert host.get(path).header("x-content-type-options") == "nosniff"


def test_the_home_page_can_be_switched_off(host: RunningHost) -> None:
    reply = host.get("/")
    assert (reply.status, reply.body) == (204, b"")


def test_a_setting_overrides_host_json(host: RunningHost) -> None:
    assert host.get("/v1/open").status == 200
    assert host.get("/api/open").status == 404


def test_a_disabled_function_is_a_404_but_for_the_master_key(host: RunningHost) -> None:
    assert host.get("/v1/off").status == 404
    assert host.get("/v1/off", **{"x-functions-key": host.keys.master}).body == b"off"


def test_a_disabled_timer_does_not_run_but_by_hand(host: RunningHost) -> None:
    assert "TICK" not in host.output
    assert host.run_by_hand("clock", "").status == 202
    host.wait_for("TICK")


def test_disabled_functions_are_shown_as_such(host: RunningHost) -> None:
    listed = host.get("/admin/functions", **{"x-functions-key": host.keys.master}).json
    assert {item["name"]: item["isDisabled"] for item in listed} == {
        "clock": True,
        "off": True,
        "open_": False,
        "slow": False,
        "unset": False,
    }
    assert "(disabled)" in host.output


def test_a_function_that_host_json_does_not_list_does_not_exist(host: RunningHost) -> None:
    assert host.get("/v1/not_listed").status == 404


def test_an_http_output_that_is_never_set_is_an_empty_200(host: RunningHost) -> None:
    reply = host.get("/v1/unset")
    assert (reply.status, reply.body) == (200, b"")


def test_an_unknown_key_of_host_json_is_reported(host: RunningHost) -> None:
    host.wait_for("nothing reads the key surprise")


def test_a_changed_key_file_counts_at_once(host: RunningHost) -> None:
    path = host.app / ".local" / "secrets" / "host.json"
    text = path.read_text()
    old = host.keys.master
    path.write_text(text.replace(old, "another-master-key"))
    headers = {"x-functions-key": "another-master-key"}
    assert host.get("/admin/host/status", **headers).status == 200
    assert host.get("/admin/host/status", **{"x-functions-key": old}).status == 401
    path.write_text(text)
