"""The SMTP side: takes every mail, and refuses recipients that ask for it.

An address whose local part is an SMTP code, alone or before a `+`, is answered with that code:
`550@example.com` never takes mail, `450+ann@example.com` never takes it now.
Invariant: nothing is ever passed on.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from emulators.mail.mailbox import Mailbox

MAX_BYTES = 10 * 1024 * 1024
_REFUSING = re.compile(r"([45][0-9]{2})(?:\+[^@]*)?@.*")
_TAKEN = "250 OK"


class Catcher:
    """What aiosmtpd asks for each command."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take the recipient, unless its address says otherwise."""
        if refused := _REFUSING.fullmatch(address):
            return f"{refused[1]} <{address}> answers so by its name"
        envelope.rcpt_tos.append(address)
        return _TAKEN

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the mail."""
        content = envelope.content or b""
        raw = content if isinstance(content, bytes) else content.encode()
        self._mailbox.add(envelope.mail_from or "", envelope.rcpt_tos, raw)
        return _TAKEN


@asynccontextmanager
async def listening(mailbox: Mailbox, host: str, port: int) -> AsyncIterator[int]:
    """Take mail until the block ends; gives the port. Raises OSError."""
    loop, catcher = asyncio.get_running_loop(), Catcher(mailbox)
    server = await loop.create_server(
        lambda: SMTP(catcher, hostname="localhost", data_size_limit=MAX_BYTES, loop=loop),
        host,
        port,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        server.close_clients()
