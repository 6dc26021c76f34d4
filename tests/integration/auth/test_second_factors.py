"""What holds for all second factors: one counter, step-up, and routes that want a recent proof."""

import os
from datetime import timedelta
from typing import Any

import pytest

from functions.auth import store, totp
from functions.auth.commands import operating_factors
from functions.auth.errors import NoSuchAccount
from shared_code.clock import utcnow
from tests.integration.auth.conftest import Call, has_failed, mails_of, newest_mail
from tests.integration.auth.factors import second, signature, ticket, with_passkey, with_totp
from tests.integration.auth.test_sessions import (
    PASSWORD,
    audit_types,
    login,
    put_session,
    refresh,
    register,
)

STEP_UP_ROUTES = (
    "auth_add_totp",
    "auth_remove_totp",
    "auth_make_recovery_codes",
    "auth_new_passkey_options",
)


@pytest.fixture
async def ann(call: Call, address: str) -> dict[str, Any]:
    """A user who has just registered."""
    return await register(call, address)


async def grown_old(call: Call, user: dict[str, Any]) -> str:
    """An access token of the same session, which was proven a while ago."""
    await put_session(user["refresh_token"], authenticated_at=utcnow() - timedelta(minutes=11))
    answer = await refresh(call, user["refresh_token"])
    return str(answer.body["access_token"])


class TestOneCounter:
    """Guessing one factor after the other gains nothing."""

    async def test_over_all_factors(self, call: Call, ann: dict[str, Any], address: str) -> None:
        app, codes = await with_totp(call, ann)
        with_ticket = await ticket(call, address)
        wrong = f"{(int(app.now()) + 1) % 10**6:06d}"
        for proof in ({"totp": wrong}, {"recovery_code": "AAAA"}) * 2:
            answer = await second(call, with_ticket, **proof)
            assert has_failed(answer, 403, "wrong_second_factor")
        flow = {"flow": "x", "credential": {}}
        assert (await second(call, with_ticket, passkey=flow)).status == 403
        blocked = await second(call, with_ticket, totp=app.now())
        assert has_failed(blocked, 429, "too_many_requests")
        assert int(blocked.headers["Retry-After"]) > 0
        blocked = await second(call, await ticket(call, address), recovery_code=codes[0])
        assert blocked.status == 429, "another ticket does not help"

    async def test_a_known_device_is_counted_apart(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        app, _ = await with_totp(call, ann)
        with_ticket = await ticket(call, address)
        for _ in range(6):
            await second(call, with_ticket, recovery_code="AAAA")
        known = {"x-device-token": ann["device_token"]}
        body = {"ticket": with_ticket, "totp": app.now()}
        assert (await call("auth_second_factor", body)).status == 429
        assert (await call("auth_second_factor", body, headers=known)).status == 200

    async def test_confirming_an_app_counts_as_well(self, call: Call, ann: dict[str, Any]) -> None:
        await call("auth_add_totp", token=ann["access_token"])
        answers = [
            await call("auth_confirm_totp", {"digits": f"{n:06d}"}, token=ann["access_token"])
            for n in range(6)
        ]
        assert [each.status for each in answers] == [403] * 5 + [429]


class TestStepUp:
    """Proving anew who one is."""

    async def test_routes_that_change_factors_want_a_recent_proof(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        old = await grown_old(call, ann)
        for name in STEP_UP_ROUTES:
            assert has_failed(await call(name, token=old), 403, "step_up_required"), name
        answer = await call("auth_remove_passkey", token=old, passkey_id="A" * 22)
        assert has_failed(answer, 403, "step_up_required")

    async def test_the_password_does_where_there_is_no_factor(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        old = await grown_old(call, ann)
        answer = await call("auth_step_up", {"password": PASSWORD}, token=old)
        assert answer.status == 200
        made = await call("auth_add_totp", token=answer.body["access_token"])
        assert made.status == 201

    async def test_the_password_does_not_where_there_is_one(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        app, _ = await with_totp(call, ann)
        old = await grown_old(call, ann)
        refused = await call("auth_step_up", {"password": PASSWORD}, token=old)
        assert has_failed(refused, 403, "second_factor_required")
        answer = await call("auth_step_up", {"totp": app.now()}, token=old)
        assert answer.status == 200
        again = await call("auth_step_up", {"totp": app.now()}, token=old)
        assert has_failed(again, 403, "wrong_second_factor")
        new = answer.body["access_token"]
        assert (await call("auth_remove_totp", token=new)).status == 204
        assert "session.stepped_up" in await audit_types(call, new)

    async def test_changing_the_password_is_no_way_around(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        await with_totp(call, ann)
        old = await grown_old(call, ann)
        body = {"current_password": PASSWORD, "new_password": "another horse entirely"}
        changed = await call("auth_change_password", body, token=old)
        assert changed.status == 200
        answer = await call("auth_remove_totp", token=changed.body["access_token"])
        assert has_failed(answer, 403, "step_up_required")

    async def test_by_passkey_and_by_recovery_code(self, call: Call, ann: dict[str, Any]) -> None:
        device, added = await with_passkey(call, ann)
        old = await grown_old(call, ann)
        asked = await call("auth_step_up_passkey_options", token=old)
        signed = {
            "flow": asked.body["flow"],
            "credential": device.get(asked.body["options"]),
        }
        assert (await call("auth_step_up", {"passkey": signed}, token=old)).status == 200
        code = {"recovery_code": added.body["recovery_codes"][0]}
        assert (await call("auth_step_up", code, token=old)).status == 200
        assert (await call("auth_step_up", code, token=old)).status == 403

    async def test_a_signature_for_signing_in_does_not_step_up(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        device, _ = await with_passkey(call, ann)
        body = {"passkey": await signature(call, device)}
        answer = await call("auth_step_up", body, token=ann["access_token"])
        assert has_failed(answer, 403, "wrong_second_factor")

    async def test_one_who_has_no_factor_has_none_to_prove(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        for proof in ({"totp": "123456"}, {"recovery_code": "AAAA"}):
            answer = await call("auth_step_up", proof, token=ann["access_token"])
            assert has_failed(answer, 403, "wrong_second_factor")


async def test_resetting_the_password_takes_no_factor_away(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    await with_totp(call, ann)
    record = await store.read_user(ann["user"]["id"])
    assert record
    await call("auth_forgot_password", {"email": address})
    mail = await newest_mail(ann["user"]["id"], "reset_password")
    body = {"token": mail.token, "new_password": "another horse entirely"}
    assert (await call("auth_reset_password", body)).status == 204
    answer = await call("auth_login", {"email": address, "password": body["new_password"]})
    assert answer.body["second_factor"] == "needed"


async def test_round_trips(
    call: Call, ann: dict[str, Any], address: str, round_trips: list[str]
) -> None:
    """As docs/factors.md says."""
    app, codes = await with_totp(call, ann)
    with_ticket = await ticket(call, address)
    round_trips.clear()
    assert (await second(call, with_ticket, totp=app.now())).status == 200
    assert len(round_trips) == 5, round_trips
    device, _ = await with_passkey(call, ann)
    round_trips.clear()
    signed = await signature(call, device)
    assert len(round_trips) == 1, round_trips
    round_trips.clear()
    assert (await call("auth_passkey_sign_in", signed)).status == 200
    assert len(round_trips) == 4, round_trips
    round_trips.clear()
    code = {"recovery_code": codes[0]}
    assert (await call("auth_step_up", code, token=ann["access_token"])).status == 200
    assert len(round_trips) == 2, round_trips


class TestOperating:
    """What those who run the platform can do."""

    async def test_all_factors_are_taken_from_who_lost_them(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        await with_totp(call, ann)
        await with_passkey(call, ann)
        assert await operating_factors.remove_factors(address)
        assert not await operating_factors.remove_factors(address)
        has = (await call("auth_factors", token=ann["access_token"])).body
        assert has == {"totp": False, "recovery_codes_left": 0, "passkeys": []}
        assert (await login(call, address))["access_token"]
        types = await audit_types(call, ann["access_token"])
        assert {"factor.totp_removed", "factor.passkey_removed"} <= set(types)
        mails = [each.values for each in await mails_of(ann["user"]["id"])]
        assert {"factor": "totp", "change": "removed"} in mails
        assert {"factor": "passkey", "change": "removed"} in mails
        with pytest.raises(NoSuchAccount):
            await operating_factors.remove_factors(f"nobody{address}")

    async def test_secrets_are_sealed_anew_and_the_old_key_can_go(
        self, call: Call, ann: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app, _ = await with_totp(call, ann)
        other = "another secret of forty characters or so"
        before = os.environ["AUTH_KEY_ENCRYPTION_KEY"]
        monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY_PREVIOUS", before)
        monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", other)
        assert await operating_factors.reseal() >= 1
        assert await operating_factors.reseal() == 0
        record = await store.read_user(ann["user"]["id"])
        assert record
        assert record.totp
        monkeypatch.delenv("AUTH_KEY_ENCRYPTION_KEY_PREVIOUS")
        assert totp.spent(record.user_id, record.totp, app.now(), utcnow())
        # The other tests of this worker have their keys as they were.
        monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY_PREVIOUS", other)
        monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", before)
        await operating_factors.reseal()
