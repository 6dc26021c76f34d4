"""Registering where addresses must be confirmed, and signing in from a device that is new."""

import pytest

from shared_code.clock import utcnow
from tests.integration.auth.conftest import Call, mails_of, newest_mail
from tests.integration.auth.test_accounts import credentials, new, put_account, stored_account


class TestConfirmed:
    """Where an address must be confirmed before one signs in, registering tells nobody anything."""

    @pytest.fixture(autouse=True)
    def _confirmed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AUTH_REGISTRATION", "confirmed")

    async def test_one_signs_in_once_the_address_is_confirmed(
        self, call: Call, address: str
    ) -> None:
        answer = await call("auth_register", new(address))
        assert (answer.status, answer.body) == (201, {"mail_sent": True})
        early = await call("auth_login", credentials(address))
        assert (early.status, early.body["code"]) == (403, "email_not_verified")
        assert (await call("auth_login", credentials(address, "a guess"))).status == 401
        mail = await newest_mail((await stored_account(address)).user_id, "verify_email")
        await call("auth_verify_email_link", {"token": mail.token})
        assert (await call("auth_login", credentials(address))).status == 200

    async def test_an_address_that_is_taken_looks_the_same_and_its_owner_is_told(
        self, call: Call, address: str
    ) -> None:
        free = await call("auth_register", new(address))
        taken = await call("auth_register", new(address))
        for each in (free, taken):
            each.headers.pop("X-Request-Id")
        assert free == taken
        mails = await mails_of((await stored_account(address)).user_id)
        assert [(each.template, each.to) for each in mails] == [
            ("verify_email", address),
            ("account_exists", address),
        ]

    async def test_another_word_than_the_two_is_a_fault_of_the_deployment(
        self, call: Call, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AUTH_REGISTRATION", "perhaps")
        answer = await call("auth_register", new(address))
        assert (answer.status, answer.body["code"]) == (503, "not_configured")


async def test_a_sign_in_from_a_new_device_is_told_to_a_verified_address(
    call: Call, address: str
) -> None:
    registered = (await call("auth_register", new(address))).body
    user_id = registered["user"]["id"]
    await put_account(address, email_verified_at=utcnow())
    known = {"x-device-token": registered["device_token"]}
    await call("auth_login", credentials(address), headers=known)
    assert "new_sign_in" not in {each.template for each in await mails_of(user_id)}
    await call("auth_login", credentials(address), headers={"user-agent": "Thief/1"})
    mail = await newest_mail(user_id, "new_sign_in")
    assert (mail.to, mail.values["device"], mail.values["address"]) == (
        address,
        "Thief/1",
        "192.0.2.7",
    )
