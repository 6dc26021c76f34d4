"""A world for realtime's commands: a projection and a hub that are recorded, in one list."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from functions.realtime import store
from functions.realtime.models import Access
from shared_code import live


@dataclass
class World:
    """`told` is the projection, `groups` the hub, `done` what happened in its order.

    `meanwhile` runs once after the next call of the hub: what another process does at that moment.
    """

    told: dict[tuple[str, str], Access] = field(default_factory=dict)
    groups: set[tuple[str, str]] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] | None = None

    async def keep(self, access: Access) -> bool:
        stored = self.told.get((access.user_id, access.place_id))
        if stored and stored.seq >= access.seq:
            return False
        self.done.append(f"keep {access.user_id} {access.seq}")
        self.tell(access)
        return True

    def tell(self, access: Access) -> None:
        self.told[access.user_id, access.place_id] = access

    async def may_hear(self, user_id: str, room_id: str) -> bool:
        access = self.told.get((user_id, room_id))
        return access is not None and access.allowed

    async def places_of(self, user_id: str) -> list[str]:
        return [each.place_id for each in self.told.values() if each.user_id == user_id]

    async def let_hear(self, user_id: str, room_id: str) -> None:
        self._act("add", user_id, room_id)
        self.groups.add((user_id, room_id))
        self._others_act()

    async def stop_hearing(self, user_id: str, room_id: str) -> None:
        self._act("remove", user_id, room_id)
        self.groups.discard((user_id, room_id))
        self._others_act()

    def _act(self, what: str, user_id: str, room_id: str) -> None:
        self.done.append(f"{what} {user_id} {room_id}")

    def _others_act(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    for name in ("keep", "may_hear", "places_of"):
        monkeypatch.setattr(store, name, getattr(made, name))
    monkeypatch.setattr(live, "let_hear", made.let_hear)
    monkeypatch.setattr(live, "let_connection_hear", made.let_hear)
    monkeypatch.setattr(live, "stop_hearing", made.stop_hearing)
    return made
