"""The REST data plane through ``azure-messaging-webpubsubservice``, sync and async."""

import io
from collections.abc import Iterator

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncServiceClient

from tests.integration.web_pubsub.harness import Clients, Emulator, Socket


@pytest.fixture
def service(emulator: Emulator, hub: str) -> Iterator[WebPubSubServiceClient]:
    """The official client for the test's hub."""
    with WebPubSubServiceClient.from_connection_string(emulator.connection_string, hub) as client:
        yield client


async def joined(clients: Clients, user_id: str | None = None) -> tuple[Socket, str]:
    socket, connected = await clients.connect(user_id=user_id, groups=["g"], roles=[])
    return socket, connected["connectionId"]


async def test_send_to_all_with_filter_and_exclusions(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    (ann, _), (bob, bob_id) = await joined(clients, "ann"), await joined(clients, "bob")
    service.send_to_all({"to": "both"}, filter="userId eq 'ann' or userId eq 'bob'")
    service.send_to_all({"to": "ann"}, excluded=[bob_id, "unknown"])
    service.send_to_all("to ann", filter="userId ne 'bob'", content_type="text/plain")
    assert (await ann.receive())["data"] == {"to": "both"}
    assert (await ann.receive())["data"] == {"to": "ann"}
    assert (await ann.receive())["data"] == "to ann"
    assert (await bob.receive())["data"] == {"to": "both"}
    assert await bob.nothing_waits()


async def test_send_to_all_preserves_a_raw_binary_payload(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    socket, _ = await joined(clients)
    service.send_to_all(io.BytesIO(b"\x00\xff"), content_type="application/octet-stream")
    frame = await socket.receive()
    assert (frame["from"], frame["dataType"], frame["data"]) == ("server", "binary", "AP8=")


async def test_check_and_send_to_a_user(service: WebPubSubServiceClient, clients: Clients) -> None:
    first, second = (await joined(clients, "a user"))[0], (await joined(clients, "a user"))[0]
    assert service.user_exists("a user")
    assert not service.user_exists("a%20user")
    service.send_to_user("a user", {"n": 1})
    service.send_to_user("nobody", {"n": 2})
    assert (await first.receive())["data"] == (await second.receive())["data"] == {"n": 1}


async def test_check_and_send_to_a_group(service: WebPubSubServiceClient, clients: Clients) -> None:
    (ann, ann_id), (bob, _) = await joined(clients, "ann"), await joined(clients, "bob")
    assert service.group_exists("g")
    assert not service.group_exists("G")
    service.send_to_group("g", {"n": 1}, excluded=[ann_id])
    service.send_to_group("g", {"n": 2}, filter="startswith(userId, 'a')")
    frame = await bob.receive()
    assert (frame["from"], frame["group"], frame["fromUserId"]) == ("group", "g", None)
    assert (await ann.receive())["data"] == {"n": 2}
    assert await bob.nothing_waits()


async def test_check_and_send_to_a_connection(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    socket, connection_id = await joined(clients)
    assert service.connection_exists(connection_id)
    assert not service.connection_exists("missing")
    service.send_to_connection(connection_id, {"n": 1})
    service.send_to_connection("missing", {"n": 1})
    assert (await socket.receive())["data"] == {"n": 1}


async def test_manage_a_connections_group_membership(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    socket, connection_id = await joined(clients)
    service.add_connection_to_group("new", connection_id)
    service.send_to_group("new", {"n": 1})
    assert (await socket.receive())["group"] == "new"
    service.remove_connection_from_group("new", connection_id)
    assert not service.group_exists("new")
    service.remove_connection_from_all_groups(connection_id)
    assert not service.group_exists("g")
    service.remove_connection_from_group("new", "missing")
    service.remove_connection_from_all_groups("missing")
    with pytest.raises(ResourceNotFoundError) as caught:
        service.add_connection_to_group("new", "missing")
    assert "Error.Connection.NotExisted" in str(caught.value)


async def test_manage_a_users_group_membership(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    first, _ = await joined(clients, "ann")
    second, _ = await joined(clients, "ann")
    service.add_user_to_group("new", "ann")
    service.send_to_group("new", {"n": 1})
    assert (await first.receive())["group"] == (await second.receive())["group"] == "new"
    service.remove_user_from_group("new", "ann")
    assert not service.group_exists("new")
    service.remove_user_from_all_groups("ann")
    assert not service.group_exists("g")
    service.remove_user_from_group("new", "nobody")
    service.remove_user_from_all_groups("nobody")
    with pytest.raises(ResourceNotFoundError):
        service.add_user_to_group("new", "nobody")


async def test_names_with_spaces_signs_and_slashes(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    socket, connection_id = await joined(clients)
    for name, as_the_service_reads_it in [
        ("room:rm_1", "room:rm_1"),
        ("a b+c?d#e&f=%20", "a b+c?d#e&f=%20"),
        ("ü€", "ü€"),
        ("a/b", "a%2Fb"),
        ("a%2Fb", "a%2Fb"),
    ]:
        service.add_connection_to_group(name, connection_id)
        service.send_to_group(name, {"n": 1})
        assert (await socket.receive())["group"] == as_the_service_reads_it


async def test_closing_a_connection_says_why(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    socket, connection_id = await joined(clients)
    service.close_connection(connection_id, reason="you know why")
    assert not service.connection_exists(connection_id)
    code, frames = await socket.closing()
    expected = "Application server closed the connection. you know why"
    assert code == 1000
    assert frames == [{"type": "system", "event": "disconnected", "message": expected}]
    service.close_connection("missing")


async def test_closing_reaches_only_the_connections_in_scope(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    ann, _ = await joined(clients, "ann")
    bob, bob_id = await joined(clients, "bob")
    cem, _ = await joined(clients, "cem")
    service.close_user_connections("ann")
    assert (await ann.closing())[0] == 1000
    service.close_group_connections("g", excluded=[bob_id])
    assert (await cem.closing())[0] == 1000
    assert await bob.nothing_waits()
    service.close_all_connections(reason="all")
    assert (await bob.closing())[0] == 1000
    service.close_group_connections("nobody")
    service.close_user_connections("nobody")
    service.close_all_connections()


async def test_permission_changes_apply_to_what_the_client_may_do(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    socket, connection_id = await joined(clients)
    service.grant_permission("joinLeaveGroup", connection_id, target_name="a")
    assert service.has_permission("joinLeaveGroup", connection_id, target_name="a")
    assert not service.has_permission("sendToGroup", connection_id, target_name="a")
    assert (await socket.ask(type="joinGroup", group="a", ackId=1))["success"]
    service.revoke_permission("joinLeaveGroup", connection_id, target_name="a")
    assert not (await socket.ask(type="leaveGroup", group="a", ackId=2))["success"]
    assert not service.has_permission("joinLeaveGroup", connection_id, target_name="a")
    service.grant_permission("sendToGroup", connection_id)
    assert service.has_permission("sendToGroup", connection_id, target_name="any")
    service.revoke_permission("sendToGroup", "missing", target_name="a")
    assert not service.has_permission("sendToGroup", "missing", target_name="a")
    with pytest.raises(ResourceNotFoundError) as caught:
        service.grant_permission("sendToGroup", "missing", target_name="a")
    assert "Info.Connection.NotExisted" in str(caught.value)


async def test_a_thousand_and_first_literal_is_a_conflict(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    roles = [f"webpubsub.sendToGroup.g{number}" for number in range(1000)]
    async with clients.session.ws_connect(
        clients.url(roles=[]), protocols=("json.webpubsub.azure.v1",)
    ) as socket:
        connection_id = (await socket.receive_json())["connectionId"]
        for role in roles:
            service.grant_permission(
                "sendToGroup", connection_id, target_name=role.rpartition(".")[2]
            )
        with pytest.raises(ResourceExistsError) as caught:
            service.grant_permission("sendToGroup", connection_id, target_name="more")
    assert "Error.Connection.Conflict" in str(caught.value)


async def test_members_are_listed_page_by_page_up_to_the_limit(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    expected = {(await joined(clients, None if n == 0 else f"u{n}"))[1] for n in range(7)}
    listed = [member.connection_id for member in service.list_connections(group="g")]
    assert listed == sorted(expected)
    paged = list(service.list_connections(group="g", maxpagesize=2).by_page())
    assert [len(list(page)) for page in paged] == [2, 2, 2, 1]
    limited = list(service.list_connections(group="g", maxpagesize=2, top=5))
    assert [member.connection_id for member in limited] == listed[:5]
    assert {member.user_id for member in service.list_connections(group="g")} >= {None, "u1"}
    assert list(service.list_connections(group="nobody")) == []


async def test_members_who_come_and_go_between_pages_shift_nobody(
    service: WebPubSubServiceClient, clients: Clients
) -> None:
    ids = sorted([(await joined(clients))[1] for _ in range(5)])
    pages = service.list_connections(group="g", maxpagesize=2).by_page()
    first = [member.connection_id for member in next(pages)]
    service.remove_connection_from_group("g", first[-1])
    rest = [member.connection_id for page in pages for member in page]
    assert first + rest == ids


async def test_the_asynchronous_client_works_too(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    socket, connection_id = await joined(clients, "ann")
    connection_string = emulator.connection_string
    async with AsyncServiceClient.from_connection_string(connection_string, hub) as service:
        await service.send_to_user("ann", {"n": 1})
        assert await service.connection_exists(connection_id)
        await service.close_connection(connection_id)
    assert (await socket.receive())["data"] == {"n": 1}
    assert (await socket.closing())[0] == 1000
