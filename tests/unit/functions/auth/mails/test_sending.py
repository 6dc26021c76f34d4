"""From the event to the mail: what is sealed opens for its recipient alone, and nothing stale leaves."""

from datetime import timedelta
from typing import Any

import pytest

from functions.auth import sealing
from functions.auth.errors import ForeignSecret
from functions.auth.events import MailRequested, mail_requested
from functions.auth.mails import sending
from functions.auth.policy import CODE_LIFE
from shared_code import mail
from shared_code.clock import utcnow
from shared_code.mail import Mail, MailRefused
from shared_code.messaging import Event
from shared_code.messaging.reading import read

LINK = "https://app.example/auth/links/reset_password#token=s-3_cret"
ADDRESS = "ada@example.com"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sealing.SETTING, "a secret of more than thirty-two characters")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Mail]:
    """What would go out: the network is for the integration tests."""
    found: list[Mail] = []

    async def send(one: Mail) -> None:
        found.append(one)

    monkeypatch.setattr(mail, "send", send)
    return found


def asked() -> Event[MailRequested]:
    return mail_requested(ADDRESS, "reset_password", {"link": LINK, "code": "012345"})


def altered(event: Event[MailRequested], **data: Any) -> Event[MailRequested]:
    return event.model_copy(update={"data": event.data.model_copy(update=data)})


async def test_the_mail_says_what_was_sealed_and_has_the_event_s_id(sent: list[Mail]) -> None:
    event = asked()
    await sending.send(read(event.model_dump_json().encode(), MailRequested))
    [one] = sent
    assert (one.to, one.message_id) == (ADDRESS, event.id)
    assert LINK in one.text
    assert "s-3_cret" not in repr(one)


def test_neither_row_nor_bus_shows_the_secret_or_what_the_mail_does_not_need() -> None:
    event = asked()
    assert "s-3_cret" not in event.model_dump_json()
    assert set(event.data.values.model_dump()) == {"link"}


def test_the_largest_mail_fits_a_row() -> None:
    link = "https://app.example/".ljust(2_000, "x")
    values = {"link": link, "code": "012345", "new_email": "x" * 320}
    event = mail_requested("x" * 64 + "@" + "x" * 255, "confirm_email_change", values)
    assert len(event.model_dump_json()) < 32_000


@pytest.mark.parametrize("change", [{"to": "eve@example.com"}, {"template": "verify_email"}])
async def test_what_was_sealed_opens_for_no_other_recipient_and_in_no_other_mail(
    change: dict[str, str], sent: list[Mail]
) -> None:
    with pytest.raises(ForeignSecret):
        await sending.send(altered(asked(), **change))
    assert sent == []


async def test_a_link_that_works_no_more_is_not_sent(sent: list[Mail]) -> None:
    late = utcnow() - CODE_LIFE["reset_password"]
    with pytest.raises(MailRefused):
        await sending.send(asked().model_copy(update={"time": late}))
    await sending.send(asked().model_copy(update={"time": late + timedelta(minutes=1)}))
    assert len(sent) == 1


async def test_a_notice_is_sent_however_late(sent: list[Mail]) -> None:
    event = mail_requested(ADDRESS, "password_changed", {})
    await sending.send(event.model_copy(update={"time": utcnow() - timedelta(days=5)}))
    assert len(sent) == 1


async def test_values_that_no_version_of_us_wrote_are_refused_for_good(sent: list[Mail]) -> None:
    with pytest.raises(MailRefused):
        await sending.send(altered(asked(), sealed="AAA"))
    assert sent == []
