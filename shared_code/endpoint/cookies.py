"""A cookie that names no Domain leaves without one.

Microsoft's worker makes an empty Domain of a missing one (Azure/azure-functions-python-worker#1902), which on
Azure becomes the app's host name; a browser refuses a `__Host-` cookie with any. Invariant: this is the one
place where we reach into Microsoft's library, and it changes nothing but that.
"""

from http.cookies import SimpleCookie
from typing import Any

from azure.functions import http


class _Cookies(SimpleCookie):
    """As the library parses a Set-Cookie header, but a missing Domain is None: the worker leaves it out."""

    def __init__(self, header: Any = None) -> None:
        super().__init__(header)
        for morsel in self.values():
            if not morsel["domain"]:
                dict.__setitem__(morsel, "domain", None)


def leave_out_empty_domains() -> None:
    """Let the library parse cookies so. Safe to repeat; does nothing once the library has no such name."""
    if hasattr(http, "SimpleCookie"):
        http.SimpleCookie = _Cookies
