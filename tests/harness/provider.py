"""A real OpenID provider of a test's own (npm's oidc-provider), and a browser that signs in there.

Invariant: it ends with the block; the browser does what the forms of the provider ask for, and stops where
the provider sends it back to us.
"""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp

from tests.harness.stack import REPOSITORY
from tests.harness.waiting import until

_SCRIPT = REPOSITORY / "tests" / "harness" / "provider.mjs"
_ACTION = re.compile(r'action="([^"]+)"')
_PROMPT = re.compile(r'name="prompt" value="([^"]+)"')
_MOST_STEPS = 12


@dataclass(frozen=True)
class OpenIdServer:
    """One provider."""

    issuer: str

    async def sign_in(self, url: str, login: str) -> dict[str, str]:
        """Sign in there as this person; the parameters with which the browser is sent back."""
        jar = aiohttp.CookieJar(unsafe=True)  # it has an IP address
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            for _ in range(_MOST_STEPS):
                method, form = "GET", None
                async with browser.get(url, allow_redirects=False) as page:
                    back, text = page.headers.get("Location"), await page.text()
                if back is None:
                    back = await self._submitted(browser, url, text, login)
                url = urljoin(url, back)
                if not url.startswith(self.issuer):
                    return dict(parse_qsl(urlsplit(url).query))
        raise AssertionError(f"the provider goes round in circles: {method} {url} {form}")

    async def _submitted(
        self, browser: aiohttp.ClientSession, url: str, text: str, login: str
    ) -> str:
        """Where the form of a page leads."""
        action, prompt = _ACTION.search(text), _PROMPT.search(text)
        assert action, text
        assert prompt, text
        form = {"prompt": prompt[1], "login": login, "password": "any"}
        async with browser.post(
            urljoin(url, action[1]), data=form, allow_redirects=False
        ) as answer:
            return answer.headers["Location"]


@contextmanager
def running_provider(*clients: dict[str, Any]) -> Iterator[OpenIdServer]:
    """A provider that knows these clients."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["node", _SCRIPT, str(port), json.dumps(clients)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=REPOSITORY,
        text=True,
    )
    try:
        lines = iter(process.stdout.readline, "") if process.stdout else iter(())
        until(lambda: "listening" in next(lines, ""), "the provider listens", 30)
        yield OpenIdServer(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.communicate()
