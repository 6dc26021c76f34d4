"""Sending mail over SMTP, one mail over one connection (settings MAIL_SMTP and MAIL_FROM).

Invariants: no password leaves in the clear, and no certificate goes unverified; nothing in a mail can make
a header or an SMTP command; `send` ends within about half a minute, and when it returns the server has
the mail. A repeat sends it again under the same Message-ID, by which mailboxes may tell.
"""

import asyncio
import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from shared_code.clock import utcnow
from shared_code.errors import BadRequest, InvalidSetting, Unavailable
from shared_code.settings import setting

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from aiosmtplib import SMTP

SERVER = "MAIL_SMTP"
"""Such as `smtp://host`, `smtp+starttls://user:password@host:587` or `smtps://user:password@host`."""

SENDER = "MAIL_FROM"
"""Such as `Atrium <no-reply@example.com>`."""

_ALL_SECONDS = 30.0  # less than the minute for which a queue locks a message
_STEP_SECONDS = 10.0
_QUIT_SECONDS = 2.0
_PORTS = {"smtp": 587, "smtp+starttls": 587, "smtps": 465}  # submission: RFC 6409, RFC 8314
_PERMANENT = range(500, 600)
_ABOUT_US = {530, 534, 535, 538}  # we are to log in, or otherwise: no fault of the mail (RFC 4954)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_MOST_WORDS = 200

type Tls = Literal["none", "starttls", "from_start"]


class MailRefused(BadRequest):
    """This mail will never be taken: its recipient or its content is refused. Not worth another try."""


class MailNotTaken(Unavailable):
    """The server did not take the mail this time; another try may succeed."""


@dataclass(frozen=True)
class Mail:
    """A mail to one person, in text and HTML. `message_id` is the same whenever it is sent again."""

    to: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    message_id: str


@dataclass(frozen=True)
class Server:
    """Where mail is handed in, and how."""

    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "Server":
        """What the setting MAIL_SMTP says. Raises InvalidSetting."""
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError as error:
            raise InvalidSetting(SERVER) from error
        has_both_or_none = bool(parts.username) == bool(parts.password)
        has_more = parts.path not in {"", "/"} or parts.query or parts.fragment
        if parts.scheme not in _PORTS or not host or not has_both_or_none or has_more:
            raise InvalidSetting(SERVER)
        return cls(
            host,
            port or _PORTS[parts.scheme],
            _tls(parts, host),
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )


def _tls(parts: SplitResult, host: str) -> Tls:
    if parts.scheme == "smtps":
        return "from_start"
    if parts.scheme == "smtp+starttls":
        return "starttls"
    if _is_this_machine(host):
        return (
            "none"  # nobody stands between, and its certificate is seldom one that we could verify
        )
    return "starttls"  # mails carry links that open accounts


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def send(mail: Mail) -> None:
    """Hand the mail to the server. At most some 30 seconds.

    Raises MailRefused when it will never be taken, MailNotTaken when it may be another time, NotConfigured.
    """
    server, sender = Server.parse(setting(SERVER)), _sender()
    message = _message(mail, sender)
    client = _client(server, sender.domain)
    try:
        await _transfer(client, message, mail.to)
        await _take_leave(client)
    finally:
        client.close()


def _sender() -> Address:
    try:
        name, address = parseaddr(setting(SENDER))
        return Address(display_name=name, addr_spec=_ascii(address))
    except ValueError as error:
        raise InvalidSetting(SENDER) from error


def _ascii(address: str) -> str:
    """The address as every server takes it, its domain in Punycode. Raises ValueError."""
    from email_validator import validate_email

    found = validate_email(
        address, check_deliverability=False, allow_smtputf8=False, test_environment=True
    )
    return str(found.ascii_email)


def _message(mail: Mail, sender: Address) -> EmailMessage:
    """The mail with all its headers. Raises MailRefused for what cannot stand in one."""
    if not _MESSAGE_ID.fullmatch(mail.message_id):
        raise MailRefused("its id cannot be a Message-ID")
    message = EmailMessage(policy=SMTP_POLICY.clone(cte_type="7bit"))
    try:
        message["From"] = sender
        message["To"] = Address(addr_spec=_ascii(mail.to))
        message["Subject"] = mail.subject  # line breaks raise ValueError, in an address too
    except ValueError:
        raise MailRefused("its recipient or subject cannot stand in a header") from None
    message["Date"] = format_datetime(utcnow())
    message["Message-ID"] = f"<{mail.message_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers, please
    message["X-Auto-Response-Suppress"] = "All"  # as above, for Exchange
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _client(server: Server, our_name: str) -> "SMTP":
    from aiosmtplib import SMTP

    start_tls = {"none": False, "starttls": True, "from_start": False}
    return SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password,
        local_hostname=our_name,
        timeout=_STEP_SECONDS,
        use_tls=server.tls == "from_start",
        start_tls=start_tls[server.tls],
    )


async def _transfer(client: "SMTP", message: EmailMessage, to: str) -> None:
    """Connect and hand it over. Errors carry the server's words without the address: they are logged."""
    from aiosmtplib import SMTPDataError, SMTPException, SMTPRecipientRefused

    try:
        async with asyncio.timeout(_ALL_SECONDS):
            await client.connect()
            await client.mail(_spec(message, "From"))
            await client.rcpt(_spec(message, "To"))
            await client.data(message.as_bytes())
    except (SMTPRecipientRefused, SMTPDataError) as error:
        raise _verdict(error.code, error.message, to) from None
    except (SMTPException, OSError) as error:  # a time-out is an OSError
        raise MailNotTaken(_words(f"{type(error).__name__}: {error}", to)) from None


def _spec(message: EmailMessage, header: str) -> str:
    return str(message[header].addresses[0].addr_spec)


def _verdict(code: int, words: str, to: str) -> MailRefused | MailNotTaken:
    """The error for an answer to the recipient or the content."""
    is_final = code in _PERMANENT and code not in _ABOUT_US
    return (MailRefused if is_final else MailNotTaken)(_words(f"{code} {words}", to))


def _words(text: str, to: str) -> str:
    """What a server says, in one line that names nobody."""
    line = " ".join(text.split())
    return re.sub(re.escape(to), "(the recipient)", line, flags=re.IGNORECASE)[:_MOST_WORDS]


async def _take_leave(client: "SMTP") -> None:
    """As is polite, if it is quick: the server has the mail, whatever comes of this."""
    from aiosmtplib import SMTPException

    with suppress(SMTPException, OSError):
        await client.quit(timeout=_QUIT_SECONDS)
