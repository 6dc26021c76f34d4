"""Chromium without a window, driven over its debugging protocol: opens a page and asks it things."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.waiting import until_async

PATH = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(
    PATH is None and "CI" not in os.environ,
    reason="needs Debian's chromium: apt-get install chromium",
)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--remote-debugging-port=0", "--window-size=1400,1000"),
)


class Refused(Exception):
    """The browser has not done what it was asked; a page that is being left answers nothing."""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._calls = 0
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call the debugging protocol; what the page complains of meanwhile is kept. Raises Refused."""
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=20)
            if message.get("id") == self._calls:
                if "error" in message:
                    raise Refused(message["error"])
                result: dict[str, Any] = message["result"]
                return result
            if message["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.complaints.append(str(message["params"]))

    async def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str, what: str) -> Any:
        """Wait until the expression is true."""
        return await until_async(lambda: self.ask(expression), what)


@asynccontextmanager
async def opened(url: str, profile: Path) -> AsyncIterator[Page]:
    """A tab with the page, once it has loaded."""
    assert PATH is not None
    process = await asyncio.create_subprocess_exec(
        PATH, *_FLAGS, f"--user-data-dir={profile}", url, stderr=subprocess.DEVNULL
    )
    try:
        port = await until_async(lambda: _port(profile), "chromium listens")
        async with aiohttp.ClientSession() as session:
            address = await until_async(lambda: _tab(session, port, url), "the tab is open")
            assert address is not None
            async with session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                await page.call("Log.enable")
                await page.call("Runtime.enable")
                await until_async(lambda: _has_loaded(page, url), "the page has loaded")
                yield page
    finally:
        process.terminate()
        await process.wait()


async def _port(profile: Path) -> int | None:
    path = profile / "DevToolsActivePort"
    lines = path.read_text().split() if path.exists() else []
    return int(lines[0]) if lines else None


async def _tab(session: aiohttp.ClientSession, port: int | None, url: str) -> str | None:
    async with session.get(f"http://127.0.0.1:{port}/json") as response:
        tabs = await response.json(content_type=None)
    found = [tab["webSocketDebuggerUrl"] for tab in tabs if tab["url"].startswith(url)]
    return found[0] if found else None


async def _has_loaded(page: Page, url: str) -> bool:
    """Whether the page is there: a tab is listed with its address while it still shows about:blank."""
    is_it = f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'"
    try:
        return bool(await page.ask(is_it))
    except Refused:
        return False
