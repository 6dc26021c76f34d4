"""Retries, order and dead letters on a real bus."""

import asyncio
from datetime import timedelta

import pytest
from azure.servicebus.exceptions import ServiceBusError

from shared_code import messaging, service_bus
from shared_code.clock import utcnow
from shared_code.errors import Forbidden
from shared_code.ids import new_id
from shared_code.messaging import Event, dead_letters, publish, schedule
from shared_code.messaging.outbound import outbound
from tests.harness.waiting import until_async
from tests.integration.messaging.conftest import Pump, Said, event, text_of

pytestmark = pytest.mark.long  # together they take minutes

QUEUE = "chat-messages"


async def letters_of(*events: Event[Said]) -> list[dead_letters.DeadLetter]:
    ids = {each.id for each in events}
    return [each for each in await dead_letters.page(QUEUE, None, 0, 1_000) if each.event_id in ids]


async def test_the_bus_is_reached_when_it_is_there_and_missed_when_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await messaging.reach()
    await messaging.close()
    nowhere = "Endpoint=sb://localhost:1;SharedAccessKeyName=x;SharedAccessKey=y;"
    monkeypatch.setenv(service_bus.SETTING, f"{nowhere}UseDevelopmentEmulator=true;")
    with pytest.raises(ServiceBusError):
        await messaging.reach()


async def test_what_is_published_comes_with_its_id_and_in_the_order_of_its_session() -> None:
    room, seen = new_id("rm"), list[str]()

    async def handler(said: Event[Said]) -> None:
        if said.subject == room:
            seen.append(said.data.text)

    for n in range(20):
        await publish(event(str(n), room))
    await Pump(handler).run(lambda: len(seen) == 20)
    assert seen == [str(n) for n in range(20)]


async def test_what_many_publish_at_once_leaves_together_and_all_of_it_arrives() -> None:
    room, seen = new_id("rm"), set[str]()

    async def handler(said: Event[Said]) -> None:
        if said.subject == room:
            seen.add(said.data.text)

    await asyncio.gather(*(publish(event(str(n), room)) for n in range(150)))
    await Pump(handler).run(lambda: len(seen) == 150)


async def test_a_scheduled_event_comes_at_its_time_and_not_before() -> None:
    at = utcnow() + timedelta(seconds=2)
    late, arrived = event("late"), list[object]()

    async def handler(said: Event[Said]) -> None:
        if said.id == late.id:
            arrived.append(utcnow())

    await schedule(late, at)
    await Pump(handler).run(lambda: bool(arrived))
    assert arrived[0] >= at  # type: ignore[operator]  # both are times


async def test_a_failure_is_tried_again_and_then_it_is_done() -> None:
    flaky, tries = event("flaky"), list[int]()

    async def handler(said: Event[Said]) -> None:
        if said.id == flaky.id:
            tries.append(1)
            if len(tries) < 3:
                raise RuntimeError("not yet")

    await publish(flaky)
    await Pump(handler).run(lambda: len(tries) == 3)
    assert await letters_of(flaky) == []


async def test_what_keeps_failing_is_dead_with_its_story_and_holds_its_session_back() -> None:
    """Those behind it wait, others go on; a redrive, or a purge, lets them go in their order."""
    room, other = new_id("rm"), new_id("rm")
    poison, seen, broken = event("poison", room), list[str](), [True]

    async def handler(said: Event[Said]) -> None:
        if said.id == poison.id and broken[0]:
            raise RuntimeError("it cannot be done")
        if said.subject in {room, other}:
            seen.append(said.data.text)

    pump = Pump(handler)
    await publish(poison)
    for text in ("first behind", "second behind"):
        await publish(event(text, room))
    await publish(event("elsewhere", other))
    await pump.run(lambda: seen == ["elsewhere"])

    async def is_dead() -> bool:
        await pump.some()
        return bool(await letters_of(poison))

    await until_async(is_dead, "the poison is dead", 60)
    [letter] = await letters_of(poison)
    assert (letter.reason, letter.failure_type) == ("attempts_exhausted", "RuntimeError")
    assert letter.failure_message == "it cannot be done"
    assert letter.attempts == 3
    assert letter.first_failed_at
    assert letter.last_failed_at
    assert letter.first_failed_at < letter.last_failed_at
    assert text_of(letter.body) == "poison"
    assert seen == ["elsewhere"], "those behind it wait"
    broken[0] = False
    await dead_letters.redrive(QUEUE, letter.number)
    await pump.run(lambda: len(seen) == 4)
    assert seen == ["elsewhere", "poison", "first behind", "second behind"]
    assert await letters_of(poison) == []


async def test_a_purge_lets_those_behind_go() -> None:
    room = new_id("rm")
    poison, seen = event("poison", room), list[str]()

    async def handler(said: Event[Said]) -> None:
        if said.id == poison.id:
            raise RuntimeError
        if said.subject == room:
            seen.append(said.data.text)

    pump = Pump(handler)
    await publish(poison)
    await publish(event("behind", room))

    async def is_dead() -> bool:
        await pump.some()
        return bool(await letters_of(poison))

    await until_async(is_dead, "the poison is dead", 60)
    assert seen == []
    [letter] = await letters_of(poison)
    assert await dead_letters.purge(QUEUE, letter.number) is not None
    await pump.run(lambda: seen == ["behind"])
    assert await letters_of(poison) == []
    assert await dead_letters.purge(QUEUE, letter.number) is None


async def test_what_a_rule_refuses_is_dead_at_once_and_holds_nobody_back() -> None:
    room = new_id("rm")
    bad, seen = event("bad", room), list[str]()

    async def handler(said: Event[Said]) -> None:
        if said.id == bad.id:
            raise Forbidden("not you")
        if said.subject == room:
            seen.append(said.data.text)

    await publish(bad)
    await publish(event("good", room))
    await Pump(handler).run(lambda: seen == ["good"])
    pump = Pump(handler)

    async def is_dead() -> bool:
        await pump.some()
        return bool(await letters_of(bad))

    await until_async(is_dead, "it is dead", 30)
    assert (await letters_of(bad))[0].reason == "refused"


async def test_a_group_is_redriven_alone_and_counts_how_often() -> None:
    from azure.servicebus import ServiceBusMessage

    room, seen = new_id("rm"), list[str]()
    rubbish = [
        ServiceBusMessage(body, message_id=f"{room}-{n}:1", session_id=room)
        for n, body in enumerate((b"not json", b"{}", b"not json either"))
    ]
    for message in rubbish:
        await outbound(QUEUE).send(message)

    async def handler(said: Event[Said]) -> None:
        if said.subject == room:
            seen.append(said.data.text)

    pump = Pump(handler)

    async def mine() -> list[dead_letters.DeadLetter]:
        found = await dead_letters.page(QUEUE, None, 0, 1_000)
        return [each for each in found if each.session_id == room]

    async def are_dead(count: int, redriven: int) -> bool:
        await pump.some()
        return sorted(each.redrive_count for each in await mine())[-count:] == [redriven] * count

    await until_async(lambda: are_dead(1, 0), "one is dead", 60)
    reasons = {each.reason for each in await mine()}
    assert reasons <= {"not_json", "not_cloudevents"}
    groups = {group.reason: group.count for group in await dead_letters.groups(QUEUE)}
    assert groups["not_json"] >= 1
    moved = await dead_letters.redrive_all(QUEUE, "not_json")
    assert moved.done >= 1
    assert moved.left == 0
    await until_async(lambda: are_dead(1, 1), "it is dead again", 60)
    [first, *_] = [each for each in await mine() if each.redrive_count == 1]
    assert (await dead_letters.read(QUEUE, first.number)) == first
    state = await dead_letters.look(QUEUE)
    assert state.dead >= 1
    assert state.active is None
    assert state.sessions is not None
    assert state.oldest_dead_at
