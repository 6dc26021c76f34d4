"""HTTP requests to services that are not ours: bounded in time and size, and never redirected.

Invariant: whatever such a service does, the caller gets its answer or NoAnswer, within the time it gave.
"""

from collections.abc import Mapping
from dataclasses import dataclass


class NoAnswer(Exception):
    """There was none in time, or it was too long. The text never holds the address, which may be secret."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


async def ask(  # noqa: PLR0913 - each keyword is one property of a request
    method: str,
    url: str,
    *,
    seconds: float,
    max_bytes: int,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request over a connection of its own. Raises NoAnswer."""
    from aiohttp import ClientError, ClientSession, ClientTimeout

    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=seconds)) as session,
            session.request(
                method, url, headers=headers, data=form, allow_redirects=False
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise NoAnswer("TooLong")
            return Answer(response.status, bytes(body))
    except (ClientError, TimeoutError, OSError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error
