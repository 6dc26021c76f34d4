"""Addresses and passwords against real tables: what mails prove, once and in time, and what changes then."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from functions.auth import codes, policy, store
from functions.auth.commands import erasing
from shared_code import passwords
from shared_code.clock import utcnow
from tests.integration.auth.conftest import Answer, Call, mails_of, newest_mail
from tests.integration.auth.test_sessions import PASSWORD, is_refused, login, refresh, register

NEW_PASSWORD = "another horse entirely"


@pytest.fixture
async def ann(call: Call, address: str) -> dict[str, Any]:
    """A user who has just registered."""
    return await register(call, address)


async def make_old(user_id: str, purpose: Any, **columns: Any) -> None:
    """Change a code behind the back of the commands: by default it has run out."""
    record = await store.read_user(user_id)
    assert record
    code = record.code(purpose)
    assert code
    columns = columns or {"expires_at": utcnow()}
    change = store.Change(record)
    change.put(code.model_copy(update=columns))
    assert await change.commit()


def is_invalid(answer: Answer) -> bool:
    return (answer.status, answer.body["code"]) == (400, "invalid_code")


class TestVerifying:
    """One's own address."""

    async def test_the_link_verifies_it_once(self, call: Call, ann: dict[str, Any]) -> None:
        mail = await newest_mail(ann["user"]["id"], "verify_email")
        assert not ann["user"]["email_verified"]
        answer = await call("auth_verify_email_link", {"token": mail.token})
        assert (answer.status, answer.body["email_verified"]) == (200, True)
        assert is_invalid(await call("auth_verify_email_link", {"token": mail.token}))

    async def test_the_digits_verify_it(self, call: Call, ann: dict[str, Any]) -> None:
        mail = await newest_mail(ann["user"]["id"], "verify_email")
        body = {"digits": mail.values["code"]}
        answer = await call("auth_verify_email", body, token=ann["access_token"])
        assert (answer.status, answer.body["email_verified"]) == (200, True)
        assert is_invalid(await call("auth_verify_email", body, token=ann["access_token"]))

    async def test_five_wrong_guesses_and_the_right_digits_are_too_late(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        digits = (await newest_mail(ann["user"]["id"], "verify_email")).values["code"]
        wrong = {"digits": f"{(int(digits) + 1) % 10**6:06d}"}
        tries = [call("auth_verify_email", wrong, token=ann["access_token"]) for _ in range(8)]
        assert all(each.status in {400, 409} for each in await asyncio.gather(*tries))
        for _ in range(codes.MAX_TRIES):
            await call("auth_verify_email", wrong, token=ann["access_token"])
        right = await call("auth_verify_email", {"digits": digits}, token=ann["access_token"])
        assert is_invalid(right)

    async def test_a_code_runs_out_and_another_replaces_it(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        user_id, first = ann["user"]["id"], await newest_mail(ann["user"]["id"], "verify_email")
        await make_old(user_id, "verify_email")
        assert is_invalid(await call("auth_verify_email_link", {"token": first.token}))
        await call("auth_resend_verification", token=ann["access_token"])
        assert len(await mails_of(user_id)) == 1, "one was sent less than a minute ago"
        await make_old(user_id, "verify_email", sent_at=utcnow() - timedelta(minutes=2))
        answer = await call("auth_resend_verification", token=ann["access_token"])
        assert (answer.status, answer.text) == (202, "")
        second = (await mails_of(user_id))[-1]
        assert is_invalid(await call("auth_verify_email_link", {"token": first.token}))
        assert (await call("auth_verify_email_link", {"token": second.token})).status == 200

    @pytest.mark.parametrize(
        "token",
        ["x", "a.b.c", "usr_none.verify_email.x", "..", "usr_' or 1 eq 1.verify_email.x", "é" * 50],
    )
    async def test_other_tokens_prove_nothing(self, call: Call, token: str) -> None:
        assert is_invalid(await call("auth_verify_email_link", {"token": token}))

    async def test_a_token_is_good_for_its_purpose_and_its_user_only(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        bob = await register(call, f"bob-{address}")
        mail = await newest_mail(ann["user"]["id"], "verify_email")
        user_id, purpose, secret = mail.token.split(".")
        for token in (
            f"{bob['user']['id']}.{purpose}.{secret}",
            f"{user_id}.reset_password.{secret}",
        ):
            assert is_invalid(await call("auth_verify_email_link", {"token": token}))
        body = {"token": mail.token, "new_password": NEW_PASSWORD}
        assert is_invalid(await call("auth_reset_password", body))


class TestChangingAddress:
    """Another address: old and new confirm."""

    async def ask(self, call: Call, ann: dict[str, Any], new: str, *, verified: bool) -> None:
        if verified:
            mail = await newest_mail(ann["user"]["id"], "verify_email")
            await call("auth_verify_email_link", {"token": mail.token})
        answer = await call("auth_ask_email_change", {"email": new}, token=ann["access_token"])
        assert (answer.status, answer.text) == (202, "")

    async def confirm(self, call: Call, ann: dict[str, Any], template: str) -> Answer:
        mail = await newest_mail(ann["user"]["id"], template)
        return await call("auth_confirm_email_change_link", {"token": mail.token})

    async def test_both_must_confirm_and_then_the_old_one_is_free(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        new = f"new-{address}"
        await self.ask(call, ann, new, verified=True)
        first = await self.confirm(call, ann, "confirm_new_email")
        assert (first.status, first.body["email"]) == (200, address)
        second = await self.confirm(call, ann, "confirm_email_change")
        assert (second.status, second.body["email"]) == (200, new)
        assert second.body["email_verified"]
        assert (await newest_mail(ann["user"]["id"], "email_changed")).to == address
        assert (await login(call, new))["user"]["id"] == ann["user"]["id"]
        assert (await call("auth_login", {"email": address, "password": PASSWORD})).status == 401
        assert (await register(call, address))["user"]["id"] != ann["user"]["id"]

    async def test_digits_confirm_as_well(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        await self.ask(call, ann, f"new-{address}", verified=True)
        for side, template in (("old", "confirm_email_change"), ("new", "confirm_new_email")):
            mail = await newest_mail(ann["user"]["id"], template)
            body = {"side": side, "digits": mail.values["code"]}
            answer = await call("auth_confirm_email_change", body, token=ann["access_token"])
            assert answer.status == 200
        assert answer.body["email"] == f"new-{address}"

    async def test_an_address_that_was_never_proven_need_not_confirm(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        await self.ask(call, ann, f"new-{address}", verified=False)
        assert "confirm_email_change" not in {
            each.template for each in await mails_of(ann["user"]["id"])
        }
        answer = await self.confirm(call, ann, "confirm_new_email")
        assert answer.body["email"] == f"new-{address}"

    async def test_whether_an_address_is_taken_is_told_to_its_owner_only(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        await register(call, f"bob-{address}")
        await self.ask(call, ann, f"bob-{address}", verified=False)
        mails = await mails_of(ann["user"]["id"])
        assert [(each.template, each.to) for each in mails[1:]] == [
            ("account_exists", f"bob-{address}")
        ]

    async def test_of_two_who_confirm_one_address_one_gets_it(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        bob = await register(call, f"bob-{address}")
        for each in (ann, bob):
            await self.ask(call, each, f"new-{address}", verified=False)
        answers = await asyncio.gather(
            *(self.confirm(call, each, "confirm_new_email") for each in (ann, bob))
        )
        assert Counter(each.status for each in answers) == {200: 1, 400: 1}


class TestPasswords:
    """Changing one, and having forgotten one."""

    async def test_changing_it_ends_the_others_and_this_session_goes_on(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        other = await login(call, address)
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        answer = await call("auth_change_password", body, token=ann["access_token"])
        assert answer.status == 200
        await is_refused(call, other["access_token"])
        await is_refused(call, ann["access_token"])
        assert (await refresh(call, other["refresh_token"])).status == 401
        assert (await call("auth_me", token=answer.body["access_token"])).status == 200
        assert (await refresh(call, answer.body["refresh_token"])).status == 200
        assert (await call("auth_login", {"email": address, "password": PASSWORD})).status == 401
        signed_in = {"email": address, "password": NEW_PASSWORD}
        assert (await call("auth_login", signed_in)).status == 200
        assert (await newest_mail(ann["user"]["id"], "password_changed")).to

    async def test_it_needs_the_current_one(self, call: Call, ann: dict[str, Any]) -> None:
        body = {"current_password": "a guess", "new_password": NEW_PASSWORD}
        answer = await call("auth_change_password", body, token=ann["access_token"])
        assert (answer.status, answer.body["code"]) == (403, "wrong_password")
        assert (await refresh(call, ann["refresh_token"])).status == 200

    async def test_a_link_sets_it_anew_once_ends_all_sessions_and_signs_nobody_in(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        asked = await call("auth_forgot_password", {"email": address.upper()})
        assert (asked.status, asked.text) == (202, "")
        mail = await newest_mail(ann["user"]["id"], "reset_password")
        assert mail.to == address
        body = {"token": mail.token, "new_password": NEW_PASSWORD}
        answers = await asyncio.gather(*(call("auth_reset_password", body) for _ in range(4)))
        assert Counter(each.status for each in answers) == {204: 1, 400: 3}
        assert all(each.text == "" for each in answers if each.status == 204)
        await is_refused(call, ann["access_token"])
        assert (await refresh(call, ann["refresh_token"])).status == 401
        signed_in = {"email": address, "password": NEW_PASSWORD}
        assert (await call("auth_login", signed_in)).body["user"]["email_verified"]

    async def test_asking_for_a_link_tells_nobody_whether_there_is_an_account(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        known = await call("auth_forgot_password", {"email": address})
        unknown = await call("auth_forgot_password", {"email": f"no-{address}"})
        for each in (known, unknown):
            each.headers.pop("X-Request-Id")
        assert known == unknown
        await call("auth_forgot_password", {"email": address})
        mails = [each.template for each in await mails_of(ann["user"]["id"])]
        assert mails.count("reset_password") == 1, "at most one a minute"

    async def test_the_link_comes_from_the_setting_whatever_the_request_says(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
        await call("auth_forgot_password", {"email": address}, headers=headers)
        mail = await newest_mail(ann["user"]["id"], "reset_password")
        assert mail.values["link"].startswith("https://app.example/auth/reset_password#token=")

    async def test_a_bad_new_password_does_not_spend_the_link(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        await call("auth_forgot_password", {"email": address})
        token = (await newest_mail(ann["user"]["id"], "reset_password")).token
        refused = await call("auth_reset_password", {"token": token, "new_password": address})
        assert refused.status == 422
        body = {"token": token, "new_password": NEW_PASSWORD}
        assert (await call("auth_reset_password", body)).status == 204


class TestSignInLinks:
    """Signing in by mail."""

    async def ask(self, call: Call, address: str) -> dict[str, Any]:
        answer = await call("auth_ask_sign_in_link", {"email": address})
        assert answer.status == 202
        found: dict[str, Any] = answer.body
        return found

    async def test_a_link_signs_in_once_from_the_browser_that_asked(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        browser = (await self.ask(call, address))["browser"]
        mail = await newest_mail(ann["user"]["id"], "sign_in_link")
        stranger = {"token": mail.token, "browser": "x" * 43}
        assert is_invalid(await call("auth_sign_in_by_link", stranger))
        body = {"token": mail.token, "browser": browser}
        answers = await asyncio.gather(*(call("auth_sign_in_by_link", body) for _ in range(4)))
        assert Counter(each.status for each in answers) == {200: 1, 400: 3}
        (signed_in,) = [each.body for each in answers if each.status == 200]
        assert signed_in["user"] == {**ann["user"], "email_verified": True}
        assert (await call("auth_me", token=signed_in["access_token"])).status == 200

    async def test_digits_sign_in_and_bear_five_guesses(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        browser = (await self.ask(call, address))["browser"]
        digits = (await newest_mail(ann["user"]["id"], "sign_in_link")).values["code"]
        body = {"email": address, "digits": digits, "browser": browser}
        for _ in range(codes.MAX_TRIES + 1):
            stranger = await call(
                "auth_sign_in_by_link",
                {**body, "browser": "y"},
                headers={"x-forwarded-for": "198.51.100.9"},
            )
            assert is_invalid(stranger), "and it uses up nobody's tries"
        for _ in range(codes.MAX_TRIES - 1):
            wrong = f"{(int(digits) + 1) % 10**6:06d}"
            assert is_invalid(await call("auth_sign_in_by_link", {**body, "digits": wrong}))
        assert (await call("auth_sign_in_by_link", body)).status == 200
        assert is_invalid(await call("auth_sign_in_by_link", body))

    async def test_it_runs_out_after_ten_minutes(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        asked = await self.ask(call, address)
        assert asked["expires_in"] == 600
        mail = await newest_mail(ann["user"]["id"], "sign_in_link")
        await make_old(ann["user"]["id"], "sign_in_link")
        body = {"token": mail.token, "browser": asked["browser"]}
        assert is_invalid(await call("auth_sign_in_by_link", body))

    async def test_an_unknown_address_looks_the_same(
        self, call: Call, ann: dict[str, Any], address: str, round_trips: list[str]
    ) -> None:
        known = await self.ask(call, ann["user"]["email"])
        round_trips.clear()
        unknown = await self.ask(call, f"no-{address}")
        assert not [each for each in round_trips if not each.startswith("GET")]
        assert set(known) == set(unknown)
        assert len(known["browser"]) == len(unknown["browser"])
        body = {"email": f"no-{address}", "digits": "123456", "browser": unknown["browser"]}
        assert is_invalid(await call("auth_sign_in_by_link", body))

    @pytest.mark.parametrize(
        "body",
        [
            {"browser": "x"},
            {"token": "x", "email": "a@example.com", "digits": "123456", "browser": "x"},
            {"email": "a@example.com", "browser": "x"},
            {"token": "x"},
        ],
    )
    async def test_half_a_proof_is_a_bad_request(self, call: Call, body: dict[str, str]) -> None:
        assert (await call("auth_sign_in_by_link", body)).status == 422


class TestLeaving:
    """Deleting an account."""

    async def test_it_ends_every_session_at_once_and_signing_in_undoes_it(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        other = await login(call, address)
        answer = await call("auth_delete_me", token=ann["access_token"])
        assert answer.status == 202
        assert answer.body["erase_at"]
        for each in (ann, other):
            await is_refused(call, each["access_token"])
            assert (await refresh(call, each["refresh_token"])).status == 401
        assert (await newest_mail(ann["user"]["id"], "account_deletion")).to
        back = await login(call, address)
        assert back["user"]["erase_at"] is None
        assert await erasing.erase_due() == 0
        assert (await call("auth_me", token=back["access_token"])).status == 200

    async def test_when_its_time_has_come_everything_goes_and_the_others_are_told(
        self, call: Call, ann: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []

        async def publish(event: Any) -> None:
            told.append(event.type)
            if len(told) == 1:
                raise ConnectionError("no bus")

        monkeypatch.setattr(erasing, "publish", publish)
        monkeypatch.setattr(policy, "ERASURE_GRACE", timedelta(0))
        await call("auth_delete_me", token=ann["access_token"])
        assert await erasing.erase_due() == 0, "the bus was away: the next time does it"
        assert await store.read_user(ann["user"]["id"])
        await erasing.erase_due()
        assert told == ["atrium.auth.account_erased.v1"] * 2
        assert await store.read_user(ann["user"]["id"]) is None
        assert await mails_of(ann["user"]["id"]) == []
        assert (await call("auth_login", {"email": address, "password": PASSWORD})).status == 401
        assert (await register(call, address))["user"]["id"] != ann["user"]["id"]

    async def test_it_wants_a_recent_proof(self, call: Call, ann: dict[str, Any]) -> None:
        assert (await call("auth_delete_me")).status == 401
        assert (await store.read_user(ann["user"]["id"])) is not None


async def test_every_way_in_does_the_same_number_of_hashes_with_and_without_an_account(
    call: Call, ann: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    run = passwords.HashPool.run

    async def counted(self: Any, work: Any) -> Any:
        hashes.append("hash")
        return await run(self, work)

    monkeypatch.setattr(passwords.HashPool, "run", counted)

    async def count(name: str, body: dict[str, str]) -> int:
        hashes.clear()
        await call(name, body)
        return len(hashes)

    for name, known, unknown in (
        ("auth_login", {"password": "wrong"}, {"password": "wrong"}),
        ("auth_forgot_password", {}, {}),
        ("auth_ask_sign_in_link", {}, {}),
        (
            "auth_register",
            {"password": NEW_PASSWORD, "display_name": "x"},
            {"password": NEW_PASSWORD, "display_name": "x"},
        ),
    ):
        there = await count(name, {"email": ann["user"]["email"], **known})
        assert there == await count(name, {"email": f"no-{address}", **unknown}), name
