"""Sessions against real tables: rotation and its races, reuse, ending, and what every service then sees."""

import asyncio
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from functions.auth import cookies, policy, refresh_tokens, store
from functions.auth.models import Session
from shared_code.clock import utcnow
from tests.harness.waiting import until_async
from tests.integration.auth.conftest import Call, Waiting, mails_of, newest_mail

PASSWORD = "correct horse battery"


@pytest.fixture
async def ann(call: Call, address: str) -> dict[str, Any]:
    """A user who has just registered."""
    return await register(call, address)


async def register(call: Call, address: str, **changes: str) -> dict[str, Any]:
    body = {"email": address, "password": PASSWORD, "display_name": "Ann", **changes}
    answer = await call("auth_register", body)
    assert answer.status == 201, answer.text
    found: dict[str, Any] = answer.body
    return found


async def login(call: Call, address: str, **options: Any) -> dict[str, Any]:
    answer = await call("auth_login", {"email": address, "password": PASSWORD}, **options)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.body
    return found


async def refresh(call: Call, token: str) -> Any:
    return await call("auth_refresh", {"refresh_token": token})


async def session_of(token: str) -> Session | None:
    claimed = refresh_tokens.decode(token)
    record = await store.read_user(claimed.user_id)
    return record.session(claimed.session_id) if record else None


async def put_session(token: str, **columns: Any) -> None:
    """Change a session behind the back of the commands."""
    claimed = refresh_tokens.decode(token)
    record = await store.read_user(claimed.user_id)
    assert record
    session = record.session(claimed.session_id)
    assert session
    change = store.Change(record, holds_root=False)
    change.put(session.model_copy(update=columns))
    assert await change.commit()


async def audit_types(call: Call, token: str) -> list[str]:
    page = await call("auth_audit_me", token=token)
    return [each["type"] for each in page.body["items"]]


async def test_refreshing_gives_new_tokens_and_the_session_goes_on(
    call: Call, ann: dict[str, Any]
) -> None:
    first = ann["refresh_token"]
    answer = await refresh(call, first)
    assert answer.status == 200
    assert answer.body["user"] == ann["user"]
    assert answer.body["refresh_token"] != first
    assert (await call("auth_me", token=answer.body["access_token"])).status == 200
    again = await refresh(call, answer.body["refresh_token"])
    assert again.status == 200
    assert refresh_tokens.decode(again.body["refresh_token"]).counter == 2


async def test_twenty_refreshes_at_once_give_one_successor(call: Call, ann: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(refresh(call, ann["refresh_token"]) for _ in range(20)))
    assert {each.status for each in answers} == {200}
    assert len({each.body["refresh_token"] for each in answers}) == 1
    session = await session_of(ann["refresh_token"])
    assert session
    assert session.counter == 1


async def test_a_lost_answer_can_be_had_again_for_ten_seconds_and_not_longer(
    call: Call, ann: dict[str, Any]
) -> None:
    first = ann["refresh_token"]
    successor = (await refresh(call, first)).body["refresh_token"]
    assert (await refresh(call, first)).body["refresh_token"] == successor
    await put_session(first, rotated_at=utcnow() - policy.REFRESH_GRACE - timedelta(seconds=1))
    refused = await refresh(call, first)
    assert (refused.status, refused.body["code"]) == (401, "refresh_token_reused")


async def test_reuse_ends_the_session_tells_the_owner_and_revokes_the_access_tokens(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    first = ann["refresh_token"]
    newest = first
    for _ in range(2):
        newest = (await refresh(call, first if newest == first else newest)).body["refresh_token"]
    assert (await refresh(call, first)).body["code"] == "refresh_token_reused"
    assert (await refresh(call, newest)).body["code"] == "invalid_refresh_token"
    assert await session_of(first) is None
    other = await login(call, address)
    assert "refresh.reuse_detected" in await audit_types(call, other["access_token"])
    assert (await newest_mail(ann["user"]["id"], "sessions_revoked")).to == address
    await is_refused(call, ann["access_token"])


async def is_refused(call: Call, access_token: str) -> None:
    """Within two seconds the access token holds no more."""

    async def refused() -> bool:
        return bool((await call("auth_me", token=access_token)).status == 401)

    await until_async(refused, "the access token is refused", limit=2)


@pytest.mark.parametrize("column", ["expires_at", "idle_expires_at"])
async def test_a_session_ends_by_itself(call: Call, ann: dict[str, Any], column: str) -> None:
    await put_session(ann["refresh_token"], **{column: utcnow() - timedelta(seconds=1)})
    assert (await refresh(call, ann["refresh_token"])).body["code"] == "invalid_refresh_token"
    assert (await call("auth_sessions", token=ann["access_token"])).body["items"] == []


async def test_idling_starts_anew_with_each_refresh_but_the_end_stays(
    call: Call, ann: dict[str, Any]
) -> None:
    now = utcnow()
    await put_session(
        ann["refresh_token"],
        idle_expires_at=now + timedelta(minutes=1),
        expires_at=now + timedelta(days=3),
    )
    await refresh(call, ann["refresh_token"])
    session = await session_of(ann["refresh_token"])
    assert session
    assert session.idle_expires_at == session.expires_at == now + timedelta(days=3)


async def test_tokens_of_nobody_of_others_and_of_the_future_are_refused_alike(
    call: Call, ann: dict[str, Any]
) -> None:
    known = refresh_tokens.decode(ann["refresh_token"])
    forged = [
        refresh_tokens.encode(known.user_id, known.session_id, 0, b"not the key"),
        refresh_tokens.encode(known.user_id, f"ses_{'0' * 26}", 0, b"k" * 32),
        refresh_tokens.encode(f"usr_{'0' * 26}", known.session_id, 0, b"k" * 32),
        ann["refresh_token"][:-2] + "AA",
        ann["access_token"][:200],
        "x",
    ]
    for token in forged:
        answer = await refresh(call, token)
        assert (answer.status, answer.body["code"]) == (401, "invalid_refresh_token"), token
    assert (await refresh(call, ann["refresh_token"])).status == 200


async def test_logging_out_ends_access_and_refresh_in_two_seconds(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    other = await login(call, address)
    answer = await call("auth_logout", token=ann["access_token"])
    assert (answer.status, answer.text) == (204, "")
    assert (await refresh(call, ann["refresh_token"])).status == 401
    await is_refused(call, ann["access_token"])
    assert (await call("auth_me", token=other["access_token"])).status == 200


async def test_sessions_are_listed_with_their_devices_and_ended_one_by_one(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    phone = {"x-forwarded-for": "2001:db8::1", "user-agent": "Phone/1"}
    other = await login(call, address, headers=phone)
    listed = (await call("auth_sessions", token=ann["access_token"])).body["items"]
    assert [(each["user_agent"], each["address"], each["current"]) for each in listed] == [
        ("Phone/1", "2001:db8::1", False),
        ("tests", "192.0.2.7", True),
    ]
    ended = await call("auth_end_session", token=ann["access_token"], session_id=listed[0]["id"])
    assert ended.status == 204
    assert (await refresh(call, other["refresh_token"])).status == 401
    await is_refused(call, other["access_token"])
    gone = await call("auth_end_session", token=ann["access_token"], session_id=listed[0]["id"])
    assert (gone.status, gone.body["code"]) == (404, "session_not_found")


async def test_nobody_ends_somebody_elses_session(call: Call, ann: dict[str, Any]) -> None:
    bob = await register(call, f"bob-{ann['user']['email']}")
    session_id = refresh_tokens.decode(ann["refresh_token"]).session_id
    answer = await call("auth_end_session", token=bob["access_token"], session_id=session_id)
    assert (answer.status, answer.body["code"]) == (404, "session_not_found")
    assert (await refresh(call, ann["refresh_token"])).status == 200


async def test_others_end_and_this_one_goes_on(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    others = [await login(call, address) for _ in range(3)]
    answer = await call("auth_end_sessions", {"which": "others"}, token=ann["access_token"])
    assert answer.status == 204
    for other in others:
        assert (await refresh(call, other["refresh_token"])).status == 401
        await is_refused(call, other["access_token"])
    assert (await refresh(call, ann["refresh_token"])).status == 200
    assert (await call("auth_me", token=ann["access_token"])).status == 200


async def test_all_end_also_with_a_login_under_way(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    answer = await call("auth_end_sessions", {"which": "all"}, token=ann["access_token"])
    assert answer.status == 204
    assert (await refresh(call, ann["refresh_token"])).status == 401
    await is_refused(call, ann["access_token"])
    fresh = await login(call, address)
    assert (await call("auth_me", token=fresh["access_token"])).status == 200


async def test_the_oldest_of_too_many_sessions_ends(
    call: Call, ann: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MAX_SESSIONS", 3)
    newer = [await login(call, address) for _ in range(3)]
    assert (await refresh(call, ann["refresh_token"])).status == 401
    for each in newer:
        assert (await refresh(call, each["refresh_token"])).status == 200


class TestCookies:
    """The refresh token in a cookie."""

    GOOD: ClassVar = {cookies.HEADER: "1", "origin": "https://atrium.example"}

    async def a_cookie(self, call: Call, address: str) -> str:
        answer = await call(
            "auth_login",
            {"email": address, "password": PASSWORD, "session": "cookie"},
            headers=self.GOOD,
        )
        assert answer.status == 200, answer.text
        assert answer.body["refresh_token"] is None
        cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
        assert cookie.startswith("__Host-atrium_refresh=")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(attributes)
        return cookie

    @pytest.mark.usefixtures("ann")
    async def test_a_browser_refreshes_by_cookie_and_gets_the_next_one(
        self, call: Call, address: str
    ) -> None:
        cookie = await self.a_cookie(call, address)
        answer = await call("auth_refresh", {}, headers={**self.GOOD, "cookie": cookie})
        assert (answer.status, answer.body["refresh_token"]) == (200, None)
        assert answer.headers["Set-Cookie"].split("; ")[0] not in {cookie, ""}
        out = await call("auth_logout", token=answer.body["access_token"])
        assert "Max-Age=0" in out.headers["Set-Cookie"]

    @pytest.mark.usefixtures("ann")
    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "https://atrium.example"},
            {cookies.HEADER: "1", "origin": "https://evil.example"},
            {cookies.HEADER: "1", "origin": "null"},
            {cookies.HEADER: "1", "origin": "https://atrium.example.evil.example"},
            {cookies.HEADER: "1", "sec-fetch-site": "cross-site"},
        ],
    )
    async def test_what_another_site_could_send_neither_refreshes_nor_signs_in(
        self, call: Call, address: str, headers: dict[str, str]
    ) -> None:
        cookie = await self.a_cookie(call, address)
        answer = await call("auth_refresh", {}, headers={**headers, "cookie": cookie})
        assert (answer.status, answer.body["code"]) == (403, "csrf_refused")
        body = {"email": address, "password": PASSWORD, "session": "cookie"}
        answer = await call("auth_login", body, headers=headers)
        assert (answer.status, answer.body["code"]) == (403, "csrf_refused")

    async def test_a_token_of_a_cookie_is_worth_nothing_in_a_body_nor_the_other_way(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        cookie = await self.a_cookie(call, address)
        assert (await refresh(call, cookie.partition("=")[2])).status == 401
        swapped = f"{cookies.NAME}={ann['refresh_token']}"
        answer = await call("auth_refresh", {}, headers={**self.GOOD, "cookie": swapped})
        assert answer.status == 401

    @pytest.mark.usefixtures("ann")
    async def test_a_new_sign_in_ends_the_session_of_the_cookie_that_it_replaces(
        self, call: Call, address: str
    ) -> None:
        """ASVS 7.2.4."""
        before = await self.a_cookie(call, address)
        body = {"email": address, "password": PASSWORD, "session": "cookie"}
        again = await call("auth_login", body, headers={**self.GOOD, "cookie": before})
        assert again.status == 200
        refused = await call("auth_refresh", {}, headers={**self.GOOD, "cookie": before})
        assert (refused.status, refused.body["code"]) == (401, "invalid_refresh_token")
        kept = again.headers["Set-Cookie"].split("; ")[0]
        answer = await call("auth_refresh", {}, headers={**self.GOOD, "cookie": kept})
        assert answer.status == 200

    async def test_without_a_token_there_is_nothing_to_refresh(self, call: Call) -> None:
        assert (await call("auth_refresh", {})).body["code"] == "invalid_refresh_token"


async def test_stepping_up_makes_the_access_token_recent(call: Call, ann: dict[str, Any]) -> None:
    await put_session(ann["refresh_token"], authenticated_at=utcnow() - timedelta(hours=1))
    stale = (await refresh(call, ann["refresh_token"])).body["access_token"]
    refused = await call("auth_export_me", token=stale)
    assert (refused.status, refused.body["code"]) == (403, "step_up_required")
    wrong = await call("auth_step_up", {"password": "not the password"}, token=stale)
    assert (wrong.status, wrong.body["code"]) == (403, "wrong_password")
    proven = (await call("auth_step_up", {"password": PASSWORD}, token=stale)).body
    answer = await call("auth_export_me", token=proven["access_token"])
    assert answer.status == 200
    assert answer.body["user"] == ann["user"]
    assert answer.body["audit"][0]["type"] == "session.stepped_up"


async def test_stepping_up_replaces_the_refresh_token(call: Call, ann: dict[str, Any]) -> None:
    """ASVS 7.2.4: who is authenticated again gets new tokens, and the ones before end."""
    proven = (await call("auth_step_up", {"password": PASSWORD}, token=ann["access_token"])).body
    assert proven["refresh_token"] != ann["refresh_token"]
    answer = await refresh(call, proven["refresh_token"])
    assert answer.status == 200
    reused = await refresh(call, ann["refresh_token"])
    assert (reused.status, reused.body["code"]) == (401, "refresh_token_reused")


async def test_ending_sessions_wants_a_recent_proof_and_leaving_does_not(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    """ASVS 7.5.2: a stolen access token signs nobody out."""
    await put_session(ann["refresh_token"], authenticated_at=utcnow() - timedelta(hours=1))
    stale = (await refresh(call, ann["refresh_token"])).body["access_token"]
    other = refresh_tokens.decode((await login(call, address))["refresh_token"]).session_id
    for which in ("others", "all"):
        refused = await call("auth_end_sessions", {"which": which}, token=stale)
        assert (refused.status, refused.body["code"]) == (403, "step_up_required")
    assert (await call("auth_end_session", token=stale, session_id=other)).status == 403
    assert (await call("auth_logout", token=stale)).status == 204


async def test_many_logins_of_one_user_at_once_all_succeed(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    # No more: a try counts until it has succeeded, and ten may be under way (limits.py).
    logins = await asyncio.gather(*(login(call, address) for _ in range(10)))
    assert len({each["refresh_token"] for each in logins}) == 10
    listed = (await call("auth_sessions", token=ann["access_token"])).body["items"]
    assert len(listed) == 11


async def test_many_changes_of_one_user_at_once_all_happen(call: Call, ann: dict[str, Any]) -> None:
    changes = [
        call("auth_change_me", {"display_name": f"Ann {n}"}, token=ann["access_token"])
        for n in range(12)
    ]
    assert {each.status for each in await asyncio.gather(*changes)} == {200}
    page = await call("auth_audit_me", token=ann["access_token"])
    assert [each["type"] for each in page.body["items"]].count("account.changed") == 12


async def test_each_route_costs_the_round_trips_that_its_command_states(
    call: Call, ann: dict[str, Any], address: str, round_trips: list[str]
) -> None:
    async def cost(name: str, *body: object, **options: Any) -> int:
        round_trips.clear()
        answer = await call(name, *body, **options)
        assert answer.status < 300, answer.text
        return len(round_trips)

    token, others = ann["access_token"], [await login(call, address) for _ in range(2)]
    await call("auth_me", token=token)  # the copies of the keys are young from here on
    assert await cost("auth_refresh", {"refresh_token": ann["refresh_token"]}) == 2
    assert await cost("auth_refresh", {"refresh_token": ann["refresh_token"]}) == 1
    assert await cost("auth_sessions", token=token) == 1
    assert await cost("auth_audit_me", token=token) == 1
    assert await cost("auth_change_me", {"display_name": "Bo"}, token=token) == 2
    assert await cost("auth_step_up", {"password": PASSWORD}, token=token) == 2
    # And the read of what was revoked, which the fixture does not count; one more for a cold mark.
    assert await cost("auth_logout", token=others[0]["access_token"]) == 3
    assert await cost("auth_end_sessions", {"which": "others"}, token=token) == 3


async def test_a_mail_waits_after_registering(ann: dict[str, Any]) -> None:
    [mail] = await mails_of(ann["user"]["id"])
    assert isinstance(mail, Waiting)
    assert (mail.template, mail.to) == ("verify_email", ann["user"]["email"])
    assert mail.values["link"].startswith("https://app.example/auth/verify_email#token=usr_")
    assert mail.values["code"].isdigit()
