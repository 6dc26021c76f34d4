"""What `system` answers over HTTP, from a request to the bytes of the response."""

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable

import azure.functions as func
import pytest
from openapi_spec_validator import validate

import functions.system.api as system
from functions import SERVICES
from functions.system import blueprint, docs
from shared_code.endpoint import ROUTES, Route
from shared_code.endpoint.decorator import run
from shared_code.readiness import Readiness

type Ask = Callable[..., Awaitable[func.HttpResponse]]


@pytest.fixture
def ask() -> Ask:
    """Sends a GET to the route of this path."""

    async def get(path: str, **route_params: str) -> func.HttpResponse:
        [route] = [each for each in own_routes() if each.path == path]
        request = func.HttpRequest(
            method="GET", url=f"/api/{path}", route_params=route_params, body=b""
        )
        return await run(route, request)

    return get


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Readiness:
    fresh = Readiness()
    monkeypatch.setattr(system, "READINESS", fresh)
    return fresh


def own_routes() -> list[Route]:
    return [route for route in ROUTES if route.service == "system"]


def directives(response: func.HttpResponse) -> dict[str, set[str]]:
    """The Content-Security-Policy: what each directive allows."""
    policy = response.headers["Content-Security-Policy"].split("; ")
    return {name: set(sources) for name, *sources in map(str.split, policy)}


async def up() -> None:
    """A dependency that answers."""


async def down() -> None:
    raise ConnectionError("https://secret.example refused")


def test_anyone_may_ask_and_asking_changes_nothing() -> None:
    assert blueprint is system.blueprint
    assert {route.path for route in own_routes()} == {
        "health",
        "ready",
        "openapi.json",
        "docs",
        "docs/{asset}",
    }
    assert all(route.anonymous and route.method == "GET" for route in own_routes())


async def test_health_names_the_services_of_this_deployment(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATRIUM_SERVICES", "realtime,chat")
    response = await ask("health")
    assert response.status_code == 200
    assert json.loads(response.get_body()) == {"status": "ok", "services": ["chat", "realtime"]}


async def test_health_asks_no_dependency(
    ask: Ask, ready: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATRIUM_SERVICES", raising=False)
    ready.depends_on("tables", down)
    response = await ask("health")
    assert response.status_code == 200
    assert json.loads(response.get_body())["services"] == list(SERVICES)


async def test_ready_names_what_answers(ask: Ask, ready: Readiness) -> None:
    ready.depends_on("tables", up)
    ready.depends_on("queues", up)
    response = await ask("ready")
    assert response.status_code == 200
    assert json.loads(response.get_body()) == {
        "status": "ready",
        "dependencies": {"tables": "up", "queues": "up"},
    }


async def test_not_ready_is_a_problem_that_names_what_is_down_and_no_more(
    ask: Ask, ready: Readiness
) -> None:
    ready.depends_on("tables", up)
    ready.depends_on("queues", down)
    ready.depends_on("live", down)
    response = await ask("ready")
    body = json.loads(response.get_body())
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "1"
    assert (body["code"], body["detail"]) == ("not_ready", "Down: live, queues")
    assert b"secret" not in response.get_body()


async def test_the_openapi_document_is_valid_and_has_the_systems_own_routes(ask: Ask) -> None:
    response = await ask("openapi.json")
    document = json.loads(response.get_body())
    assert response.headers["Content-Type"] == "application/json"
    validate(document)
    assert {f"/api/{route.path}" for route in own_routes()} <= set(document["paths"])


async def test_the_openapi_document_is_made_once(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await ask("openapi.json")
    monkeypatch.setattr("shared_code.openapi.as_json", None)
    second = await ask("openapi.json")
    assert second.get_body() == first.get_body()


async def test_the_page_names_relative_addresses_and_no_other_origin(ask: Ask) -> None:
    response = await ask("docs")
    html = response.get_body().decode()
    addresses = re.findall(r'(?:src|href|url)(?:=|: )"([^"]+)"', html)
    assert len(addresses) == 4
    assert not [each for each in addresses if each.startswith("/") or ":" in each]
    assert "//" not in html
    assert "validatorUrl: null" in html


async def test_every_asset_that_the_page_names_is_served(ask: Ask) -> None:
    html = (await ask("docs")).get_body().decode()
    names = re.findall(r'(?:src|href)="docs/([^"?]+)\?v=[\d.]+"', html)
    assert sorted(names) == sorted(docs.ASSETS)
    for name in names:
        response = await ask("docs/{asset}", asset=name)
        assert response.status_code == 200
        assert len(response.get_body()) > 500
        assert response.headers["Content-Type"] == docs.ASSETS[name]
        assert "immutable" in response.headers["Cache-Control"]


async def test_the_pages_policy_allows_its_own_script_and_this_origin_alone(ask: Ask) -> None:
    response = await ask("docs")
    [script] = re.findall(r"<script>(.*?)</script>", response.get_body().decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = directives(response)
    assert allowed["default-src"] == {"'none'"}
    assert allowed["script-src"] == {"'self'", f"'sha256-{digest}'"}
    assert set().union(*allowed.values()) <= {"'none'", "'self'", "data:", f"'sha256-{digest}'"}
    assert {"base-uri", "form-action", "frame-ancestors"} <= set(allowed)


@pytest.mark.parametrize(
    "name",
    ["", "swagger-ui.js", "..", "../__init__.py", "/etc/passwd", "SWAGGER-UI.CSS", "LICENSE"],
)
async def test_no_other_file_is_served(ask: Ask, name: str) -> None:
    response = await ask("docs/{asset}", asset=name)
    assert response.status_code == 404
    assert json.loads(response.get_body())["code"] == "not_found"
