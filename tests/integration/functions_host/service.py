"""A stand-in for the Web PubSub service's REST side: checks each token and records each call."""

from dataclasses import dataclass, field

import jwt
from aiohttp import web

KEY = "k" * 40


@dataclass
class Service:
    """What was called; `refuse` makes the calls to a path fail."""

    calls: list[tuple[str, str, str | None, str]] = field(default_factory=list)
    refuse: str | None = None
    port: int = 0

    @property
    def connection(self) -> str:
        return f"Endpoint=http://localhost:{self.port};AccessKey={KEY};Version=1.0;"

    async def handle(self, request: web.Request) -> web.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        audience = f"http://localhost:{self.port}{request.raw_path}"
        jwt.decode(token, KEY, algorithms=["HS256"], audience=audience)
        path = request.raw_path.removesuffix("api-version=2024-12-01").rstrip("?&")
        text = (await request.read()).decode()
        self.calls.append((request.method, path, request.headers.get("content-type"), text))
        return web.Response(status=400 if self.refuse and self.refuse in path else 202)
