"""Attacks on workspaces over HTTP and the socket, by people who are in another one.

Every route that names a workspace, found from the routes themselves; the groups that its frames go to; and
bodies that claim a role.
"""

import json
from dataclasses import replace
from importlib import import_module
from typing import Any

import aiohttp
import pytest

from shared_code.endpoint import ROUTES, Route
from shared_code.ids import new_id
from shared_code.roles import InWorkspace
from tests.harness.api import Api, User

import_module("functions.auth.api")  # declares the routes
OF_A_WORKSPACE = [each for each in ROUTES if each.access and issubclass(each.access, InWorkspace)]
_IDS = {"user_id": "usr", "invitation_id": "inv", "link_id": "jnl"}


def path_of(route: Route, workspace_id: str) -> str:
    """The route's address, with ids that look right."""
    made = {name: new_id(prefix) for name, prefix in _IDS.items()}
    return route.path.format(workspace_id=workspace_id, **made)


async def again(api: Api, user: User) -> User:
    body = {"email": user.email, "password": user.password}
    answer = await api.good("POST", "auth/login", json=body)
    return replace(user, token=answer["access_token"])


async def owner_of(api: Api, name: str) -> tuple[User, str]:
    """A user, and a workspace of his that his token carries."""
    user = await api.user(name)
    made = await api.good("POST", "workspaces", user, json={"name": name})
    return await again(api, user), made["id"]


def test_there_are_such_routes() -> None:
    assert len(OF_A_WORKSPACE) >= 16


async def test_no_route_opens_another_workspace_nor_tells_that_it_is_there(api: Api) -> None:
    (_, hers), (eve, _) = await owner_of(api, "ada"), await owner_of(api, "eve")
    for route in OF_A_WORKSPACE:
        answers = [
            await api.call(route.method, path_of(route, each), eve, json={})
            for each in (hers, new_id("ws"), "ws_x", "..%2Fauth", "ws_%27%20or%201%20eq%201")
        ]
        bodies = []
        for answer in answers:
            assert (answer.status, answer.code) == (404, "workspace_not_found"), route.path
            bodies.append({k: v for k, v in answer.body.items() if k != "request_id"})
        assert all(each == bodies[0] for each in bodies), route.path


async def test_no_route_opens_without_a_token(api: Api) -> None:
    _, hers = await owner_of(api, "ada")
    for route in OF_A_WORKSPACE:
        answer = await api.call(route.method, path_of(route, hers), json={})
        assert (answer.status, answer.code) == (401, "unauthenticated"), route.path


async def test_another_workspaces_things_are_not_reached_through_ones_own(api: Api) -> None:
    """The workspace of the address is mine; the invitation, link or member in it is another's."""
    (ada, hers), (eve, mine) = await owner_of(api, "ada"), await owner_of(api, "eve")
    body = {"email": f"x-{ada.email}"}
    invitation = await api.good("POST", f"workspaces/{hers}/invitations", ada, json=body)
    link = await api.good("POST", f"workspaces/{hers}/join-links", ada, json={})
    attacks = [
        ("DELETE", f"invitations/{invitation['id']}", None),
        ("POST", f"invitations/{invitation['id']}/resend", None),
        ("DELETE", f"join-links/{link['id']}", None),
        ("DELETE", f"members/{ada.id}", None),
        ("PATCH", f"members/{ada.id}", {"role": "guest"}),
        ("POST", "transfer", {"user_id": ada.id}),
    ]
    for method, path, sent in attacks:
        answer = await api.call(method, f"workspaces/{mine}/{path}", eve, json=sent)
        assert answer.status == 404, (path, answer)
    ada = await again(api, ada)
    assert len((await api.good("GET", f"workspaces/{hers}/invitations", ada))["items"]) == 1


async def test_nobody_adds_himself_to_the_group_of_a_workspace(api: Api) -> None:
    (_, hers), (eve, _) = await owner_of(api, "ada"), await owner_of(api, "eve")
    url = (await api.good("POST", "realtime/negotiate", eve))["url"]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as socket,
    ):
        assert (await socket.receive_json())["event"] == "connected"
        group = f"workspace:{hers}"
        for number, kind in enumerate(("joinGroup", "sendToGroup"), 1):
            frame = {"type": kind, "group": group, "ackId": number, "data": "x"}
            await socket.send_str(json.dumps({**frame, "dataType": "text"}))
            answer = await socket.receive_json(timeout=10)
            while answer["type"] != "ack":  # what her own workspace has told meanwhile
                answer = await socket.receive_json(timeout=10)
            assert not answer["success"], answer
            assert answer["error"]["name"] == "Forbidden"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("workspaces", {"name": "x", "role": "owner"}),
        ("workspaces", {"name": "x", "id": "ws_" + "0" * 26}),
        ("workspaces", {"name": "x", "members": 5000}),
        ("workspaces/join", {"token": "x", "role": "owner"}),
        ("auth/token", {"workspace_id": "ws_" + "0" * 26, "role": "owner"}),
        ("auth/token", {"workspace_id": "' or 1 eq 1"}),
        ("auth/register", {"email": "x@example.com", "workspaces": {"ws_1": "owner"}}),
    ],
)
async def test_bodies_that_claim_what_is_not_theirs(
    api: Api, path: str, body: dict[str, Any]
) -> None:
    answer = await api.call("POST", path, await api.user(), json=body)
    assert (answer.status, answer.code) == (422, "validation_failed")
