"""Mail's rules without a server: where it is handed in, and what may stand in a header."""

from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage

import pytest

from shared_code import mail
from shared_code.errors import InvalidSetting
from shared_code.mail import Mail, MailNotTaken, MailRefused, Server

SENDER = Address("Atrium", addr_spec="no-reply@example.com")


def one(**changes: str) -> Mail:
    values = {
        "to": "ada@example.com",
        "subject": "Hello",
        "text": "Grüße\n",
        "html": "<p>Grüße</p>",
        "message_id": "evt_1",
    }
    return Mail(**{**values, **changes})


def made(**changes: str) -> EmailMessage:
    """The mail as it arrives."""
    sent = mail._message(one(**changes), SENDER).as_bytes()
    return message_from_bytes(sent, EmailMessage, policy=policy.default)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://localhost:1025", ("localhost", 1025, "none", None, None)),
        ("smtp://127.0.0.1", ("127.0.0.1", 587, "none", None, None)),
        ("smtp://[::1]:25", ("::1", 25, "none", None, None)),
        ("smtp://u:p@localhost:1025", ("localhost", 1025, "none", "u", "p")),
        ("smtp://relay.example:25", ("relay.example", 25, "starttls", None, None)),
        ("smtp://u:p@relay.example", ("relay.example", 587, "starttls", "u", "p")),
        ("smtp+starttls://relay.example", ("relay.example", 587, "starttls", None, None)),
        ("smtp+starttls://localhost", ("localhost", 587, "starttls", None, None)),
        ("smtps://a%40b:p%2F%3A@relay.example", ("relay.example", 465, "from_start", "a@b", "p/:")),
        ("smtp://u:p@localhost.example", ("localhost.example", 587, "starttls", "u", "p")),
    ],
)
def test_a_url_says_where_mail_is_handed_in_and_a_password_never_goes_in_the_clear(
    url: str, expected: tuple[object, ...]
) -> None:
    found = Server.parse(url)
    assert (found.host, found.port, found.tls, found.username, found.password) == expected


@pytest.mark.parametrize(
    "url",
    [
        "relay.example:587",
        "http://relay.example",
        "smtp://",
        "smtp://relay.example:0x1",
        "smtp://relay.example:99999",
        "smtp://user@relay.example",
        "smtp://:password@relay.example",
        "smtp://relay.example/?tls=no",
        "smtp://[::1",
    ],
)
def test_a_url_that_cannot_be_used_names_the_setting_and_not_its_value(url: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Server.parse(url)
    assert str(caught.value) == "The app setting MAIL_SMTP has a value that cannot be used"


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(Server.parse("smtps://ann:hunter2@relay.example"))


def test_a_mail_has_both_parts_and_the_headers_of_a_machine() -> None:
    found = made()
    assert found.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]
    assert found["From"] == "Atrium <no-reply@example.com>"
    assert found["Message-ID"] == "<evt_1@example.com>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Date"]
    text = found.get_body(("plain",))
    assert text
    assert text.get_content().splitlines() == ["Grüße"]


def test_a_mail_is_ascii_on_the_wire_with_lines_that_every_server_takes() -> None:
    sent = mail._message(one(text="é" * 5_000, subject="Grüße " * 20), SENDER).as_bytes()
    assert sent.isascii()
    assert max(map(len, sent.split(b"\r\n"))) <= 78


def test_a_domain_of_another_script_is_written_as_servers_know_it() -> None:
    assert made(to="ada@bücher.example")["To"] == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("to", "ada@example.com\r\nBcc: eve@example.com"),
        ("to", "ada@example.com, eve@example.com"),
        ("to", "<ada@example.com> SIZE=1"),
        ("to", "Ada <ada@example.com>"),
        ("to", '"a b"@example.com'),
        ("to", "not an address"),
        ("subject", "Hello\r\nBcc: eve@example.com"),
        ("subject", "Hello\n\n<p>body"),
        ("subject", "Hello\rBcc: eve@example.com"),
        ("message_id", "evt_1>\r\nBcc: eve@example.com"),
        ("message_id", ""),
    ],
)
def test_nothing_in_a_mail_can_make_a_header(name: str, value: str) -> None:
    with pytest.raises(MailRefused):
        made(**{name: value})


@pytest.mark.parametrize(
    "value", ["Atrium", "Atrium <>", "A <a@example.com>\r\nBcc: b@example.com"]
)
def test_a_sender_that_is_no_address_names_its_setting(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(mail.SENDER, value)
    with pytest.raises(InvalidSetting, match="MAIL_FROM"):
        mail._sender()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (550, MailRefused),
        (554, MailRefused),
        (450, MailNotTaken),
        (421, MailNotTaken),
        (530, MailNotTaken),
    ],
)
def test_what_will_never_be_taken_is_told_from_what_may_be(
    code: int, expected: type[Exception]
) -> None:
    error = mail._verdict(code, "5.1.1 <Ada@Example.com>: no\nsuch user", "ada@example.com")
    assert type(error) is expected
    assert str(error) == f"{code} 5.1.1 <(the recipient)>: no such user"
    assert (error.status < 500) is (expected is MailRefused)
