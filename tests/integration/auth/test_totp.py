"""Authenticator apps against real tables: added, asked for, used once, removed."""

import asyncio
from typing import Any

import pytest
from pyotp import TOTP

from tests.integration.auth.conftest import Answer, Call, newest_mail
from tests.integration.auth.factors import second, ticket, with_totp
from tests.integration.auth.test_sessions import PASSWORD, audit_types, login, register


@pytest.fixture
async def ann(call: Call, address: str) -> dict[str, Any]:
    """A user who has just registered."""
    return await register(call, address)


def refused(answer: Answer) -> bool:
    return (answer.status, answer.body["code"]) == (403, "wrong_second_factor")


async def test_an_app_is_added_with_a_qr_code_and_brings_eight_recovery_codes(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    token = ann["access_token"]
    begun = await call("auth_add_totp", token=token)
    assert begun.status == 201
    assert begun.body["qr_svg"].startswith("data:image/svg+xml")
    assert begun.body["secret"] in begun.body["uri"]
    assert address.replace("@", "%40") in begun.body["uri"]
    assert not (await call("auth_factors", token=token)).body["totp"]
    digits = TOTP(begun.body["secret"]).now()
    added = await call("auth_confirm_totp", {"digits": digits}, token=token)
    assert (added.status, len(added.body["recovery_codes"])) == (200, 8)
    has = (await call("auth_factors", token=token)).body
    assert has == {"totp": True, "recovery_codes_left": 8, "passkeys": []}
    assert (await audit_types(call, token))[0] == "factor.totp_added"
    mail = await newest_mail(ann["user"]["id"], "second_factor_changed")
    assert mail.values == {"factor": "totp", "change": "added"}


async def test_an_app_that_is_not_confirmed_counts_for_nothing_and_gives_way(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    token = ann["access_token"]
    first = (await call("auth_add_totp", token=token)).body["secret"]
    assert (await login(call, address))["access_token"]
    await call("auth_add_totp", token=token)
    old = await call("auth_confirm_totp", {"digits": TOTP(first).now()}, token=token)
    assert refused(old)


async def test_a_second_app_needs_the_first_one_gone(call: Call, ann: dict[str, Any]) -> None:
    await with_totp(call, ann)
    again = await call("auth_add_totp", token=ann["access_token"])
    assert (again.status, again.body["code"]) == (409, "factor_exists")
    again = await call("auth_confirm_totp", {"digits": "000000"}, token=ann["access_token"])
    assert (again.status, again.body["code"]) == (404, "factor_not_found")


async def test_the_password_alone_signs_nobody_in(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    app, _ = await with_totp(call, ann)
    body = await login(call, address)
    assert set(body) == {"second_factor", "ticket", "expires_in", "factors"}
    assert body["factors"] == ["totp", "recovery_code"]
    sessions = await call("auth_sessions", token=ann["access_token"])
    assert len(sessions.body["items"]) == 1, "no session has begun"
    signed_in = await second(call, body["ticket"], totp=app.now())
    assert signed_in.status == 200
    sessions = await call("auth_sessions", token=signed_in.body["access_token"])
    newest = next(each for each in sessions.body["items"] if each["current"])
    assert newest["methods"] == ["password", "totp"]


async def test_the_password_is_still_needed(call: Call, ann: dict[str, Any], address: str) -> None:
    await with_totp(call, ann)
    answer = await call("auth_login", {"email": address, "password": "not hers at all"})
    assert (answer.status, answer.body["code"]) == (401, "invalid_credentials")


async def test_digits_count_once_also_in_parallel(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    app, _ = await with_totp(call, ann)
    digits = app.now()
    tickets = [await ticket(call, address) for _ in range(4)]
    answers = await asyncio.gather(*(second(call, each, totp=digits) for each in tickets))
    assert sorted(each.status for each in answers) == [200, 403, 403, 403]
    assert refused(await second(call, await ticket(call, address), totp=digits))
    types = await audit_types(call, ann["access_token"])
    assert types.count("factor.failed") == 4


async def test_a_ticket_signs_in_once(call: Call, ann: dict[str, Any], address: str) -> None:
    app, codes = await with_totp(call, ann)
    with_ticket = await ticket(call, address)
    proofs: list[dict[str, str]] = [{"totp": app.now()}, *({"recovery_code": c} for c in codes[:2])]
    answers = await asyncio.gather(*(second(call, with_ticket, **each) for each in proofs))
    assert sorted(each.status for each in answers) == [200, 401, 401]
    again = await second(call, with_ticket, recovery_code=codes[3])
    assert (again.status, again.body["code"]) == (401, "invalid_ticket")
    left = (await call("auth_factors", token=ann["access_token"])).body["recovery_codes_left"]
    assert left >= 7, "a code that opened nothing is not burnt"


async def test_a_typing_error_leaves_the_ticket_good(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    app, _ = await with_totp(call, ann)
    with_ticket = await ticket(call, address)
    wrong = f"{(int(app.now()) + 1) % 10**6:06d}"
    assert refused(await second(call, with_ticket, totp=wrong))
    assert (await second(call, with_ticket, totp=app.now())).status == 200


async def test_a_ticket_ends_with_a_changed_password(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    app, _ = await with_totp(call, ann)
    with_ticket = await ticket(call, address)
    body = {"current_password": PASSWORD, "new_password": "another horse entirely"}
    assert (await call("auth_change_password", body, token=ann["access_token"])).status == 200
    answer = await second(call, with_ticket, totp=app.now())
    assert (answer.status, answer.body["code"]) == (401, "invalid_ticket")


@pytest.mark.parametrize("made_up", ["x", "x" * 43, "../../", "\u0000"])
async def test_a_made_up_ticket(call: Call, made_up: str) -> None:
    answer = await second(call, made_up, totp="123456")
    assert (answer.status, answer.body["code"]) == (401, "invalid_ticket")


@pytest.mark.parametrize(
    "proofs",
    [{}, {"totp": "123456", "recovery_code": "A"}, {"totp": "12345"}, {"totp": "\uff11" * 6}],
)
async def test_exactly_one_proof_in_its_form(call: Call, proofs: dict[str, str]) -> None:
    answer = await second(call, "ticket", **proofs)
    assert (answer.status, answer.body["code"]) == (422, "validation_failed")


async def test_removing_the_app_takes_the_recovery_codes_along(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    await with_totp(call, ann)
    token = ann["access_token"]
    assert (await call("auth_remove_totp", token=token)).status == 204
    assert (await login(call, address))["access_token"]
    has = (await call("auth_factors", token=token)).body
    assert has == {"totp": False, "recovery_codes_left": 0, "passkeys": []}
    assert (await call("auth_remove_totp", token=token)).status == 404
    mail = await newest_mail(ann["user"]["id"], "second_factor_changed")
    assert mail.values == {"factor": "totp", "change": "removed"}
    assert "factor.totp_removed" in await audit_types(call, token)


async def test_a_sign_in_link_asks_for_the_second_factor_as_well(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    app, _ = await with_totp(call, ann)
    asked = await call("auth_ask_sign_in_link", {"email": address})
    mail = await newest_mail(ann["user"]["id"], "sign_in_link")
    body = {"token": mail.token, "browser": asked.body["browser"]}
    answer = await call("auth_sign_in_by_link", body)
    assert (answer.status, answer.body["second_factor"]) == (200, "needed")
    signed_in = await second(call, answer.body["ticket"], totp=app.now())
    assert signed_in.status == 200


async def test_a_cookie_comes_with_the_second_factor(
    call: Call, ann: dict[str, Any], address: str
) -> None:
    app, _ = await with_totp(call, ann)
    with_ticket = await ticket(call, address)
    body = {"ticket": with_ticket, "totp": app.now(), "session": "cookie"}
    foreign = await call("auth_second_factor", body)
    assert (foreign.status, foreign.body["code"]) == (403, "csrf_refused")
    answer = await call("auth_second_factor", body, headers={"x-atrium-csrf": "1"})
    assert (answer.status, answer.body["refresh_token"]) == (200, None)
    assert "__Host-atrium_refresh=" in str(answer.headers)
