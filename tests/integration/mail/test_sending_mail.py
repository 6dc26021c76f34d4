"""Mail over real SMTP: what arrives, what is refused for good, and what is worth another try."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from emulators.mail.mailbox import Mailbox
from shared_code import mail
from shared_code.mail import Mail, MailNotTaken, MailRefused
from tests.harness.waiting import until_async
from tests.integration.mail.conftest import Provider

HI, OK, GO, SILENCE = b"220 hi\r\n", b"250 ok\r\n", b"354 go\r\n", b""


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[int]:
    """A server that says these lines, one for each command (and after a mail's end); gives its port."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for reply in replies:
                writer.write(reply)
                await writer.drain()
                ends = b"\r\n.\r\n" if reply.startswith(b"354") else b"\r\n"
                await reader.readuntil(ends)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.close_clients()


@pytest.mark.usefixtures("catcher")
async def test_a_mail_arrives_with_both_parts_as_it_was_written(
    mailbox: Mailbox, letter: Mail
) -> None:
    await mail.send(letter)
    [caught] = mailbox.find("ada@example.com")
    found = caught.whole()
    assert (found["from"], found["subject"]) == ("no-reply@example.com", "Grüße")
    assert found["text"].splitlines() == ["Text: ü", "."]
    assert found["html"].strip() == "<p>HTML: ü</p>"
    assert found["message_id"] == "<evt_1@example.com>"


@pytest.mark.usefixtures("catcher")
async def test_a_repeat_has_the_same_message_id(mailbox: Mailbox, letter: Mail) -> None:
    await mail.send(letter)
    await mail.send(letter)
    assert len({each.summary()["message_id"] for each in mailbox.find()}) == 1


@pytest.mark.usefixtures("catcher")
async def test_a_recipient_that_is_refused_is_no_matter_for_another_try(
    mailbox: Mailbox, letter: Mail
) -> None:
    with pytest.raises(MailRefused, match="550") as caught:
        await mail.send(replace(letter, to="550+ada@example.com"))
    assert caught.value.status < 500
    assert "ada@example.com" not in str(caught.value)
    assert mailbox.find() == []


@pytest.mark.usefixtures("catcher")
async def test_a_recipient_that_is_busy_may_be_tried_again(letter: Mail) -> None:
    with pytest.raises(MailNotTaken, match="450"):
        await mail.send(replace(letter, to="450+ada@example.com"))


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ((b"554 no service\r\n",), MailNotTaken),
        ((HI, OK, b"550 we do not know you\r\n"), MailNotTaken),
        ((HI, OK, OK, b"530 log in\r\n"), MailNotTaken),
        ((HI, OK, OK, OK, GO, b"554 spam\r\n"), MailRefused),
        ((HI, OK, OK, OK, GO, b"451 full\r\n"), MailNotTaken),
        ((b"no SMTP at all\r\n",), MailNotTaken),
    ],
    ids=["greeting", "sender", "login", "content", "content-later", "other-protocol"],
)
async def test_each_refusal_is_judged_by_what_it_is_about(
    replies: tuple[bytes, ...],
    expected: type[Exception],
    letter: Mail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with answering(*replies) as port:
        monkeypatch.setenv(mail.SERVER, f"smtp://localhost:{port}")
        with pytest.raises(expected):
            await mail.send(letter)


async def test_a_server_that_is_gone_is_worth_another_try(
    catcher: int, letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answering() as port:
        pass
    assert port != catcher
    monkeypatch.setenv(mail.SERVER, f"smtp://localhost:{port}")
    with pytest.raises(MailNotTaken):
        await mail.send(letter)


async def test_a_server_that_never_answers_is_waited_for_in_bounds(
    letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_ALL_SECONDS", 0.3)
    async with answering(HI, SILENCE) as port, asyncio.timeout(5):
        monkeypatch.setenv(mail.SERVER, f"smtp://localhost:{port}")
        with pytest.raises(MailNotTaken):
            await mail.send(letter)


async def test_what_was_taken_is_sent_whatever_the_server_does_at_the_goodbye(
    letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with answering(HI, OK, OK, OK, GO, b"250 taken\r\n", b"500 what?\r\n") as port:
        monkeypatch.setenv(mail.SERVER, f"smtp://localhost:{port}")
        await mail.send(letter)


@pytest.mark.usefixtures("trusted")
async def test_a_provider_gets_login_and_mail_over_tls(
    provider: Provider, letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mail.SERVER, f"smtp+starttls://ann:p%2Fss@localhost:{provider.port}")
    await mail.send(letter)
    assert provider.logins == [("ann", "p/ss")]
    await until_async(partial(_has_one, provider.mailbox), "the mail is there")


async def _has_one(mailbox: Mailbox) -> bool:
    return len(mailbox.find("ada@example.com")) == 1


@pytest.mark.usefixtures("trusted")
async def test_a_login_that_is_refused_may_be_mended(
    provider: Provider, letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mail.SERVER, f"smtp+starttls://ann:wrong@localhost:{provider.port}")
    with pytest.raises(MailNotTaken, match="535") as caught:
        await mail.send(letter)
    assert "wrong" not in str(caught.value)


async def test_a_certificate_that_nobody_vouches_for_gets_no_password(
    provider: Provider, letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mail.SERVER, f"smtp+starttls://ann:p%2Fss@localhost:{provider.port}")
    with pytest.raises(MailNotTaken):
        await mail.send(letter)
    assert provider.logins == []
    assert provider.mailbox.find() == []


async def test_without_tls_no_mail_leaves_where_it_is_required(
    catcher: int, mailbox: Mailbox, letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when somebody between takes the offer of STARTTLS out of the server's answer."""
    monkeypatch.setenv(mail.SERVER, f"smtp+starttls://ann:p%2Fss@localhost:{catcher}")
    with pytest.raises(MailNotTaken):
        await mail.send(letter)
    assert mailbox.find() == []


async def test_tls_from_the_first_byte(
    trusted: ssl.SSLContext, letter: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 closed, but over TLS\r\n")
        heard.append(await reader.read(1_000))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=trusted)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv(mail.SERVER, f"smtps://ann:p%2Fss@localhost:{port}")
    with pytest.raises(MailNotTaken, match="closed, but over TLS"):
        await mail.send(letter)
    server.close()
    server.close_clients()
