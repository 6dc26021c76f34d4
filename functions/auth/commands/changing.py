"""Changing a partition: read, decide, write, and again when somebody else was faster.

Also what several commands write: audit entries, the end of sessions, mails.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal

from functions.auth import revoking, store
from functions.auth.events import sessions_ended
from functions.auth.models import Account, AuditEntry, AuditType, Session
from functions.auth.store import Change, UserRecord
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.errors import Unauthenticated
from shared_code.ids import new_id
from shared_code.records import retried

NO_CLIENT = Client()
"""Of a command or a timer."""


async def changed[Result](
    user_id: str,
    attempt: Callable[[UserRecord], Awaitable[Result | None]],
    record: UserRecord | None = None,
) -> Result:
    """As `retried`, in a user's partition. One query for each read. Raises Unauthenticated without one."""

    async def read() -> UserRecord:
        found = await store.read_user(user_id)
        if found is None:
            raise Unauthenticated
        return found

    return await retried(read, attempt, record)


def entry(
    type_: AuditType, client: Client, session_id: str | None = None, **details: str
) -> AuditEntry:
    """A new audit entry."""
    return AuditEntry(
        id=new_id("aud"),
        at=utcnow(),
        type=type_,
        session_id=session_id,
        address=client.address,
        user_agent=client.user_agent,
        details=details,
    )


def end_sessions(
    change: Change, record: UserRecord, ended: Iterable[Session], account: Account | None = None
) -> Callable[[], Awaitable[None]]:
    """Put the end of sessions into a change. What it gives is to be called when that is durable.

    With `account`, which has another token version then, all older access tokens end as well.
    """
    sessions = list(ended)
    ids = [each.session_id for each in sessions]
    version = account.token_version if account else None
    change.remove(sessions)
    change.tell(sessions_ended(record.user_id, ids, version))
    users = {} if version is None else {record.user_id: version}

    async def publish() -> None:
        await revoking.revoke(ids, users)

    return publish


async def committed(change: Change, publish: Callable[[], Awaitable[None]]) -> Literal[True] | None:
    """True once the change is durable and published, None when it lost a race."""
    if not await change.commit():
        return None
    await publish()
    return True


def all_ended(account: Account, **changes: Any) -> Account:
    """The account when all its sessions, and all its access tokens, hold no more."""
    return account.model_copy(
        update={
            "generation": account.generation + 1,
            "token_version": account.token_version + 1,
            **changes,
        }
    )
