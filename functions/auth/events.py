"""What auth publishes to itself: mails that are to be sent.

Invariant: what a mail says may hold a secret, so the event carries it sealed, bound to recipient and template.
"""

import base64
import json
from collections.abc import Mapping
from typing import ClassVar

from functions.auth.mails import TemplateName
from functions.auth.sealing import seal
from shared_code.messaging import Event, EventData

SOURCE = "/atrium/auth"
MAIL_REQUESTED = "atrium.auth.mail_requested.v1"


class MailRequested(EventData):
    """A mail is to be sent."""

    TYPE: ClassVar[str] = MAIL_REQUESTED

    to: str
    template: TemplateName
    sealed: str


def mail_requested(
    to: str, template: TemplateName, values: Mapping[str, str]
) -> Event[MailRequested]:
    """The event for a mail."""
    sealed = seal(json.dumps(dict(values)).encode(), f"mail/{template}/{to}")
    data = MailRequested(to=to, template=template, sealed=base64.b64encode(sealed).decode())
    return Event[MailRequested](source=SOURCE, type=MailRequested.TYPE, subject=template, data=data)
