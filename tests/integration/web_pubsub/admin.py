"""The admin API as tests use it: by HTTP, and by the command."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.harness.waiting import until_async
from tests.integration.web_pubsub.harness import ROOT, Emulator


class Admin:
    """Asks a running emulator for faults and the like."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self._session = session

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Return the status and the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(
            method, f"{self.emulator.url}/_emulator{path}", json=body, headers=named
        ) as response:
            return response.status, await response.json(content_type=None)

    async def do(self, path: str, **body: Any) -> Any:
        status, answer = await self.ask("POST", path, body)
        assert status in {200, 201}, answer
        return answer

    @asynccontextmanager
    async def fault(self, kind: str, hub: str, **options: Any) -> AsyncIterator[str]:
        """A fault for as long as the block lasts."""
        made = await self.do("/faults", kind=kind, hub=hub, **options)
        try:
            yield made["id"]
        finally:
            await self.ask("DELETE", f"/faults/{made['id']}")

    async def listed(self, fault: str) -> dict[str, Any]:
        _, answer = await self.ask("GET", "/faults")
        found: dict[str, Any] = next(each for each in answer["faults"] if each["id"] == fault)
        return found

    async def until_struck(self, fault: str, times: int) -> None:
        async def struck() -> bool:
            return bool((await self.listed(fault))["struck"] >= times)

        await until_async(struck, f"the fault strikes {times} times")

    async def status_of(self, hub: str) -> dict[str, Any]:
        _, status = await self.ask("GET", "/status")
        found = [each for each in status["hubs"] if each["name"] == hub]
        return found[0] if found else {"connectionCount": 0, "connections": [], "groups": []}


async def command(emulator: Emulator, *words: str) -> tuple[int, Any, str]:
    """Run a command; returns its exit code, what it printed as JSON, and its errors."""
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "emulators.web_pubsub", *words, "--url", emulator.url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    answer = json.loads(result.stdout) if result.stdout else None
    return result.returncode, answer, result.stderr
