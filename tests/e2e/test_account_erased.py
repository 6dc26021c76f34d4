"""An account that is erased leaves every room, whatever its role there, and nobody hears for it."""

from functions.auth.events import account_erased
from tests.harness.api import Api
from tests.harness.bus import bus, publish
from tests.harness.stack import Stack
from tests.harness.waiting import until_async


async def test_an_erased_account_leaves_every_room_once(api: Api, stack: Stack) -> None:
    ada, grace = await api.user("Ada"), await api.user("Grace")
    owned, joined = await api.room(ada, grace), await api.room(grace, ada)
    await api.send(ada, joined, "I was here")
    async with bus(stack) as client:
        for _ in range(2):  # delivery is at least once
            await publish(client, account_erased(ada.id).model_dump(mode="json"), ada.id)

    async def has_left() -> bool:
        rooms = await api.good("GET", "rooms", ada)
        return not rooms["items"]

    await until_async(has_left, "the rooms of the erased account are left", 30)
    for room_id in (owned, joined):
        entries = await api.log(grace, room_id)
        left = [each for each in entries if each["type"] == "member.left"]
        assert [each["data"]["user_id"] for each in left] == [ada.id]
        assert (await api.call("GET", f"rooms/{room_id}/log", ada)).status == 403
    assert "message.sent" in {each["type"] for each in await api.log(grace, joined)}
