"""Workspaces the whole way: invited by mail, heard on the socket, and out within two seconds on both."""

import asyncio
from functools import partial
from typing import Any

from tests.harness.api import Api, User
from tests.harness.mails import mail_to
from tests.harness.stack import Stack
from tests.harness.waiting import until_async
from tests.harness.workspaces import again, verified

TWO_SECONDS = 2.0


async def made(api: Api, owner: User) -> tuple[str, User]:
    """A new workspace, and its owner with a token that carries it."""
    found = await api.good("POST", "workspaces", owner, json={"name": "Lovelace & Co"})
    return found["id"], await again(api, owner)


async def invited(api: Api, stack: Stack, owner: User, workspace_id: str, who: User) -> User:
    """The user, who has come in by a mail."""
    path = f"workspaces/{workspace_id}/invitations"
    await api.good("POST", path, owner, json={"email": who.email, "role": "admin"})
    mail = await mail_to(stack, who.email, "workspace")
    assert "Lovelace" in mail.text
    token = mail.link.partition("#token=")[2]
    joined = await api.good("POST", "workspaces/join", who, json={"token": token})
    assert joined["role"] == "admin"
    return await again(api, who)


async def is_refused(api: Api, path: str, user: User) -> bool:
    return (await api.call("GET", path, user)).status == 401


async def test_who_is_removed_is_out_of_every_service_and_hears_nothing_more(
    api: Api, stack: Stack
) -> None:
    ada, grace = await verified(api, stack, "ada"), await verified(api, stack, "grace")
    workspace_id, ada = await made(api, ada)
    path = f"workspaces/{workspace_id}"
    async with api.listening(ada) as hers, api.listening(grace) as theirs:
        grace = await invited(api, stack, ada, workspace_id, grace)
        joined = await theirs.workspace_frame(workspace_id, 3)
        assert (joined["type"], joined["user_id"]) == ("workspace.member_joined", grace.id)
        await api.good("PATCH", path, grace, json={"name": "Engines"})
        renamed = await theirs.workspace_frame(workspace_id, 4)
        assert (renamed["name"], renamed["by"]) == ("Engines", grace.id)

        await api.good("DELETE", f"{path}/members/{grace.id}", ada)
        async with asyncio.timeout(TWO_SECONDS):
            for each in ("auth/me", path, "rooms"):
                await until_async(partial(is_refused, api, each, grace), each, TWO_SECONDS)
        await hers.workspace_frame(workspace_id, 5)
        await api.good("PATCH", path, ada, json={"name": "Secret"})
        await hers.workspace_frame(workspace_id, 6)
        grace = await again(api, grace)
        assert (await api.call("GET", path, grace)).code == "workspace_not_found"
        # She hears what is told to her; what the workspace tells she does not.
        room_id = await api.room(grace)
        message = await api.send(grace, room_id, "still here")
        await theirs.frame(room_id, message["seq"])
        assert 6 not in [f["seq"] for f in theirs.frames if f.get("workspace_id")]


async def test_a_deleted_workspace_is_gone_for_everybody(api: Api, stack: Stack) -> None:
    ada, grace = await verified(api, stack, "ada"), await verified(api, stack, "grace")
    workspace_id, ada = await made(api, ada)
    grace = await invited(api, stack, ada, workspace_id, grace)
    path = f"workspaces/{workspace_id}"

    async def gone(user: User) -> bool:
        return (await api.call("GET", path, user)).status == 404

    await api.good("DELETE", path, ada)
    for user in (ada, grace):
        await until_async(partial(gone, user), "it is gone", TWO_SECONDS)
        assert (await api.call("GET", "auth/me", user)).status == 200, "all else goes on"

    async def list_of(user: User) -> Any:
        return (await api.good("GET", "workspaces", user))["items"] == []

    for user in (ada, grace):
        await until_async(partial(list_of, user), "it leaves the lists", 20)
