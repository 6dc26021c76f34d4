"""Invitations and join links against real tables: for one address, in time, once; so often and so long."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from functions.auth import store, workspace_policy
from functions.auth.commands import invitations
from functions.auth.models import Invitation, JoinLink
from shared_code.clock import utcnow
from tests.integration.auth.conftest import Answer, Call, has_failed, mails_of, newest_mail
from tests.integration.auth.test_sessions import register
from tests.integration.auth.workspaces import User, fresh, joined, made, user


@pytest.fixture
async def ann(call: Call, address: str) -> User:
    """The owner."""
    return await user(call, address, "ann")


@pytest.fixture
async def bob(call: Call, address: str) -> User:
    """Whom she invites."""
    return await user(call, address, "bob")


@pytest.fixture
async def workspace_id(call: Call, ann: User) -> str:
    return await made(call, ann)


def is_invalid(answer: Answer) -> bool:
    return has_failed(answer, 400, "invalid_invitation")


@pytest.fixture
def at_most_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workspace takes one invitation and one link."""
    monkeypatch.setattr(invitations, "MAX_INVITATIONS", 1)


async def invite(call: Call, ann: User, workspace_id: str, email: str, **body: str) -> Answer:
    token = await fresh(call, ann)
    return await call(
        "workspaces_invite", {"email": email, **body}, token=token, workspace_id=workspace_id
    )


async def mailed(workspace_id: str) -> str:
    return (await newest_mail(workspace_id, "workspace_invitation")).token


async def join(call: Call, token: str, who: User) -> Answer:
    return await call("workspaces_join", {"token": token}, token=who["access_token"])


async def make_old(workspace_id: str, row_key: str) -> None:
    record = await store.read_workspace(workspace_id, row_key)
    assert record
    row = record.rows[row_key]
    assert isinstance(row, Invitation | JoinLink)
    change = store.Change(record)
    change.put(row.model_copy(update={"expires_at": utcnow() - timedelta(seconds=1)}))
    assert await change.commit()


class TestInvitations:
    """By mail, for one address."""

    async def test_it_lets_its_address_in_once(
        self, call: Call, ann: User, bob: User, workspace_id: str
    ) -> None:
        email = bob["user"]["email"]
        sent = await invite(call, ann, workspace_id, email.upper(), role="admin")
        assert (sent.status, sent.body["role"]) == (201, "admin")
        mail = await newest_mail(workspace_id, "workspace_invitation")
        assert mail.to.lower() == email
        assert mail.values["workspace"] == "Lovelace & Co"
        answer = await join(call, mail.token, bob)
        assert (answer.status, answer.body["id"], answer.body["role"]) == (
            200,
            workspace_id,
            "admin",
        )
        assert is_invalid(await join(call, mail.token, bob))
        listed = await call(
            "workspaces_invitations", token=await fresh(call, ann), workspace_id=workspace_id
        )
        assert listed.body["items"] == []

    async def test_ten_who_accept_one_at_once(
        self, call: Call, ann: User, bob: User, workspace_id: str
    ) -> None:
        await invite(call, ann, workspace_id, bob["user"]["email"])
        token = await mailed(workspace_id)
        answers = await asyncio.gather(*(join(call, token, bob) for _ in range(10)))
        statuses = sorted(each.status for each in answers)
        assert statuses[0] == 200
        assert set(statuses[1:]) <= {400, 409}, "used up, or he is in already"
        record = await store.read_workspace(workspace_id)
        assert record
        assert record.workspace.members == 2

    async def test_another_account_gets_nothing_by_it(
        self, call: Call, ann: User, bob: User, workspace_id: str, address: str
    ) -> None:
        eve = await user(call, address, "eve")
        await invite(call, ann, workspace_id, bob["user"]["email"])
        token = await mailed(workspace_id)
        assert has_failed(await join(call, token, eve), 403, "invitation_for_another")
        assert (await join(call, token, bob)).status == 200, "it was not used up"

    async def test_an_address_that_is_not_confirmed_is_nobodys(
        self, call: Call, ann: User, workspace_id: str, address: str
    ) -> None:
        """Whoever registers somebody else's address gets nothing that was meant for its owner."""
        eve = await register(call, f"victim-{address}")
        await invite(call, ann, workspace_id, eve["user"]["email"])
        token = await mailed(workspace_id)
        assert has_failed(await join(call, token, eve), 403, "email_not_verified")
        mail = await newest_mail(eve["user"]["id"], "verify_email")
        await call("auth_verify_email_link", {"token": mail.token})
        assert (await join(call, token, eve)).status == 200

    async def test_revoked(self, call: Call, ann: User, bob: User, workspace_id: str) -> None:
        sent = await invite(call, ann, workspace_id, bob["user"]["email"])
        named = {"workspace_id": workspace_id, "invitation_id": sent.body["id"]}
        owner = await fresh(call, ann)
        assert (await call("workspaces_revoke_invitation", token=owner, **named)).status == 204
        assert is_invalid(await join(call, await mailed(workspace_id), bob))
        again = await call("workspaces_revoke_invitation", token=owner, **named)
        assert has_failed(again, 404, "invitation_not_found")
        again = await call("workspaces_resend_invitation", token=owner, **named)
        assert has_failed(again, 404, "invitation_not_found")

    async def test_too_late(self, call: Call, ann: User, bob: User, workspace_id: str) -> None:
        sent = await invite(call, ann, workspace_id, bob["user"]["email"])
        await make_old(workspace_id, f"i:{sent.body['id']}")
        assert is_invalid(await join(call, await mailed(workspace_id), bob))

    async def test_sent_again_with_another_link_within_limits(
        self, call: Call, ann: User, bob: User, workspace_id: str
    ) -> None:
        sent = await invite(call, ann, workspace_id, bob["user"]["email"])
        first = await mailed(workspace_id)
        named = {"workspace_id": workspace_id, "invitation_id": sent.body["id"]}
        owner = await fresh(call, ann)
        for _ in range(2):
            again = await call("workspaces_resend_invitation", token=owner, **named)
            assert (again.status, again.body["id"]) == (200, sent.body["id"])
        blocked = await call("workspaces_resend_invitation", token=owner, **named)
        assert has_failed(blocked, 429, "too_many_requests")
        assert is_invalid(await join(call, first, bob))
        assert (await join(call, await mailed(workspace_id), bob)).status == 200
        assert len(await mails_of(workspace_id)) == 3

    async def test_who_is_in_cannot_come_in(
        self, call: Call, ann: User, bob: User, workspace_id: str
    ) -> None:
        await joined(call, ann, workspace_id, bob, "member")
        await invite(call, ann, workspace_id, bob["user"]["email"], role="admin")
        answer = await join(call, await mailed(workspace_id), bob)
        assert has_failed(answer, 409, "already_member")

    async def test_nobody_is_invited_as_owner(
        self, call: Call, ann: User, workspace_id: str, address: str
    ) -> None:
        answer = await invite(call, ann, workspace_id, f"x-{address}", role="owner")
        assert has_failed(answer, 422, "validation_failed")

    @pytest.mark.usefixtures("at_most_one")
    async def test_so_many_and_no_more_until_one_is_over(
        self, call: Call, ann: User, workspace_id: str, address: str
    ) -> None:
        first = await invite(call, ann, workspace_id, f"x-{address}")
        assert first.status == 201
        answer = await invite(call, ann, workspace_id, f"y-{address}")
        assert has_failed(answer, 409, "workspace_full")
        await make_old(workspace_id, f"{Invitation.PREFIX}{first.body['id']}")
        second = await invite(call, ann, workspace_id, f"y-{address}")
        assert second.status == 201
        left = await store.read_rows(Invitation, workspace_id, None, 10)
        assert [each.invitation_id for each in left] == [second.body["id"]]

    @pytest.mark.parametrize(
        "change",
        [
            lambda parts: [parts[0], parts[1], parts[2][::-1]],
            lambda parts: [parts[0], parts[1], ""],
            lambda parts: [parts[0], "inv_" + "0" * 26, parts[2]],
            lambda parts: [parts[0], "workspace", parts[2]],
            lambda parts: ["ws_" + "0" * 26, parts[1], parts[2]],
            lambda parts: ["' or '1' eq '1", parts[1], parts[2]],
            lambda parts: parts[:1],
            lambda parts: [parts[0] + "\n", parts[1], parts[2]],
            lambda parts: [parts[0], parts[1] + "\n", parts[2]],
            lambda parts: ["\u0000", "\ud7ff/#?\\", parts[2]],
        ],
    )
    async def test_made_up_tokens(
        self, call: Call, ann: User, bob: User, workspace_id: str, change: Any
    ) -> None:
        await invite(call, ann, workspace_id, bob["user"]["email"])
        parts = (await mailed(workspace_id)).split(".")
        assert is_invalid(await join(call, ".".join(change(parts)), bob))

    async def test_the_table_holds_no_secret(
        self, call: Call, ann: User, bob: User, workspace_id: str
    ) -> None:
        await invite(call, ann, workspace_id, bob["user"]["email"])
        secret = (await mailed(workspace_id)).split(".")[2]
        record = await store.read_workspace(workspace_id)
        assert record
        rows = [str(dict(row)) async for row in record.partition.rows("", "~")]
        assert not any(secret in row for row in rows)


class TestJoinLinks:
    """For whoever has it."""

    async def link(self, call: Call, ann: User, workspace_id: str, **body: Any) -> Any:
        answer = await call(
            "workspaces_make_join_link",
            body,
            token=await fresh(call, ann),
            workspace_id=workspace_id,
        )
        assert answer.status == 201, answer
        return answer.body

    async def test_it_lets_in_as_often_as_it_says_also_at_once(
        self, call: Call, ann: User, workspace_id: str, address: str
    ) -> None:
        link = await self.link(call, ann, workspace_id, role="guest", max_uses=2)
        others = [await register(call, f"{n}-{address}") for n in range(4)]
        answers = await asyncio.gather(*(join(call, link["token"], each) for each in others))
        assert sorted(each.status for each in answers) == [200, 200, 400, 400]
        assert {each.body["role"] for each in answers if each.status == 200} == {"guest"}
        listed = await call(
            "workspaces_join_links", token=await fresh(call, ann), workspace_id=workspace_id
        )
        (seen,) = listed.body["items"]
        assert (seen["uses"], seen["token"]) == (2, None)

    async def test_revoked_and_too_late(
        self, call: Call, ann: User, bob: User, workspace_id: str
    ) -> None:
        link = await self.link(call, ann, workspace_id)
        named = {"workspace_id": workspace_id, "link_id": link["id"]}
        owner = await fresh(call, ann)
        assert (await call("workspaces_revoke_join_link", token=owner, **named)).status == 204
        assert is_invalid(await join(call, link["token"], bob))
        again = await call("workspaces_revoke_join_link", token=owner, **named)
        assert has_failed(again, 404, "join_link_not_found")
        late = await self.link(call, ann, workspace_id)
        await make_old(workspace_id, f"l:{late['id']}")
        assert is_invalid(await join(call, late["token"], bob))

    async def test_a_failed_join_uses_nothing_up(
        self, call: Call, ann: User, bob: User, workspace_id: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = await self.link(call, ann, workspace_id, max_uses=1)
        with monkeypatch.context() as patch:
            patch.setattr(workspace_policy, "MAX_MEMBERS", 1)
            assert (await join(call, link["token"], bob)).status == 409
        assert (await join(call, link["token"], bob)).status == 200

    @pytest.mark.parametrize(
        "body",
        [
            {"role": "admin"},
            {"role": "owner"},
            {"max_uses": 0},
            {"max_uses": 1001},
            {"expires_in": 59},
            {"expires_in": 31 * 86_400},
        ],
    )
    async def test_links_that_are_too_good(
        self, call: Call, ann: User, workspace_id: str, body: dict[str, Any]
    ) -> None:
        answer = await call(
            "workspaces_make_join_link",
            body,
            token=await fresh(call, ann),
            workspace_id=workspace_id,
        )
        assert has_failed(answer, 422, "validation_failed")

    @pytest.mark.usefixtures("at_most_one")
    async def test_so_many_and_no_more_until_one_is_over(
        self, call: Call, ann: User, workspace_id: str
    ) -> None:
        first = await self.link(call, ann, workspace_id)
        answer = await call(
            "workspaces_make_join_link",
            {},
            token=await fresh(call, ann),
            workspace_id=workspace_id,
        )
        assert has_failed(answer, 409, "workspace_full")
        await make_old(workspace_id, f"{JoinLink.PREFIX}{first['id']}")
        await self.link(call, ann, workspace_id)
        assert len(await store.read_rows(JoinLink, workspace_id, None, 10)) == 1
