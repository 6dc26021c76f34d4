"""The mails that commands send: put into a change, they leave when it is durable.

Invariant: a link is made from the setting AUTH_LINK_URL alone, never from the request; its token stands in
the fragment, which browsers send to nobody.
"""

from functions.auth.codes import Sent
from functions.auth.events import mail_requested
from functions.auth.mails import TemplateName
from functions.auth.models import CodePurpose
from functions.auth.store import Change
from shared_code.settings import setting

LINK_URL = "AUTH_LINK_URL"


def tell_code(change: Change, to: str, template: CodePurpose, sent: Sent, **values: str) -> None:
    """Mail a link, and the digits that stand for it."""
    link = f"{setting(LINK_URL).rstrip('/')}/{template}#token={sent.token}"
    change.tell(mail_requested(to, template, {"link": link, "code": sent.digits, **values}))


def tell_invitation(change: Change, to: str, token: str, **values: str) -> None:
    """Mail an invitation to a workspace."""
    link = f"{setting(LINK_URL).rstrip('/')}/workspace_invitation#token={token}"
    change.tell(mail_requested(to, "workspace_invitation", {"link": link, **values}))


def tell_notice(change: Change, to: str, template: TemplateName, /, **values: str) -> None:
    """Mail a notice."""
    change.tell(mail_requested(to, template, values))
