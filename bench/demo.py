"""`make demo`: two people talk through the whole stack, and the transcript shows how long it took.

HTTP → Functions → Tables → Service Bus → Web PubSub → the official client, against the running stack.
"""

import asyncio
import time
from typing import Any

from bench.client import Atrium, User, atrium

_LINES = (
    ("Ada", "Hello Grace, can you hear me?"),
    ("Grace", "Loud and clear. Is this the whole stack?"),
    ("Ada", "HTTP, Functions, Tables, Service Bus, Web PubSub."),
    ("Grace", "And the numbers in front have no gaps."),
    ("Ada", "They never will."),
)
_LIMIT_SECONDS = 30.0


class Ear:
    """What one user hears, as it arrives."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.arrived: dict[int, float] = {}
        self._news = asyncio.Event()

    def hear(self, frame: dict[str, Any], at: float) -> None:
        """Take a frame; entries that are no messages count too, since they wake the room."""
        self.arrived.setdefault(frame["seq"], at)
        self._news.set()

    async def wait_for(self, seq: int) -> float:
        """The time at which the frame of `seq` arrived."""
        async with asyncio.timeout(_LIMIT_SECONDS):
            while seq not in self.arrived:
                self._news.clear()
                await self._news.wait()
        return self.arrived[seq]


async def talk(api: Atrium, room_id: str, ears: dict[str, Ear]) -> None:
    """Send the lines one after another, and print each when both have it."""
    for name, text in _LINES:
        started = time.perf_counter()
        message = await api.send(ears[name].user, room_id, text)
        answered = time.perf_counter()
        arrivals = [await ear.wait_for(message["seq"]) for ear in ears.values()]
        print(
            f"{message['seq']:>4}  {name:<6} {text:<52}"
            f" answered {1000 * (answered - started):5.1f} ms"
            f"   received {1000 * (max(arrivals) - started):6.1f} ms"
        )


async def main() -> None:
    """Register, make a room, join, connect, talk."""
    async with atrium() as api:
        ada, grace = await asyncio.gather(api.register("Ada"), api.register("Grace"))
        print(f"registered  {ada.display_name} {ada.id}, {grace.display_name} {grace.id}")
        room_id = await api.room(ada, grace)
        print(f"room        {room_id}, both are members")
        ears = {user.display_name: Ear(user) for user in (ada, grace)}
        async with (
            api.listening(ada, ears["Ada"].hear),
            api.listening(grace, ears["Grace"].hear),
        ):
            await hear_each_other(api, room_id, ears)
            print("connected   two WebSockets, json.reliable.webpubsub.azure.v1\n\n seq")
            await talk(api, room_id, ears)


async def hear_each_other(api: Atrium, room_id: str, ears: dict[str, Ear]) -> None:
    """Send until both hear: a connection's groups follow a moment after it opens."""
    async with asyncio.timeout(_LIMIT_SECONDS):
        while not all(ear.arrived for ear in ears.values()):
            await api.send(ears["Ada"].user, room_id, "Testing, testing")
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
