"""What answers `/runtime/webhooks/<extension>`.

Invariant: a webhook hears only callers who gave its extension's system key.
"""

from typing import Protocol

from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response


class Webhook(Protocol):
    """An extension's webhook."""

    async def handle(self, request: Request, body: bytes) -> Response:
        """Answer a call."""
