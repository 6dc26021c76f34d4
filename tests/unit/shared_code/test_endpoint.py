"""The endpoint decorator: what a route must declare, and what each bad request gets."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Annotated, Any

import azure.functions as func
import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from pydantic import BaseModel, Field

from shared_code.actor import Actor, Admin
from shared_code.clock import utcnow
from shared_code.endpoint import (
    ROUTES,
    Anonymous,
    Content,
    IdempotencyKey,
    Model,
    Route,
    decorator,
    endpoint,
    parameters,
)
from shared_code.errors import NotConfigured, Quota, TooManyRequests, Unauthenticated
from shared_code.ids import id_pattern

SECRET = "hunter2-hunter2"
ROOM = "rm_01k9zz0000000000000000000a"

type RoomId = Annotated[str, Field(pattern=id_pattern("rm"))]


class Note(Model):
    text: str = Field(min_length=3, max_length=10)
    count: int = 1


class Filter(BaseModel):
    limit: int = Field(default=10, le=100)


class Answer(BaseModel):
    said: str


@pytest.fixture(autouse=True)
def _routes_of_this_test() -> Iterator[None]:
    before = list(ROUTES)
    yield
    ROUTES[:] = before


@pytest.fixture
def blueprint() -> func.Blueprint:
    return func.Blueprint()


def request(
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    route_params: dict[str, str] | None = None,
) -> func.HttpRequest:
    return func.HttpRequest(
        method="POST",
        url="http://localhost/api/notes",
        headers=headers or {},
        params=params or {},
        route_params=route_params or {},
        body=body,
    )


async def answer(route: Route, sent: func.HttpRequest) -> tuple[int, dict[str, Any], Any]:
    response = await decorator.run(route, sent)
    return response.status_code, json.loads(response.get_body() or b"null"), response.headers


@pytest.fixture
def notes(blueprint: func.Blueprint) -> Route:
    @endpoint(blueprint, "POST", "notes", status=201, max_body=200)
    async def create_note(_: Anonymous, body: Note) -> Answer:
        """Say it again."""
        return Answer(said=body.text * body.count)

    return ROUTES[-1]


def failing(blueprint: func.Blueprint, error: Exception) -> Route:
    @endpoint(blueprint, "GET", "failing")
    async def fail(_: Anonymous) -> None:
        raise error

    return ROUTES[-1]


def test_a_route_that_does_not_say_who_may_call_cannot_be_declared(
    blueprint: func.Blueprint,
) -> None:
    async def open_to_whom(body: Note) -> None: ...

    with pytest.raises(
        TypeError, match="open_to_whom must take an Actor, an Admin, a Recent, one of"
    ):
        endpoint(blueprint, "POST", "notes")(open_to_whom)
    assert not any(route.name == "open_to_whom" for route in ROUTES)


def test_a_route_cannot_be_for_anyone_and_for_users_only(blueprint: func.Blueprint) -> None:
    async def undecided(actor: Actor, anyone: Anonymous) -> None: ...

    with pytest.raises(TypeError, match="must take an Actor, an Admin, a Recent, one of"):
        endpoint(blueprint, "POST", "notes")(undecided)


@pytest.mark.parametrize("path", ["rooms/{room_id}/{other}", "rooms"])
def test_path_and_parameters_must_name_the_same(blueprint: func.Blueprint, path: str) -> None:
    async def show(_: Anonymous, room_id: RoomId) -> None: ...

    with pytest.raises(TypeError, match="no source or no parameter"):
        endpoint(blueprint, "GET", path)(show)


@pytest.mark.usefixtures("notes")
def test_the_trigger_has_the_handlers_name_and_route(blueprint: func.Blueprint) -> None:
    app = func.FunctionApp()
    app.register_functions(blueprint)
    (function,) = app.get_functions()
    assert function.get_function_name() == "create_note"
    trigger = json.loads(function.get_function_json())["bindings"][0]
    assert (trigger["route"], trigger["methods"]) == ("notes", ["POST"])
    assert trigger["authLevel"] == "ANONYMOUS"


async def test_a_good_request_gets_the_declared_status_and_no_caching(notes: Route) -> None:
    status, body, headers = await answer(notes, request(b'{"text": "abc", "count": 2}'))
    assert (status, body) == (201, {"said": "abcabc"})
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"text": "abc"', b"\xff\xfe", b'{"text": "\\ud800bc"}', b"[" * 150, b"text=abc"],
)
async def test_what_is_not_json_is_a_400(notes: Route, body: bytes) -> None:
    status, problem, headers = await answer(notes, request(body))
    assert (status, problem["code"]) == (400, "malformed_json")
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == "urn:atrium:problem:malformed_json"
    assert problem["request_id"] == headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": SECRET}, "text"),
        ({"text": 5}, "text"),
        ({}, "text"),
        ({"text": "abc", "count": "2"}, "count"),
        ({"text": "abc", "count": True}, "count"),
        ({"text": "abc", "role": SECRET}, "role"),
        ([SECRET], "(body)"),
        (SECRET, "(body)"),
    ],
)
async def test_a_bad_field_is_named_and_not_repeated(notes: Route, body: Any, field: str) -> None:
    status, problem, _ = await answer(notes, request(json.dumps(body).encode()))
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [each["field"] for each in problem["errors"]] == [field]
    assert all(each["code"] and each["message"] for each in problem["errors"])
    assert SECRET not in json.dumps(problem)


async def test_every_bad_field_is_named(notes: Route) -> None:
    _, problem, _ = await answer(notes, request(b'{"text": "a", "count": "x", "role": 1}'))
    assert {each["field"] for each in problem["errors"]} == {"text", "count", "role"}


async def test_a_body_full_of_unknown_fields_gets_a_short_answer(blueprint: func.Blueprint) -> None:
    @endpoint(blueprint, "POST", "notes")
    async def note(_: Anonymous, body: Note) -> None: ...

    many = json.dumps({f"{number}" * 50: 0 for number in range(300)}).encode()
    response = await decorator.run(ROUTES[-1], request(many))
    assert response.status_code == 422
    assert len(response.get_body()) < 10_000


async def test_a_body_over_the_routes_limit_is_a_413(notes: Route) -> None:
    status, problem, _ = await answer(notes, request(b" " * 201))
    assert (status, problem["code"]) == (413, "payload_too_large")


async def test_a_body_of_the_limit_is_taken(notes: Route) -> None:
    status, _, _ = await answer(notes, request(b'{"text": "abc"}'.ljust(200)))
    assert status == 201


@pytest.mark.parametrize(
    "form", ["application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=x"]
)
async def test_a_form_is_a_415(notes: Route, form: str) -> None:
    sent = request(b'{"text": "abc"}', headers={"content-type": form})
    status, problem, _ = await answer(notes, sent)
    assert (status, problem["code"]) == (415, "unsupported_media_type")


async def test_without_a_token_a_route_for_users_is_a_401(blueprint: func.Blueprint) -> None:
    @endpoint(blueprint, "POST", "mine")
    async def mine(actor: Actor, body: Note) -> None: ...

    status, problem, headers = await answer(ROUTES[-1], request(b"not even json"))
    assert (status, problem["code"]) == (401, "unauthenticated")
    assert headers["WWW-Authenticate"] == "Bearer"


async def test_the_actor_comes_from_the_token(
    blueprint: func.Blueprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    async def authenticate(authorization: str | None) -> Actor:
        seen.append(authorization)
        if authorization != "Bearer good":
            raise Unauthenticated
        return Actor("usr_1", "ses_1", utcnow())

    @endpoint(blueprint, "GET", "whoami")
    async def whoami(actor: Actor) -> Answer:
        return Answer(said=actor.user_id)

    monkeypatch.setattr(parameters, "authenticate", authenticate)
    good = request(headers={"Authorization": "Bearer good", "X-User-Id": "usr_2"})
    status, body, _ = await answer(ROUTES[-1], good)
    assert (status, body, seen) == (200, {"said": "usr_1"}, ["Bearer good"])


@pytest.mark.parametrize(
    ("roles", "expected"),
    [((), 403), (("editor",), 403), (("Admin",), 403), (("admin",), 200), (("x", "admin"), 200)],
)
async def test_a_route_for_admins_takes_nobody_else(
    blueprint: func.Blueprint,
    monkeypatch: pytest.MonkeyPatch,
    roles: tuple[str, ...],
    expected: int,
) -> None:
    async def authenticate(_authorization: str | None) -> Actor:
        return Actor("usr_1", "ses_1", utcnow(), frozenset(roles))

    @endpoint(blueprint, "GET", "secrets")
    async def show(admin: Admin) -> Answer:
        return Answer(said=admin.user_id)

    monkeypatch.setattr(parameters, "authenticate", authenticate)
    status, body, _ = await answer(ROUTES[-1], request())
    assert status == expected
    assert body.get("code") == (None if expected == 200 else "admin_required")


@pytest.mark.parametrize("room_id", ["rm_1", "", "rm_" + "u" * 26, ROOM + "\n", "../etc"])
async def test_an_id_that_is_not_well_formed_names_nothing(
    blueprint: func.Blueprint, room_id: str
) -> None:
    @endpoint(blueprint, "GET", "rooms/{room_id}")
    async def show(_: Anonymous, room_id: RoomId) -> Answer:
        return Answer(said=room_id)

    status, problem, _ = await answer(ROUTES[-1], request(route_params={"room_id": room_id}))
    assert (status, problem["code"]) == (404, "not_found")
    status, body, _ = await answer(ROUTES[-1], request(route_params={"room_id": ROOM}))
    assert (status, body) == (200, {"said": ROOM})


async def test_the_query_is_checked_like_a_body(blueprint: func.Blueprint) -> None:
    @endpoint(blueprint, "GET", "notes")
    async def list_notes(_: Anonymous, query: Filter) -> Answer:
        return Answer(said=str(query.limit))

    assert (await answer(ROUTES[-1], request(params={"limit": "7"})))[1] == {"said": "7"}
    status, problem, _ = await answer(ROUTES[-1], request(params={"limit": "1000"}))
    assert (status, problem["errors"][0]["field"]) == (422, "limit")


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there", "ключ"])
async def test_an_idempotency_key_is_printable_and_short(
    blueprint: func.Blueprint, key: str
) -> None:
    @endpoint(blueprint, "POST", "notes")
    async def note(_: Anonymous, idempotency_key: IdempotencyKey) -> Answer:
        return Answer(said=str(idempotency_key))

    sent = request(headers={"Idempotency-Key": key})
    status, problem, _ = await answer(ROUTES[-1], sent)
    assert (status, problem["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert (await answer(ROUTES[-1], request()))[1] == {"said": "None"}


async def test_an_unknown_exception_is_logged_whole_and_answered_bare(
    blueprint: func.Blueprint, caplog: pytest.LogCaptureFixture
) -> None:
    route = failing(blueprint, RuntimeError("the table is called authusers"))
    status, problem, _ = await answer(route, request())
    assert (status, problem["code"]) == (500, "internal_error")
    assert set(problem) == {"type", "title", "status", "code", "request_id"}
    assert "authusers" not in json.dumps(problem)
    assert "authusers" in caplog.text
    assert problem["request_id"] in caplog.text


@pytest.mark.parametrize("hops", ["1", "not a number"])
async def test_a_refusal_is_logged_and_never_fails_for_it(
    blueprint: func.Blueprint,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    hops: str,
) -> None:
    monkeypatch.setenv("TRUSTED_PROXY_HOPS", hops)
    caplog.set_level(logging.INFO)
    route = failing(blueprint, TooManyRequests(Quota("login", 10, 300, 0, 42)))
    status, problem, _ = await answer(route, request())
    assert status == 429
    logged = f"{route.name} {problem['request_id']} too_many_requests" in caplog.text
    assert logged is (hops == "1")


def _answered(status: int) -> HttpResponseError:
    error = HttpResponseError("refused")
    error.status_code = status
    return error


@pytest.mark.parametrize("error", [ServiceRequestError("no route"), _answered(503), _answered(429)])
async def test_a_storage_outage_is_a_503_that_says_when_to_try_again(
    blueprint: func.Blueprint, error: Exception
) -> None:
    status, problem, headers = await answer(failing(blueprint, error), request())
    assert (status, problem["code"], headers["Retry-After"]) == (503, "unavailable", "1")


async def test_a_store_that_is_silent_is_a_503_before_the_caller_gives_up(
    blueprint: func.Blueprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    @endpoint(blueprint, "GET", "notes")
    async def hangs(_: Anonymous) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(decorator, "_ANSWER_SECONDS", 0.01)
    status, problem, headers = await answer(ROUTES[-1], request())
    assert (status, problem["code"], headers["Retry-After"]) == (503, "unavailable", "1")


async def test_a_storage_refusal_is_a_fault_of_ours(blueprint: func.Blueprint) -> None:
    status, _, _ = await answer(failing(blueprint, _answered(403)), request())
    assert status == 500


async def test_a_missing_setting_is_named_in_the_log_only(
    blueprint: func.Blueprint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    status, problem, _ = await answer(failing(blueprint, NotConfigured("AUTH_ISSUER")), request())
    assert (status, problem["code"]) == (503, "not_configured")
    assert "AUTH_ISSUER" not in json.dumps(problem)
    assert "AUTH_ISSUER" in caplog.text


async def test_too_many_requests_say_when_to_try_again(blueprint: func.Blueprint) -> None:
    status, _, headers = await answer(failing(blueprint, TooManyRequests()), request())
    assert (status, headers["Retry-After"]) == (429, "1")
    assert "RateLimit" not in headers


async def test_a_limit_that_is_used_up_is_told_in_the_ratelimit_headers(
    blueprint: func.Blueprint,
) -> None:
    over = TooManyRequests(Quota("login", most=10, seconds=300, remaining=0, reset_seconds=42))
    status, _, headers = await answer(failing(blueprint, over), request())
    assert (status, headers["Retry-After"]) == (429, "42")
    assert headers["RateLimit-Policy"] == '"login";q=10;w=300'
    assert headers["RateLimit"] == '"login";r=0;t=42'


async def test_content_keeps_its_type_and_may_be_cached(blueprint: func.Blueprint) -> None:
    @endpoint(blueprint, "GET", "document")
    async def document(_: Anonymous) -> Content:
        return Content(b"hello", "text/plain", (("Cache-Control", "max-age=60"),))

    response = await decorator.run(ROUTES[-1], request())
    assert (response.get_body(), response.headers["Content-Type"]) == (b"hello", "text/plain")
    assert response.headers["Cache-Control"] == "max-age=60"


async def test_no_answer_has_no_body(blueprint: func.Blueprint) -> None:
    @endpoint(blueprint, "DELETE", "notes", status=204)
    async def delete(_: Anonymous) -> None: ...

    response = await decorator.run(ROUTES[-1], request())
    assert (response.status_code, response.get_body()) == (204, b"")
