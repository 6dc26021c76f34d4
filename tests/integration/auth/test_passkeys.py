"""Passkeys against real tables, with an authenticator in software: as second and as only factor."""

import asyncio
from typing import Any

import pytest

from tests.harness.authenticator import Authenticator, b64
from tests.integration.auth.conftest import Answer, Call, newest_mail
from tests.integration.auth.factors import ORIGIN, second, signature, ticket, with_passkey
from tests.integration.auth.test_sessions import audit_types, login, register


@pytest.fixture
async def ann(call: Call, address: str) -> dict[str, Any]:
    """A user who has just registered."""
    return await register(call, address)


async def sign_in(call: Call, device: Authenticator, **changes: Any) -> Answer:
    return await call("auth_passkey_sign_in", {**await signature(call, device), **changes})


def refused(answer: Answer) -> bool:
    return (answer.status, answer.body["code"]) == (401, "passkey_refused")


class TestAdding:
    """A passkey of one's own."""

    async def test_it_is_added_and_told(self, call: Call, ann: dict[str, Any]) -> None:
        device, added = await with_passkey(call, ann)
        assert added.status == 201, added
        assert len(added.body["recovery_codes"]) == 8
        info = added.body["passkey"]
        assert (info["id"], info["name"]) == (b64(device.credential_id), "Laptop")
        assert info["backed_up"]
        assert (await call("auth_factors", token=ann["access_token"])).body["passkeys"] == [info]
        assert (await audit_types(call, ann["access_token"]))[0] == "factor.passkey_added"
        mail = await newest_mail(ann["user"]["id"], "second_factor_changed")
        assert mail.values == {"factor": "passkey", "change": "added"}

    async def test_what_the_browser_is_asked_for(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        device, _ = await with_passkey(call, ann)
        asked = await call("auth_new_passkey_options", token=ann["access_token"])
        options = asked.body["options"]
        assert options["rp"] == {"id": "atrium.example", "name": "Atrium"}
        assert options["user"]["name"] == address
        assert options["attestation"] == "none"
        assert options["authenticatorSelection"]["residentKey"] == "required"
        assert [each["id"] for each in options["excludeCredentials"]] == [b64(device.credential_id)]

    async def test_one_challenge_makes_one_passkey(self, call: Call, ann: dict[str, Any]) -> None:
        asked = await call("auth_new_passkey_options", token=ann["access_token"])
        credential = Authenticator(ORIGIN).create(asked.body["options"])
        body = {"flow": asked.body["flow"], "credential": credential, "name": "x"}
        adds = [call("auth_add_passkey", body, token=ann["access_token"]) for _ in range(3)]
        assert sorted(each.status for each in await asyncio.gather(*adds)) == [201, 400, 400]

    async def test_the_challenge_of_another_user(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        eve = await register(call, f"eve{address}")
        asked = await call("auth_new_passkey_options", token=eve["access_token"])
        credential = Authenticator(ORIGIN).create(asked.body["options"])
        body = {"flow": asked.body["flow"], "credential": credential, "name": "x"}
        answer = await call("auth_add_passkey", body, token=ann["access_token"])
        assert (answer.status, answer.body["code"]) == (400, "invalid_flow")

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://atrium.example", "null"])
    async def test_a_passkey_of_another_site(
        self, call: Call, ann: dict[str, Any], origin: str
    ) -> None:
        _, answer = await with_passkey(call, ann, Authenticator(origin))
        assert (answer.status, answer.body["code"]) == (400, "invalid_passkey")

    @pytest.mark.parametrize(
        "credential",
        [
            {},
            {"id": "x"},
            {"id": 5, "rawId": [], "type": "public-key", "response": 1},
            {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}},
            {
                "id": "AAAA",
                "rawId": "AAAA",
                "type": "public-key",
                "response": {"clientDataJSON": "!!", "attestationObject": "oA"},
            },
            {
                "id": "AAAA",
                "rawId": "AAAA",
                "type": "public-key",
                "response": {"clientDataJSON": "e30", "attestationObject": "\ud7ff"},
            },
        ],
    )
    async def test_what_is_no_passkey(
        self, call: Call, ann: dict[str, Any], credential: dict[str, Any]
    ) -> None:
        asked = await call("auth_new_passkey_options", token=ann["access_token"])
        body = {"flow": asked.body["flow"], "credential": credential, "name": "x"}
        answer = await call("auth_add_passkey", body, token=ann["access_token"])
        assert (answer.status, answer.body["code"]) == (400, "invalid_passkey")

    async def test_ten_and_no_more(self, call: Call, ann: dict[str, Any]) -> None:
        for _ in range(10):
            assert (await with_passkey(call, ann))[1].status == 201
        answer = await call("auth_new_passkey_options", token=ann["access_token"])
        assert (answer.status, answer.body["code"]) == (409, "too_many_passkeys")

    async def test_the_same_passkey_twice(self, call: Call, ann: dict[str, Any]) -> None:
        device, _ = await with_passkey(call, ann)
        _, again = await with_passkey(call, ann, device)
        assert (again.status, again.body["code"]) == (400, "invalid_passkey")


class TestAlone:
    """A passkey and nothing else."""

    async def test_it_signs_in(self, call: Call, ann: dict[str, Any]) -> None:
        device, _ = await with_passkey(call, ann)
        answer = await sign_in(call, device)
        assert (answer.status, answer.body["user"]["id"]) == (200, ann["user"]["id"])
        assert (await call("auth_me", token=answer.body["access_token"])).status == 200
        passkeys = (await call("auth_factors", token=ann["access_token"])).body["passkeys"]
        assert passkeys[0]["last_used_at"]

    async def test_the_authenticator_must_have_verified_its_user(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        device, _ = await with_passkey(call, ann, Authenticator(ORIGIN, verifies_user=False))
        assert refused(await sign_in(call, device))

    async def test_a_signature_counts_once(self, call: Call, ann: dict[str, Any]) -> None:
        device, _ = await with_passkey(call, ann)
        body = await signature(call, device)
        answers = await asyncio.gather(*(call("auth_passkey_sign_in", body) for _ in range(5)))
        assert sorted(each.status for each in answers) == [200, 400, 400, 400, 400]

    async def test_a_counter_that_goes_back_is_a_copy(
        self, call: Call, ann: dict[str, Any]
    ) -> None:
        device, _ = await with_passkey(call, ann, Authenticator(ORIGIN, counter=1))
        assert (await sign_in(call, device)).status == 200
        device.counter = 1
        assert refused(await sign_in(call, device))

    async def test_another_key_another_user_another_site(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        device, _ = await with_passkey(call, ann)
        eve = await register(call, f"eve{address}")
        hers, _ = await with_passkey(call, eve)
        theirs = Authenticator(
            ORIGIN, key=hers.key, credential_id=device.credential_id, user_handle=device.user_handle
        )
        assert refused(await sign_in(call, theirs))
        hers.user_handle = device.user_handle
        assert refused(await sign_in(call, hers))
        device.origin = "https://evil.example"
        assert refused(await sign_in(call, device))

    @pytest.mark.parametrize("handle", [None, "", "!!", b64(b"usr_nobody"), b64(b"\xff"), 5])
    async def test_a_user_handle_that_names_nobody(
        self, call: Call, ann: dict[str, Any], handle: Any
    ) -> None:
        device, _ = await with_passkey(call, ann)
        device.user_handle = handle
        assert refused(await sign_in(call, device))

    async def test_a_challenge_for_the_second_factor_does_not_do(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        device, _ = await with_passkey(call, ann)
        body = await signature(call, device, await ticket(call, address))
        answer = await call("auth_passkey_sign_in", body)
        assert (answer.status, answer.body["code"]) == (400, "invalid_flow")


class TestSecond:
    """A passkey beside the password."""

    async def test_it_finishes_a_sign_in(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        device, _ = await with_passkey(call, ann, Authenticator(ORIGIN, verifies_user=False))
        body = await login(call, address)
        assert body["factors"] == ["passkey", "recovery_code"]
        signed = await signature(call, device, body["ticket"])
        answer = await second(call, body["ticket"], passkey=signed)
        assert answer.status == 200, answer
        again = await second(call, await ticket(call, address), passkey=signed)
        assert (again.status, again.body["code"]) == (403, "wrong_second_factor")

    async def test_only_the_users_own_passkeys_are_asked_for(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        device, _ = await with_passkey(call, ann)
        asked = await call("auth_passkey_options", {"ticket": await ticket(call, address)})
        allowed = asked.body["options"]["allowCredentials"]
        assert [each["id"] for each in allowed] == [b64(device.credential_id)]
        alone = await call("auth_passkey_options", {})
        assert alone.body["options"]["allowCredentials"] == []
        assert alone.body["options"]["userVerification"] == "required"

    async def test_another_users_passkey(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        await with_passkey(call, ann)
        eve = await register(call, f"eve{address}")
        hers, _ = await with_passkey(call, eve)
        with_ticket = await ticket(call, address)
        signed = await signature(call, hers, await ticket(call, f"eve{address}"))
        answer = await second(call, with_ticket, passkey=signed)
        assert (answer.status, answer.body["code"]) == (403, "wrong_second_factor")

    async def test_a_challenge_for_signing_in_alone_does_not_do(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        device, _ = await with_passkey(call, ann)
        signed = await signature(call, device)
        answer = await second(call, await ticket(call, address), passkey=signed)
        assert (answer.status, answer.body["code"]) == (403, "wrong_second_factor")


class TestKeeping:
    """Names, and the end."""

    async def test_it_is_renamed_and_removed(
        self, call: Call, ann: dict[str, Any], address: str
    ) -> None:
        device, _ = await with_passkey(call, ann)
        token, one = ann["access_token"], b64(device.credential_id)
        renamed = await call("auth_rename_passkey", {"name": "Phone"}, token=token, passkey_id=one)
        assert renamed.body["name"] == "Phone"
        gone = await call("auth_remove_passkey", token=token, passkey_id=one)
        assert gone.status == 204
        assert refused(await sign_in(call, device))
        assert (await login(call, address))["access_token"], "there is no second factor any more"
        again = await call("auth_remove_passkey", token=token, passkey_id=one)
        assert (again.status, again.body["code"]) == (404, "factor_not_found")

    async def test_nobody_elses(self, call: Call, ann: dict[str, Any], address: str) -> None:
        device, _ = await with_passkey(call, ann)
        eve = await register(call, f"eve{address}")
        named = {"passkey_id": b64(device.credential_id), "token": eve["access_token"]}
        assert (await call("auth_rename_passkey", {"name": "x"}, **named)).status == 404
        assert (await call("auth_remove_passkey", **named)).status == 404
        assert (await sign_in(call, device)).status == 200
