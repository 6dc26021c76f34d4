"""The refresh token in a cookie, for browsers, and what keeps other sites from using it.

The cookie's name begins with `__Host-`, so that no other host can set it; scripts cannot read it, and other
sites' requests do not carry it. Invariant: a cookie counts only in a request that no foreign page can send:
it has our own header, which needs a preflight, and neither Origin nor Sec-Fetch-Site speak of another site.
Source: OWASP CSRF Prevention Cheat Sheet; ASVS 3.3 and 3.5.
"""

from urllib.parse import urlsplit

from functions.auth.errors import CsrfRefused
from functions.auth.policy import SESSION_LIFE
from shared_code.endpoint import Client
from shared_code.settings import optional_setting, setting

NAME = "__Host-atrium_refresh"
HEADER = "x-atrium-csrf"
ORIGINS = "AUTH_ORIGINS"
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Strict"
_OWN_SITE = {"same-origin", "same-site", "none"}

type Header = tuple[str, str]


def set_refresh(token: str) -> Header:
    """The header that gives a browser its refresh token."""
    return (
        "Set-Cookie",
        f"{NAME}={token}; Max-Age={int(SESSION_LIFE.total_seconds())}; {_ATTRIBUTES}",
    )


def clear_refresh() -> Header:
    """The header that takes it away."""
    return "Set-Cookie", f"{NAME}=; Max-Age=0; {_ATTRIBUTES}"


def refresh_of(client: Client) -> str | None:
    """The refresh token in the request's cookie, or None. Raises CsrfRefused."""
    token = client.cookie(NAME)
    if token:
        check_site(client)
    return token


def check_site(client: Client) -> None:
    """Raise CsrfRefused unless the request can only come from a page of ours."""
    if not client.header(HEADER):
        raise CsrfRefused(f"Send the header {HEADER}")
    if client.origin is not None:
        if client.origin not in origins():
            raise CsrfRefused
    elif client.fetch_site is not None and client.fetch_site not in _OWN_SITE:
        raise CsrfRefused


def origins() -> set[str]:
    """Our own origin, and those of AUTH_ORIGINS, separated by commas."""
    issuer = urlsplit(setting("AUTH_ISSUER"))
    named = (optional_setting(ORIGINS) or "").split(",")
    return {f"{issuer.scheme}://{issuer.netloc}", *filter(None, (each.strip() for each in named))}
