"""A message crosses the whole stack: HTTP, Functions, Tables, queue, Web PubSub, the official client."""

import asyncio

import aiohttp
import pytest
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType

from tests.harness.api import Api, Ear, User
from tests.harness.stack import Stack
from tests.harness.waiting import until


async def _hears(api: Api, ear: Ear, speaker: User, room_id: str) -> None:
    """Wait until a connection that has just opened hears the room: its groups follow it."""
    async with asyncio.timeout(20):
        while not ear.seqs(room_id):
            seq = (await api.send(speaker, room_id, "can you hear me?"))["seq"]
            try:
                await ear.frame(room_id, seq, limit=0.5)
            except TimeoutError:
                continue


async def test_a_frame_is_the_log_entry_and_carries_the_message_as_get_gives_it(api: Api) -> None:
    ada, grace = await api.user("Ada"), await api.user("Grace")
    room_id = await api.room(ada, grace)
    async with api.listening(grace) as ear:
        await _hears(api, ear, ada, room_id)
        message = await api.send(ada, room_id, "Hello ✓")
        frame = await ear.frame(room_id, message["seq"])
    page = await api.good("GET", f"rooms/{room_id}/messages", grace, params={"limit": "1"})
    assert page["items"] == [message]
    assert frame == {
        "type": "message.sent",
        "room_id": room_id,
        "seq": message["seq"],
        "at": message["created_at"],
        "data": message,
    }
    assert frame in await api.log(ada, room_id)


async def test_frames_of_a_room_arrive_in_the_order_of_seq_without_a_gap(api: Api) -> None:
    ada, grace = await api.user("Ada"), await api.user("Grace")
    room_id = await api.room(ada, grace)
    async with api.listening(grace) as ear:
        await _hears(api, ear, ada, room_id)
        sent = await asyncio.gather(*(api.send(ada, room_id, f"number {n}") for n in range(40)))
        last = max(message["seq"] for message in sent)
        await ear.frame(room_id, last)
    heard = ear.seqs(room_id)
    assert heard == list(range(heard[0], last + 1))


async def test_joining_while_connected_opens_the_room_within_a_second(api: Api) -> None:
    ada, grace = await api.user("Ada"), await api.user("Grace")
    other = await api.room(ada, grace)
    room_id = await api.room(ada)
    async with api.listening(grace) as ear:
        await _hears(api, ear, ada, other)
        await api.good("POST", f"rooms/{room_id}/join", grace)
        async with asyncio.timeout(1.0):
            while not ear.seqs(room_id):
                await api.send(ada, room_id, "welcome")


async def test_what_is_said_right_after_a_join_is_heard(api: Api) -> None:
    ada, grace = await api.user("Ada"), await api.user("Grace")
    other = await api.room(ada, grace)
    async with api.listening(grace) as ear:
        await _hears(api, ear, ada, other)
        for _ in range(10):
            room_id = await api.room(ada)
            await api.good("POST", f"rooms/{room_id}/join", grace)
            seq = (await api.send(ada, room_id, "welcome"))["seq"]
            await ear.frame(room_id, seq)


async def test_leaving_stops_the_frames_before_the_answer_comes(api: Api) -> None:
    ada, grace, watch = [await api.user(name) for name in ("Ada", "Grace", "Watch")]
    room_id = await api.room(ada, grace, watch)
    async with api.listening(grace) as leaver, api.listening(watch) as watcher:
        await _hears(api, leaver, ada, room_id)
        await _hears(api, watcher, ada, room_id)
        sending = asyncio.create_task(_talk(api, ada, room_id))
        await api.good("POST", f"rooms/{room_id}/leave", grace)
        heard = len(leaver.frames)
        last = (await api.send(ada, room_id, "is she gone?"))["seq"]
        await watcher.frame(room_id, last)
        await sending
        # What the socket already held may still be read; nothing of after the answer may.
        assert last not in leaver.seqs(room_id)
        left = [e["seq"] for e in await api.log(ada, room_id) if e["type"] == "member.left"]
        assert all(seq < left[0] for seq in leaver.seqs(room_id)[heard:])


async def _talk(api: Api, speaker: User, room_id: str) -> None:
    for n in range(20):
        await api.send(speaker, room_id, f"and another thing {n}")


async def test_a_public_room_is_heard_by_its_members_only(api: Api) -> None:
    ada, grace, stranger = [await api.user(name) for name in ("Ada", "Grace", "Stranger")]
    own = await api.room(stranger)
    room_id = await api.room(ada, grace)
    async with api.listening(grace) as member, api.listening(stranger) as outsider:
        await _hears(api, member, ada, room_id)
        await _hears(api, outsider, stranger, own)
        seq = (await api.send(ada, room_id, "among us"))["seq"]
        await member.frame(room_id, seq)
        after = (await api.send(stranger, own, "what do they say?"))["seq"]
        await outsider.frame(own, after)
    assert outsider.seqs(room_id) == []


async def test_the_sync_client_hears_too(api: Api) -> None:
    ada, grace = await api.user("Ada"), await api.user("Grace")
    room_id = await api.room(ada, grace)
    url = (await api.good("POST", "realtime/negotiate", grace))["url"]
    heard: list[int] = []

    def listen() -> None:
        client = WebPubSubClient(url)
        client.subscribe(CallbackType.GROUP_MESSAGE, lambda e: heard.append(e.data["seq"]))
        with client:
            until(lambda: heard, "a frame reached the sync client")

    listening = asyncio.create_task(asyncio.to_thread(listen))
    while not listening.done():
        await api.send(ada, room_id, "hello, sync")
        await asyncio.wait({listening}, timeout=0.2)
    await listening


async def test_a_negotiated_address_says_whose_it_is_and_until_when(api: Api) -> None:
    ada = await api.user()
    answer = await api.good("POST", "realtime/negotiate", ada)
    assert set(answer) == {"url", "hub", "user_id", "expires_at"}
    assert (answer["hub"], answer["user_id"]) == ("live", ada.id)
    assert answer["url"].startswith("ws://")


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
async def test_a_socket_with_a_bad_token_is_refused_before_the_upgrade(
    stack: Stack, token: str
) -> None:
    url = f"{stack.web_pubsub}/client/hubs/live?access_token={token}"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url, protocols=["json.webpubsub.azure.v1"])
    assert refused.value.status == 401


async def test_a_socket_whose_token_was_changed_is_refused(api: Api) -> None:
    ada = await api.user()
    url = (await api.good("POST", "realtime/negotiate", ada))["url"]
    forged = url[:-4] + ("AAAA" if not url.endswith("AAAA") else "BBBB")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await api.session.ws_connect(forged)
    assert refused.value.status == 401
