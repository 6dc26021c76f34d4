"""Auth on a real Azurite: its settings, its tables and keys, and ways to call its routes.

Clients and caches live as long as a process, a test's event loop does not: each test starts without.
"""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func
import pytest
from azure.core.pipeline.transport import AioHttpTransport

from functions.auth import limits, revoking, sealing, signing, store
from functions.auth.events import MailRequested
from shared_code import revocations, tokens
from shared_code.endpoint import ROUTES, decorator
from shared_code.ids import new_id
from shared_code.outbox import OutboxRows
from shared_code.storage import close_all, table

SETTINGS = {
    "AUTH_ISSUER": "https://atrium.example",
    # All tests share a network; those of the limits bring their own.
    "AUTH_LIMITS": "; ".join(
        f"{name}_network=100000/300"
        for name in ("login", "registration", "code", "refresh", "mail", "second_factor", "flow")
    ),
    "AUTH_LINK_URL": "https://app.example/auth",
    "AUTH_KEY_ENCRYPTION_KEY": "integration-tests-have-no-secrets-to-keep",
}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]
    text: str


def has_failed(answer: Answer, status: int, code: str) -> bool:
    """Whether it is this error."""
    return (answer.status, answer.body["code"]) == (status, code)


type Call = Callable[..., Awaitable[Answer]]


@pytest.fixture(autouse=True)
async def _provisioned(azurite: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    for name in ("AUTH_STORAGE", "AUTH_PUBLISHED_STORAGE"):
        monkeypatch.setenv(name, azurite)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    forget()
    # The bus has tests of its own; what waits to be told stays in the rows, where a test can read it.
    monkeypatch.setattr(OutboxRows, "tell_soon", lambda *_: None)
    await store.provision()
    yield
    forget()
    await close_all()


def forget() -> None:
    """Forget what a process keeps: copies of what is published, marks, and what waits to be published."""
    for each in (
        signing._cache,
        tokens.jwks,
        revocations.revocations,
        revoking._revoker,
        store.ledger,
        store.outbox,
        store.walker,
        limits._limiter,
    ):
        each.cache_clear()


@pytest.fixture
def address() -> str:
    """An address that no other test uses."""
    return f"{new_id('t')}@example.com"


@pytest.fixture
def call() -> Call:
    """Call a route by its function's name, as the host would."""

    async def call(  # noqa: PLR0913 - each keyword is one part of a request
        name: str,
        body: object = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
        **in_path: str,
    ) -> Answer:
        route = next(route for route in ROUTES if route.name == name)
        sent_headers = {
            "x-forwarded-for": "192.0.2.7:1234",
            "user-agent": "tests",
            **(headers or {}),
        }
        sent_headers |= {"authorization": f"Bearer {token}"} if token else {}
        sent_headers |= {"idempotency-key": key} if key else {}
        sent = func.HttpRequest(
            method=route.method,
            url=f"http://localhost/api/{route.path}",
            headers=sent_headers,
            params=params or {},
            route_params=in_path,
            body=json.dumps(body).encode() if body is not None else b"",
        )
        response = await decorator.run(route, sent)
        text = response.get_body().decode()
        return Answer(
            response.status_code, json.loads(text or "null"), dict(response.headers), text
        )

    return call


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that leaves for storage, as `METHOD path`.

    Without the refresh each second of what was revoked, and those of limits (test_limits.py has them).
    """
    sent: list[str] = []
    send = AioHttpTransport.send

    async def counted(self: Any, request: Any, **options: Any) -> Any:
        is_refresh = request.method == "GET" and request.url.endswith(revocations.DOCUMENT)
        if not is_refresh and f"/{store.LIMITS}" not in request.url:
            sent.append(f"{request.method} {request.url.partition('?')[0]}")
        return await send(self, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", counted)
    return sent


@dataclass(frozen=True)
class Waiting:
    """A mail that waits to be sent."""

    to: str
    template: str
    values: dict[str, str]

    @property
    def token(self) -> str:
        return self.values["link"].partition("#token=")[2]


async def events_of(key: str) -> list[dict[str, Any]]:
    """The events that wait in a partition (of a user or a workspace), oldest first."""
    name = store.WORKSPACES if key.startswith("ws_") else store.USERS
    rows = table(store.SETTING, name).query_entities(
        "PartitionKey eq @key and RowKey ge 'out:' and RowKey lt 'out;'", parameters={"key": key}
    )
    return [json.loads(row["event"]) async for row in rows]


async def mails_of(key: str) -> list[Waiting]:
    """The mails that wait in a partition, oldest first."""
    found = []
    events = await events_of(key)
    for data in (each["data"] for each in events if each["type"] == MailRequested.TYPE):
        plain = sealing.unseal(
            base64.b64decode(data["sealed"]), f"mail/{data['template']}/{data['to']}"
        )
        found.append(Waiting(data["to"], data["template"], json.loads(plain)))
    return found


async def newest_mail(user_id: str, template: str) -> Waiting:
    """The newest mail of a kind that waits."""
    return [each for each in await mails_of(user_id) if each.template == template][-1]
