"""Looking for malware in a stream of bytes, behind one interface.

Invariant: a stream is clean only where a scanner that was given all of it said so. Whatever else happens
(nobody there, a time-out, a limit, an answer nobody understands) raises ScannerUnavailable; trouble of the
stream itself is raised as it is.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

# With asyncio's own buffer of the same size: all that a scan keeps besides a chunk.
_PIECE = 64 * 1024
_MAX_ANSWER = 4096
_SHOWN = 200
_FOUND = re.compile(r"stream: (.+) FOUND")
# With AlertExceedsMax clamd "finds" that it gave up on a file: that is no verdict.
_GAVE_UP = "Heuristics.Limits.Exceeded"
_FORMS = "clamav://host:port, clamav:///path/to/socket or eicar:"
# In two parts, so that a scanner that reads this file does not take it for malware.
_EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class ScannerUnavailable(Exception):
    """There is no verdict. Ask again later; until then the stream is not clean."""


class Scanner(Protocol):
    """Whatever can look for malware."""

    async def scan(self, chunks: AsyncIterator[bytes]) -> str | None:
        """Return the name of what was found, None when clean. Raises ScannerUnavailable.

        It may stop before the end of the chunks when it has found something.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClamAV:
    """A clamd, by its command INSTREAM.

    clamd says OK to a file above its MaxFileSize or MaxScanSize without having looked at all of it, unless
    its configuration has `AlertExceedsMax yes`, which cannot be asked for: whoever runs it must set that.
    """

    place: tuple[str, int] | str
    """Host and port, or the path of a Unix socket."""
    connect_seconds: float = 5.0
    step_seconds: float = 60.0
    """For clamd to take a piece, and to answer after the last. Waiting for chunks has no limit here."""

    async def scan(self, chunks: AsyncIterator[bytes]) -> str | None:
        """See Scanner."""
        reader, writer = await self._connected()
        spare: socket.socket = writer.get_extra_info("socket").dup()
        # Read from the start: clamd answers early, and closes, when it wants no more.
        answer = asyncio.create_task(_answer(reader))
        try:
            complete = await self._send(chunks, writer, answer)
            said = await self._answered(answer) or _left_in(spare)
            return _verdict(said, complete=complete)
        finally:
            answer.cancel()
            spare.close()
            await _drop(writer)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self.connect_seconds):
                reader, writer = await self._open()
        except TimeoutError as error:
            raise ScannerUnavailable(
                f"no connection to clamd in {self.connect_seconds} seconds"
            ) from error
        except OSError as error:
            raise ScannerUnavailable(f"no connection to clamd: {error}") from error
        # asyncio takes a Unix socket whose queue is full (EAGAIN) for a connected one.
        if isinstance(self.place, str) and writer.get_extra_info("peername") is None:
            await _drop(writer)
            raise ScannerUnavailable("no connection to clamd: its queue is full")
        return reader, writer

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.place, str):
            return await asyncio.open_unix_connection(self.place, limit=_MAX_ANSWER)
        return await asyncio.open_connection(*self.place, limit=_MAX_ANSWER)

    async def _send(
        self,
        chunks: AsyncIterator[bytes],
        writer: asyncio.StreamWriter,
        answer: asyncio.Task[bytes],
    ) -> bool:
        """Whether clamd took the whole stream; stops where it has answered or hung up."""
        if not await self._took(writer, b"zINSTREAM\0"):
            return False
        async for chunk in chunks:
            for piece in _pieces(chunk):
                if answer.done() or not await self._took(writer, _framed(piece)):
                    return False
        return not answer.done() and await self._took(writer, _framed(b""))

    async def _took(self, writer: asyncio.StreamWriter, data: bytes) -> bool:
        """Whether clamd is still there to take it. Raises ScannerUnavailable if it only lets us wait."""
        writer.write(data)
        try:
            async with asyncio.timeout(self.step_seconds):
                await writer.drain()
        except TimeoutError as error:
            raise ScannerUnavailable(
                f"clamd took nothing for {self.step_seconds} seconds"
            ) from error
        except OSError:
            return False
        return True

    async def _answered(self, answer: asyncio.Task[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self.step_seconds):
                return await answer
        except TimeoutError as error:
            raise ScannerUnavailable(
                f"no answer from clamd in {self.step_seconds} seconds"
            ) from error


class EicarScanner:
    """NO PROTECTION AT ALL: it finds the EICAR test string and takes all real malware for clean.

    For laptops and tests without a clamd, so that the way of an infected file can be walked.
    """

    async def scan(self, chunks: AsyncIterator[bytes]) -> str | None:
        """See Scanner."""
        seen = b""
        async for chunk in chunks:
            seen += chunk
            if _EICAR in seen:
                return "Eicar-Test-Signature"
            seen = seen[1 - len(_EICAR) :]  # what may be the beginning of one
        return None


def scanner_of(address: str) -> Scanner:
    """Return the scanner that an address names. Raises ValueError."""
    if address == "eicar:":
        return EicarScanner()
    place = _place(address)
    if place is None:
        raise ValueError(f"{address!r} is no scanner's address: give {_FORMS}")
    return ClamAV(place)


def _place(address: str) -> tuple[str, int] | str | None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme != "clamav" or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    if host and port and not parts.path:
        return host, port
    is_socket = address.startswith("clamav:///") and len(parts.path) > 1
    return parts.path if is_socket else None


def _pieces(chunk: bytes) -> Iterator[bytes]:
    """Cut a chunk. An empty one has no piece: sent, it would end the stream, and the rest would go unseen."""
    for start in range(0, len(chunk), _PIECE):
        yield chunk[start : start + _PIECE]


def _framed(piece: bytes) -> bytes:
    return len(piece).to_bytes(4, "big") + piece


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """What clamd says up to its zero byte, or until it hangs up. Raises nothing."""
    try:
        return await reader.readuntil(b"\0")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return b"(more than an answer)"
    except OSError:
        return b""


def _left_in(spare: socket.socket) -> bytes:
    """Return an answer that asyncio did not read: it drops a connection at once when writing to it fails.

    The answer of a clamd that answered and closed just before a write waits in the socket, of which this is a
    second handle. It does not block.
    """
    with suppress(OSError):
        return spare.recv(_MAX_ANSWER)
    return b""


async def _drop(writer: asyncio.StreamWriter) -> None:
    """Close without waiting for a peer that may never read what is still buffered."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def _verdict(said: bytes, *, complete: bool) -> str | None:
    """What an answer means. Only an OK to the complete stream is clean."""
    text = said.decode("utf-8", "replace")
    if not text:
        raise ScannerUnavailable("clamd hung up without an answer")
    if complete and text == "stream: OK\0":
        return None
    found = _FOUND.fullmatch(text.removesuffix("\0")) if text.endswith("\0") else None
    if found is None or found[1].startswith(_GAVE_UP):
        early = "" if complete else " before the end of the stream"
        raise ScannerUnavailable(f"clamd gave no verdict but{early} {text[:_SHOWN]!r}")
    return found[1]
