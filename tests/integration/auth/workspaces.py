"""What the tests of workspaces share: users who are in them, and what the consumer would do."""

from typing import Any

from functions.auth import store
from functions.auth.commands import erasing_workspaces
from functions.auth.events import WorkspaceChanged
from shared_code.clock import utcnow
from tests.integration.auth.conftest import Call, events_of, newest_mail
from tests.integration.auth.test_sessions import login, register

type User = dict[str, Any]


async def verify(user: User) -> None:
    """Confirm a user's address behind the back of the commands."""
    record = await store.read_user(user["user"]["id"])
    assert record
    change = store.Change(record)
    change.put(record.account.model_copy(update={"email_verified_at": utcnow()}))
    assert await change.commit()


async def user(call: Call, address: str, name: str) -> User:
    """A new user with a confirmed address."""
    made = await register(call, f"{name}-{address}", display_name=name)
    await verify(made)
    return made


async def fresh(call: Call, of: User) -> str:
    """A new access token, which carries the user's workspaces as they are."""
    return str((await login(call, of["user"]["email"]))["access_token"])


async def made(call: Call, owner: User, name: str = "Lovelace & Co") -> str:
    """The id of a new workspace."""
    answer = await call("workspaces_create", {"name": name}, token=owner["access_token"])
    assert answer.status == 201, answer
    return str(answer.body["id"])


async def joined(call: Call, owner: User, workspace_id: str, who: User, role: str) -> str:
    """Let a user in by an invitation; his new access token."""
    body = {"email": who["user"]["email"], "role": role}
    token = await fresh(call, owner)
    sent = await call("workspaces_invite", body, token=token, workspace_id=workspace_id)
    assert sent.status == 201, sent
    mail = await newest_mail(workspace_id, "workspace_invitation")
    answer = await call("workspaces_join", {"token": mail.token}, token=await fresh(call, who))
    assert answer.status == 200, answer
    return await fresh(call, who)


async def changes_of(workspace_id: str) -> list[WorkspaceChanged]:
    """The changes that the workspace tells, oldest first."""
    events = await events_of(workspace_id)
    return [
        WorkspaceChanged.model_validate(each["data"])
        for each in events
        if each["type"] == WorkspaceChanged.TYPE
    ]


async def follow_all(workspace_id: str) -> None:
    """Do what the consumer does with all that is told, twice: events come again."""
    told = await changes_of(workspace_id)
    for each in [*told, *told]:
        await erasing_workspaces.followed(each)
