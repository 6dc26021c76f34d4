"""The mails that were caught, newest last, in memory.

Invariant: it holds so many, and no more; whatever bytes came as a mail, it can be shown.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import default
from typing import Any

MOST = 2_000


@dataclass(frozen=True)
class Caught:
    """One mail: its envelope, and what it holds."""

    id: int
    sender: str
    recipients: tuple[str, ...]
    raw: bytes = field(repr=False)
    received_at: datetime

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed leniently."""
        return message_from_bytes(self.raw, EmailMessage, policy=default)

    def part(self, subtype: str) -> str:
        """Its body as `plain` or `html`; empty when it has none that can be read."""
        try:
            found = self.message.get_body((subtype,))
            return str(found.get_content()) if found else ""
        except (MessageError, LookupError, ValueError, AttributeError):
            return ""

    def summary(self) -> dict[str, Any]:
        """What a list shows."""
        headers = self.message
        return {
            "id": self.id,
            "received_at": self.received_at.isoformat(timespec="milliseconds"),
            "from": self.sender,
            "to": list(self.recipients),
            "subject": str(headers.get("subject", "")),
            "message_id": str(headers.get("message-id", "")),
        }

    def whole(self) -> dict[str, Any]:
        """All of it."""
        headers = [[name, str(value)] for name, value in self.message.items()]
        bodies = {"text": self.part("plain"), "html": self.part("html")}
        return {**self.summary(), "headers": headers, **bodies}


class Mailbox:
    """What was caught since the start."""

    def __init__(self, most: int = MOST) -> None:
        self._mails: deque[Caught] = deque(maxlen=most)
        self.last_id = 0

    def add(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Keep a mail; the oldest makes room."""
        self.last_id += 1
        received_at = datetime.now(UTC)
        self._mails.append(Caught(self.last_id, sender, tuple(recipients), raw, received_at))

    def find(self, to: str | None = None, after: int = 0) -> list[Caught]:
        """The mails to an address (all, without one) that came after the mail of that id."""
        wanted = to.lower() if to else None
        return [
            mail
            for mail in self._mails
            if mail.id > after
            and (wanted is None or wanted in (each.lower() for each in mail.recipients))
        ]

    def get(self, mail_id: int) -> Caught | None:
        """The mail of this id."""
        return next((mail for mail in self._mails if mail.id == mail_id), None)

    def clear(self) -> None:
        """Forget all."""
        self._mails.clear()
