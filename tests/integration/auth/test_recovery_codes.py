"""Recovery codes against real tables: each burns, also when it is used twice at once."""

import asyncio
from typing import Any

import pytest

from functions.auth import store
from shared_code.storage import table
from tests.integration.auth.conftest import SETTINGS, Call, newest_mail
from tests.integration.auth.factors import second, ticket, with_passkey, with_totp
from tests.integration.auth.test_sessions import audit_types, register


@pytest.fixture
async def ann(call: Call, address: str) -> dict[str, Any]:
    """A user who has just registered."""
    return await register(call, address)


async def left(call: Call, user: dict[str, Any]) -> int:
    answer = await call("auth_factors", token=user["access_token"])
    return int(answer.body["recovery_codes_left"])


async def test_a_code_signs_in_once(call: Call, ann: dict[str, Any], address: str) -> None:
    _, codes = await with_totp(call, ann)
    assert (await second(call, await ticket(call, address), recovery_code=codes[0])).status == 200
    again = await second(call, await ticket(call, address), recovery_code=codes[0])
    assert (again.status, again.body["code"]) == (403, "wrong_second_factor")
    assert await left(call, ann) == 7
    assert "factor.recovery_code_used" in await audit_types(call, ann["access_token"])


async def test_one_code_ten_times_at_once_signs_in_once(
    call: Call, ann: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_LIMITS", f"{SETTINGS['AUTH_LIMITS']}; second_factor=100/300")
    _, codes = await with_totp(call, ann)
    tickets = [await ticket(call, address) for _ in range(5)] * 2
    answers = await asyncio.gather(*(second(call, t, recovery_code=codes[0]) for t in tickets))
    assert [each.status for each in answers].count(200) == 1
    assert await left(call, ann) == 7


async def test_all_eight_and_then_none(call: Call, ann: dict[str, Any], address: str) -> None:
    _, codes = await with_totp(call, ann)
    for code in codes:
        answer = await second(call, await ticket(call, address), recovery_code=code.lower())
        assert answer.status == 200
    assert await left(call, ann) == 0
    answer = await call("auth_login", {"email": address, "password": "correct horse battery"})
    assert answer.body["factors"] == ["totp"]


async def test_new_codes_replace_the_old_ones(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    _, old = await with_totp(call, ann)
    made = await call("auth_make_recovery_codes", token=ann["access_token"])
    assert (made.status, len(made.body["recovery_codes"])) == (201, 8)
    refused = await second(call, await ticket(call, address), recovery_code=old[0])
    assert refused.status == 403
    code = made.body["recovery_codes"][7]
    assert (await second(call, await ticket(call, address), recovery_code=code)).status == 200
    mail = await newest_mail(ann["user"]["id"], "second_factor_changed")
    assert mail.values["factor"] == "recovery_codes"


async def test_without_a_factor_there_is_nothing_to_recover(
    call: Call, ann: dict[str, Any]
) -> None:
    made = await call("auth_make_recovery_codes", token=ann["access_token"])
    assert (made.status, made.body["code"]) == (404, "factor_not_found")


async def test_a_second_factor_beside_the_first_brings_no_new_codes(
    call: Call, ann: dict[str, Any]
) -> None:
    await with_totp(call, ann)
    _, added = await with_passkey(call, ann)
    assert (added.status, added.body["recovery_codes"]) == (201, None)


async def test_the_table_holds_digests_only(call: Call, ann: dict[str, Any]) -> None:
    app, codes = await with_totp(call, ann)
    rows = table(store.SETTING, store.USERS).query_entities(
        "PartitionKey eq @user", parameters={"user": ann["user"]["id"]}
    )
    kept = "".join([str(dict(row)) async for row in rows])
    for secret in (app.secret, *codes, *(each.replace("-", "") for each in codes)):
        assert secret not in kept
