"""A mail's whole way: from the event on the bus to the catcher of the running stack."""

from functools import partial

import pytest

from functions.auth.events import MailRequested, mail_requested
from functions.auth.sealing import SETTING
from shared_code.ids import new_id
from shared_code.messaging import Event
from tests.harness.api import Api
from tests.harness.bus import bus, dead_letters, publish
from tests.harness.mails import mail_to, mails_to
from tests.harness.stack import Stack
from tests.harness.waiting import until_async

LINK = "https://app.example/auth/verify_email#token=usr_x.verify_email.s-3_cret"
VALUES = {"link": LINK, "code": "012345"}


@pytest.fixture(autouse=True)
def _secret_of_the_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, stack.settings[SETTING])


async def tell(stack: Stack, *events: Event[MailRequested]) -> None:
    async with bus(stack) as client:
        for event in events:
            await publish(client, event.model_dump(mode="json"), event.subject)


async def test_a_mail_that_was_asked_for_arrives_with_its_link_and_code(stack: Stack) -> None:
    address = f"{new_id('t')}@example.com"
    event = mail_requested(address, "verify_email", VALUES)
    await tell(stack, event)
    mail = await mail_to(stack, address, "confirm")
    assert (mail.link, mail.code) == (LINK, "012345")
    assert mail.to == (address,)
    assert mail.message_id == f"<{event.id}@example.com>"


async def test_who_registers_gets_a_mail_and_its_code_and_link_confirm_the_address(
    stack: Stack, api: Api
) -> None:
    ada, bob = await api.user("Ada"), await api.user("Bob")
    code = (await mail_to(stack, ada.email, "confirm your")).code
    user = await api.good("POST", "auth/email/verify", ada, json={"digits": code})
    assert user["email_verified"]
    token = (await mail_to(stack, bob.email, "confirm your")).token
    user = await api.good("POST", "auth/email/verify-link", json={"token": token})
    assert (user["id"], user["email_verified"]) == (bob.id, True)


async def test_a_mail_that_is_refused_lies_dead_at_once_and_keeps_its_secret(stack: Stack) -> None:
    address = f"550+{new_id('t')}@example.com"
    await tell(stack, mail_requested(address, "verify_email", VALUES))
    letters = await until_async(partial(_dead, stack, address), "it is dead", 90)
    assert letters == ["refused"]


async def _dead(stack: Stack, address: str) -> list[str]:
    found = [each for each in await dead_letters(stack, "auth-mail") if address in str(each.body)]
    assert all(b"s-3_cret" not in each.body and b"012345" not in each.body for each in found)
    assert all(address not in str(each.properties) for each in found)
    return [str(each.properties["failure_reason"]) for each in found]


async def test_a_mail_that_can_be_read_by_nobody_harms_no_other(stack: Stack) -> None:
    address, stranger = (f"{new_id('t')}@example.com" for _ in range(2))
    event = mail_requested(address, "password_changed", {})
    turned = event.model_copy(update={"data": event.data.model_copy(update={"to": stranger})})
    await tell(stack, turned, mail_requested(address, "password_changed", {}))
    await mail_to(stack, address, "password was changed")
    assert await mails_to(stack, stranger) == []
