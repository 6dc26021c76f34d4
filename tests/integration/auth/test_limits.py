"""Auth's limits on real tables: what strangers exhaust, and what stays open to an account's owner."""

import asyncio

import pytest

from functions.auth import limits
from functions.auth.store.tables import SETTING
from shared_code.clock import now_ms
from shared_code.endpoint import Client
from shared_code.endpoint.client import client_of
from shared_code.errors import TooManyRequests
from shared_code.ids import new_id
from shared_code.limits import Taken
from shared_code.storage import create_tables, table


@pytest.fixture(autouse=True)
async def _limits_of_its_own(_provisioned: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of a deployment, and a table that no other test writes."""
    monkeypatch.delenv(limits.OVERRIDES)
    own = f"limits{new_id('t').partition('_')[2]}"
    monkeypatch.setattr(limits, "LIMITS", own)
    await create_tables(SETTING, own)
    limits._limiter.cache_clear()


@pytest.fixture
def account() -> str:
    return new_id("t")


def at(address: str) -> Client:
    return client_of({"x-forwarded-for": f"{address}:4711"})


async def fail(account: str, client: Client, *, known: bool = False) -> Taken:
    return await limits.before_login(account, client, known_device=known)


async def refused(account: str, client: Client, *, known: bool = False) -> str:
    with pytest.raises(TooManyRequests) as caught:
        await fail(account, client, known=known)
    assert caught.value.quota is not None
    return caught.value.quota.name


async def test_of_parallel_guesses_from_one_place_ten_are_heard(account: str) -> None:
    guesses = [fail(account, at("192.0.2.1")) for _ in range(30)]
    results = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(not isinstance(each, TooManyRequests) for each in results) == 10
    assert not any(
        isinstance(each, Exception) and not isinstance(each, TooManyRequests) for each in results
    )


async def test_logins_that_succeed_do_not_count_and_leave_nothing(account: str) -> None:
    for _ in range(25):
        await limits.succeeded(await fail(account, at("192.0.2.1")))
        await limits.succeeded(await fail(account, at("192.0.2.1"), known=True))
    rows = table(SETTING, str(vars(limits)["LIMITS"]))
    left = [row["RowKey"] async for row in rows.list_entities()]
    assert set(left) <= {"login_everybody"}  # a spare, which goes back when its slot is over


async def test_a_stranger_cannot_lock_the_owner_out(account: str) -> None:
    for _ in range(10):
        await fail(account, at("203.0.113.9"))
    assert await refused(account, at("203.0.113.9")) == "login"
    await fail(account, at("198.51.100.1"))  # the owner, from a device that nobody knows

    for i in range(29 - 10):
        await fail(account, at(f"203.0.113.{i + 10}"))
    assert await refused(account, at("203.0.113.200")) == "login_account"
    assert await refused(account, at("198.51.100.2")) == "login_account"
    for _ in range(10):  # the owner's device is known: it has all of its own tries, from anywhere
        await fail(account, at("203.0.113.9"), known=True)
    assert await refused(account, at("198.51.100.1"), known=True) == "login_known_device"


async def test_one_network_cannot_try_many_accounts(account: str) -> None:
    for i in range(10):
        await fail(f"{account}{i}", at(f"2001:db8:1:2::{i:x}"))
    assert await refused(account, at("2001:db8:1:2:ffff::1")) == "login_network"
    await fail(account, at("2001:db8:1:3::1"))
    await fail(account, at("2001:db8:1:2::1"), known=True)  # somebody's own device in that network


async def test_a_botnet_is_stopped_for_all_but_known_devices(
    account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_LIMITS", "login_everybody=12/300")
    for i in range(12):
        await fail(f"{account}{i}", at(f"192.0.2.{i}"))
    assert await refused(account, at("198.51.100.1")) == "login_everybody"
    await fail(account, at("198.51.100.1"), known=True)


async def test_who_is_over_his_own_limit_uses_up_nothing_of_others(
    account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_LIMITS", "login_everybody=11/300")
    for _ in range(10):
        await fail(account, at("192.0.2.1"))
    for _ in range(10):
        assert await refused(account, at("192.0.2.1")) == "login"
    await fail(f"{account}x", at("198.51.100.1"))


async def test_a_spoofed_chain_of_addresses_makes_no_other_client(account: str) -> None:
    for i in range(10):
        await fail(account, client_of({"x-forwarded-for": f"10.0.0.{i}, 192.0.2.1:80"}))
    spoofed = client_of({"x-forwarded-for": "10.0.0.99, 198.51.100.7,192.0.2.1:80"})
    assert await refused(account, spoofed) == "login"


async def test_without_an_address_the_other_limits_hold(account: str) -> None:
    nobody = client_of({})
    for _ in range(30):
        await fail(account, nobody)
    assert await refused(account, nobody) == "login_account"


async def test_a_second_factor_has_one_counter_however_many_networks_try(account: str) -> None:
    for i in range(5):
        await limits.before_second_factor(account, at(f"192.0.2.{i}"), known_device=False)
    with pytest.raises(TooManyRequests) as caught:
        await limits.before_second_factor(account, at("192.0.2.99"), known_device=False)
    assert caught.value.quota is not None
    assert (caught.value.quota.name, caught.value.quota.most) == ("second_factor", 5)
    await limits.before_second_factor(account, at("192.0.2.1"), known_device=True)


async def test_mails_are_three_an_hour_for_each_purpose_and_asker(account: str) -> None:
    async def ask(purpose: str, address: str, *, known: bool = False) -> None:
        await limits.before_mail(account, purpose, at(address), known_device=known)

    for _ in range(3):
        await ask("reset_password", "203.0.113.9")
    with pytest.raises(TooManyRequests) as caught:
        await ask("reset_password", "203.0.113.9")
    assert caught.value.retry_after is not None
    assert 3590 <= caught.value.retry_after <= 3600
    await ask("verify_email", "203.0.113.9")
    for i in range(7):
        await ask("reset_password", f"198.51.100.{i}")
    with pytest.raises(TooManyRequests):
        await ask("reset_password", "198.51.100.99")
    await ask("reset_password", "203.0.113.9", known=True)


async def test_registrations_refreshes_and_codes_count_by_network(account: str) -> None:
    for _ in range(30):
        await limits.before_registration(at("192.0.2.1"))
        await limits.before_refresh(at("192.0.2.1"))
    with pytest.raises(TooManyRequests):
        await limits.before_registration(at("192.0.2.1"))
    await limits.before_refresh(at("192.0.2.1"))
    for _ in range(10):
        await limits.before_code(account, at("192.0.2.1"))
    with pytest.raises(TooManyRequests):
        await limits.before_code(account, at("192.0.2.1"))
    await limits.before_code(account, at("192.0.2.2"))


async def test_a_stolen_session_does_not_keep_its_owner_from_his_password(account: str) -> None:
    for _ in range(5):
        await limits.before_password_proof(f"{account} stolen")
    with pytest.raises(TooManyRequests):
        await limits.before_password_proof(f"{account} stolen")
    await limits.before_password_proof(f"{account} own")


@pytest.mark.parametrize(("known", "trips"), [(False, 4), (True, 1)])
async def test_the_round_trips_of_a_login(
    account: str, round_trips: list[str], *, known: bool, trips: int
) -> None:
    taken = await fail(account, at("192.0.2.1"), known=known)
    assert len(round_trips) == trips
    await limits.succeeded(taken)
    assert len(round_trips) <= 2 * trips


async def test_the_sweep_leaves_what_still_counts(account: str) -> None:
    await fail(account, at("192.0.2.1"))
    assert await limits.sweep() == 0
    assert await limits._limiter().sweep(now_ms() + 86_400_000 + 61_000) == 4
