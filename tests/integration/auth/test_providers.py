"""Signing in with a real OpenID provider (npm's oidc-provider): the whole flow, and what is not believed.

The provider runs beside the tests; its browser is tests/harness/provider.py. Answers that a real provider
would never give come from a hostile one of our own (test_hostile_providers.py).
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions.auth import policy, store
from functions.auth.commands import erasing, providers
from functions.auth.providers import discovery
from shared_code.clock import utcnow
from tests.harness.provider import OpenIdServer, running_provider
from tests.integration.auth.conftest import Answer, Call, has_failed, newest_mail
from tests.integration.auth.factors import second, with_totp
from tests.integration.auth.test_sessions import audit_types, refresh, register

BACK = "https://app.example/back"
SECRET = "a client's secret, of some length"
CLIENTS: tuple[dict[str, Any], ...] = (
    {"client_id": "basic", "client_secret": SECRET, "redirect_uris": [BACK]},
    {
        "client_id": "posted",
        "client_secret": SECRET,
        "redirect_uris": [BACK],
        "token_endpoint_auth_method": "client_secret_post",
        "id_token_signed_response_alg": "ES256",
    },
    {
        "client_id": "public",
        "redirect_uris": [BACK],
        "token_endpoint_auth_method": "none",
        "id_token_signed_response_alg": "EdDSA",
    },
)


@pytest.fixture(scope="module")
def server() -> Iterator[OpenIdServer]:
    with running_provider(*CLIENTS) as found:
        yield found


@pytest.fixture(autouse=True)
def _settings(server: OpenIdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_PROVIDERS", "acme, public")
    monkeypatch.setenv("AUTH_REDIRECT_URIS", f"{BACK}, https://app.example/other")
    for name, client_id in (("ACME", "basic"), ("PUBLIC", "public")):
        monkeypatch.setenv(f"AUTH_PROVIDER_{name}_ISSUER", server.issuer)
        monkeypatch.setenv(f"AUTH_PROVIDER_{name}_CLIENT_ID", client_id)
    monkeypatch.setenv("AUTH_PROVIDER_ACME_CLIENT_SECRET", SECRET)
    discovery.forget()


async def begun(call: Call, provider: str = "acme", **body: Any) -> Answer:
    sent = {"redirect_uri": BACK, **body}
    return await call("auth_start_provider", sent, provider=provider)


async def came_back(
    call: Call, server: OpenIdServer, login: str, provider: str = "acme"
) -> dict[str, str]:
    """What the product's page has when the browser has come back."""
    started = await begun(call, provider)
    assert started.status == 200, started
    brought = await server.sign_in(started.body["authorization_url"], login)
    assert brought["state"] == started.body["state"]
    return {**brought, "browser": started.body["browser"]}


async def callback(call: Call, body: dict[str, Any], **options: Any) -> Answer:
    return await call("auth_provider_callback", body, **options)


async def signed_in(call: Call, server: OpenIdServer, login: str, provider: str = "acme") -> Any:
    answer = await callback(call, await came_back(call, server, login, provider))
    assert answer.status == 200, answer
    return answer.body


class TestSigningIn:
    """From the button to the session."""

    async def test_the_providers_are_listed(self, call: Call) -> None:
        listed = await call("auth_providers")
        assert [each["name"] for each in listed.body["items"]] == ["acme", "public"]

    async def test_the_request_carries_pkce_state_and_nonce(self, call: Call) -> None:
        url = (await begun(call)).body["authorization_url"]
        for part in ("code_challenge_method=S256", "code_challenge=", "state=", "nonce="):
            assert part in url
        assert SECRET not in url

    async def test_who_comes_for_the_first_time_gets_an_account_and_then_has_it(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        first = await signed_in(call, server, address)
        assert first["user"]["email"] == address
        assert first["user"]["email_verified"]
        assert first["user"]["display_name"] == f"Name of {address}"[:80]
        again = await signed_in(call, server, address)
        assert again["user"]["id"] == first["user"]["id"]
        types = await audit_types(call, again["access_token"])
        assert types.count("session.started") == 2
        assert "account.registered" in types
        linked = await call("auth_identities", token=again["access_token"])
        assert [(each["provider"], each["email"]) for each in linked.body["items"]] == [
            ("acme", address)
        ]

    @pytest.mark.parametrize("client_id", ["posted", "public", "basic"])
    async def test_any_way_of_authenticating_us_and_any_signature(
        self,
        call: Call,
        server: OpenIdServer,
        address: str,
        client_id: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("AUTH_PROVIDER_ACME_CLIENT_ID", client_id)
        if client_id == "public":
            monkeypatch.delenv("AUTH_PROVIDER_ACME_CLIENT_SECRET")
        assert (await signed_in(call, server, address))["user"]["email"] == address

    async def test_in_a_cookie(self, call: Call, server: OpenIdServer, address: str) -> None:
        body = {**await came_back(call, server, address), "session": "cookie"}
        foreign = await callback(call, body, headers={"origin": "https://evil.example"})
        assert has_failed(foreign, 403, "csrf_refused")
        answer = await callback(call, body, headers={"x-atrium-csrf": "1"})
        assert (answer.status, answer.body["refresh_token"]) == (200, None)
        assert "__Host-atrium_refresh=" in str(answer.headers)

    async def test_a_second_factor_is_asked_for(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        user = await signed_in(call, server, address)
        app, _ = await with_totp(call, user)
        answer = await signed_in(call, server, address)
        assert answer["second_factor"] == "needed"
        assert (await second(call, answer["ticket"], totp=app.now())).status == 200

    async def test_twice_at_once_at_the_first_time_makes_one_account(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        bodies = [await came_back(call, server, address) for _ in range(3)]
        answers = await asyncio.gather(*(callback(call, each) for each in bodies))
        ids = {each.body["user"]["id"] for each in answers if each.status == 200}
        assert len(ids) == 1, answers
        assert all(each.status in {200, 409} for each in answers)
        assert (await signed_in(call, server, address))["user"]["id"] in ids


class TestRefusals:
    """What is not believed."""

    async def test_a_code_signs_in_once(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        body = await came_back(call, server, address)
        answers = await asyncio.gather(*(callback(call, body) for _ in range(4)))
        assert sorted(each.status for each in answers) == [200, 400, 400, 400]
        assert has_failed(await callback(call, body), 400, "invalid_flow")

    async def test_another_browser_gets_nothing_by_it(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        """Login CSRF: an attacker makes a victim's browser finish what he began."""
        body = await came_back(call, server, address)
        answer = await callback(call, {**body, "browser": "x" * 43})
        assert has_failed(answer, 400, "invalid_flow")
        assert has_failed(await callback(call, body), 400, "invalid_flow"), "it is used up"

    async def test_a_code_of_another_flow(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        """An attacker's code in a victim's flow: PKCE tells."""
        theirs = await came_back(call, server, f"eve-{address}")
        mine = await came_back(call, server, address)
        answer = await callback(call, {**mine, "code": theirs["code"]})
        assert has_failed(answer, 400, "provider_refused")

    @pytest.mark.parametrize("issuer", ["https://evil.example", "", None])
    async def test_what_comes_from_another_issuer_or_does_not_say(
        self, call: Call, server: OpenIdServer, address: str, issuer: str | None
    ) -> None:
        """Mix-up (RFC 9207): this provider says who it is in every answer."""
        body = await came_back(call, server, address)
        assert body["iss"] == server.issuer
        answer = await callback(call, {**body, "iss": issuer})
        assert has_failed(answer, 400, "provider_refused")

    async def test_an_error_of_the_provider(self, call: Call) -> None:
        started = (await begun(call)).body
        body = {"state": started["state"], "browser": started["browser"], "error": "access_denied"}
        assert has_failed(await callback(call, body), 400, "provider_refused")
        both = {**body, "code": "x"}
        assert has_failed(await callback(call, both), 422, "validation_failed")

    @pytest.mark.parametrize(
        "uri",
        [
            f"{BACK}/",
            f"{BACK}?next=//evil.example",
            f"{BACK}#x",
            BACK.upper(),
            "https://app.example/back@evil.example",
            "https://app.example:444/back",
            "https://app.example.evil.example/back",
            "https://user@app.example/back",
            "http://app.example/back",
            "//app.example/back",
            "javascript:alert(1)",
            "",
        ],
    )
    async def test_places_that_are_not_named_exactly(self, call: Call, uri: str) -> None:
        answer = await begun(call, redirect_uri=uri)
        assert has_failed(answer, 400, "invalid_redirect_uri")

    @pytest.mark.parametrize("name", ["google", "github", "nobody", "a", "x" * 31])
    async def test_providers_that_are_not_set_up(self, call: Call, name: str) -> None:
        assert has_failed(await begun(call, name), 404, "provider_not_found")

    async def test_an_address_that_the_provider_does_not_vouch_for(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        for login in (f"unverified-{address}", f"nobody-{address}"):
            answer = await callback(call, await came_back(call, server, login))
            assert has_failed(answer, 403, "email_not_verified_by_provider")

    async def test_an_account_with_the_address_is_not_signed_in_to(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        """Linking by address would give the account to whoever controls a provider."""
        await register(call, address)
        answer = await callback(call, await came_back(call, server, address))
        assert has_failed(answer, 409, "link_first")


class TestLinking:
    """With a proof of both sides."""

    async def linked(
        self, call: Call, server: OpenIdServer, token: str, login: str, provider: str = "acme"
    ) -> Answer:
        sent = {"redirect_uri": BACK}
        started = await call("auth_start_linking", sent, token=token, provider=provider)
        assert started.status == 200, started
        brought = await server.sign_in(started.body["authorization_url"], login)
        body = {**brought, "browser": started.body["browser"]}
        return await call("auth_link_identity", body, token=token)

    async def test_linked_signing_in_unlinked(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        ann = await register(call, address)
        token, login = ann["access_token"], f"other-{address}"
        answer = await self.linked(call, server, token, login)
        assert (answer.status, answer.body["provider"]) == (201, "acme")
        mail = await newest_mail(ann["user"]["id"], "identity_changed")
        assert mail.values == {"provider": "acme", "became": "linked"}
        assert (await signed_in(call, server, login))["user"]["id"] == ann["user"]["id"]
        gone = await call("auth_unlink_identity", token=token, provider="acme")
        assert gone.status == 204
        assert (await call("auth_identities", token=token)).body["items"] == []
        fresh = await signed_in(call, server, login)
        assert fresh["user"]["id"] != ann["user"]["id"], "it is free again"
        again = await call("auth_unlink_identity", token=token, provider="acme")
        assert has_failed(again, 404, "identity_not_found")
        types = await audit_types(call, token)
        assert {"identity.linked", "identity.unlinked"} <= set(types)

    async def test_another_accounts_identity(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        theirs = await signed_in(call, server, f"eve-{address}")
        ann = await register(call, address)
        answer = await self.linked(call, server, ann["access_token"], f"eve-{address}")
        assert has_failed(answer, 409, "identity_taken")
        again = await signed_in(call, server, f"eve-{address}")
        assert again["user"]["id"] == theirs["user"]["id"]

    async def test_one_of_each_provider(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        ann = await register(call, address)
        token = ann["access_token"]
        assert (await self.linked(call, server, token, f"a-{address}")).status == 201
        again = await self.linked(call, server, token, f"a-{address}")
        assert again.status == 201, "the same once more changes nothing"
        other = await self.linked(call, server, token, f"b-{address}")
        assert has_failed(other, 409, "identity_exists")

    async def test_what_somebody_else_began(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        """An attacker's flow finished in a victim's session would link his identity to her account."""
        ann, eve = await register(call, address), await register(call, f"eve-{address}")
        sent = {"redirect_uri": BACK}
        started = await call("auth_start_linking", sent, token=eve["access_token"], provider="acme")
        brought = await server.sign_in(started.body["authorization_url"], f"x-{address}")
        body = {**brought, "browser": started.body["browser"]}
        answer = await call("auth_link_identity", body, token=ann["access_token"])
        assert has_failed(answer, 400, "invalid_flow")

    async def test_a_flow_is_for_what_it_was_begun_for(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        ann = await register(call, address)
        token, sent = ann["access_token"], {"redirect_uri": BACK}
        started = await call("auth_start_linking", sent, token=token, provider="acme")
        brought = await server.sign_in(started.body["authorization_url"], f"x-{address}")
        body = {**brought, "browser": started.body["browser"]}
        assert has_failed(await callback(call, body), 400, "invalid_flow")
        body = await came_back(call, server, f"x-{address}")
        answer = await call("auth_link_identity", body, token=token)
        assert has_failed(answer, 400, "invalid_flow")

    async def test_two_names_of_one_issuer_are_one_identity(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        ann = await register(call, address)
        token, login = ann["access_token"], f"x-{address}"
        for provider in ("acme", "public"):
            assert (await self.linked(call, server, token, login, provider)).status == 201
        await call("auth_unlink_identity", token=token, provider="acme")
        eve = await register(call, f"eve-{address}")
        taken = await self.linked(call, server, eve["access_token"], login)
        assert has_failed(taken, 409, "identity_taken")
        assert (await signed_in(call, server, login))["user"]["id"] == ann["user"]["id"]

    async def test_who_is_unlinked_while_he_signs_in_is_not_signed_in(
        self, call: Call, server: OpenIdServer, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ann = await register(call, address)
        token, login = ann["access_token"], f"x-{address}"
        await self.linked(call, server, token, login)
        owner_of = providers.owner_of

        async def slowly(proof: providers.Proof) -> Any:
            record = await owner_of(proof)
            await call("auth_unlink_identity", token=token, provider="acme")
            return record

        body = await came_back(call, server, login)
        monkeypatch.setattr(providers, "owner_of", slowly)
        answer = await callback(call, body)
        assert has_failed(answer, 401, "invalid_credentials")

    async def test_the_last_way_in_stays(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        user = await signed_in(call, server, address)
        record = await store.read_user(user["user"]["id"])
        assert record
        change = store.Change(record)
        change.put(record.account.model_copy(update={"email_verified_at": None}))
        assert await change.commit()
        token = user["access_token"]
        answer = await call("auth_unlink_identity", token=token, provider="acme")
        assert has_failed(answer, 409, "last_sign_in_method")

    async def test_an_erased_account_frees_its_identity(
        self,
        call: Call,
        server: OpenIdServer,
        address: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def publish(*_: object) -> None:
            return

        monkeypatch.setattr(erasing, "publish", publish)
        user = await signed_in(call, server, address)
        assert (await call("auth_delete_me", token=user["access_token"])).status == 202
        later = utcnow() + policy.ERASURE_GRACE + timedelta(days=1)
        monkeypatch.setattr(erasing, "utcnow", lambda: later)
        assert await erasing.erase_due() >= 1
        fresh = await signed_in(call, server, address)
        assert fresh["user"]["id"] != user["user"]["id"]

    async def test_who_has_no_password_sets_one_by_mail(
        self, call: Call, server: OpenIdServer, address: str
    ) -> None:
        user = await signed_in(call, server, address)
        refused = await call("auth_login", {"email": address, "password": "correct horse battery"})
        assert has_failed(refused, 401, "invalid_credentials")
        await call("auth_forgot_password", {"email": address})
        mail = await newest_mail(user["user"]["id"], "reset_password")
        body = {"token": mail.token, "new_password": "correct horse battery"}
        assert (await call("auth_reset_password", body)).status == 204
        again = await call("auth_login", {"email": address, "password": "correct horse battery"})
        assert again.body["user"]["id"] == user["user"]["id"]
        assert (await refresh(call, user["refresh_token"])).status == 401


async def test_round_trips(
    call: Call, server: OpenIdServer, address: str, round_trips: list[str]
) -> None:
    """As docs/providers.md says."""
    await signed_in(call, server, f"warm-{address}")
    round_trips.clear()
    assert (await begun(call)).status == 200
    assert len(round_trips) == 1, round_trips
    body = await came_back(call, server, address)
    round_trips.clear()
    assert (await callback(call, body)).status == 200
    assert len(round_trips) == 7, round_trips
    body = await came_back(call, server, address)
    round_trips.clear()
    assert (await callback(call, body)).status == 200
    assert len(round_trips) == 6, round_trips
