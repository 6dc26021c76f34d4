"""ClamAV against a real clamd, and against servers that misbehave in ways no real one does on demand."""

import asyncio
import os
import shutil
import socket
import subprocess
import threading
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from functions.files.scanning import ClamAV, ScannerUnavailable, scanner_of
from tests.harness.waiting import until

CLAMD = shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_clamd = pytest.mark.skipif(
    CLAMD is None and "CI" not in os.environ,
    reason="needs Debian's clamd: apt-get install clamav-daemon",
)
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
FOUND = "Local-Eicar.UNOFFICIAL"  # clamd's mark for signatures that ClamAV did not sign
TOO_LONG = b"INSTREAM size limit exceeded. ERROR\0"
MEGABYTE = b"x" * 1_000_000
WAYS = ("tcp", "unix")

type Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
type Addresses = dict[str, str]


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def answers(path: Path, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(b"zPING\0")
        return client.recv(100) == b"PONG\0"
    return False


@contextmanager
def clamd(folder: Path, *settings: str) -> Iterator[Addresses]:
    """The addresses of a clamd that knows one signature: EICAR, wherever it stands."""
    assert CLAMD is not None
    path, port, log = folder / "s", free_port(), folder / "log"
    (folder / "signatures").mkdir()
    (folder / "signatures/local.ndb").write_text(f"Local-Eicar:0:*:{EICAR.hex()}\n")
    basics = (
        *(f"DatabaseDirectory {folder}/signatures", "Foreground yes", f"LocalSocket {path}"),
        *("TCPAddr 127.0.0.1", f"TCPSocket {port}", f"TemporaryDirectory {folder}"),
    )
    config = folder / "clamd.conf"
    config.write_text("\n".join((*basics, *settings, "")))
    with log.open("wb") as out:
        process = subprocess.Popen([CLAMD, "-c", config], stdout=out, stderr=out)
    try:
        until(lambda: answers(path, process, log), "clamd answers")
        yield {"tcp": f"clamav://127.0.0.1:{port}", "unix": f"clamav://{path}"}
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Takes streams of one megabyte."""
    with clamd(tmp_path_factory.mktemp("clamd"), "StreamMaxLength 1M") as addresses:
        yield addresses


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Takes long streams, scans 25 MB of one, and says so when there is more."""
    settings = ("StreamMaxLength 100M", "MaxFileSize 25M", "AlertExceedsMax yes")
    with clamd(tmp_path_factory.mktemp("clamd"), *settings) as addresses:
        yield addresses


@needs_clamd
@pytest.mark.parametrize("way", WAYS)
async def test_clean_streams_are_clean(strict: Addresses, way: str) -> None:
    scanner = scanner_of(strict[way])
    assert await scanner.scan(stream(b"hello", b"world")) is None
    assert await scanner.scan(stream()) is None
    assert await scanner.scan(stream(EICAR[:-1])) is None


@needs_clamd
@pytest.mark.parametrize("way", WAYS)
async def test_malware_is_found(strict: Addresses, way: str) -> None:
    scanner = scanner_of(strict[way])
    assert await scanner.scan(stream(EICAR)) == FOUND
    assert await scanner.scan(stream(EICAR[:30], EICAR[30:])) == FOUND
    # It stands over the border of what is sent in one piece.
    assert await scanner.scan(stream(b"x" * (64 * 1024 - 30) + EICAR)) == FOUND


@needs_clamd
@pytest.mark.parametrize("way", WAYS)
async def test_an_empty_chunk_does_not_hide_what_follows(strict: Addresses, way: str) -> None:
    assert await scanner_of(strict[way]).scan(stream(b"", b"x", b"", EICAR, b"")) == FOUND


@needs_clamd
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("megabytes", [2, 40])
async def test_a_stream_above_clamds_limit_has_no_verdict(
    strict: Addresses, way: str, megabytes: int
) -> None:
    # Often, as who is first, clamd with its answer or we with a write that fails, is chance.
    for _ in range(25):
        with pytest.raises(ScannerUnavailable, match="INSTREAM size limit exceeded"):
            await scanner_of(strict[way]).scan(stream(EICAR, *[MEGABYTE] * megabytes))


@needs_clamd
@pytest.mark.parametrize("way", WAYS)
async def test_a_long_stream_is_scanned_to_its_end(patient: Addresses, way: str) -> None:
    scanner = scanner_of(patient[way])
    assert await scanner.scan(stream(*[MEGABYTE] * 20)) is None
    assert await scanner.scan(stream(*[MEGABYTE] * 20, EICAR)) == FOUND
    assert await scanner.scan(stream(MEGABYTE * 20 + EICAR)) == FOUND


@needs_clamd
async def test_a_stream_of_which_clamd_scans_a_part_has_no_verdict(patient: Addresses) -> None:
    with pytest.raises(ScannerUnavailable, match=r"Limits\.Exceeded"):
        await scanner_of(patient["tcp"]).scan(stream(*[MEGABYTE] * 30, EICAR))


@needs_clamd
async def test_many_streams_at_a_time_get_their_own_verdicts(strict: Addresses) -> None:
    scanner = scanner_of(strict["tcp"])
    streams = [stream(EICAR if n % 3 == 0 else b"clean", b"." * n) for n in range(60)]
    verdicts = await asyncio.gather(*map(scanner.scan, streams))
    assert verdicts == [FOUND if n % 3 == 0 else None for n in range(60)]


@needs_clamd
async def test_memory_does_not_grow_with_the_stream(patient: Addresses) -> None:
    tracemalloc.start()
    try:
        await scanner_of(patient["unix"]).scan(stream(*[MEGABYTE] * 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


async def test_nobody_there_is_no_verdict(tmp_path: Path) -> None:
    for place in (("127.0.0.1", free_port()), str(tmp_path / "none"), str(tmp_path / ("n" * 200))):
        with pytest.raises(ScannerUnavailable, match="no connection to clamd: "):
            await ClamAV(place).scan(stream(b"x"))


async def test_a_host_that_lets_wait_is_no_verdict() -> None:
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # fill the queue of those who wait to be accepted
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        with pytest.raises(ScannerUnavailable, match=r"no connection to clamd in 0\.1 seconds"):
            await ClamAV(full.getsockname(), connect_seconds=0.1).scan(stream(b"x"))


async def test_a_full_queue_of_a_unix_socket_is_no_verdict(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
        full.bind(path)
        full.listen(0)
        first.connect(path)
        with pytest.raises(ScannerUnavailable, match="no connection to clamd: its queue is full"):
            await ClamAV(path, step_seconds=5).scan(stream(b"x"))


@asynccontextmanager
async def serving(handler: Handler, *, step_seconds: float = 20) -> AsyncIterator[ClamAV]:
    """A server that is no clamd, and a scanner that takes it for one."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        try:
            yield ClamAV((host, port), step_seconds=step_seconds)
        finally:
            server.close_clients()


async def whole_stream(reader: asyncio.StreamReader) -> bytes:
    assert await reader.readexactly(10) == b"zINSTREAM\0"
    parts = []
    while length := int.from_bytes(await reader.readexactly(4), "big"):
        parts.append(await reader.readexactly(length))
    return b"".join(parts)


async def asked_of(said: bytes) -> str | None:
    """What a scan of a short stream makes of an answer."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await whole_stream(reader)
        writer.write(said)
        await writer.drain()

    async with serving(handler) as scanner:
        return await scanner.scan(stream(b"x"))


async def test_the_answers_of_clamd_are_understood() -> None:
    assert await asked_of(b"stream: OK\0") is None
    assert await asked_of(b"stream: Win.Test.A-1 (x) FOUND\0") == "Win.Test.A-1 (x)"


@pytest.mark.parametrize(
    "said",
    [
        *(b"", b"\0", b"OK\0", b"stream: \0", b"stream: OK", b"stream: OK\n\0", b" stream: OK\0"),
        *(
            b"stream: FOUND\0",
            b"stream:  FOUND \0",
            b"stream: Some.Thing FOUND",
            b"stream: OK ERROR\0",
        ),
        *(b"stream: Can't allocate memory ERROR\0", TOO_LONG, b"COMMAND READ TIMED OUT\0"),
        *(b"UNKNOWN COMMAND\0", b"\xff\xfe\0", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        *(b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", b"y" * 100_000 + b"\0"),
    ],
)
async def test_any_other_answer_is_no_verdict(said: bytes) -> None:
    with pytest.raises(ScannerUnavailable, match=r"clamd (gave no verdict|hung up)"):
        await asked_of(said)


async def test_the_stream_arrives_as_it_was_sent() -> None:
    arrived = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await whole_stream(reader))
        writer.write(b"stream: OK\0")

    sent = os.urandom(300_000)
    async with serving(handler) as scanner:
        assert await scanner.scan(stream(sent[:1], b"", sent[1:65_537], sent[65_537:])) is None
    assert arrived == [sent]


async def test_a_server_that_hangs_up_is_no_verdict() -> None:
    async def at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def in_the_stream(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readexactly(50_000)

    for handler in (at_once, in_the_stream):
        async with serving(handler) as scanner:
            with pytest.raises(ScannerUnavailable, match="clamd hung up without an answer"):
                await scanner.scan(stream(*[MEGABYTE] * 10))


async def test_ok_before_the_end_of_the_stream_is_no_verdict() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(50_000)
        writer.write(b"stream: OK\0")
        await writer.drain()

    async with serving(handler) as scanner:
        with pytest.raises(ScannerUnavailable, match="before the end of the stream 'stream: OK"):
            await scanner.scan(stream(*[MEGABYTE] * 10))


async def test_a_stream_that_has_its_answer_is_not_sent_on() -> None:
    given = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"stream: OK\0")
        while await reader.read(100_000):
            pass

    async def long() -> AsyncIterator[bytes]:
        nonlocal given
        for given in range(10_000):  # noqa: B007 - read below, to see how far it came
            yield b"x"
            await asyncio.sleep(0)

    async with serving(handler) as scanner:
        with pytest.raises(ScannerUnavailable, match="before the end of the stream 'stream: OK"):
            await scanner.scan(long())
    assert given < 1_000


async def test_ok_just_before_the_end_of_the_stream_is_no_verdict() -> None:
    answered = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"stream: OK\0")
        answered.set()
        await reader.read()

    async def late() -> AsyncIterator[bytes]:
        yield b"x"
        await answered.wait()
        for _ in range(10):  # turns of the loop: it waits in our socket, and is read in the next
            await asyncio.sleep(0)

    async with serving(handler) as scanner:
        with pytest.raises(ScannerUnavailable, match="before the end of the stream 'stream: OK"):
            await scanner.scan(late())


async def test_a_server_that_never_answers_is_no_verdict() -> None:
    async def handler(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(handler, step_seconds=0.1) as scanner:
        with pytest.raises(ScannerUnavailable, match=r"no answer from clamd in 0\.1 seconds"):
            await scanner.scan(stream(b"x"))


async def test_a_server_that_never_reads_gets_little_and_is_no_verdict() -> None:
    over, given = asyncio.Event(), 0

    async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # typeshed has the base class
        await over.wait()

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield MEGABYTE

    async with serving(handler, step_seconds=0.3) as scanner:
        with pytest.raises(ScannerUnavailable, match=r"clamd took nothing for 0\.3 seconds"):
            await scanner.scan(endless())
        over.set()
    assert given < 50  # megabytes in the buffers of two kernels' sockets


@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_is_read_though_the_next_write_fails(tmp_path: Path, way: str) -> None:
    """The server answers and closes while our loop is busy: asyncio meets the closed end by a write."""
    path = str(tmp_path / "s")
    server = socket.socket(socket.AF_UNIX) if way == "unix" else socket.socket(socket.AF_INET)
    with server:
        server.bind(path if way == "unix" else ("127.0.0.1", 0))
        server.listen()
        sent, closed = threading.Event(), threading.Event()

        def answer_and_close() -> None:
            client, _ = server.accept()
            assert sent.wait(20)
            client.sendall(TOO_LONG)
            client.close()  # with much unread, which resets the connection
            closed.set()

        async def busy() -> AsyncIterator[bytes]:
            yield MEGABYTE[:50_000]
            sent.set()
            assert closed.wait(20)  # blocks the loop: that is the point
            yield MEGABYTE

        thread = threading.Thread(target=answer_and_close)
        thread.start()
        scanner = ClamAV(path if way == "unix" else server.getsockname())
        with pytest.raises(ScannerUnavailable, match="INSTREAM size limit exceeded"):
            await scanner.scan(busy())
        thread.join()


async def test_trouble_of_the_stream_is_raised_as_it_is_and_never_ends_it() -> None:
    ends: asyncio.Queue[type[Exception]] = asyncio.Queue()

    async def handler(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        try:
            await whole_stream(reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            ends.put_nowait(type(error))

    async def broken(error: Exception) -> AsyncIterator[bytes]:
        yield b"a beginning"
        raise error

    async with serving(handler) as scanner:
        for trouble in (
            ConnectionResetError("the store"),
            TimeoutError("the store"),
            KeyError("x"),
        ):
            with pytest.raises(type(trouble)) as raised:
                await scanner.scan(broken(trouble))
            assert raised.value is trouble
            assert await asyncio.wait_for(ends.get(), 20)


async def test_a_cancelled_scan_hangs_up() -> None:
    hung_up = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        hung_up.set()

    async def silent() -> AsyncIterator[bytes]:
        yield b"x"
        scan.cancel()
        await asyncio.Event().wait()

    async with serving(handler) as scanner:
        scan = asyncio.create_task(scanner.scan(silent()))
        with pytest.raises(asyncio.CancelledError):
            await scan
        await asyncio.wait_for(hung_up.wait(), 20)
