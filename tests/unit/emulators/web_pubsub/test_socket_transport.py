"""The outbound half of a socket: straight through, queued for a slow reader, expired, given up."""

import asyncio
import time
from typing import cast

import pytest

from emulators.web_pubsub import socket_transport
from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.socket_transport import SLOW_BYTES, SocketTransport
from emulators.web_pubsub.wire import encode_close

FAR = time.monotonic() + 3600
PAST = 0.0


class FakeSocket:
    """An asyncio transport whose reader takes what it is told to take."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unsent = 0
        self.room = asyncio.Event()
        self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.aborted, "uvloop's raises then"
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    async def drain(self) -> None:
        await self.room.wait()


def transport_of(fake: FakeSocket) -> SocketTransport:
    return SocketTransport(cast("asyncio.Transport", fake), fake.drain, Clock())


async def slow() -> tuple[FakeSocket, SocketTransport]:
    fake = FakeSocket()
    fake.unsent = SLOW_BYTES + 1
    return fake, transport_of(fake)


async def catch_up(fake: FakeSocket) -> None:
    fake.unsent = 0
    fake.room.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_client_that_reads_gets_its_frames_at_once() -> None:
    fake = FakeSocket()
    assert transport_of(fake).write(b"a")
    assert fake.written == [b"a"]


async def test_a_frame_that_waits_past_its_time_is_not_sent() -> None:
    fake, transport = await slow()
    for frame, expires_at in ((b"a", FAR), (b"b", PAST), (b"c", FAR)):
        assert transport.write(frame, expires_at)
    assert fake.written == []
    await catch_up(fake)
    assert fake.written == [b"a", b"c"]
    transport.write(b"d")
    assert fake.written == [b"a", b"c", b"d"]


async def test_frames_keep_their_order_behind_a_queue() -> None:
    fake, transport = await slow()
    transport.write(b"a")
    fake.unsent = 0
    transport.write(b"b")
    await catch_up(fake)
    assert fake.written == [b"a", b"b"]


async def test_a_close_comes_after_what_waits_and_nothing_after_it() -> None:
    fake, transport = await slow()
    transport.write(b"a", FAR)
    transport.write(b"b", PAST)
    transport.close(1000, "bye")
    assert transport.write(b"late")
    await catch_up(fake)
    assert fake.written == [b"a", encode_close(1000, "bye")]


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_transport, "MAX_UNSENT_BYTES", SLOW_BYTES + 3)
    _, transport = await slow()
    assert transport.write(b"aa")
    assert not transport.write(b"b")


async def test_a_socket_that_is_lost_ends_the_queue() -> None:
    fake, transport = await slow()
    transport.write(b"a", FAR)
    transport.abort()
    await catch_up(fake)
    assert transport.write(b"b")
    assert fake.written == []
