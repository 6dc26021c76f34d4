"""Messages of somebody else on a real bus: long ids, odd properties, full to the brim; each can be buried."""

import json
from typing import Any

from azure.servicebus import ServiceBusMessage

from shared_code.ids import new_id
from shared_code.messaging import Event, dead_letters
from shared_code.messaging.outbound import outbound
from tests.harness.waiting import until_async
from tests.integration.messaging.conftest import Pump, Said, event

QUEUE = "chat-messages"


async def never(_said: Event[Said]) -> None:
    raise RuntimeError("it cannot be done")


async def buried(session_id: str) -> dead_letters.DeadLetter:
    """The only dead letter of the session, once it is there."""
    pump = Pump(never)

    async def found() -> list[dead_letters.DeadLetter]:
        await pump.some()
        letters = await dead_letters.page(QUEUE, None, 0, 1_000)
        return [each for each in letters if each.session_id == session_id]

    [letter] = await until_async(found, "it is dead", 60)
    return letter


async def test_a_message_with_the_longest_id_and_odd_properties_is_tried_and_dies_with_its_story() -> (
    None
):
    said = event("theirs", new_id("rm"))
    message = ServiceBusMessage(
        said.model_dump_json(),
        message_id="\U0001f600" * 64 + "x" * 62,
        session_id=said.subject,
        application_properties={"type": said.type, "odd": 1.5, "attempt": "2"},
    )
    await outbound(QUEUE).send(message)
    letter = await buried(said.subject)
    assert letter.reason == "attempts_exhausted"
    assert letter.attempts == 3
    assert json.loads(letter.body)["id"] == said.id


async def test_a_message_that_is_full_dies_with_the_reason_and_without_the_rest() -> None:
    session_id = new_id("rm")
    theirs: dict[str | bytes, Any] = {"theirs": "x" * 30_000}
    room = 256 * 1024 - 30_000 - 600
    message = ServiceBusMessage(
        b"x" * room, message_id=session_id, session_id=session_id, application_properties=theirs
    )
    await outbound(QUEUE).send(message)
    letter = await buried(session_id)
    assert letter.reason == "oversize"
    assert len(letter.body) == room
