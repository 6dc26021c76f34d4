"""REST by hand: signed requests to one hub, with what tests want to be wrong about them."""

import io
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
from yarl import URL

from tests.integration.web_pubsub.harness import KEY, Emulator


@dataclass(frozen=True)
class Answer:
    """A response, read."""

    status: int
    headers: Any
    body: Any


class Rest:
    """Signs and sends requests to one hub."""

    def __init__(self, emulator: Emulator, hub: str, session: aiohttp.ClientSession) -> None:
        self.base = f"{emulator.url}/api/hubs/{hub}"
        self.session = session

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        data: Any = None,
        **signing: Any,
    ) -> Answer:
        """Ask with a token for this request, unless ``signing`` says key, audience or exp."""
        url = self.base + path
        exp = time.time() + signing.get("exp", 60)
        claims = {"aud": signing.get("audience", url), "exp": exp}
        token = jwt.encode(claims, signing.get("key", KEY), algorithm="HS256")
        signed = {"Authorization": f"Bearer {token}", **(headers or {})}
        async with self.session.request(
            method, URL(url, encoded=True), headers=signed, data=_readable(data)
        ) as response:
            text = await response.text()
            body = await response.json() if text else None
            return Answer(response.status, response.headers, body)


def _readable(data: Any) -> Any:
    """Large bytes go as a file: aiohttp's client warns of them otherwise."""
    return io.BytesIO(data) if isinstance(data, bytes) else data
