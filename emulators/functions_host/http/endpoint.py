"""What a route leads to: who may call it, and what answers.

Invariant: the endpoint never sees a request that its level refuses.
"""

from dataclasses import dataclass
from typing import Protocol

from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response


class Handler(Protocol):
    """Answers a request whose route values are known."""

    async def __call__(self, request: Request, values: dict[str, str]) -> Response:
        """Answer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP function as the web server sees it."""

    function: str
    level: str
    handle: Handler
