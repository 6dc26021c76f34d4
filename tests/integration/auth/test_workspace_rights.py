"""Workspaces against real tables: who may do what, how they end, and what their log says."""

from datetime import timedelta
from typing import Any

import jwt
import pytest

from functions.auth import store
from functions.auth.commands import erasing_workspaces
from functions.auth.commands.erasing_workspaces import leave_all
from shared_code.clock import utcnow
from tests.integration.auth.conftest import Call, has_failed
from tests.integration.auth.test_sessions import put_session, refresh
from tests.integration.auth.workspaces import (
    User,
    changes_of,
    fresh,
    joined,
    made,
    user,
)


@pytest.fixture
async def ann(call: Call, address: str) -> User:
    """The owner."""
    return await user(call, address, "ann")


@pytest.fixture
async def bob(call: Call, address: str) -> User:
    """Another user."""
    return await user(call, address, "bob")


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


class TestRights:
    """Who may do what: the table of workspace_policy.py."""

    @pytest.mark.parametrize(
        ("role", "allowed"),
        [
            ("guest", {"workspaces_get", "workspaces_members"}),
            ("member", {"workspaces_get", "workspaces_members"}),
            (
                "admin",
                {
                    "workspaces_get",
                    "workspaces_members",
                    "workspaces_rename",
                    "workspaces_audit",
                    "workspaces_invite",
                    "workspaces_invitations",
                    "workspaces_make_join_link",
                    "workspaces_join_links",
                },
            ),
        ],
    )
    async def test_by_role(
        self, call: Call, ann: User, bob: User, role: str, allowed: set[str]
    ) -> None:
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, role)
        bodies: dict[str, Any] = {
            "workspaces_get": None,
            "workspaces_members": None,
            "workspaces_rename": {"name": "x"},
            "workspaces_audit": None,
            "workspaces_invite": {"email": f"eve-{bob['user']['email']}"},
            "workspaces_invitations": None,
            "workspaces_make_join_link": {},
            "workspaces_join_links": None,
            "workspaces_delete": None,
            "workspaces_transfer": {"user_id": bob["user"]["id"]},
        }
        for name, body in bodies.items():
            answer = await call(name, body, token=token, workspace_id=workspace_id)
            if name in allowed:
                assert answer.status in {200, 201}, (name, answer)
            else:
                assert has_failed(answer, 403, "role_required"), (name, answer)

    @pytest.mark.parametrize("role", ["guest", "member", "admin"])
    async def test_nobody_raises_himself(self, call: Call, ann: User, bob: User, role: str) -> None:
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, role)
        named = {"workspace_id": workspace_id, "user_id": bob["user"]["id"]}
        answer = await call("workspaces_change_role", {"role": "owner"}, token=token, **named)
        assert has_failed(answer, 403, "role_required")

    async def test_an_admin_neither_makes_nor_touches_an_owner(
        self, call: Call, ann: User, bob: User, address: str
    ) -> None:
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, "admin")
        eve = await user(call, address, "eve")
        await joined(call, ann, workspace_id, eve, "guest")
        named = {"workspace_id": workspace_id}
        for whom, body in ((eve, {"role": "owner"}), (ann, {"role": "guest"})):
            answer = await call(
                "workspaces_change_role", body, token=token, user_id=whom["user"]["id"], **named
            )
            assert has_failed(answer, 403, "role_required")
        answer = await call(
            "workspaces_remove_member", token=token, user_id=ann["user"]["id"], **named
        )
        assert has_failed(answer, 403, "role_required")
        raised = await call(
            "workspaces_change_role",
            {"role": "admin"},
            token=token,
            user_id=eve["user"]["id"],
            **named,
        )
        assert raised.status == 200

    async def test_a_token_that_says_too_much_is_not_believed_when_something_changes(
        self, call: Call, ann: User, bob: User
    ) -> None:
        """For up to two seconds it is not refused; the row as it is decides."""
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, "admin")
        record = await store.read_workspace(workspace_id, f"m:{bob['user']['id']}")
        assert record
        member = record.member(bob["user"]["id"])
        assert member
        change = store.Change(record)
        change.put(member.model_copy(update={"role": "guest"}))
        assert await change.commit()
        answer = await call(
            "workspaces_rename", {"name": "x"}, token=token, workspace_id=workspace_id
        )
        assert has_failed(answer, 403, "role_required")

    @pytest.mark.parametrize("guess", ["ws_x", "../auth", "' or 1 eq 1", "ws_" + "0" * 26, ""])
    async def test_guessed_ids(self, call: Call, ann: User, guess: str) -> None:
        await made(call, ann)
        token = await fresh(call, ann)
        answer = await call("workspaces_get", token=token, workspace_id=guess)
        assert has_failed(answer, 404, "workspace_not_found")

    async def test_deleting_and_handing_over_want_a_recent_proof(
        self, call: Call, ann: User
    ) -> None:
        workspace_id = await made(call, ann)
        old = utcnow() - timedelta(minutes=11)
        await put_session(ann["refresh_token"], authenticated_at=old)
        token = (await refresh(call, ann["refresh_token"])).body["access_token"]
        answer = await call("workspaces_delete", token=token, workspace_id=workspace_id)
        assert has_failed(answer, 403, "step_up_required")


class TestEnd:
    """Deleting, and who is erased."""

    async def test_a_deleted_workspace_is_gone_at_once_and_then_altogether(
        self, call: Call, ann: User, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        published: list[Any] = []

        async def publish(event: Any) -> None:
            published.append(event)

        monkeypatch.setattr(erasing_workspaces, "publish", publish)
        monkeypatch.setattr(erasing_workspaces, "_AT_ONCE", 1)
        workspace_id = await made(call, ann)
        other = await made(call, bob)
        token = await joined(call, ann, workspace_id, bob, "member")
        named = {"workspace_id": workspace_id}
        owner = await fresh(call, ann)
        assert (await call("workspaces_delete", token=owner, **named)).status == 204
        for each in (owner, token):
            seen = await call("workspaces_get", token=each, **named)
            assert has_failed(seen, 404, "workspace_not_found")
        assert (await call("workspaces_get", token=token, workspace_id=other)).status == 200
        told = await changes_of(workspace_id)
        deleted = next(each for each in told if each.change == "deleted")
        await erasing_workspaces.followed(deleted)
        await erasing_workspaces.followed(deleted)
        assert [each.data.change for each in published] == ["erased"]
        assert await store.read_workspace(workspace_id, with_deleted=True) is None
        assert await changes_of(workspace_id) == []
        assert claims(await fresh(call, bob))["workspaces"] == {other: "owner"}

    async def test_an_owner_of_others_cannot_delete_his_account(
        self, call: Call, ann: User, bob: User
    ) -> None:
        workspace_id = await made(call, ann)
        assert claims(await fresh(call, ann))["workspaces"]
        await joined(call, ann, workspace_id, bob, "member")
        answer = await call("auth_delete_me", token=await fresh(call, ann))
        assert has_failed(answer, 409, "last_owner")
        body = {"user_id": bob["user"]["id"]}
        token = await fresh(call, ann)
        await call("workspaces_transfer", body, token=token, workspace_id=workspace_id)
        assert (await call("auth_delete_me", token=await fresh(call, ann))).status == 202

    async def test_who_is_erased_leaves_and_the_highest_inherits(
        self, call: Call, ann: User, bob: User, address: str
    ) -> None:
        eve = await user(call, address, "eve")
        workspace_id = await made(call, ann)
        await joined(call, ann, workspace_id, bob, "guest")
        await joined(call, ann, workspace_id, eve, "admin")
        record = await store.read_user(ann["user"]["id"])
        assert record
        await leave_all(record.user_id, record.memberships)
        await leave_all(record.user_id, record.memberships)
        assert claims(await fresh(call, eve))["workspaces"] == {workspace_id: "owner"}
        found = await store.read_workspace(workspace_id, f"m:{record.user_id}")
        assert found
        assert (found.workspace.members, found.workspace.owners) == (2, 1)
        assert found.member(record.user_id) is None

    async def test_a_workspace_of_one_who_is_erased_is_deleted(self, call: Call, ann: User) -> None:
        workspace_id = await made(call, ann)
        record = await store.read_user(ann["user"]["id"])
        assert record
        await leave_all(record.user_id, record.memberships)
        assert await store.read_workspace(workspace_id) is None
        assert [each.change for each in await changes_of(workspace_id)][-1] == "deleted"


class TestAudit:
    """The log of a workspace."""

    async def test_it_says_who_did_what_to_whom_and_nothing_secret(
        self, call: Call, ann: User, bob: User
    ) -> None:
        workspace_id = await made(call, ann)
        await joined(call, ann, workspace_id, bob, "member")
        owner, bob_id = await fresh(call, ann), bob["user"]["id"]
        named = {"workspace_id": workspace_id}
        await call(
            "workspaces_change_role", {"role": "guest"}, token=owner, user_id=bob_id, **named
        )
        page = await call("workspaces_audit", token=owner, params={"limit": "2"}, **named)
        newest = page.body["items"][0]
        assert newest["type"] == "member.role_changed"
        assert newest["user_id"] == ann["user"]["id"]
        assert newest["details"] == {"member": bob_id, "before": "member", "role": "guest"}
        rest = await call(
            "workspaces_audit", token=owner, params={"cursor": page.body["next"]}, **named
        )
        types = [each["type"] for each in page.body["items"] + rest.body["items"]]
        assert types == [
            "member.role_changed",
            "member.joined",
            "invitation.sent",
            "workspace.created",
        ]
        assert "@" not in page.text + rest.text
