"""Chat's routes on the running stack: what they answer, and what they keep."""

import asyncio
import secrets

import pytest

from tests.harness.api import Api


async def test_a_sent_message_has_all_its_fields(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    answer = await api.call(
        "POST", f"rooms/{room_id}/messages", ada, json={"text": "hi", "client_id": "c-1"}
    )
    assert answer.status == 201
    message = answer.body
    assert message["id"].startswith("msg_")
    assert message["room_id"] == room_id
    assert message["author_id"] == ada.id
    assert (message["text"], message["client_id"], message["reply_to"]) == ("hi", "c-1", None)
    assert message["created_at"].endswith("Z")


async def test_concurrent_sends_get_gapless_seqs_and_each_is_in_the_log_once(api: Api) -> None:
    users = [await api.user(f"User{n}") for n in range(4)]
    room_id = await api.room(*users)
    sends = [api.send(users[n % 4], room_id, f"text {n}") for n in range(100)]
    sent = await asyncio.gather(*sends)
    log = await api.log(users[0], room_id)
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    assert sorted(m["seq"] for m in sent) == [e["seq"] for e in log if e["type"] == "message.sent"]
    assert {m["id"] for m in sent} == {e["data"]["id"] for e in log if e["type"] == "message.sent"}


async def test_messages_page_backwards_without_loss_or_repeat(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    await asyncio.gather(*(api.send(ada, room_id, f"text {n}") for n in range(45)))
    found: list[int] = []
    params = {"limit": "7"}
    while True:
        page = await api.good("GET", f"rooms/{room_id}/messages", ada, params=params)
        assert len(page["items"]) <= 7
        found += [message["seq"] for message in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert found == sorted(found, reverse=True)
    assert len(found) == len(set(found)) == 45


async def test_the_log_after_a_seq_is_what_came_since(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    first, second, third = [await api.send(ada, room_id, text) for text in ("a", "b", "c")]
    page = await api.good("GET", f"rooms/{room_id}/log", ada, params={"after": first["seq"]})
    assert [entry["data"]["id"] for entry in page["items"]] == [second["id"], third["id"]]
    assert page["next"] is None


async def test_a_repeated_send_is_the_same_message(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    client_id = secrets.token_hex(8)
    repeats = [api.send(ada, room_id, "once", client_id=client_id, after_seq=2) for _ in range(5)]
    first, *others = await asyncio.gather(*repeats)
    assert all(other == first for other in others)
    log = await api.log(ada, room_id)
    assert sum(entry["type"] == "message.sent" for entry in log) == 1


async def test_the_same_client_id_with_another_text_is_a_conflict(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    await api.send(ada, room_id, "one thing", client_id="c-1")
    body = {"text": "another", "client_id": "c-1"}
    answer = await api.call("POST", f"rooms/{room_id}/messages", ada, json=body)
    assert (answer.status, answer.code) == (409, "client_id_reused")


async def test_two_users_may_use_the_same_client_id(api: Api) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    room_id = await api.room(ada, grace)
    one = await api.send(ada, room_id, "mine", client_id="c-1")
    other = await api.send(grace, room_id, "mine too", client_id="c-1")
    assert one["seq"] != other["seq"]


async def test_a_reply_names_a_message_of_the_room(api: Api) -> None:
    ada = await api.user()
    room_id, elsewhere = await api.room(ada), await api.room(ada)
    message = await api.send(ada, room_id, "question")
    reply = await api.send(ada, room_id, "answer", reply_to=message["id"])
    assert reply["reply_to"] == message["id"]
    body = {"text": "astray", "reply_to": message["id"]}
    answer = await api.call("POST", f"rooms/{elsewhere}/messages", ada, json=body)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "reply_to")


async def test_my_rooms_follow_joining_and_leaving(api: Api) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    room_id = await api.room(ada, grace)
    mine = await api.good("GET", "rooms", grace)
    assert [(room["id"], room["role"]) for room in mine["items"]] == [(room_id, "member")]
    answer = await api.call("POST", f"rooms/{room_id}/leave", grace)
    assert answer.status == 204
    assert (await api.good("GET", "rooms", grace))["items"] == []
    assert [room["id"] for room in (await api.good("GET", "rooms", ada))["items"]] == [room_id]


async def test_my_rooms_come_in_pages(api: Api) -> None:
    ada = await api.user()
    made = {await api.room(ada) for _ in range(5)}
    found: list[str] = []
    params = {"limit": "2"}
    while True:
        page = await api.good("GET", "rooms", ada, params=params)
        found += [room["id"] for room in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert found == sorted(made)


async def test_joining_and_leaving_twice_is_harmless(api: Api) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    room_id = await api.room(ada, grace)
    await api.good("POST", f"rooms/{room_id}/join", grace)
    for _ in range(2):
        await api.good("POST", f"rooms/{room_id}/leave", grace)
    types = [entry["type"] for entry in await api.log(ada, room_id)]
    assert types == ["room.created", "member.joined", "member.joined", "member.left"]


async def test_after_leaving_nothing_can_be_read_or_written(api: Api) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    room_id = await api.room(ada, grace)
    await api.send(grace, room_id, "I was here")
    await api.good("POST", f"rooms/{room_id}/leave", grace)
    for method, path in (("POST", "messages"), ("GET", "messages"), ("GET", "log")):
        body = {"json": {"text": "still here"}} if method == "POST" else {}
        answer = await api.call(method, f"rooms/{room_id}/{path}", grace, **body)
        assert (answer.status, answer.code) == (403, "not_a_member")


async def test_a_private_room_cannot_be_joined_uninvited(api: Api) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    room_id = await api.room(ada, kind="private")
    answer = await api.call("POST", f"rooms/{room_id}/join", grace)
    assert (answer.status, answer.code) == (403, "room_is_private")


async def test_the_owner_cannot_leave(api: Api) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    answer = await api.call("POST", f"rooms/{room_id}/leave", ada)
    assert (answer.status, answer.code) == (409, "owner_cannot_leave")


@pytest.mark.parametrize("other", [{"name": "Other", "kind": "public"}])
async def test_an_idempotency_key_makes_one_room(api: Api, other: dict[str, str]) -> None:
    ada = await api.user()
    body = {"name": "Once", "kind": "public"}
    headers = {"Idempotency-Key": "key-1"}
    first, second = [
        await api.good("POST", "rooms", ada, json=body, headers=headers) for _ in range(2)
    ]
    assert first["id"] == second["id"]
    assert len((await api.good("GET", "rooms", ada))["items"]) == 1
    answer = await api.call("POST", "rooms", ada, json=other, headers=headers)
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
