"""Handles one connection's requests in order, while its socket keeps being read.

Only a request that has to wait (an event for the upstream handler) costs a task; the others are
done on the spot. Invariant: a request starts only after the one before it ended, none starts after
``close``, and at most ``CAPACITY`` wait; then the socket is not read, and TCP slows the client.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine

from emulators.web_pubsub.codec import Ping, Request, SequenceAck

CAPACITY = 64
# Behind a slow event, a client that pings would be dropped for nothing.
_PASSING_BY = (Ping, SequenceAck)
type Handler = Callable[[Request], Coroutine[None, None, None] | None]


class Inbox:
    """The requests of one logical connection; it outlives a dropped transport."""

    __slots__ = ("_closed", "_handle", "_room", "_task", "_waiting")

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._waiting: deque[Request] = deque()
        self._room: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def put(self, request: Request) -> None:
        """Handle the request now or in its turn; waits only while the inbox is full."""
        if self._task is not None:
            await self.room_for(request)
        self.accept(request)

    async def room_for(self, request: Request) -> None:
        """Wait while the inbox is full, unless the request passes by what is in it."""
        if isinstance(request, _PASSING_BY):
            return
        while self._task is not None and len(self._waiting) >= CAPACITY and not self._closed:
            self._room = asyncio.Event()
            await self._room.wait()

    def accept(self, request: Request) -> None:
        """Handle the request now or in its turn, for a caller that has seen to the room."""
        if self._closed:
            return
        if isinstance(request, _PASSING_BY):
            self._handle(request)
        elif self._task is not None:
            self._waiting.append(request)
        elif (pending := self._handle(request)) is not None:
            self._task = asyncio.create_task(self._drain(pending))

    def close(self) -> None:
        """Handle nothing more; what is under way is cancelled, unless it is the caller itself."""
        self._closed = True
        self._waiting.clear()
        self._make_room()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _drain(self, pending: Coroutine[None, None, None] | None) -> None:
        try:
            while True:
                if pending is not None:
                    await pending
                if not self._waiting:
                    return
                pending = self._handle(self._waiting.popleft())
                self._make_room()
        finally:
            self._task = None
            self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
