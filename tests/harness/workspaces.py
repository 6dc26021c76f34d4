"""Workspaces as tests make them: an owner whose address is proven, and members who come in by a link.

Invariant: every user that is given back has a token that carries his workspaces as they are.
"""

from dataclasses import replace

from tests.harness.api import Api, User
from tests.harness.mails import mail_to
from tests.harness.stack import Stack


async def again(api: Api, user: User) -> User:
    """The user with a token that carries his workspaces as they are."""
    body = {"email": user.email, "password": user.password}
    answer = await api.good("POST", "auth/login", json=body)
    return replace(user, token=answer["access_token"])


async def verified(api: Api, stack: Stack, name: str) -> User:
    """A new user who has confirmed his address."""
    user = await api.user(name)
    token = (await mail_to(stack, user.email)).token
    await api.good("POST", "auth/email/verify-link", json={"token": token})
    return user


async def workspace(api: Api, stack: Stack, name: str = "Ada") -> tuple[str, User]:
    """A new workspace, and its owner."""
    owner = await verified(api, stack, name)
    found = await api.good("POST", "workspaces", owner, json={"name": "Engines"})
    return str(found["id"]), await again(api, owner)


async def member(api: Api, owner: User, workspace_id: str, role: str, name: str) -> User:
    """A new user who is in the workspace as guest, member or admin."""
    user, path = await api.user(name), f"workspaces/{workspace_id}"
    by_link = "member" if role == "admin" else role
    link = await api.good("POST", f"{path}/join-links", owner, json={"role": by_link})
    await api.good("POST", "workspaces/join", user, json={"token": link["token"]})
    if role != by_link:
        await api.good("PATCH", f"{path}/members/{user.id}", owner, json={"role": role})
    return await again(api, user)
