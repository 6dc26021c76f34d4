"""Registering, logging in and seeing oneself, against real tables."""

import asyncio
import base64
import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from azure.core.exceptions import ServiceRequestError

from functions.auth import policy, refresh_tokens, sealing, store
from functions.auth.commands import accounts
from functions.auth.commands.changing import NO_CLIENT, entry
from functions.auth.emails import reservation_key
from functions.auth.errors import NoSuchAccount
from functions.auth.models import Account, Reservation
from shared_code import passwords, tokens
from shared_code.clock import utcnow
from shared_code.ids import new_id
from shared_code.storage import table
from tests.integration.auth.conftest import Answer, Call, newest_mail

PASSWORD = "correct horse battery"
USER_FIELDS = {
    "id",
    "email",
    "email_verified",
    "display_name",
    "created_at",
    "roles",
    "erase_at",
}
SIGNED_IN_FIELDS = {
    "user",
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
    "device_token",
}


def new(address: str, **changes: str) -> dict[str, str]:
    return {"email": address, "password": PASSWORD, "display_name": "Ann", **changes}


def credentials(address: str, password: str = PASSWORD) -> dict[str, str]:
    return {"email": address, "password": password}


async def stored_account(address: str) -> Account:
    record = await store.read_user_by_email(address)
    assert record
    return record.account


async def put_account(address: str, **columns: Any) -> None:
    """Change an account behind the back of the commands."""
    record = await store.read_user_by_email(address)
    assert record
    change = store.Change(record)
    change.put(record.account.model_copy(update=columns))
    assert await change.commit()


async def hold(address: str, *, seconds_left: int) -> Reservation:
    """Reserve an address for a registration that never finishes."""
    expires = utcnow() + timedelta(seconds=seconds_left)
    held = Reservation(reservation_key(address), new_id("usr"), expires)
    assert await store.reserve(held) is None
    return held


async def test_registering_signs_in(call: Call, address: str) -> None:
    answer = await call("auth_register", new(address, display_name=" Ann "))
    assert answer.status == 201
    assert set(answer.body) == SIGNED_IN_FIELDS
    assert set(answer.body["user"]) == USER_FIELDS
    assert (answer.body["user"]["email"], answer.body["user"]["display_name"]) == (address, "Ann")
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 600)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_logging_in_gives_the_same_user_a_session_of_its_own(
    call: Call, address: str
) -> None:
    registered = (await call("auth_register", new(address))).body
    answer = await call("auth_login", credentials(address))
    assert answer.status == 200
    assert set(answer.body) == SIGNED_IN_FIELDS
    assert answer.body["user"] == registered["user"]
    sessions = {refresh_tokens.decode(each["refresh_token"]).session_id
                for each in (registered, answer.body)}  # fmt: skip
    assert len(sessions) == 2


async def test_the_access_token_shows_oneself(call: Call, address: str) -> None:
    signed_in = (await call("auth_register", new(address))).body
    me = await call("auth_me", token=signed_in["access_token"])
    assert (me.status, me.body) == (200, signed_in["user"])


async def test_without_a_good_token_nobody_is_shown(call: Call, address: str) -> None:
    token = (await call("auth_register", new(address))).body["access_token"]
    for bad in (None, "x", token[:-4], token.partition(".")[2]):
        assert (await call("auth_me", token=bad)).status == 401


async def test_an_account_that_is_gone_is_not_shown(call: Call, address: str) -> None:
    signed_in = (await call("auth_register", new(address))).body
    user_id = signed_in["user"]["id"]
    await table(store.SETTING, store.USERS).delete_entity(user_id, "account")
    assert (await call("auth_me", token=signed_in["access_token"])).status == 401
    assert (await call("auth_login", credentials(address))).status == 401


async def test_the_refresh_token_is_provable_from_its_row(call: Call, address: str) -> None:
    body = (await call("auth_register", new(address))).body
    token = refresh_tokens.decode(body["refresh_token"])
    record = await store.read_user(token.user_id)
    session = record and record.session(token.session_id)
    assert session
    assert token.is_authentic(sealing.unseal(session.sealed_key, token.session_id))
    assert (token.user_id, token.counter) == (body["user"]["id"], session.counter)
    assert session.expires_at - session.created_at == timedelta(days=60)
    assert session.idle_expires_at - session.created_at == timedelta(days=14)


@pytest.mark.parametrize("spelling", [str.upper, str.title, str.lower])
async def test_an_address_is_one_however_it_is_spelled(
    call: Call, address: str, spelling: Any
) -> None:
    await call("auth_register", new(address))
    again = await call("auth_register", new(spelling(address)))
    assert (again.status, again.body["code"]) == (409, "email_taken")
    assert (await call("auth_login", credentials(spelling(address)))).status == 200


async def test_of_parallel_registrations_of_one_address_exactly_one_wins(
    call: Call, address: str
) -> None:
    names = [f"Ann {number}" for number in range(10)]
    tries = [call("auth_register", new(address, display_name=name)) for name in names]
    answers = await asyncio.gather(*tries)
    assert Counter(each.status for each in answers) == {201: 1, 409: 9}
    (winner,) = [each.body["user"] for each in answers if each.status == 201]
    assert (await call("auth_login", credentials(address))).body["user"] == winner


async def test_an_unknown_address_and_a_wrong_password_look_the_same(
    call: Call, address: str, round_trips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await call("auth_register", new(address))
    hashes: list[str] = []
    verify = passwords._verify

    def counted(password: str, stored: str) -> bool:
        hashes.append(stored)
        return verify(password, stored)

    async def refused(body: dict[str, str]) -> tuple[Answer, int, list[str]]:
        hashes.clear()
        round_trips.clear()
        answer = await call("auth_login", body)
        return answer, len(hashes), [each.split("(")[0] for each in round_trips]

    monkeypatch.setattr(passwords, "_verify", counted)
    known, *known_work = await refused(credentials(address, "wrong password"))
    unknown, *unknown_work = await refused(credentials(f"no-{address}", "wrong password"))
    assert known_work == unknown_work
    assert known_work[0] == 1
    for answer in (known, unknown):
        assert (answer.status, answer.body["code"]) == (401, "invalid_credentials")
        answer.body.pop("request_id")
        answer.headers.pop("X-Request-Id")
    assert (known.body, known.headers) == (unknown.body, unknown.headers)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "\uff41nn@example.com"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"display_name": "\u200b"}, "display_name"),
        ({"role": "admin"}, "role"),
        ({"password": "Annabel Lee", "display_name": "Annabel Lee"}, "password"),
    ],
)
async def test_a_bad_registration_is_refused_before_storage_hears_of_it(
    call: Call, address: str, round_trips: list[str], changes: dict[str, str], field: str
) -> None:
    answer = await call("auth_register", new(address, **changes))
    assert (answer.status, answer.body["code"]) == (422, "validation_failed")
    assert [each["field"] for each in answer.body["errors"]] == [field]
    assert not any(value in answer.text for value in changes.values() if len(value) > 5)
    assert round_trips == []


async def test_each_route_costs_the_round_trips_that_its_command_states(
    call: Call, address: str, round_trips: list[str]
) -> None:
    async def cost(name: str, *body: object, **options: str) -> int:
        round_trips.clear()
        await call(name, *body, **options)
        return len(round_trips)

    token = (await call("auth_register", new(f"warm-{address}"), key="k")).body["access_token"]
    await call("auth_me", token=token)  # the copies of the keys are young from here on
    assert await cost("auth_register", new(address)) == 3
    assert await cost("auth_register", new(address)) == 3
    assert await cost("auth_register", new(f"warm-{address}"), key="k") == 4
    assert await cost("auth_login", credentials(address)) == 3
    assert await cost("auth_login", credentials(address, "wrong password")) == 2
    assert await cost("auth_login", credentials(f"no-{address}")) == 2
    assert await cost("auth_me", token=token) == 1
    assert await cost("auth_jwks") == 0


async def test_no_answer_and_no_log_holds_a_secret(
    call: Call, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registered = await call("auth_register", new(address))
    answers = [
        registered,
        await call("auth_login", credentials(address)),
        await call("auth_login", credentials(address, "wrong password")),
        await call("auth_register", new(address)),
        await call("auth_me", token=registered.body["access_token"]),
    ]
    account = await stored_account(address)
    # Below our own loggers, the SDK's names rows by their keys and leaves bodies out.
    for text in [each.text for each in answers] + [caplog.text]:
        assert PASSWORD not in text
        assert "wrong password" not in text
        assert account.password_hash
        assert account.password_hash not in text
    assert registered.body["refresh_token"] not in caplog.text
    assert registered.body["access_token"] not in caplog.text
    assert address not in caplog.text


async def test_who_was_refused_and_what_happened_stand_in_the_log(
    call: Call, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """ASVS 16.3.1 to 16.3.3, 16.4.3."""
    caplog.set_level(logging.INFO)
    ann = (await call("auth_register", new(address))).body
    wrong = await call("auth_login", credentials(address, "wrong password"))
    forbidden = await call(
        "auth_step_up", {"password": "wrong password"}, token=ann["access_token"]
    )
    lines = [each.getMessage() for each in caplog.records if each.name == "atrium.security"]
    request_ids = wrong.body["request_id"], forbidden.body["request_id"]
    assert lines == [
        f"auth_login {request_ids[0]} invalid_credentials - 192.0.2.7",
        f"auth_step_up {request_ids[1]} wrong_password {ann['user']['id']} 192.0.2.7",
    ]
    audited = [each.getMessage() for each in caplog.records if each.name == "atrium.auth.audit"]
    assert any(each.startswith(f"{ann['user']['id']} session.started ses_") for each in audited)


async def test_the_rows_hold_neither_password_nor_session_key(call: Call, address: str) -> None:
    body = (await call("auth_register", new(address))).body
    token = refresh_tokens.decode(body["refresh_token"])
    query = table(store.SETTING, store.USERS).query_entities(f"PartitionKey eq '{token.user_id}'")
    rows = [str(dict(row)) async for row in query]
    record = await store.read_user(token.user_id)
    session = record and record.session(token.session_id)
    assert session
    key = sealing.unseal(session.sealed_key, token.session_id)
    mail = await newest_mail(token.user_id, "verify_email")
    secrets = [PASSWORD, base64.b64encode(key).decode(), mail.values["code"], mail.token]
    assert not [secret for secret in secrets if any(secret in row for row in rows)]


async def test_a_login_renews_a_hash_of_yesterdays_parameters(call: Call, address: str) -> None:
    await call("auth_register", new(address))
    old = PasswordHasher(1, 8 * 1024, 1).hash(PASSWORD)
    await put_account(address, password_hash=old)
    assert (await call("auth_login", credentials(address, "wrong password"))).status == 401
    assert (await stored_account(address)).password_hash == old
    assert (await call("auth_login", credentials(address))).status == 200
    renewed = (await stored_account(address)).password_hash
    assert renewed is not None
    assert not passwords.is_outdated(renewed)
    assert (await call("auth_login", credentials(address))).status == 200
    assert (await stored_account(address)).password_hash == renewed


async def test_a_login_under_way_does_not_outlive_a_change_of_password(
    call: Call, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await call("auth_register", new(address))
    changed = await passwords.hash_password("another password")
    verify = passwords.matches

    async def slowly(password: str, stored: str | None) -> bool:
        found = await verify(password, stored)
        await put_account(address, password_hash=changed)
        return found

    monkeypatch.setattr(passwords, "matches", slowly)
    assert (await call("auth_login", credentials(address))).status == 401
    assert (await stored_account(address)).password_hash == changed


async def test_an_address_that_its_account_no_longer_carries_does_not_log_in(
    call: Call, address: str
) -> None:
    await call("auth_register", new(address))
    await put_account(address, email=f"new-{address}")
    assert (await call("auth_login", credentials(address))).status == 401


async def test_a_full_queue_for_hashes_is_a_503_and_stores_nothing(
    call: Call, address: str, round_trips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await call("auth_jwks")
    round_trips.clear()
    monkeypatch.setattr(passwords, "_pool", lambda: passwords.HashPool(1, waiting=-1))
    answer = await call("auth_register", new(address))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert round_trips == []


class TestReservations:
    """An address between its reservation and its account."""

    async def test_an_address_being_registered_is_taken(self, call: Call, address: str) -> None:
        await hold(address, seconds_left=60)
        assert (await call("auth_register", new(address))).body["code"] == "email_taken"
        assert (await call("auth_login", credentials(address))).status == 401

    async def test_an_address_whose_account_never_appeared_is_taken_over(
        self, call: Call, address: str, round_trips: list[str]
    ) -> None:
        await hold(address, seconds_left=-1)
        await call("auth_jwks")
        round_trips.clear()
        assert (await call("auth_register", new(address))).status == 201
        assert len(round_trips) == 6
        assert (await call("auth_login", credentials(address))).status == 200

    async def test_of_parallel_take_overs_exactly_one_wins(self, call: Call, address: str) -> None:
        await hold(address, seconds_left=-1)
        tries = [call("auth_register", new(address)) for _ in range(8)]
        answers = await asyncio.gather(*tries)
        assert Counter(each.status for each in answers) == {201: 1, 409: 7}

    async def test_an_account_keeps_its_address_after_the_reservation_has_run_out(
        self, call: Call, address: str
    ) -> None:
        await call("auth_register", new(address))
        held = await store.find_reservation(reservation_key(address))
        assert held is not None
        assert await store.take_over(held, replace(held, expires_at=utcnow() - timedelta(days=1)))
        assert (await call("auth_register", new(address))).status == 409
        assert (await call("auth_login", credentials(address))).status == 200

    async def test_a_take_over_fails_when_the_reservation_is_no_longer_as_it_was_read(
        self, address: str
    ) -> None:
        await hold(address, seconds_left=-1)
        as_read = await store.find_reservation(reservation_key(address))
        assert as_read is not None
        assert await store.take_over(as_read, replace(as_read, user_id="usr_first"))
        assert not await store.take_over(as_read, replace(as_read, user_id="usr_second"))
        now_held = await store.find_reservation(reservation_key(address))
        assert now_held is not None
        assert now_held.user_id == "usr_first"

    async def test_a_write_that_the_sdk_repeats_is_known_as_ours(self, address: str) -> None:
        held = await hold(address, seconds_left=60)
        assert await store.reserve(held) is None
        as_read = await store.find_reservation(held.key)
        assert as_read is not None
        wanted = replace(held, user_id="usr_later")
        assert await store.take_over(as_read, wanted)
        assert await store.take_over(as_read, wanted)

    async def test_a_transaction_that_the_sdk_repeats_is_known_as_ours(self, address: str) -> None:
        account = Account(
            user_id=new_id("usr"),
            email=address,
            display_name="Ann",
            password_hash="hash",
            created_at=utcnow(),
        )
        change = store.Change(store.UserRecord(account.user_id))
        change.put(account)
        change.note(entry("account.registered", NO_CLIENT))
        assert await change.commit()
        assert await change.commit()
        other = store.Change(store.UserRecord(account.user_id))
        other.put(account)
        other.note(entry("account.registered", NO_CLIENT))
        assert not await other.commit()

    async def test_a_registration_that_took_too_long_makes_no_account(
        self, call: Call, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as slow:
            slow.setattr(policy, "REGISTRATION_SECONDS", -1.0)
            answer = await call("auth_register", new(address))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await call("auth_login", credentials(address))).status == 401


class TestRepeats:
    """A registration sent again with its Idempotency-Key."""

    async def test_a_repeat_signs_in_to_the_same_account(self, call: Call, address: str) -> None:
        first = await call("auth_register", new(address), key="k1")
        again = await call("auth_register", new(address), key="k1")
        assert (again.status, again.body["user"]) == (201, first.body["user"])
        assert (await call("auth_me", token=again.body["access_token"])).status == 200

    async def test_another_key_is_another_registration(self, call: Call, address: str) -> None:
        await call("auth_register", new(address), key="k1")
        for key in ("k2", None):
            answer = await call("auth_register", new(address), key=key)
            assert (answer.status, answer.body["code"]) == (409, "email_taken")

    @pytest.mark.parametrize("change", [{"password": "not the same"}, {"display_name": "Bob"}])
    async def test_a_key_with_another_body_is_refused(
        self, call: Call, address: str, change: dict[str, str]
    ) -> None:
        await call("auth_register", new(address), key="k1")
        answer = await call("auth_register", new(address, **change), key="k1")
        assert (answer.status, answer.body["code"]) == (409, "idempotency_key_reused")

    async def test_a_repeat_finishes_what_failed_halfway(
        self, call: Call, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def lost(_: store.Change) -> bool:
            raise ServiceRequestError("no route")

        with monkeypatch.context() as outage:
            outage.setattr(store.Change, "commit", lost)
            answer = await call("auth_register", new(address), key="k1")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert (await call("auth_register", new(address), key="k2")).status == 409
        assert (await call("auth_register", new(address), key="k1")).status == 201
        assert (await call("auth_login", credentials(address))).status == 200

    async def test_parallel_repeats_make_one_account(self, call: Call, address: str) -> None:
        tries = [call("auth_register", new(address), key="k1") for _ in range(6)]
        answers = await asyncio.gather(*tries)
        assert {each.status for each in answers} <= {201, 409, 503}
        users = [each.body["user"]["id"] for each in answers if each.status == 201]
        assert users
        assert set(users) == {(await stored_account(address)).user_id}


async def test_nobody_makes_himself_an_admin(call: Call, address: str) -> None:
    refused = await call("auth_register", {**new(address), "roles": ["admin"]})
    assert refused.status == 422


async def test_a_new_admin_has_the_role_from_the_next_login_on(call: Call, address: str) -> None:
    registered = await call("auth_register", new(address))
    assert registered.body["user"]["roles"] == []
    assert await accounts.make_admin(address) is True
    assert await accounts.make_admin(address) is False
    signed_in = await call("auth_login", credentials(address))
    assert signed_in.body["user"]["roles"] == ["admin"]
    actor = await tokens.authenticate(f"Bearer {signed_in.body['access_token']}")
    assert actor.roles == {"admin"}
    with pytest.raises(NoSuchAccount):
        await accounts.make_admin(f"not-{address}")
