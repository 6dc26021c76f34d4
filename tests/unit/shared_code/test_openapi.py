"""The OpenAPI document says of a route exactly what its declaration and its signature say."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import azure.functions as func
import jsonschema  # type: ignore[import-untyped]  # it ships no annotations
import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel, Field, StringConstraints

import shared_code.endpoint.route as route_module
from shared_code.actor import Actor, Recent
from shared_code.clock import Timestamp, utcnow
from shared_code.endpoint import (
    Anonymous,
    Client,
    Content,
    Header,
    IdempotencyKey,
    Model,
    Page,
    Reply,
    Route,
    endpoint,
)
from shared_code.endpoint.parameters import arguments
from shared_code.endpoint.responses import problem, respond
from shared_code.errors import Conflict, NotFound, TooManyRequests, Unavailable, ValidationFailed
from shared_code.openapi import VERSION, as_json, document

ROOT = Path(__file__).parents[3]

type ShelfId = Annotated[str, StringConstraints(pattern="^shl_[0-9]+$")]


class NewBook(Model):
    """A book to put on a shelf."""

    title: str
    kind: Literal["paper", "audio"] = "paper"


class Book(BaseModel):
    """A book on a shelf."""

    id: str
    title: str
    read_at: Timestamp | None = None


class BookQuery(BaseModel):
    """Which books."""

    author: str
    limit: int = Field(50, ge=1, le=200, description="How many at most.")


class ShelfIsFull(Conflict):
    """No room for another book."""

    code = "shelf_is_full"
    title = "The shelf is full"


class ShelfIsSlow(Unavailable):
    """For the log only: to a client it is what its parent is."""


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> list[Route]:
    """Routes of every kind, declared apart from the app's own."""
    declared: list[Route] = []
    monkeypatch.setattr(route_module, "ROUTES", declared)
    blueprint = func.Blueprint()

    @endpoint(
        blueprint, "POST", "shelves/{shelf_id}/books", status=201, errors=(ShelfIsFull, ShelfIsSlow)
    )
    async def add_book(
        actor: Actor, shelf_id: ShelfId, body: NewBook, idempotency_key: IdempotencyKey = None
    ) -> Book:
        """Put a book on a shelf.

        The newest stands first.
        """
        return Book(id=f"{actor.user_id}{shelf_id}{idempotency_key}", title=body.title)

    @endpoint(blueprint, "GET", "shelves/{shelf_id}/books", errors=(TooManyRequests,))
    async def list_books(caller: Anonymous, shelf_id: ShelfId, query: BookQuery) -> Page[Book]:
        """List books."""
        return Page(items=[Book(id=shelf_id, title=f"{caller}{query.author}")])

    @endpoint(
        blueprint,
        "DELETE",
        "shelves/{shelf_id}",
        status=204,
        headers=(Header("X-Reason", "Why."),),
    )
    async def remove_shelf(actor: Recent, client: Client, shelf_id: ShelfId) -> Reply[None]:
        """Remove a shelf."""
        return Reply(None, ((actor.user_id, client.header("x-reason") or shelf_id),))

    @endpoint(blueprint, "GET", "cover.png")
    async def cover(caller: Anonymous) -> Content:
        """Give the picture."""
        return Content(b"", f"image/{caller}")

    return declared


@pytest.fixture
def made(routes: list[Route]) -> dict[str, Any]:
    return document(routes)


@pytest.fixture
def adding(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["paths"]["/api/shelves/{shelf_id}/books"]["post"]
    return found


@pytest.fixture
def listing(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["paths"]["/api/shelves/{shelf_id}/books"]["get"]
    return found


type Response = Callable[[dict[str, Any], int], dict[str, Any]]


@pytest.fixture
def problem_of(made: dict[str, Any]) -> Response:
    """Finds the problem response of an operation for a status."""

    def find(operation: dict[str, Any], status: int) -> dict[str, Any]:
        name = operation["responses"][str(status)]["$ref"].removeprefix("#/components/responses/")
        found: dict[str, Any] = made["components"]["responses"][name]
        return found

    return find


def codes(response: dict[str, Any]) -> list[str]:
    """The codes that a problem response may carry."""
    schema = response["content"]["application/problem+json"]["schema"]
    assert schema["allOf"][0] == {"$ref": "#/components/schemas/Problem"}
    found: list[str] = schema["allOf"][1]["properties"]["code"]["enum"]
    return found


def checked(made: dict[str, Any], name: str, instance: Any) -> None:
    """Raise unless the instance follows the component schema of this name."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": made["components"]}
    jsonschema.Draft202012Validator(schema).validate(instance)


def test_the_document_is_valid_openapi_3_1(made: dict[str, Any]) -> None:
    assert made["openapi"].startswith("3.1.")
    validate(made)


def test_a_document_of_no_routes_is_valid() -> None:
    validate(document([]))


def test_the_same_routes_in_another_order_give_the_same_paths(routes: list[Route]) -> None:
    assert document(routes[::-1])["paths"] == document(routes)["paths"]
    assert as_json(routes) == as_json(routes)
    assert json.loads(as_json(routes)) == document(routes)


def test_every_reference_leads_to_a_component(made: dict[str, Any]) -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(made)):
        place: Any = made
        for step in reference.split("/"):
            place = place[step]


def test_an_operation_has_its_functions_name_service_and_docstring(adding: dict[str, Any]) -> None:
    assert adding["operationId"] == "add_book"
    assert adding["tags"] == ["shared_code"]  # the package that declares it: this test's
    assert adding["summary"] == "Put a book on a shelf"
    assert adding["description"] == "The newest stands first."


def test_a_path_parameter_shows_its_pattern(made: dict[str, Any], adding: dict[str, Any]) -> None:
    [shelf_id, _] = adding["parameters"]
    assert (shelf_id["name"], shelf_id["in"], shelf_id["required"]) == ("shelf_id", "path", True)
    assert shelf_id["schema"] == {"$ref": "#/components/schemas/ShelfId"}
    assert made["components"]["schemas"]["ShelfId"]["pattern"] == "^shl_[0-9]+$"


def test_a_query_model_becomes_query_parameters(
    made: dict[str, Any], listing: dict[str, Any]
) -> None:
    [_, author, limit] = listing["parameters"]
    assert (author["name"], author["in"], author["required"]) == ("author", "query", True)
    assert (limit["name"], limit["in"], limit["required"]) == ("limit", "query", False)
    assert limit["description"] == "How many at most."
    assert {"minimum": 1, "maximum": 200, "default": 50}.items() <= limit["schema"].items()
    assert "BookQuery" not in made["components"]["schemas"]


def test_a_header_that_a_handler_reads_is_a_parameter_and_the_client_is_none(
    made: dict[str, Any],
) -> None:
    removing = made["paths"]["/api/shelves/{shelf_id}"]["delete"]
    assert [(each["name"], each["in"]) for each in removing["parameters"]] == [
        ("shelf_id", "path"),
        ("X-Reason", "header"),
    ]
    assert "content" not in removing["responses"]["204"]
    assert "403" in removing["responses"], "it wants a recent proof"


def test_the_idempotency_key_is_a_header(made: dict[str, Any], adding: dict[str, Any]) -> None:
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in adding["parameters"]
    parameter = made["components"]["parameters"]["IdempotencyKey"]
    assert (parameter["name"], parameter["in"]) == ("Idempotency-Key", "header")


@pytest.mark.parametrize("key", ["k", "~" * 255, " ", "", "x" * 256, "é", "tab\t", "line\nfeed"])
async def test_the_keys_schema_accepts_what_the_endpoint_accepts(
    routes: list[Route], made: dict[str, Any], key: str
) -> None:
    schema = made["components"]["parameters"]["IdempotencyKey"]["schema"]
    described = jsonschema.Draft202012Validator(schema).is_valid(key)
    route = routes[0]
    keyed = Route(**{**vars(route), "actor": None, "path_parameters": {}, "body": None})
    request = func.HttpRequest(
        method="POST", url="/", body=b"", headers={"idempotency-key": key}, route_params={}
    )
    try:
        await arguments(keyed, request)
    except ValidationFailed:
        accepted = False
    else:
        accepted = True
    assert described is accepted


def test_a_body_is_required_and_takes_no_unknown_field(
    made: dict[str, Any], adding: dict[str, Any]
) -> None:
    assert adding["requestBody"] == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewBook"}}},
    }
    schema = made["components"]["schemas"]["NewBook"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["title"]


def test_a_model_is_answered_with_its_status_and_all_its_fields(
    made: dict[str, Any], adding: dict[str, Any]
) -> None:
    answer = adding["responses"]["201"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/Book"}
    assert made["components"]["schemas"]["Book"]["required"] == ["id", "title", "read_at"]
    sent = respond(Book(id="1", title="x", read_at=utcnow()), 201, "req_1")
    checked(made, "Book", json.loads(sent.get_body()))


def test_a_generic_page_names_its_items(made: dict[str, Any], listing: dict[str, Any]) -> None:
    answer = listing["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/Page_Book_"}
    page = made["components"]["schemas"]["Page_Book_"]
    assert page["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Book"}
    sent = respond(Page[Book](items=[Book(id="1", title="x")]), 200, "req_1")
    checked(made, "Page_Book_", json.loads(sent.get_body()))


def test_times_are_described_as_date_times(made: dict[str, Any]) -> None:
    assert made["components"]["schemas"]["Timestamp"]["format"] == "date-time"


def test_no_answer_has_no_content_and_bytes_have_any(made: dict[str, Any]) -> None:
    removed = made["paths"]["/api/shelves/{shelf_id}"]["delete"]["responses"]["204"]
    assert "content" not in removed
    assert made["paths"]["/api/cover.png"]["get"]["responses"]["200"]["content"] == {"*/*": {}}


def test_only_routes_with_an_actor_need_a_token(
    made: dict[str, Any], adding: dict[str, Any], listing: dict[str, Any], problem_of: Response
) -> None:
    assert adding["security"] == [{"bearerAuth": []}]
    assert codes(problem_of(adding, 401)) == ["unauthenticated"]
    assert "WWW-Authenticate" in problem_of(adding, 401)["headers"]
    assert listing["security"] == []
    assert "401" not in listing["responses"]
    assert made["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"


def test_the_problems_of_a_route_follow_from_its_parts(
    made: dict[str, Any], adding: dict[str, Any], listing: dict[str, Any]
) -> None:
    always = {"200", "500", "503"}
    assert set(made["paths"]["/api/cover.png"]["get"]["responses"]) == always
    assert set(listing["responses"]) == always | {"404", "422", "429"}
    of_body = {"400", "413", "415", "422"}
    assert set(adding["responses"]) == always - {"200"} | of_body | {"201", "401", "404", "409"}


def test_declared_errors_stand_with_their_codes(
    adding: dict[str, Any], listing: dict[str, Any], problem_of: Response
) -> None:
    assert codes(problem_of(adding, 409)) == ["shelf_is_full"]
    assert "The shelf is full" in problem_of(adding, 409)["description"]
    assert codes(problem_of(adding, 503)) == ["not_configured", "unavailable"]
    assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(
        problem_of(listing, 429)["headers"]
    )
    assert "Retry-After" not in problem_of(adding, 409)["headers"]


def test_routes_share_the_problems_that_they_have_in_common(
    made: dict[str, Any], adding: dict[str, Any], listing: dict[str, Any]
) -> None:
    assert adding["responses"]["422"] == listing["responses"]["422"]
    shared = made["components"]["responses"]
    assert list(shared) == sorted(shared)


@pytest.mark.parametrize(
    "error",
    [
        NotFound(),
        NotFound("There is no shelf 7"),
        ValidationFailed([{"field": "title", "code": "missing", "message": "Field required"}]),
    ],
)
def test_a_problem_follows_the_schema_of_problems(
    made: dict[str, Any], error: NotFound | ValidationFailed
) -> None:
    sent = json.loads(problem(error, "req_1").get_body())
    checked(made, "Problem", sent)
    assert set(sent) <= set(made["components"]["schemas"]["Problem"]["properties"])


def test_the_prefix_is_the_one_that_the_host_uses(made: dict[str, Any]) -> None:
    host = json.loads((ROOT / "host.json").read_text())
    prefix = host.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    assert all(path.startswith(f"/{prefix}/") for path in made["paths"])


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
