"""Attacks on signing in with others, over HTTP: on a stack of its own that a real provider is set up for.

Reference 1.4 and RFC 9700: open redirect, another browser's flow, codes used twice, linking by address.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.api import Answer, Api, User
from tests.harness.provider import OpenIdServer, running_provider
from tests.harness.stack import Stack, running

BACK = "https://app.example/back"
SECRET = "a client's secret, of some length"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenIdServer]:
    client = {"client_id": "us", "client_secret": SECRET, "redirect_uris": [BACK]}
    with running_provider(client) as found:
        yield found


@pytest.fixture(scope="module")
def own_stack(server: OpenIdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state: Path = tmp_path_factory.mktemp("providers")
    values = {
        "AUTH_PROVIDERS": "acme",
        "AUTH_PROVIDER_ACME_ISSUER": server.issuer,
        "AUTH_PROVIDER_ACME_CLIENT_ID": "us",
        "AUTH_PROVIDER_ACME_CLIENT_SECRET": SECRET,
        "AUTH_REDIRECT_URIS": BACK,
    }
    settings = state / "local.settings.json"
    settings.write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    with running(state, "--settings", str(settings)) as found:
        yield found


@pytest.fixture
async def api(own_stack: Stack) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, own_stack.functions)


async def came_back(api: Api, server: OpenIdServer, login: str) -> dict[str, str]:
    started = await api.good("POST", "auth/providers/acme/start", json={"redirect_uri": BACK})
    brought = await server.sign_in(started["authorization_url"], login)
    return {**brought, "browser": started["browser"]}


async def callback(api: Api, body: dict[str, Any], **options: Any) -> Answer:
    return await api.call("POST", "auth/providers/callback", json=body, **options)


def new_login(name: str = "ada") -> str:
    return f"{name}-{secrets.token_hex(6)}@example.com"


async def test_without_an_attack_it_signs_in(api: Api, server: OpenIdServer) -> None:
    login = new_login()
    first = await callback(api, await came_back(api, server, login))
    assert (first.status, first.body["user"]["email"]) == (200, login)
    again = await callback(api, await came_back(api, server, login))
    assert again.body["user"]["id"] == first.body["user"]["id"]
    user = User(first.body["user"]["id"], login, "", again.body["access_token"])
    assert (await api.call("GET", "rooms", user)).status == 200


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        "//evil.example",
        "https:evil.example",
        f"{BACK}/../evil",
        "https://app.example@evil.example/back",
        "https://app.example\\@evil.example/back",
        "https://app.example/back%0d%0aLocation:%20https://evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://2130706433/back",
    ],
)
async def test_nobody_is_sent_anywhere_else(api: Api, uri: str) -> None:
    """Open redirect: no answer redirects, and no address that we make names another place."""
    answer = await api.call("POST", "auth/providers/acme/start", json={"redirect_uri": uri})
    assert (answer.status, answer.code) == (400, "invalid_redirect_uri")
    assert "location" not in answer.headers
    assert uri not in json.dumps(answer.body)


async def test_a_flow_of_another_browser(api: Api, server: OpenIdServer) -> None:
    """Login CSRF: a victim's browser finishes what an attacker began, and is signed in as him."""
    attackers = await came_back(api, server, new_login("eve"))
    victims = await came_back(api, server, new_login())
    for body in (
        {**attackers, "browser": victims["browser"]},
        {**attackers, "browser": ""},
        {**victims, "state": attackers["state"]},
    ):
        answer = await callback(api, body)
        assert (answer.status, answer.code) == (400, "invalid_flow")


async def test_a_code_of_somebody_else_in_ones_own_flow(api: Api, server: OpenIdServer) -> None:
    theirs = await came_back(api, server, new_login())
    mine = await came_back(api, server, new_login("eve"))
    answer = await callback(api, {**mine, "code": theirs["code"]})
    assert (answer.status, answer.code) == (400, "provider_refused")


async def test_a_return_many_times_at_once(api: Api, server: OpenIdServer) -> None:
    body = await came_back(api, server, new_login())
    answers = await asyncio.gather(*(callback(api, body) for _ in range(8)))
    assert sorted(each.status for each in answers) == [200] + [400] * 7


async def test_a_cookie_for_a_page_of_another_site(api: Api, server: OpenIdServer) -> None:
    body = {**await came_back(api, server, new_login()), "session": "cookie"}
    for headers in ({}, {"X-Atrium-CSRF": "1", "Origin": "https://evil.example"}):
        answer = await callback(api, body, headers=headers)
        assert (answer.status, answer.code) == (403, "csrf_refused")
        assert "set-cookie" not in answer.headers


async def test_an_account_with_the_same_address_is_not_opened(
    api: Api, server: OpenIdServer
) -> None:
    victim = await api.user("victim")
    answer = await callback(api, await came_back(api, server, victim.email))
    assert (answer.status, answer.code) == (409, "link_first")
    identities = await api.good("GET", "auth/identities", victim)
    assert identities["items"] == []


async def test_linking_an_attackers_identity_to_a_victim(api: Api, server: OpenIdServer) -> None:
    victim, eve = await api.user("victim"), await api.user("eve")
    started = await api.good("POST", "auth/identities/acme/start", eve, json={"redirect_uri": BACK})
    brought = await server.sign_in(started["authorization_url"], new_login("eve"))
    body = {**brought, "browser": started["browser"]}
    answer = await api.call("POST", "auth/identities/callback", victim, json=body)
    assert (answer.status, answer.code) == (400, "invalid_flow")
    nobody = await api.call("POST", "auth/identities/callback", json=body)
    assert nobody.status == 401
    garbled = replace(victim, token="x.y.z")
    assert (await api.call("POST", "auth/identities/callback", garbled, json=body)).status == 401


@pytest.mark.parametrize("name", ["ACME", "acme%00", "..%2Fjwks.json", "google", "a'b"])
async def test_providers_that_are_none(api: Api, name: str) -> None:
    answer = await api.call("POST", f"auth/providers/{name}/start", json={"redirect_uri": BACK})
    assert answer.status == 404


async def test_no_answer_carries_the_clients_secret(api: Api, server: OpenIdServer) -> None:
    started = await api.call("POST", "auth/providers/acme/start", json={"redirect_uri": BACK})
    done = await callback(api, await came_back(api, server, new_login()))
    listed = await api.call("GET", "auth/providers")
    for each in (started, done, listed):
        assert SECRET not in json.dumps(each.body)
        assert "code_verifier" not in json.dumps(each.body)
