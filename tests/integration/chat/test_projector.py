"""The projector: what it notes when it fails, and where a room stands behind."""

import pytest
from azure.core.exceptions import ServiceRequestError

from functions.chat import projector
from functions.chat.events import RoomLogAppended
from functions.chat.store import cursors
from tests.integration.chat.rooms import Worker, a_room, user, whole_log


async def hint_of(room_id: str) -> RoomLogAppended:
    """The hint that tells of the whole log."""
    entries = await whole_log(room_id)
    return RoomLogAppended(room_id=room_id, first_seq=1, last_seq=entries[-1].seq, entries=entries)


async def test_a_list_that_cannot_be_repaired_keeps_no_span_from_being_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(*_: object) -> None:
        raise ServiceRequestError("the store is away")

    room_id, worker = await a_room(user()), Worker()
    await worker.join(room_id, user())
    hint = await hint_of(room_id)
    with monkeypatch.context() as patch:
        patch.setattr(projector, "list_room", fails)
        with pytest.raises(ServiceRequestError):
            await projector.project(hint)
    assert (await cursors().read(room_id)).missing(hint.last_seq) == []
    await projector.project(hint)


async def test_a_room_stands_behind_in_one_place_however_its_log_grows() -> None:
    owner, worker, outbox = user(), Worker(), projector.RoomOutbox()
    room_id = await a_room(owner)
    places = [await outbox.behind(room_id)]
    for _ in range(3):
        await worker.send(room_id, owner)
        places.append(await outbox.behind(room_id))
    assert places == [1, 1, 1, 1]
    await projector.project(await hint_of(room_id))
    assert await outbox.behind(room_id) is None
