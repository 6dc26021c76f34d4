"""REST: permissions of live connections, by hand, in every version and with every kind of target."""

from typing import Any

import pytest
from yarl import URL

from tests.integration.web_pubsub.harness import RELIABLE, Clients, Socket
from tests.integration.web_pubsub.rest_client import Rest

VERSIONS = ["", "2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"]
METHODS = ["HEAD", "PUT", "DELETE"]
MISSING = "Info.Connection.NotExisted"


def path(permission: str, connection_id: str, **query: str) -> str:
    url = f"/permissions/{permission}/connections/{connection_id}"
    given = {name.replace("_", "-"): value for name, value in query.items() if value}
    return str(URL(url).with_query(given)) if given else url


async def forbidden(socket: Socket, **frame: Any) -> bool:
    """Whether a request is refused for want of permission."""
    answer = await socket.ask(**frame)
    return bool(answer.get("error", {}).get("name") == "Forbidden")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("permission", ["sendToGroup", "JOINLEAVEGROUP", "1", "2"])
async def test_granting_asking_and_revoking_in_every_version_and_for_every_kind_of_target(
    rest: Rest, clients: Clients, permission: str, version: str
) -> None:
    _, connected = await clients.connect(roles=[])
    connection_id = connected["connectionId"]
    for target in ("room", "*", "room.*", " room ", "a/b+你好", "x" * 1024):
        place = path(permission, connection_id, targetName=target, api_version=version)
        for method, status in (
            ("HEAD", 404),
            ("PUT", 200),
            ("PUT", 200),
            ("HEAD", 200),
            ("DELETE", 204),
            ("DELETE", 204),
            ("HEAD", 404),
        ):
            answer = await rest.ask(method, place)
            assert answer.status == status, (method, target)
            assert (answer.headers.get("x-ms-error-code") == MISSING) == (status == 404)


async def test_a_target_is_a_literal_and_belongs_to_its_case_and_hub(
    rest: Rest, clients: Clients
) -> None:
    _, connected = await clients.connect(roles=[])
    connection_id = connected["connectionId"]
    await rest.ask("PUT", path("sendToGroup", connection_id, targetName="room.*"))
    for other in ("room.child", "ROOM.*", "room"):
        answer = await rest.ask("HEAD", path("sendToGroup", connection_id, targetName=other))
        assert answer.status == 404
    rest.base += "other"
    answer = await rest.ask("HEAD", path("sendToGroup", connection_id, targetName="room.*"))
    assert answer.status == 404


@pytest.mark.parametrize("method", METHODS)
async def test_targets_and_permissions_are_checked_before_the_connection_is_looked_for(
    rest: Rest, method: str
) -> None:
    for target in ("%20%09", "x" * 1025, ""):
        place = f"/permissions/sendToGroup/connections/missing?targetName={target}"
        assert (await rest.ask(method, place)).status == 400
    for permission in ("unknown", "0", "3", "-1", "sendToGroup,joinLeaveGroup"):
        place = path(permission, "missing", targetName="room")
        assert (await rest.ask(method, place)).status == 400
    other = rest.base + path("sendToGroup", "another", targetName="room")
    place = path("sendToGroup", "missing", targetName="room")
    assert (await rest.ask(method, place, audience=other)).status == 401


async def test_a_revocation_beyond_the_limit_is_a_conflict_and_changes_nothing(
    rest: Rest, clients: Clients
) -> None:
    _, connected = await clients.connect(roles=["webpubsub.sendToGroup"])
    connection_id = connected["connectionId"]
    for number in range(1000):
        place = path("sendToGroup", connection_id, targetName=f"g{number}")
        assert (await rest.ask("DELETE", place)).status == 204
    beyond = path("sendToGroup", connection_id, targetName="beyond")
    answer = await rest.ask("DELETE", beyond)
    assert (answer.status, answer.body["code"]) == (409, "Error.Connection.Conflict")
    assert (await rest.ask("HEAD", beyond)).status == 200


async def test_changes_count_for_the_client_and_survive_recovery(
    rest: Rest, clients: Clients
) -> None:
    roles = ["webpubsub.joinLeaveGroups.room*", "webpubsub.sendToGroup"]
    socket, connected = await clients.connect(RELIABLE, roles=roles)
    connection_id = connected["connectionId"]
    assert not await forbidden(socket, type="joinGroup", group="room", ackId=1)
    for permission in ("sendToGroup", "joinLeaveGroup"):
        place = path(permission, connection_id, targetName="room")
        assert (await rest.ask("DELETE", place)).status == 204
        assert (await rest.ask("HEAD", f"{place}-other")).status == 200
    assert (await rest.ask("HEAD", "/groups/room")).status == 200, "a member stays one"
    publish = {"type": "sendToGroup", "group": "room", "data": 1, "noEcho": True}
    assert await forbidden(socket, **publish, ackId=2)
    assert await forbidden(socket, type="leaveGroup", group="room", ackId=3)
    await rest.ask("PUT", path("sendToGroup", connection_id, targetName="room"))
    assert not await forbidden(socket, **publish, ackId=4)
    socket.drop()
    await rest.ask("PUT", path("joinLeaveGroup", connection_id, targetName="offline"))
    again = await clients.recover(connected)
    await again.receive()
    assert not await forbidden(again, **publish, ackId=5)
    assert await forbidden(again, type="leaveGroup", group="room", ackId=6)
    assert not await forbidden(again, type="joinGroup", group="offline", ackId=7)
