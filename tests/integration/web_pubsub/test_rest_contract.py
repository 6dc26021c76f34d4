"""The REST data plane by hand: authorisation, versions, bodies, errors."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from yarl import URL

from tests.integration.web_pubsub.harness import KEY, Clients, Emulator
from tests.integration.web_pubsub.rest_client import Answer, Rest

VERSIONS = ["2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"]
TEXT = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}


async def send(rest: Rest, query: str = "", **options: Any) -> Answer:
    merged: dict[str, Any] = {"headers": TEXT, "data": b"x", **options}
    return await rest.ask("POST", f"/:send{query}", **merged)


async def test_operations_require_a_bearer_token_scoped_to_the_request(rest: Rest) -> None:
    wrong: list[dict[str, Any]] = [
        {"audience": "http://localhost/elsewhere"},
        {"audience": rest.base.rpartition("/api")[0]},
        {"audience": rest.base + "2"},
        {"audience": rest.base + "/:sen"},
        {"audience": rest.base + "/groups/g/:send"},
        {"key": "k" * 40},
        {"exp": -400},
    ]
    for options in wrong:
        refused = await send(rest, **options)
        assert (refused.status, refused.body["code"]) == (401, "Error.Unauthorized")
    async with rest.session.post(rest.base + "/:send", data=b"x") as response:
        assert response.status == 401
    async with rest.session.post(rest.base + "/nowhere") as response:
        assert response.status == 401


async def test_the_audience_may_omit_the_query_and_be_in_any_case_or_scheme(rest: Rest) -> None:
    url = f"{rest.base}/:send"
    for audience in (url, url.upper(), url.replace("http:", "wss:"), rest.base):
        answer = await send(rest, "?excluded=a&excluded=b", audience=audience)
        assert answer.status == 202


@pytest.mark.parametrize("version", VERSIONS)
async def test_advertised_versions_are_accepted(rest: Rest, version: str) -> None:
    answer = await send(rest, f"?api-version={version}")
    assert answer.status == 202
    assert answer.headers["api-supported-versions"] == ", ".join(VERSIONS)


@pytest.mark.parametrize(
    "query",
    ["?api-version=", "?api-version=2020-01-01", "?api-version=2024-12-01&api-version=2024-12-01"],
)
async def test_unsupported_and_duplicate_versions_are_refused_and_do_nothing(
    rest: Rest, clients: Clients, query: str
) -> None:
    socket, connected = await clients.connect()
    answer = await send(rest, query)
    assert (answer.status, answer.body["code"]) == (400, "Error.BadRequest")
    closing = await rest.ask("DELETE", f"/connections/{connected['connectionId']}{query}")
    assert closing.status == 400
    assert await socket.nothing_waits()


async def test_errors_have_code_message_and_target(rest: Rest) -> None:
    answer = await send(rest, "?messageTtlSeconds=x")
    assert set(answer.body) == {"code", "message", "target"}
    assert answer.body["target"] == "Request"


@pytest.mark.parametrize("ttl", ["-1", "301", "1.5", "", "x", "9" * 5000, "%D9%A3"])
async def test_an_invalid_ttl_is_a_400(rest: Rest, ttl: str) -> None:
    assert (await send(rest, f"?messageTtlSeconds={ttl}")).status == 400


async def test_a_ttl_is_accepted(rest: Rest) -> None:
    assert (await send(rest, "?messageTtlSeconds=300")).status == 202


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        (JSON, b'{"n":1}', 202),
        ({"Content-Type": "TEXT/PLAIN; charset=utf-8"}, "ü".encode(), 202),
        ({"Content-Type": "application/octet-stream"}, b"\xff", 202),
        (TEXT, b"", 202),
        (JSON, b"", 400),
        (JSON, b"{", 400),
        (JSON, b"NaN", 400),
        (JSON, b"\xff", 400),
        (JSON, b"[" * 100_000, 400),
        (TEXT, b"\xff", 400),
        ({"Content-Type": "application/xml"}, b"x", 415),
        ({"Content-Type": "application/x-protobuf"}, b"x", 415),
        ({"Content-Type": ";;;"}, b"x", 415),
        (TEXT, b"x" * 2**20, 202),
        (TEXT, b"x" * (2**20 + 1), 413),
        ({**TEXT, "Content-Encoding": "gzip"}, b"no gzip", 400),
        ({**TEXT, "X-WebPubSub-Metadata-k": "v" * 1025}, b"x", 400),
    ],
)
async def test_bodies_are_checked(
    rest: Rest, headers: dict[str, str], data: bytes, status: int
) -> None:
    assert (await send(rest, headers=headers, data=data)).status == status


async def test_a_body_of_unknown_length_is_rejected(rest: Rest) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    assert (await send(rest, data=chunks())).status == 400


async def test_metadata_headers_become_metadata_and_the_last_value_wins(
    rest: Rest, clients: Clients
) -> None:
    socket, _ = await clients.connect()
    headers = {**TEXT, "X-WebPubSub-Metadata-One": "1", "x-webpubsub-metadata-two": "2"}
    await send(rest, headers=headers)
    assert (await socket.receive())["metadata"] == {"one": "1", "two": "2"}


@pytest.mark.parametrize("scope", ["", "/groups/g", "/users/u"])
async def test_an_invalid_filter_is_rejected_before_the_body_is_read(
    rest: Rest, scope: str
) -> None:
    answer = await rest.ask("POST", f"{scope}/:send?filter=name%20eq%201", headers={}, data=b"x")
    assert answer.status == 400
    assert "unsupported token 'name'" in answer.body["message"]


async def test_missing_things_use_the_services_error_codes(rest: Rest) -> None:
    expected = {
        "/groups/none": "Warning.Group.NotExisted",
        "/users/none": "Warning.User.NotExisted",
    }
    for path, code in expected.items():
        answer = await rest.ask("HEAD", path)
        assert (answer.status, answer.headers["x-ms-error-code"]) == (404, code)
    adding = await rest.ask("PUT", "/groups/g/connections/none")
    assert (adding.status, adding.body["code"]) == (404, "Error.Connection.NotExisted")


async def test_a_missing_connection_has_service_compatible_statuses(rest: Rest) -> None:
    statuses = {
        ("HEAD", "/connections/none"): 404,
        ("DELETE", "/connections/none"): 204,
        ("DELETE", "/connections/none/groups"): 204,
        ("DELETE", "/groups/g/connections/none"): 204,
        ("PUT", "/permissions/sendToGroup/connections/none?targetName=g"): 404,
        ("HEAD", "/permissions/sendToGroup/connections/none?targetName=g"): 404,
        ("DELETE", "/permissions/sendToGroup/connections/none?targetName=g"): 204,
    }
    for (method, path), status in statuses.items():
        assert (await rest.ask(method, path)).status == status, (method, path)


@pytest.mark.parametrize("group", ["%20", "x" * 1025])
async def test_bad_group_names_are_refused_and_change_nothing(
    rest: Rest, clients: Clients, group: str
) -> None:
    _, connected = await clients.connect()
    connection_id = connected["connectionId"]
    assert (await rest.ask("PUT", f"/groups/{group}/connections/{connection_id}")).status == 400
    listed = await rest.ask("GET", f"/groups/{group}/connections")
    assert listed.status == 400


async def test_bad_hubs_permissions_and_paths_are_refused(rest: Rest) -> None:
    good = rest.base
    rest.base = good.rpartition("/")[0] + "/1hub"
    assert (await send(rest)).status == 400
    rest.base = good
    assert (await rest.ask("PUT", "/permissions/x/connections/c?targetName=g")).status == 400
    assert (
        await rest.ask("PUT", "/permissions/sendToGroup/connections/c?targetName=")
    ).status == 400
    assert (await rest.ask("GET", "/nowhere")).status == 404
    assert (await rest.ask("GET", "/:send")).status == 405


async def test_bulk_membership_follows_the_filter_or_takes_everyone(
    rest: Rest, clients: Clients
) -> None:
    await clients.connect(user_id="ann")
    await clients.connect(user_id="bob")
    body = b'{"groups": ["a", "b"], "filter": "userId eq \'ann\'"}'
    assert (await rest.ask("POST", "/:addToGroups", headers=JSON, data=body)).status == 200
    everyone = b'{"groups": ["c"], "filter": ""}'
    await rest.ask("POST", "/:addToGroups", headers=JSON, data=everyone)
    assert await _members(rest, "a") == await _members(rest, "b") == {"ann"}
    assert await _members(rest, "c") == {"ann", "bob"}
    removing = b'{"groups": ["b", "c"], "filter": "userId eq \'ann\'"}'
    assert (await rest.ask("POST", "/:removeFromGroups", headers=JSON, data=removing)).status == 200
    assert await _members(rest, "b") == set()
    assert await _members(rest, "c") == {"bob"}


async def _members(rest: Rest, group: str) -> set[str]:
    answer = await rest.ask("GET", f"/groups/{group}/connections")
    return {member["userId"] for member in answer.body["value"]}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, b"{}", 400),
        (JSON, b"[]", 400),
        (JSON, b"{", 400),
        (JSON, b'{"groups": "g"}', 400),
        (JSON, b'{"groups": []}', 400),
        (JSON, b'{"groups": ["g", " "]}', 400),
        (JSON, b'{"groups": ["g", 1]}', 400),
        (JSON, b'{"groups": ["g"], "filter": 1}', 400),
        (JSON, b'{"groups": ["g"], "filter": "x"}', 400),
        (TEXT, b'{"groups": ["g"]}', 415),
    ],
)
async def test_invalid_bulk_bodies_change_no_membership(
    rest: Rest, clients: Clients, headers: dict[str, str], body: bytes, status: int
) -> None:
    await clients.connect()
    answer = await rest.ask("POST", "/:addToGroups", headers=headers, data=body)
    assert answer.status == status
    assert (await rest.ask("HEAD", "/groups/g")).status == 404


async def test_continuation_tokens_are_good_for_their_group_only(
    rest: Rest, clients: Clients
) -> None:
    for _ in range(2):
        await clients.connect(groups=["g", "h"])
    first = await rest.ask("GET", "/groups/g/connections?maxpagesize=1")
    query = URL(first.body["nextLink"]).query_string
    assert (await rest.ask("GET", f"/groups/g/connections?{query}")).status == 200
    assert (await rest.ask("GET", f"/groups/h/connections?{query}")).status == 400
    for bad in ("continuationToken=x", "continuationToken=", "maxpagesize=0", "maxpagesize=201"):
        assert (await rest.ask("GET", f"/groups/g/connections?{bad}")).status == 400
    unsigned = jwt.encode({"after": "", "scope": "g", "exp": 2**40}, KEY, algorithm="HS256")
    forged = await rest.ask("GET", f"/groups/g/connections?continuationToken={unsigned}")
    assert forged.status == 400


async def test_a_sender_who_goes_away_in_the_middle_of_a_body_is_no_error() -> None:
    own = Emulator()
    target = "/api/hubs/h/:send"
    claims = {"aud": own.url + target, "exp": time.time() + 60}
    head = (
        f"POST {target} HTTP/1.1\r\nHost: localhost:{own.port}\r\n"
        f"Authorization: Bearer {jwt.encode(claims, KEY, algorithm='HS256')}\r\n"
        "Content-Type: text/plain\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("localhost", own.port)
    writer.write(head.encode())
    assert b"100" in await reader.readline()  # from here on the body is being waited for
    writer.transport.abort()
    async with Clients(own, "h") as clients:
        await clients.connect()
    code, errors = own.stop()
    assert (code, errors) == (0, "")


async def test_generate_token_gives_a_usable_client_token(rest: Rest, clients: Clients) -> None:
    query = "?userId=ann&role=webpubsub.joinLeaveGroup&group=g&minutesToExpire=5"
    answer = await rest.ask("POST", f"/:generateToken{query}")
    url = rest.base.replace("/api/", "/client/") + f"?access_token={answer.body['token']}"
    socket = await clients.open_url(url, ("json.webpubsub.azure.v1",))
    assert (await socket.receive())["userId"] == "ann"
    assert (await rest.ask("HEAD", "/groups/g")).status == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("minutesToExpire=0", 400),
        ("minutesToExpire=x", 400),
        ("clientType=other", 400),
        ("clientType=mqtt", 501),
        ("group=%20", 400),
        ("userId=%0A", 400),
    ],
)
async def test_generate_token_validates_its_query(rest: Rest, query: str, status: int) -> None:
    assert (await rest.ask("POST", f"/:generateToken?{query}")).status == status
