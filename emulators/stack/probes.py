"""Asks a part over HTTP whether it is ready, with the standard library alone.

Invariant: a probe never raises and never hangs; whatever is not the expected answer is a "not yet"
with words that explain it.
"""

import asyncio
from urllib.parse import urlsplit

from emulators.stack.parts import Part, Probe

PAUSE = 0.1
PATIENCE = 5.0  # one answer; /api/ready may have to reach several services


async def until_ready(part: Part, excuses: dict[str, str]) -> None:
    """Return when every probe has had its answer; ``excuses`` says meanwhile what is missing."""
    for probe in part.probes:
        while excuse := await _excuse(probe):
            excuses[part.name] = excuse
            await asyncio.sleep(PAUSE)


async def _excuse(probe: Probe) -> str:
    try:
        status = await asyncio.wait_for(_status(probe), PATIENCE)
    except TimeoutError:
        return f"{probe.url} gives no answer"
    except (OSError, ValueError, IndexError):
        return f"{probe.url} is not listening"
    if probe.status in (None, status):
        return ""
    return f"{probe.url} answers {status}"


async def _status(probe: Probe) -> int:
    parts = urlsplit(probe.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        request = f"{probe.method} {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        writer.write(f"{request}Connection: close\r\n\r\n".encode())
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
