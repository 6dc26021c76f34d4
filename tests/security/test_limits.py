"""Guessing over HTTP against the limits of a deployment: nobody gets more tries by what he writes.

Reference 1.4: spoofed X-Forwarded-For, many addresses of one IPv6 network, many networks, tries in parallel;
and a stranger who wants to lock an owner out. The stack has the numbers of functions/auth/limits.py, and
believes one proxy before it (TRUSTED_PROXY_HOPS is 2): a test is that proxy, and says where a client is.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from tests.harness.api import Answer, Api, User
from tests.harness.stack import Stack, with_settings

pytestmark = pytest.mark.long  # together they take minutes

TRIES = 10  # login, and login_network: in five minutes
ACCOUNT_TRIES = 30  # login_account, over all networks


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One whose limits are those of a deployment, behind Front Door."""
    state = tmp_path_factory.mktemp("limits")
    with with_settings(state, AUTH_LIMITS="", TRUSTED_PROXY_HOPS="2") as found:
        yield found


def spoofed(client: str) -> dict[str, str]:
    """As the proxy passes on what a client at this address sent, who claims to be elsewhere."""
    claimed = ", ".join(f"203.0.113.{secrets.randbelow(250)}" for _ in range(secrets.randbelow(4)))
    return {"X-Forwarded-For": f"{claimed}, {client}" if claimed else client}


def somewhere() -> str:
    """An address that no other test has."""
    return f"10.{'.'.join(str(secrets.randbelow(256)) for _ in range(3))}"


def ipv6_network() -> str:
    """The first half of an address that no other test has."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}"


def in_network(network: str) -> str:
    return f"{network}:{':'.join(secrets.token_hex(2) for _ in range(4))}"


async def login(
    api: Api, email: str, headers: dict[str, str], password: str = "wrong one"
) -> Answer:
    body = {"email": email, "password": password}
    return await api.call("POST", "auth/login", json=body, headers=headers)


async def guess(api: Api, email: str, client: str) -> Answer:
    """A wrong password from this address; it is refused as such, or as one too many."""
    answer = await login(api, email, spoofed(client))
    assert answer.status in {401, 429}, answer
    return answer


async def use_up(api: Api, email: str, client: str, tries: int = TRIES) -> None:
    for _ in range(tries):
        assert (await guess(api, email, client)).status == 401


def one_too_many(answer: Answer, limit: str, within: int = 300) -> None:
    assert (answer.status, answer.code) == (429, "too_many_requests"), answer
    assert 0 < int(answer.headers["retry-after"]) <= within
    assert answer.headers["ratelimit-policy"].startswith(f'"{limit}";'), answer.headers
    assert f'"{limit}";r=0;t={answer.headers["retry-after"]}' == answer.headers["ratelimit"]


def known(client: str, device_token: str) -> dict[str, str]:
    """A client at this address, on a device that has signed in before."""
    return {**spoofed(client), "X-Device-Token": device_token}


async def owner(api: Api) -> tuple[User, str]:
    """A user, and the token of the device that he has signed in from."""
    user = await api.user()
    answer = await login(api, user.email, spoofed(somewhere()), user.password)
    assert answer.status == 200
    return user, answer.body["device_token"]


class TestOneClient:
    """Who is one network stays one, whatever he writes into his request."""

    async def test_a_spoofed_chain_gives_no_more_tries(self, api: Api) -> None:
        user, client = await api.user(), somewhere()
        await use_up(api, user.email, client)
        for _ in range(5):
            one_too_many(await guess(api, user.email, client), "login")
        right = await login(api, user.email, spoofed(client), user.password)
        one_too_many(right, "login")

    @pytest.mark.parametrize(
        "form", ["{}", "{}:443", "{}:65535", " {} ", "::ffff:{}", "[::ffff:{}]:80", "::FFFF:{}"]
    )
    async def test_another_spelling_of_an_address_is_the_same_client(
        self, api: Api, form: str
    ) -> None:
        user, client = await api.user(), somewhere()
        await use_up(api, user.email, client)
        one_too_many(await guess(api, user.email, form.format(client)), "login")

    async def test_a_chain_in_two_headers_is_one(self, api: Api) -> None:
        user, client = await api.user(), somewhere()
        await use_up(api, user.email, client)
        name, body = "X-Forwarded-For", {"email": user.email, "password": "wrong one"}
        headers = CIMultiDict([(name, "203.0.113.1"), (name, f"203.0.113.2,{client}")])
        url = f"{api.url}/api/auth/login"
        async with api.session.post(url, json=body, headers=headers) as answer:
            assert answer.status == 429

    async def test_other_headers_that_name_an_address_are_not_believed(self, api: Api) -> None:
        user, client = await api.user(), somewhere()
        for i in range(TRIES + 1):
            other = f"198.51.100.{i}"
            headers = spoofed(client) | {
                "Forwarded": f"for={other}",
                "X-Real-IP": other,
                "X-Client-IP": other,
                "True-Client-IP": other,
                "CF-Connecting-IP": other,
                "X-Azure-ClientIP": other,
                "X-Azure-SocketIP": other,
                "Client-IP": other,
                "User-Agent": f"agent {i}",
            }
            answer = await login(api, user.email, headers)
        one_too_many(answer, "login")

    async def test_one_ipv6_network_is_one_client(self, api: Api) -> None:
        user, network, neighbour = await api.user(), ipv6_network(), ipv6_network()
        for _ in range(TRIES):
            assert (await guess(api, user.email, in_network(network))).status == 401
        for form in ("{}", "[{}]:443"):
            one_too_many(await guess(api, user.email, form.format(in_network(network))), "login")
        assert (await guess(api, user.email, in_network(neighbour))).status == 401

    async def test_one_network_has_ten_tries_at_all_accounts(self, api: Api) -> None:
        """Spraying one password: known accounts, unknown ones, and another case of one."""
        network, users = ipv6_network(), [await api.user() for _ in range(3)]
        emails = [each.email for each in users] + [
            f"{secrets.token_hex(6)}@example.com" for _ in range(TRIES - len(users))
        ]
        for email in emails:
            assert (await guess(api, email, in_network(network))).status == 401
        for email in (users[0].email.upper(), f"{secrets.token_hex(6)}@example.com"):
            one_too_many(await guess(api, email, in_network(network)), "login_network")

    async def test_another_spelling_of_a_mail_address_gives_no_more_tries(self, api: Api) -> None:
        user, client = await api.user(), somewhere()
        name, _, _ = user.email.partition("@")
        spellings = (user.email.upper(), f"{name}@EXAMPLE.com", user.email.title())
        for i in range(TRIES):
            assert (await guess(api, spellings[i % 3], client)).status == 401
        one_too_many(await guess(api, user.email, client), "login")

    async def test_tries_in_parallel_are_ten(self, api: Api) -> None:
        user, client = await api.user(), somewhere()
        guesses = [guess(api, user.email, client) for _ in range(3 * TRIES)]
        found = Counter(each.status for each in await asyncio.gather(*guesses))
        assert found == {401: TRIES, 429: 2 * TRIES}


class TestAnOwner:
    """What strangers do to his account does not keep him out."""

    async def test_from_another_network_he_gets_in_while_one_stranger_guesses(
        self, api: Api
    ) -> None:
        user, stranger = await api.user(), somewhere()
        await use_up(api, user.email, stranger)
        one_too_many(await guess(api, user.email, stranger), "login")
        answer = await login(api, user.email, spoofed(somewhere()), user.password)
        assert answer.status == 200

    async def test_from_his_own_device_he_gets_in_whatever_all_others_do(self, api: Api) -> None:
        user, device_token = await owner(api)
        for _ in range(ACCOUNT_TRIES // TRIES):
            await use_up(api, user.email, somewhere())
        stranger = somewhere()
        one_too_many(await guess(api, user.email, stranger), "login_account")
        right = await login(api, user.email, spoofed(somewhere()), user.password)
        one_too_many(right, "login_account")  # a device that nobody knows has to wait
        for client in (somewhere(), stranger):  # also beside the stranger, behind one address
            headers = known(client, device_token)
            assert (await login(api, user.email, headers, user.password)).status == 200

    async def test_a_token_of_another_account_s_device_is_none(self, api: Api) -> None:
        """Else everybody with an account could guess as a known device of every other."""
        (user, own), (_, theirs) = await owner(api), await owner(api)
        client = somewhere()
        await use_up(api, user.email, client)
        raw = f"{own[:-4]}AAAA"
        for token in (theirs, raw, own[1:], "x", "A" * 200, "é"):
            answer = await login(api, user.email, known(client, token))
            one_too_many(answer, "login")
        answer = await login(api, user.email, known(client, own), user.password)
        assert answer.status == 200

    async def test_a_stolen_device_token_gives_ten_tries_and_no_more(self, api: Api) -> None:
        user, token = await owner(api)
        for _ in range(TRIES):
            answer = await login(api, user.email, known(somewhere(), token))
            assert answer.status == 401
        answer = await login(api, user.email, known(somewhere(), token))
        one_too_many(answer, "login_known_device")
        answer = await login(api, user.email, spoofed(somewhere()), user.password)
        assert answer.status == 200, "without it he is as anybody"

    async def test_logins_that_succeed_do_not_count(self, api: Api) -> None:
        """An office behind one address: all sign in, again and again."""
        client, users = somewhere(), [await api.user() for _ in range(3)]
        await use_up(api, users[0].email, client, TRIES - 1)
        for user in users * 4:
            answer = await login(api, user.email, spoofed(client), user.password)
            assert answer.status == 200, answer
        assert (await guess(api, users[0].email, client)).status == 401
        one_too_many(await guess(api, users[0].email, client), "login")


class TestOtherDoors:
    """What else can be asked without end is limited by the network that asks."""

    async def test_registrations(self, api: Api) -> None:
        network = ipv6_network()
        for i in range(31):
            body = {"email": f"x{secrets.token_hex(6)}@example.com", "password": "short"}
            headers = spoofed(in_network(network))
            body |= {"password": secrets.token_hex(8), "display_name": "X"}
            answer = await api.call("POST", "auth/register", json=body, headers=headers)
            assert answer.status == (201 if i < 30 else 429), answer
        one_too_many(answer, "registration_network")

    @pytest.mark.parametrize("path", ["password/forgot", "sign-in-link"])
    async def test_mails_to_a_victim(self, api: Api, path: str) -> None:
        """Three an hour from one network, known or not; ten from all together."""
        for email in ((await api.user()).email, f"{secrets.token_hex(6)}@example.com"):
            seen = []
            for _ in range(4):
                client = somewhere()
                seen += [await self._ask(api, path, email, client) for _ in range(4)]
            statuses = [each.status for each in seen]
            three_and_no_more = [202, 202, 202, 429]
            assert statuses == three_and_no_more * 3 + [202, 429, 429, 429]
            one_too_many(seen[3], "mail", 3600)
            one_too_many(seen[-1], "mail_recipient", 3600)

    async def _ask(self, api: Api, path: str, email: str, client: str) -> Answer:
        body = {"email": email}
        return await api.call("POST", f"auth/{path}", json=body, headers=spoofed(client))

    async def test_refresh_tokens_that_are_none(self, api: Api) -> None:
        network, user = ipv6_network(), await api.user()
        answers = await asyncio.gather(
            *(self._refresh(api, network, "A" * 108) for _ in range(152))
        )
        found = Counter(each.status for each in answers)
        assert found == {401: 150, 429: 2}
        body = {"email": user.email, "password": user.password}
        good = (await api.good("POST", "auth/login", json=body))["refresh_token"]
        answer = await self._refresh(api, network, good)
        assert answer.status == 200, "one that is good needs no try"

    async def _refresh(self, api: Api, network: str, token: str) -> Answer:
        body = {"refresh_token": token}
        headers = spoofed(in_network(network))
        return await api.call("POST", "auth/refresh", json=body, headers=headers)

    async def test_passwords_of_somebody_signed_in(self, api: Api) -> None:
        """Who stole a session has five guesses at its password; the owner's other session has its own."""
        user = await api.user()
        body = {"email": user.email, "password": user.password}
        other = User(user.id, user.email, user.password, (await self._login(api, body)))
        wrong: dict[str, Any] = {"current_password": "wrong one", "new_password": "fine word 77"}
        for i in range(6):
            answer = await api.call("POST", "auth/password/change", user, json=wrong)
            assert answer.status == (403 if i < 5 else 429)
        one_too_many(answer, "password_proof")
        step_up = {"password": user.password}
        assert (await api.call("POST", "auth/step-up", user, json=step_up)).status == 429
        assert (await api.call("POST", "auth/step-up", other, json=step_up)).status == 200

    async def _login(self, api: Api, body: dict[str, str]) -> str:
        return str((await api.good("POST", "auth/login", json=body))["access_token"])


@pytest.fixture
async def without_a_proxy(tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a stack as it comes: the host itself writes the peer behind what was sent."""
    with with_settings(tmp_path, AUTH_LIMITS="") as stack:
        async with aiohttp.ClientSession() as session:
            yield Api(session, stack.functions)


async def test_with_no_proxy_before_it_nothing_that_is_sent_is_believed(
    without_a_proxy: Api,
) -> None:
    api = without_a_proxy
    user, device_token = await owner(api)
    for i in range(TRIES):
        assert (await guess(api, user.email, f"198.51.100.{i}")).status == 401
    for client in ("198.51.100.99", in_network(ipv6_network()), "127.0.0.1", "", ","):
        one_too_many(await guess(api, user.email, client), "login")
    nobody = f"{secrets.token_hex(6)}@example.com"
    one_too_many(await guess(api, nobody, "198.51.100.99"), "login_network")
    headers = known("198.51.100.1", device_token)
    assert (await login(api, user.email, headers, user.password)).status == 200
