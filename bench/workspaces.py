"""Workspaces: how soon a removal holds, on HTTP in another service and on the socket.

Through HTTP and the official Web PubSub client against the running stack, all on one machine. A socket is out
when the frame that tells of the removal has reached another member: it leaves after the group was left.
"""

import asyncio
import time
from typing import Any

from bench.auth import registered
from bench.chat import Row, percentiles
from bench.client import Atrium, User, atrium

_REMOVALS = 20


async def _fresh(api: Atrium, user: dict[str, Any]) -> str:
    answer = await api.call("POST", "auth/refresh", refresh_token=user["refresh_token"])
    user["refresh_token"] = answer["refresh_token"]
    return str(answer["access_token"])


async def _joined(api: Atrium, link: str) -> tuple[str, str]:
    """Let a new user in; his id, and a token that carries the workspace."""
    user = await registered(api)
    await api.call("POST", "workspaces/join", user["access_token"], token=link)
    return user["user"]["id"], await _fresh(api, user)


async def _until_refused(api: Atrium, token: str) -> float:
    started = time.perf_counter()
    while True:
        try:
            await api.call("GET", "rooms", token)
        except RuntimeError:
            return time.perf_counter() - started


async def measure() -> list[Row]:
    """All rows of the table."""
    answered, refused, heard = [], [], []
    told: dict[str, float] = {}

    def on_frame(frame: dict[str, Any], at: float) -> None:
        if frame.get("type") == "workspace.member_left":
            told[frame["user_id"]] = at

    async with atrium() as api:
        owner = await registered(api)
        made = await api.call("POST", "workspaces", owner["access_token"], name="Bench")
        path, token = f"workspaces/{made['id']}", await _fresh(api, owner)
        link = await api.call("POST", f"{path}/join-links", token, max_uses=_REMOVALS)
        async with api.listening(User(owner["user"]["id"], "Bench", token), on_frame):
            for _ in range(_REMOVALS):
                user_id, theirs = await _joined(api, link["token"])
                await api.call("GET", "rooms", theirs)
                started = time.perf_counter()
                await api.call("DELETE", f"{path}/members/{user_id}", token)
                answered.append(time.perf_counter() - started)
                refused.append(await _until_refused(api, theirs))
                while user_id not in told:
                    await asyncio.sleep(0.005)
                heard.append(told[user_id] - started)
    return [
        ("removal, answered", percentiles(answered)),
        ("  → refused in chat", percentiles(refused)),
        ("  removal → socket is out", percentiles(heard)),
    ]


if __name__ == "__main__":
    for _name, _figure in asyncio.run(measure()):
        print(f"  {_name:<28} {_figure}")
