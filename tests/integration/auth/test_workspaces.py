"""Workspaces against real tables: who is in them, what tokens carry, and what ends."""

import asyncio
from datetime import timedelta
from typing import Any

import jwt
import pytest

from functions.auth import signing, store, workspace_policy
from functions.auth.commands import following, workspaces
from functions.auth.commands.members import gone
from shared_code.ids import new_id
from tests.integration.auth.conftest import Call, has_failed
from tests.integration.auth.test_sessions import is_refused, refresh
from tests.integration.auth.workspaces import (
    User,
    changes_of,
    follow_all,
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


class TestMaking:
    """A workspace of one's own."""

    async def test_it_is_made_seen_listed_renamed(self, call: Call, ann: User) -> None:
        workspace_id = await made(call, ann)
        token = await fresh(call, ann)
        assert claims(token)["workspaces"] == {workspace_id: "owner"}
        seen = await call("workspaces_get", token=token, workspace_id=workspace_id)
        assert seen.status == 200
        assert (seen.body["name"], seen.body["role"], seen.body["member_count"]) == (
            "Lovelace & Co",
            "owner",
            1,
        )
        renamed = await call(
            "workspaces_rename", {"name": "Engines"}, token=token, workspace_id=workspace_id
        )
        assert renamed.body["name"] == "Engines"
        mine = await call("workspaces_mine", token=token)
        assert [(each["id"], each["name"]) for each in mine.body["items"]] == [
            (workspace_id, "Engines")
        ]
        told = [(each.seq, each.change, each.name) for each in await changes_of(workspace_id)]
        assert told == [
            (1, "created", "Lovelace & Co"),
            (2, "member_joined", None),
            (3, "renamed", "Engines"),
        ]

    async def test_a_token_from_before_does_not_carry_it(self, call: Call, ann: User) -> None:
        workspace_id = await made(call, ann)
        before = await call("workspaces_get", token=ann["access_token"], workspace_id=workspace_id)
        assert has_failed(before, 404, "workspace_not_found")
        after = (await refresh(call, ann["refresh_token"])).body["access_token"]
        seen = await call("workspaces_get", token=after, workspace_id=workspace_id)
        assert seen.status == 200

    async def test_a_repeat_with_its_key_is_the_same_workspace(
        self, call: Call, ann: User, bob: User
    ) -> None:
        body, key = {"name": "Engines"}, {"key": "once"}
        makes = [
            call("workspaces_create", body, token=ann["access_token"], **key) for _ in range(4)
        ]
        answers = await asyncio.gather(*makes)
        assert {each.status for each in answers} == {201}
        assert len({each.body["id"] for each in answers}) == 1
        other = await call("workspaces_create", {"name": "x"}, token=ann["access_token"], **key)
        assert has_failed(other, 409, "idempotency_key_reused")
        bobs = await call("workspaces_create", body, token=bob["access_token"], **key)
        assert bobs.body["id"] != answers[0].body["id"]
        mine = await call("workspaces_mine", token=ann["access_token"])
        assert len(mine.body["items"]) == 1

    async def test_a_key_whose_workspace_was_left_makes_no_other(
        self, call: Call, ann: User, bob: User
    ) -> None:
        body, key = {"name": "Engines"}, {"key": "once"}
        first = await call("workspaces_create", body, token=ann["access_token"], **key)
        at = {"token": await fresh(call, ann), "workspace_id": first.body["id"]}
        await joined(call, ann, first.body["id"], bob, "member")
        await call("workspaces_transfer", {"user_id": bob["user"]["id"]}, **at)
        at["token"] = await fresh(call, ann)
        assert (await call("workspaces_leave", **at)).status == 204
        answer = await call("workspaces_create", body, token=await fresh(call, ann), **key)
        assert has_failed(answer, 409, "idempotency_key_reused")

    async def test_a_page_that_misses_a_deleted_one_has_a_next(self, call: Call, ann: User) -> None:
        made_ids = sorted([await made(call, ann) for _ in range(3)])
        token = await fresh(call, ann)
        await call("workspaces_delete", token=token, workspace_id=made_ids[1])
        params = {"limit": "2"}
        page = await call("workspaces_mine", token=token, params=params)
        assert [each["id"] for each in page.body["items"]] == made_ids[:1]
        rest = await call(
            "workspaces_mine", token=token, params={**params, "cursor": page.body["next"]}
        )
        assert [each["id"] for each in rest.body["items"]] == made_ids[2:]
        assert rest.body["next"] is None

    @pytest.mark.parametrize("cursor", ["\u0000", "a'b", "usr_", "ws_" + "0" * 26 + "\n"])
    async def test_a_cursor_that_is_none(self, call: Call, ann: User, cursor: str) -> None:
        answer = await call("workspaces_mine", token=ann["access_token"], params={"cursor": cursor})
        assert has_failed(answer, 422, "validation_failed")

    async def test_ten_an_hour(self, call: Call, ann: User) -> None:
        for _ in range(10):
            await made(call, ann)
        answer = await call("workspaces_create", {"name": "x"}, token=ann["access_token"])
        assert has_failed(answer, 429, "too_many_requests")

    @pytest.mark.parametrize("name", ["", " ", "a\u202eb", "x" * 81, 5, None])
    async def test_a_name_that_is_none(self, call: Call, ann: User, name: Any) -> None:
        answer = await call("workspaces_create", {"name": name}, token=ann["access_token"])
        assert has_failed(answer, 422, "validation_failed")


class TestMembers:
    """Roles, and their ends."""

    async def test_a_lower_role_holds_at_once_and_a_higher_one_with_the_next_token(
        self, call: Call, ann: User, bob: User
    ) -> None:
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, "admin")
        owner, bob_id = await fresh(call, ann), bob["user"]["id"]
        named = {"workspace_id": workspace_id, "user_id": bob_id}
        lowered = await call("workspaces_change_role", {"role": "guest"}, token=owner, **named)
        assert (lowered.status, lowered.body["role"]) == (200, "guest")
        await is_refused(call, token)
        token = (await refresh(call, bob["refresh_token"])).body["access_token"]
        assert claims(token)["workspaces"] == {workspace_id: "guest"}
        refused = await call(
            "workspaces_rename", {"name": "x"}, token=token, workspace_id=workspace_id
        )
        assert has_failed(refused, 403, "role_required")
        await call("workspaces_change_role", {"role": "member"}, token=owner, **named)
        assert (await call("auth_me", token=token)).status == 200, "nothing was lost"
        token = (
            await call("auth_workspace_token", {"workspace_id": workspace_id}, token=token)
        ).body
        assert claims(token["access_token"])["workspaces"] == {workspace_id: "member"}

    async def test_who_is_removed_is_out_at_once(self, call: Call, ann: User, bob: User) -> None:
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, "member")
        owner = await fresh(call, ann)
        named = {"workspace_id": workspace_id, "user_id": bob["user"]["id"]}
        assert (await call("workspaces_remove_member", token=owner, **named)).status == 204
        await is_refused(call, token)
        token = (await refresh(call, bob["refresh_token"])).body["access_token"]
        assert "workspaces" not in claims(token)
        seen = await call("workspaces_get", token=token, workspace_id=workspace_id)
        assert has_failed(seen, 404, "workspace_not_found")
        again = await call("workspaces_remove_member", token=owner, **named)
        assert has_failed(again, 404, "member_not_found")
        assert (await call("workspaces_mine", token=token)).body["items"] == []
        other = await call("auth_workspace_token", {"workspace_id": workspace_id}, token=token)
        assert has_failed(other, 404, "workspace_not_found")

    async def test_who_comes_back_after_removal_is_in_again_whatever_comes_late(
        self, call: Call, ann: User, bob: User
    ) -> None:
        workspace_id = await made(call, ann)
        await joined(call, ann, workspace_id, bob, "admin")
        named = {"workspace_id": workspace_id, "user_id": bob["user"]["id"]}
        await call("workspaces_remove_member", token=await fresh(call, ann), **named)
        await joined(call, ann, workspace_id, bob, "guest")
        await follow_all(workspace_id)
        assert claims(await fresh(call, bob))["workspaces"] == {workspace_id: "guest"}

    async def test_a_list_that_was_not_written_is_repaired_by_the_event(
        self, call: Call, ann: User, bob: User
    ) -> None:
        """The process died between the workspace's commit and the user's own list."""
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, "member")
        record = await store.read_workspace(workspace_id, f"m:{bob['user']['id']}")
        assert record
        member = record.member(bob["user"]["id"])
        assert member
        assert await gone(record, member, None, "member.removed")
        assert (await call("auth_me", token=token)).status == 200
        await follow_all(workspace_id)
        await is_refused(call, token)
        assert "workspaces" not in claims(await fresh(call, bob))

    async def test_one_leaves_and_the_last_owner_does_not(
        self, call: Call, ann: User, bob: User
    ) -> None:
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, "member")
        owner = await fresh(call, ann)
        named = {"workspace_id": workspace_id}
        stay = await call("workspaces_leave", token=owner, **named)
        assert has_failed(stay, 409, "last_owner")
        ann_id = ann["user"]["id"]
        for body in ({"role": "admin"}, {"role": "guest"}):
            low = await call("workspaces_change_role", body, token=owner, user_id=ann_id, **named)
            assert has_failed(low, 409, "last_owner")
        away = await call("workspaces_remove_member", token=owner, user_id=ann_id, **named)
        assert has_failed(away, 409, "last_owner")
        assert (await call("workspaces_leave", token=token, **named)).status == 204
        await is_refused(call, token)

    async def test_two_owners_who_leave_at_once_do_not_both(
        self, call: Call, ann: User, bob: User
    ) -> None:
        workspace_id = await made(call, ann)
        await joined(call, ann, workspace_id, bob, "admin")
        named = {"workspace_id": workspace_id}
        body, bob_id = {"role": "owner"}, bob["user"]["id"]
        await call(
            "workspaces_change_role", body, token=await fresh(call, ann), user_id=bob_id, **named
        )
        tokens = [await fresh(call, each) for each in (ann, bob)]
        answers = await asyncio.gather(
            *(call("workspaces_leave", token=each, **named) for each in tokens)
        )
        assert sorted(each.status for each in answers) == [204, 409]

    async def test_it_is_handed_over(self, call: Call, ann: User, bob: User) -> None:
        workspace_id = await made(call, ann)
        await joined(call, ann, workspace_id, bob, "guest")
        named = {"workspace_id": workspace_id}
        owner, body = await fresh(call, ann), {"user_id": bob["user"]["id"]}
        assert (await call("workspaces_transfer", body, token=owner, **named)).status == 204
        await is_refused(call, owner)
        assert claims(await fresh(call, ann))["workspaces"] == {workspace_id: "admin"}
        assert claims(await fresh(call, bob))["workspaces"] == {workspace_id: "owner"}
        nobody = {"user_id": new_id("usr")}
        lost = await call("workspaces_transfer", nobody, token=await fresh(call, bob), **named)
        assert has_failed(lost, 404, "member_not_found")

    async def test_members_are_listed_page_by_page_without_addresses(
        self, call: Call, ann: User, bob: User
    ) -> None:
        workspace_id = await made(call, ann)
        token = await joined(call, ann, workspace_id, bob, "guest")
        found, cursor = [], None
        while True:
            params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
            page = await call(
                "workspaces_members", token=token, params=params, workspace_id=workspace_id
            )
            assert "@" not in page.text
            found += [(each["user_id"], each["role"]) for each in page.body["items"]]
            if (cursor := page.body["next"]) is None:
                break
        assert sorted(found) == sorted([(ann["user"]["id"], "owner"), (bob["user"]["id"], "guest")])


class TestManyWorkspaces:
    """More than a token carries."""

    async def test_a_token_is_asked_for_one(
        self, call: Call, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signing, "CLAIMED_WORKSPACES", 2)
        ids = [await made(call, ann) for _ in range(4)]
        token = await fresh(call, ann)
        assert set(claims(token)["workspaces"]) == set(ids[2:])
        assert claims(token)["workspaces_capped"] is True
        for workspace_id in (ids[0], new_id("ws")):
            answer = await call("workspaces_get", token=token, workspace_id=workspace_id)
            assert has_failed(answer, 403, "workspace_token_required"), "it does not tell which is"
        one = await call("auth_workspace_token", {"workspace_id": ids[0]}, token=token)
        assert set(claims(one.body["access_token"])["workspaces"]) == {ids[0]}
        seen = await call("workspaces_get", token=one.body["access_token"], workspace_id=ids[0])
        assert seen.status == 200
        answer = await call("workspaces_get", token=one.body["access_token"], workspace_id=ids[3])
        assert has_failed(answer, 403, "workspace_token_required"), "he may ask for that one"
        first = await call("workspaces_mine", token=token, params={"limit": "3"})
        rest = await call("workspaces_mine", token=token, params={"cursor": first.body["next"]})
        assert [each["id"] for each in first.body["items"] + rest.body["items"]] == sorted(ids)

    async def test_one_can_be_in_so_many(
        self, call: Call, ann: User, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace_id = await made(call, ann)
        await made(call, bob)
        monkeypatch.setattr(workspaces, "MAX_MEMBERSHIPS", 1)
        answer = await call("workspaces_create", {"name": "x"}, token=bob["access_token"])
        assert has_failed(answer, 409, "too_many_workspaces")
        link = await call(
            "workspaces_make_join_link", {}, token=await fresh(call, ann), workspace_id=workspace_id
        )
        body = {"token": link.body["token"]}
        answer = await call("workspaces_join", body, token=bob["access_token"])
        assert has_failed(answer, 409, "too_many_workspaces")

    async def test_a_full_workspace(
        self, call: Call, ann: User, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace_id = await made(call, ann)
        monkeypatch.setattr(workspace_policy, "MAX_MEMBERS", 1)
        link = await call(
            "workspaces_make_join_link", {}, token=await fresh(call, ann), workspace_id=workspace_id
        )
        body = {"token": link.body["token"]}
        answer = await call("workspaces_join", body, token=bob["access_token"])
        assert has_failed(answer, 409, "workspace_full")


async def test_round_trips(call: Call, ann: User, bob: User, round_trips: list[str]) -> None:
    """As docs/workspaces.md says."""
    named: dict[str, str] = {}

    async def cost(name: str, body: Any = None, *, token: str, **options: Any) -> int:
        round_trips.clear()
        answer = await call(name, body, token=token, **options, **named)
        assert answer.status < 300, answer
        return len(round_trips)

    workspace_id = await made(call, ann)
    assert await cost("workspaces_create", {"name": "x"}, token=ann["access_token"]) == 5
    assert await cost("workspaces_mine", token=ann["access_token"]) == 3
    bobs = await joined(call, ann, workspace_id, bob, "member")
    owner = await fresh(call, ann)
    named["workspace_id"] = workspace_id
    assert await cost("workspaces_get", token=owner) == 2
    assert await cost("workspaces_members", token=owner) == 3
    assert await cost("workspaces_rename", {"name": "y"}, token=owner) == 3
    assert await cost("workspaces_invite", {"email": "x@example.com"}, token=owner) == 4
    assert await cost("workspaces_make_join_link", {}, token=owner) == 4
    assert await cost("workspaces_audit", token=owner) == 3
    bob_id = bob["user"]["id"]
    raised = {"role": "admin"}
    assert await cost("workspaces_change_role", raised, token=owner, user_id=bob_id) == 6
    assert await cost("workspaces_leave", token=bobs) == 6
    assert await cost("workspaces_delete", token=owner) == 4


async def test_an_export_has_factors_identities_and_workspaces(call: Call, ann: User) -> None:
    workspace_id = await made(call, ann)
    found = (await call("auth_export_me", token=ann["access_token"])).body
    assert [(each["workspace_id"], each["role"]) for each in found["workspaces"]] == [
        (workspace_id, "owner")
    ]
    assert found["factors"] == {"totp": False, "recovery_codes_left": 0, "passkeys": []}
    assert found["identities"] == []


async def test_what_was_left_long_ago_is_forgotten(
    call: Call, ann: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await made(call, ann), await made(call, ann)
    token = await joined(call, ann, first, bob, "member")
    await call("workspaces_leave", token=token, workspace_id=first)
    token = await joined(call, ann, second, bob, "member")
    record = await store.read_user(bob["user"]["id"])
    assert record
    assert record.membership(first), "older news may still come"
    monkeypatch.setattr(following, "MEMORY_OF_THE_LEFT", timedelta(0))
    await call("workspaces_leave", token=token, workspace_id=second)
    record = await store.read_user(bob["user"]["id"])
    assert record
    assert [each.workspace_id for each in record.memberships] == [second]
