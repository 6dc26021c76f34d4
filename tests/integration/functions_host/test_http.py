"""HTTP functions: what reaches Python, and what reaches the caller."""

import re
from collections.abc import Iterator

import pytest

from tests.integration.functions_host.hosting import App, RunningHost, running

CODE = """
import json, logging

def told(req, **more):
    return func.HttpResponse(json.dumps({
        "method": req.method, "url": req.url, "headers": dict(req.headers),
        "params": dict(req.params), "route": dict(req.route_params),
        "body": req.get_body().decode("latin-1"), **more}), mimetype="application/json")

@app.route("echo/{*rest}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return told(req)

@app.route("items/{id}", methods=["GET"])
def a_get_item(req: func.HttpRequest) -> func.HttpResponse:
    return told(req, by="a_get_item")

@app.route("items/recent", methods=["GET"])
def b_recent(req: func.HttpRequest) -> func.HttpResponse:
    return told(req, by="b_recent")

@app.route("numbers/{id:int}")
async def numbers(req: func.HttpRequest) -> func.HttpResponse:
    return told(req, by="numbers")

@app.route("optional/{id?}")
async def optional(req: func.HttpRequest) -> func.HttpResponse:
    return told(req)

@app.route("raises")
def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("secret detail")

@app.route("none")
def none(req: func.HttpRequest) -> func.HttpResponse:
    return None

@app.route("plain")
def plain(req: func.HttpRequest) -> str:
    return req.get_body().decode()

@app.route("answer")
def answer(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\\x00\\xff", status_code=418, mimetype="image/x-tea")
    response.headers["X-One"] = "1"
    response.headers.add("Set-Cookie", "a=b=c; Max-Age=10; Path=/; HttpOnly; SameSite=Lax")
    response.headers.add("Set-Cookie", "d=e; Secure")
    return response

@app.route("forged")
def forged(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("x", headers={"X-Y": "1"}, status_code=99)

@app.route("logs")
async def logs(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("hello from async")
    return func.HttpResponse("")

@app.route("head", methods=["HEAD"])
def head(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("body")

@app.route("trace")
def trace(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(context.trace_context.trace_parent)

@app.route()
def noroute(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("named")
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    settings = {"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "2000000"}
    with running(App(tmp_path_factory.mktemp("http"), CODE, settings)) as found:
        yield found


def test_the_first_function_by_name_wins_even_over_a_literal_route(host: RunningHost) -> None:
    assert host.get("/api/items/recent").json["by"] == "a_get_item"


def test_a_function_without_a_route_is_under_its_name(host: RunningHost) -> None:
    assert host.get("/api/noroute").body == b"named"


def test_routes_ignore_case_and_a_trailing_slash(host: RunningHost) -> None:
    reply = host.get("/API/Items/AbC/")
    assert reply.json["route"] == {"id": "AbC"}


def test_a_route_value_is_always_text(host: RunningHost) -> None:
    assert host.get("/api/numbers/7").json["route"] == {"id": "7"}


def test_a_value_that_breaks_its_constraint_is_a_404(host: RunningHost) -> None:
    assert host.get("/api/numbers/x").status == 404


def test_an_absent_optional_value_has_no_key(host: RunningHost) -> None:
    assert host.get("/api/optional").json["route"] == {}


def test_a_wrong_method_is_an_empty_404(host: RunningHost) -> None:
    reply = host.call("POST", "/api/items/1")
    assert (reply.status, reply.body) == (404, b"")


def test_head_is_not_mapped_to_get(host: RunningHost) -> None:
    assert host.call("HEAD", "/api/items/1").status == 404


def test_a_head_route_answers_without_its_body(host: RunningHost) -> None:
    reply = host.call("HEAD", "/api/head")
    assert (reply.status, reply.body, reply.header("content-length")) == (200, b"", "4")


def test_an_unknown_route_is_an_empty_404(host: RunningHost) -> None:
    reply = host.get("/api/nothing")
    assert (reply.status, reply.body) == (404, b"")


def test_the_home_page_is_html(host: RunningHost) -> None:
    reply = host.get("/")
    assert (reply.status, reply.header("content-type")) == (200, "text/html; charset=utf-8")


def test_headers_are_lower_case_and_repeats_are_joined(host: RunningHost) -> None:
    told = host.get("/api/echo/", **{"X-Thing": "1", "x-thing": "2"}).json
    assert told["headers"]["x-thing"] == "1,2"


def test_the_peer_is_the_last_that_a_request_was_forwarded_for(host: RunningHost) -> None:
    alone = host.get("/api/echo/").json["headers"]["x-forwarded-for"]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", alone)
    spoofed = host.get("/api/echo/", **{"X-Forwarded-For": "6.6.6.6, 7.7.7.7"}).json
    assert re.fullmatch(
        r"6\.6\.6\.6, 7\.7\.7\.7, 127\.0\.0\.1:\d+", spoofed["headers"]["x-forwarded-for"]
    )


def test_empty_query_values_are_dropped_and_repeats_are_joined(host: RunningHost) -> None:
    told = host.get("/api/echo/?a=1&A=2&b=&c&d=%20x").json
    assert told["params"] == {"a": "1,2", "d": " x"}


def test_the_url_is_whole_and_still_escaped(host: RunningHost) -> None:
    told = host.get("/api/echo/a%20b?c=%2F").json
    assert told["url"] == f"{host.url}/api/echo/a%20b?c=%2F"


def test_an_escaped_slash_stays_within_its_segment(host: RunningHost) -> None:
    assert host.get("/api/items/a%2Fb%20c").json["route"] == {"id": "a%2Fb c"}


def test_the_body_is_bytes_as_they_were_sent(host: RunningHost) -> None:
    body = bytes(range(256)) * 4000
    assert host.call("POST", "/api/echo/", body).json["body"].encode("latin-1") == body


def test_a_chunked_body_is_passed_on_with_a_warning(host: RunningHost) -> None:
    told = host.call("POST", "/api/echo/", iter([b"one", b"two"])).json
    assert told["body"] == "onetwo"
    host.wait_for("echo got a body without Content-Length")


def test_a_body_over_the_limit_is_a_413(host: RunningHost) -> None:
    assert host.call("POST", "/api/echo/", b"x" * 2_000_001).status == 413


def test_a_chunked_body_over_the_limit_is_a_413(host: RunningHost) -> None:
    assert host.call("POST", "/api/echo/", iter([b"x" * 1_000_000] * 3)).status == 413


def test_an_exception_is_an_empty_500_and_its_detail_is_on_the_console(host: RunningHost) -> None:
    reply = host.get("/api/raises")
    assert (reply.status, reply.body) == (500, b"")
    host.wait_for("Exception: ValueError: secret detail")


def test_returning_none_is_a_500(host: RunningHost) -> None:
    assert host.get("/api/none").status == 500


def test_an_impossible_status_is_a_500(host: RunningHost) -> None:
    assert host.get("/api/forged").status == 500


def test_status_headers_bytes_and_cookies_reach_the_caller(host: RunningHost) -> None:
    reply = host.get("/api/answer")
    assert (reply.status, reply.body) == (418, b"\x00\xff")
    assert reply.header("content-type") == "image/x-tea"
    assert reply.header("x-one") == "1"
    cookies = [value for key, value in reply.headers if key.lower() == "set-cookie"]
    assert cookies == [
        "a=b%3Dc; max-age=10; domain=; path=/; samesite=lax; httponly",
        "d=e; domain=; path=; secure",
    ]


def test_plain_text_is_reformatted_as_the_real_host_does(host: RunningHost) -> None:
    reply = host.call("POST", "/api/plain", '{"a":1}')
    assert reply.body == b'{\n  "a": 1\n}'
    assert reply.header("content-type") == "text/plain; charset=utf-8"


def test_a_plain_object_with_body_is_a_whole_answer(host: RunningHost) -> None:
    answer = '{"body": "x", "status": 202, "headers": {"X-A": "b"}}'
    reply = host.call("POST", "/api/plain", answer)
    assert (reply.status, reply.body, reply.header("x-a")) == (202, b"x", "b")


def test_logs_stand_under_the_line_of_their_invocation(host: RunningHost) -> None:
    host.get("/api/logs")
    host.wait_for("hello from async")
    lines = host.output.splitlines()
    at = next(i for i, line in enumerate(lines) if "hello from async" in line)
    assert lines[at] == "    INFO hello from async"
    assert " logs " in lines[at - 1]
    assert " 200 " in lines[at - 1]


def test_a_callers_trace_goes_on(host: RunningHost) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = host.get("/api/trace", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert reply.body.decode().split("-")[1] == trace


def test_the_runtimes_own_chatter_is_not_shown(host: RunningHost) -> None:
    host.get("/api/noroute")
    host.wait_for(" noroute ")
    assert "Function Type" not in host.output
