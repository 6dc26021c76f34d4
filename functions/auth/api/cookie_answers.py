"""Answers that sign in: the refresh token in the body, or in a cookie and nowhere else."""

from pydantic import BaseModel

from functions.auth import cookies
from functions.auth.models import SessionKind, SignedIn
from shared_code.endpoint import Client, Reply


def check(kind: SessionKind, client: Client) -> None:
    """Before a cookie is given: raise CsrfRefused when another site may have sent the request.

    Else it could sign its visitor in to an account of its own.
    """
    if kind == "cookie":
        cookies.check_site(client)


def answered[Answer: BaseModel](signed_in: Answer, kind: SessionKind) -> Reply[Answer]:
    """The answer to whoever has a session of this kind now, if he has one."""
    if kind == "body" or not isinstance(signed_in, SignedIn) or not signed_in.refresh_token:
        return Reply(signed_in)
    header = cookies.set_refresh(signed_in.refresh_token)
    return Reply(signed_in.model_copy(update={"refresh_token": None}), (header,))
