"""Auth: logins while other requests go on, refreshes, and how soon an ended session is refused.

Every figure is measured through HTTP against the running stack, on the same machine, client included. The
clients log in as different users from known devices, as people do.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench.chat import Row, percentiles
from bench.client import Atrium, atrium

_PASSWORD = "correct horse battery staple"  # noqa: S105 - of users that exist for this only
_CLIENTS = (1, 8, 32)
_SECONDS = 5.0
_ENDINGS = 20

type Signed = dict[str, Any]


async def registered(api: Atrium) -> Signed:
    """A new user, as registering answered."""
    email = f"bench-{secrets.token_hex(6)}@example.com"
    answer: Signed = await api.call(
        "POST", "auth/register", email=email, password=_PASSWORD, display_name="Bench"
    )
    return answer


async def _on_and_on(work: list[Callable[[], Awaitable[Any]]]) -> list[float]:
    """How long each call took, when each of the workers calls again as soon as it is answered."""
    took: list[float] = []
    end = time.perf_counter() + _SECONDS

    async def go_on(call: Callable[[], Awaitable[Any]]) -> None:
        while (started := time.perf_counter()) < end:
            await call()
            took.append(time.perf_counter() - started)

    await asyncio.gather(*(go_on(call) for call in work))
    return took


def _login(api: Atrium, user: Signed) -> Callable[[], Awaitable[Any]]:
    headers = {"X-Device-Token": user["device_token"]}

    async def login() -> None:
        body = {"email": user["user"]["email"], "password": _PASSWORD}
        await api.call("POST", "auth/login", headers=headers, **body)

    return login


def _refresh(api: Atrium, user: Signed) -> Callable[[], Awaitable[Any]]:
    async def refresh() -> None:
        answer = await api.call("POST", "auth/refresh", refresh_token=user["refresh_token"])
        user["refresh_token"] = answer["refresh_token"]

    return refresh


def _look(api: Atrium, user: Signed) -> Callable[[], Awaitable[Any]]:
    return lambda: api.call("GET", "rooms", user["access_token"])


def _row(name: str, took: list[float]) -> Row:
    return name, f"{len(took) / _SECONDS:7.1f}/s   {percentiles(took)}"


async def _logins(api: Atrium, users: list[Signed], other: Signed) -> list[Row]:
    """Logins, and what another user's requests take meanwhile."""
    logins, looks = await asyncio.gather(
        _on_and_on([_login(api, user) for user in users]), _on_and_on([_look(api, other)])
    )
    return [
        _row(f"logins, {len(users)} clients", logins),
        _row("  another's requests", looks),
    ]


async def _until_refused(api: Atrium, user: Signed) -> float:
    """Seconds from the answer to a log-out until another service refuses the access token."""
    await _look(api, user)()
    await api.call("POST", "auth/logout", user["access_token"])
    started = time.perf_counter()
    while True:
        try:
            await _look(api, user)()
        except RuntimeError:
            return time.perf_counter() - started


async def measure() -> list[Row]:
    """All rows of the table."""
    async with atrium() as api:
        users = [await registered(api) for _ in range(max(_CLIENTS))]
        other = await registered(api)
        rows = [_row("requests, nobody logs in", await _on_and_on([_look(api, other)]))]
        for count in _CLIENTS:
            rows += await _logins(api, users[:count], other)
        # The first sessions of those who logged in so often have ended: one has 50 at most.
        users = [await registered(api) for _ in range(_ENDINGS)]
        refreshes = await _on_and_on([_refresh(api, user) for user in users[:8]])
        rows.append(_row("refreshes, 8 clients", refreshes))
        ended = [await _until_refused(api, user) for user in users]
        rows.append(("log-out → refused in chat", percentiles(ended)))
    return rows


if __name__ == "__main__":
    for _name, _figure in asyncio.run(measure()):
        print(f"  {_name:<28} {_figure}")
