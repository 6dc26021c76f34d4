"""The access rules of workspaces: by the type in a route's signature, from what the token carries."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from pydantic import BaseModel

from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import ROUTES, Anonymous, decorator, endpoint, parameters
from shared_code.roles import (
    ROLES,
    WORKSPACE_RULES,
    InWorkspace,
    RecentWorkspaceOwner,
    WorkspaceAdmin,
    WorkspaceGuest,
    WorkspaceMember,
    WorkspaceOwner,
    is_at_least,
)

HERE, OTHER = "ws_01k9zz0000000000000000000a", "ws_01k9zz0000000000000000000b"


class Answer(BaseModel):
    said: str


@pytest.fixture(autouse=True)
def _routes_of_this_test() -> Iterator[None]:
    before = list(ROUTES)
    yield
    ROUTES[:] = before


def actor(**changes: Any) -> Actor:
    now = utcnow()
    made = Actor("usr_1", "ses_1", now + timedelta(minutes=5), authenticated_at=now)
    return replace(made, **changes)


async def ask(
    rule: type[InWorkspace], who: Actor, monkeypatch: pytest.MonkeyPatch, named: str = HERE
) -> tuple[int, Any]:
    async def authenticated(_: str | None) -> Actor:
        return who

    monkeypatch.setattr(parameters, "authenticate", authenticated)

    async def handler(caller: Any) -> Answer:
        return Answer(said=f"{caller.user_id} {caller.workspace_id} {caller.role}")

    handler.__annotations__ = {"caller": rule, "return": Answer}
    endpoint(func.Blueprint(), "GET", "workspaces/{workspace_id}/notes")(handler)
    sent = func.HttpRequest(
        method="GET", url="/", headers={}, route_params={"workspace_id": named}, body=b""
    )
    response = await decorator.run(ROUTES[-1], sent)
    return response.status_code, json.loads(response.get_body())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("rule", WORKSPACE_RULES)
async def test_a_role_is_enough_or_not(
    rule: type[InWorkspace], role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, body = await ask(rule, actor(workspaces={HERE: role}), monkeypatch)
    if ROLES.index(role) >= ROLES.index(rule.LEAST):
        assert (status, body["said"]) == (200, f"usr_1 {HERE} {role}")
    else:
        assert (status, body["code"]) == (403, "role_required")


async def test_another_workspace_is_not_found_whether_or_not_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = actor(workspaces={OTHER: "owner"})
    for named in (HERE, "ws_x", "", "../x", HERE.upper()):
        status, body = await ask(WorkspaceGuest, who, monkeypatch, named)
        assert (status, body["code"]) == (404, "workspace_not_found")


async def test_who_is_in_more_than_his_token_carries_is_told_to_ask_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    who = actor(workspaces={OTHER: "owner"}, workspaces_capped=True)
    status, body = await ask(WorkspaceGuest, who, monkeypatch)
    assert (status, body["code"]) == (403, "workspace_token_required")


async def test_a_recent_proof_is_asked_of_an_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    old = actor(workspaces={HERE: "owner"}, authenticated_at=utcnow() - timedelta(minutes=11))
    status, body = await ask(RecentWorkspaceOwner, old, monkeypatch)
    assert (status, body["code"]) == (403, "step_up_required")
    assert (await ask(WorkspaceOwner, old, monkeypatch))[0] == 200


@pytest.mark.parametrize("rule", [Actor, Anonymous])
def test_a_route_of_a_workspace_without_its_rule_cannot_be_declared(rule: type) -> None:
    async def handler(who: Any, workspace_id: str) -> Answer:
        return Answer(said=f"{who} {workspace_id}")

    handler.__annotations__ = {"who": rule, "workspace_id": str, "return": Answer}
    with pytest.raises(TypeError, match="a workspace in the path and its rule go together"):
        endpoint(func.Blueprint(), "GET", "workspaces/{workspace_id}/notes")(handler)


def test_a_rule_of_a_workspace_without_one_in_the_path_cannot_be_declared() -> None:
    async def handler(who: WorkspaceMember) -> Answer:
        return Answer(said=str(who))

    with pytest.raises(TypeError, match="go together"):
        endpoint(func.Blueprint(), "GET", "notes")(handler)


def test_roles_include_those_below() -> None:
    assert [is_at_least(each, "member") for each in ROLES] == [False, True, True, True]
    assert [rule.LEAST for rule in WORKSPACE_RULES] == [*ROLES, "owner"]
    assert issubclass(WorkspaceAdmin, Actor)
