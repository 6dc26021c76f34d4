"""Auth on a real Azurite: its settings, its tables and keys, and ways to call its routes.

Clients and caches live as long as a process, a test's event loop does not: each test starts without.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func
import pytest
from azure.core.pipeline.transport import AioHttpTransport

from functions.auth import signing, store
from shared_code import tokens
from shared_code.endpoint import ROUTES, decorator
from shared_code.ids import new_id
from shared_code.storage import close_all

SETTINGS = {
    "AUTH_ISSUER": "https://atrium.example",
    "AUTH_KEY_ENCRYPTION_KEY": "integration-tests-have-no-secrets-to-keep",
}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]
    text: str


type Call = Callable[..., Awaitable[Answer]]


@pytest.fixture(autouse=True)
async def _provisioned(azurite: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    for name in ("AUTH_STORAGE", "AUTH_PUBLISHED_STORAGE"):
        monkeypatch.setenv(name, azurite)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    forget()
    await store.provision()
    yield
    forget()
    await close_all()


def forget() -> None:
    """Forget the copies of keys that a process keeps."""
    signing._cache.cache_clear()
    tokens.jwks.cache_clear()


@pytest.fixture
def address() -> str:
    """An address that no other test uses."""
    return f"{new_id('t')}@example.com"


@pytest.fixture
def call() -> Call:
    """Call a route by its function's name, as the host would."""

    async def call(
        name: str, body: object = None, *, token: str | None = None, key: str | None = None
    ) -> Answer:
        route = next(route for route in ROUTES if route.name == name)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= {"idempotency-key": key} if key else {}
        sent = func.HttpRequest(
            method=route.method,
            url=f"http://localhost/api/{route.path}",
            headers=headers,
            body=json.dumps(body).encode() if body is not None else b"",
        )
        response = await decorator.run(route, sent)
        text = response.get_body().decode()
        return Answer(response.status_code, json.loads(text), dict(response.headers), text)

    return call


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that leaves for storage, as `METHOD path`."""
    sent: list[str] = []
    send = AioHttpTransport.send

    async def counted(self: Any, request: Any, **options: Any) -> Any:
        sent.append(f"{request.method} {request.url.partition('?')[0]}")
        return await send(self, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", counted)
    return sent
