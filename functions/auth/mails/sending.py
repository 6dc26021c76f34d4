"""Sending the mail that an event asks for.

Invariants: a mail goes to the address that it was sealed for, and never brings a link that works no more.
It is sent at least once; a repeat carries the same Message-ID.
"""

from functions.auth.events import MailRequested
from functions.auth.mails.rendering import life_of, render
from shared_code import mail
from shared_code.clock import utcnow
from shared_code.mail import Mail, MailRefused
from shared_code.messaging import Event


async def send(event: Event[MailRequested]) -> None:
    """Send it. Raises MailRefused when that is of no use, now or later; else as mail.send, ForeignSecret."""
    asked = event.data
    life = life_of(asked.template)
    if life and utcnow() >= event.time + life:
        raise MailRefused("its link works no more")
    try:
        values = asked.values
    except ValueError:
        raise MailRefused("its values cannot be read") from None
    read = render(asked.template, values, event.time)
    await mail.send(Mail(asked.to, read.subject, read.text, read.html, message_id=event.id))
