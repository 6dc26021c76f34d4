"""The page that a mail's link opens where a product has none of its own (AUTH_LINK_URL says which).

Invariant: opening it changes nothing; it loads nothing from elsewhere, and sends its token nowhere but here.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from functions.auth.api import blueprint
from functions.auth.policy import CODE_LIFE
from shared_code.endpoint import Anonymous, Content, endpoint

_PAGES = Path(__file__).parents[1] / "pages"
_SCRIPT = "link.js"
_INVITATION = "workspace_invitation"
_HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
)


def _known(name: str) -> str:
    if name not in {_SCRIPT, _INVITATION, *CODE_LIFE}:
        raise ValueError("no such page")
    return name


type PageName = Annotated[str, AfterValidator(_known)]


@endpoint(blueprint, "GET", "auth/links/{page}")
async def auth_link_page(_: Anonymous, page: PageName) -> Content:
    """The page that a mail's link opens, and its script."""
    if page == _SCRIPT:
        return Content(_read(_SCRIPT), "text/javascript; charset=utf-8", _HEADERS)
    return Content(_read("link.html"), "text/html; charset=utf-8", _HEADERS)


@cache
def _read(name: str) -> bytes:
    return (_PAGES / name).read_bytes()
