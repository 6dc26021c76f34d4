"""Writes what was revoked where every service reads it (shared_code/revocations.py).

Invariant: when `revoke` returns, it is published. In a process one write is under way at a time, and what
comes meanwhile joins the next one; between processes the blob's ETag decides. What can no longer be used
is left out at each write.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, partial

from functions.auth.policy import ACCESS_TOKEN_LIFE
from shared_code import published, revocations
from shared_code.clock import utcnow
from shared_code.revocations import Revocations

_MARGIN_SECONDS = 60  # clocks differ, and a verifier allows for it


@dataclass
class _Wanted:
    """What is to be published together, and who waits for it."""

    sessions: set[str] = field(default_factory=set)
    users: dict[str, int] = field(default_factory=dict)
    workspaces: set[str] = field(default_factory=set)
    done: "asyncio.Future[None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Revoker:
    """Publishes revocations of one process, together."""

    def __init__(self) -> None:
        self._next: _Wanted | None = None
        self._task: asyncio.Task[None] | None = None

    async def revoke(
        self, sessions: Iterable[str], users: dict[str, int], workspaces: Iterable[str] = ()
    ) -> None:
        """Refuse tokens of these sessions, users' below these versions, and any word of these workspaces.

        Two round trips, shared with all that wait meanwhile. Raises AzureError.
        """
        self._next = self._next or _Wanted()
        wanted = self._next
        wanted.sessions.update(sessions)
        wanted.workspaces.update(workspaces)
        for user_id, version in users.items():
            wanted.users[user_id] = max(version, wanted.users.get(user_id, 0))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await asyncio.shield(wanted.done)

    async def _run(self) -> None:
        while self._next:
            wanted, self._next = self._next, None
            try:
                merge = partial(_merged, wanted)
                await published.update(revocations.DOCUMENT, merge, "application/json")
            except Exception as error:  # noqa: BLE001 - those who wait must hear it
                if not wanted.done.done():
                    wanted.done.set_exception(error)
            else:
                if not wanted.done.done():
                    wanted.done.set_result(None)


def _merged(wanted: _Wanted, document: bytes) -> bytes:
    found, now = revocations.parse(document), int(utcnow().timestamp())
    until = now + int(ACCESS_TOKEN_LIFE.total_seconds()) + _MARGIN_SECONDS
    sessions = {each: at for each, at in found.sessions.items() if at > now}
    users = {each: entry for each, entry in found.users.items() if entry[1] > now}
    for user_id, version in wanted.users.items():
        users[user_id] = (max(version, users.get(user_id, (0, 0))[0]), until)
    workspaces = {each: at for each, at in found.workspaces.items() if at > now}
    return Revocations(
        sessions | dict.fromkeys(wanted.sessions, until),
        users,
        workspaces | dict.fromkeys(wanted.workspaces, until),
    ).document()


@cache
def _revoker() -> Revoker:
    return Revoker()


async def revoke(
    sessions: Iterable[str] = (),
    users: dict[str, int] | None = None,
    workspaces: Iterable[str] = (),
) -> None:
    """As Revoker.revoke, by the process's own."""
    await _revoker().revoke(sessions, users or {}, workspaces)
