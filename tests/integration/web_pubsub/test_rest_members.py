"""REST: the pages of a group's members, and what their links and tokens are good for."""

from typing import Any

import pytest
from yarl import URL

from tests.integration.web_pubsub.harness import JSON, Clients
from tests.integration.web_pubsub.rest_client import Answer, Rest

VERSIONS = ["2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"]
MEMBERS = "/groups/room/connections"


async def members(clients: Clients, count: int, group: str = "room") -> list[str]:
    """The ids of new members, in the order in which they are listed."""
    connected = [(await clients.connect(groups=[group]))[1] for _ in range(count)]
    return sorted(each["connectionId"] for each in connected)


def ids(page: Answer) -> list[str]:
    return [member["connectionId"] for member in page.body["value"]]


async def follow(rest: Rest, page: Answer, **options: Any) -> Answer:
    """Ask for the next page, with the path as its link spells it."""
    link = URL(page.body["nextLink"], encoded=True)
    hub = URL(rest.base).path
    return await rest.ask("GET", link.raw_path_qs.removeprefix(hub), **options)


@pytest.mark.parametrize(
    ("query", "sizes"),
    [
        ("", [5]),
        ("maxpagesize=2", [2, 2, 1]),
        ("top=1", [1]),
        ("maxpagesize=2&top=3", [2, 1]),
        ("maxpagesize=2&top=4", [2, 2]),
        ("maxpagesize=200&top=2147483647", [5]),
    ],
)
async def test_pages_keep_their_size_and_the_total_limit(
    rest: Rest, clients: Clients, query: str, sizes: list[int]
) -> None:
    expected = await members(clients, 5)
    page = await rest.ask("GET", f"{MEMBERS}?{query}")
    pages = [ids(page)]
    while page.body["nextLink"] is not None:
        asked = URL(page.body["nextLink"]).query
        assert asked["api-version"] == VERSIONS[-1]
        assert asked["maxpagesize"] == str(sizes[0])
        assert ("top" in asked) == ("top" in query)
        page = await follow(rest, page)
        pages.append(ids(page))
    assert [len(each) for each in pages] == sizes
    assert [each for each_page in pages for each in each_page] == expected[: sum(sizes)]
    assert page.body["value"][0]["userId"] is None


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_lists_and_missing_scopes_are_an_empty_page(
    rest: Rest, clients: Clients, version: str
) -> None:
    await members(clients, 2)
    page = await rest.ask("GET", f"{MEMBERS}?maxpagesize=1&api-version={version}")
    assert len(ids(await follow(rest, page))) == 1
    empty = await rest.ask("GET", f"/groups/ROOM/connections?api-version={version}")
    assert empty.body == {"value": [], "nextLink": None}


@pytest.mark.parametrize(
    "query",
    [
        "maxpagesize=0",
        "maxpagesize=-1",
        "maxpagesize=201",
        "maxpagesize=2147483648",
        "maxpagesize=1.5",
        "maxpagesize=",
        "maxpagesize=1&maxpagesize=2",
        "top=0",
        "top=2147483648",
        "top=invalid",
        "top=1&top=2",
        "continuationToken=a&continuationToken=b",
        "continuationToken=%20",
        "continuationToken=e30",
        "continuationToken=" + "z" * 2049,
        "api-version=2099-01-01",
    ],
)
async def test_an_invalid_query_is_refused(rest: Rest, clients: Clients, query: str) -> None:
    await members(clients, 1)
    assert (await rest.ask("GET", f"{MEMBERS}?{query}")).status == 400


async def test_a_modified_token_or_one_of_another_scope_is_refused(
    rest: Rest, clients: Clients
) -> None:
    expected = await members(clients, 2)
    first = await rest.ask("GET", f"{MEMBERS}?maxpagesize=1")
    token = URL(first.body["nextLink"]).query["continuationToken"]
    assert expected[0] != token
    middle = len(token) // 2
    spoilt = token[:middle] + ("B" if token[middle] == "A" else "A") + token[middle + 1 :]
    for path in (
        f"{MEMBERS}?continuationToken={spoilt}",
        f"/groups/ROOM/connections?continuationToken={token}",
        f"/groups/missing/connections?continuationToken={token}",
    ):
        assert (await rest.ask("GET", path)).status == 400
    hub = rest.base
    rest.base = f"{hub}other"
    assert (await rest.ask("GET", f"{MEMBERS}?continuationToken={token}")).status == 400
    rest.base = hub.replace("/plain", "/PLAIN")
    assert ids(await rest.ask("GET", f"{MEMBERS}?continuationToken={token}")) == expected[1:]


async def test_every_page_needs_a_token_for_its_path(rest: Rest, clients: Clients) -> None:
    expected = await members(clients, 2)
    first = await rest.ask("GET", f"{MEMBERS}?maxpagesize=1")
    other = f"{rest.base}other{MEMBERS}"
    assert (await follow(rest, first, audience=other)).status == 401
    async with rest.session.get(first.body["nextLink"]) as answer:
        assert answer.status == 401
    page = await follow(rest, first, audience=f"{rest.base}{MEMBERS}?maxpagesize=1")
    assert ids(page) == expected[1:]


@pytest.mark.parametrize(
    ("segment", "group"),
    [
        ("room%2Fpart", "room%2Fpart"),
        ("room%252Fpart", "room%2Fpart"),
        ("room%20%2B%20%E4%BD%A0%3F%23%25", "room + 你?#%"),
        ("room+part", "room+part"),
    ],
)
async def test_the_quirks_of_paths_hold_on_every_page(
    rest: Rest, clients: Clients, segment: str, group: str
) -> None:
    expected = await members(clients, 3, group)
    page = await rest.ask("GET", f"/groups/{segment}/connections?maxpagesize=1")
    listed = ids(page)
    while page.body["nextLink"] is not None:
        page = await follow(rest, page)
        listed += ids(page)
    assert listed == expected


async def test_bulk_membership_reaches_a_detached_connection_and_survives_recovery(
    rest: Rest, clients: Clients
) -> None:
    reliable = "json.reliable.webpubsub.azure.v1"
    socket, connected = await clients.connect(reliable, roles=[], groups=["old"])
    socket.drop()
    headers = {"Content-Type": "application/json"}
    for operation, group in ((":addToGroups", "new"), (":removeFromGroups", "old")):
        body = b'{"groups": ["%b"]}' % group.encode()
        assert (await rest.ask("POST", f"/{operation}", headers=headers, data=body)).status == 200
    again = await clients.recover(connected)
    await again.receive()
    assert (await rest.ask("HEAD", "/groups/old")).status == 404
    assert ids(await rest.ask("GET", "/groups/new/connections")) == [connected["connectionId"]]
    refused = await again.ask(type="leaveGroup", group="new", ackId=1)
    assert refused["error"]["name"] == "Forbidden"


@pytest.mark.parametrize("scope", ["", "/groups/g", "/users/ann"])
async def test_a_scoped_close_that_is_refused_closes_nobody_and_one_without_matches_is_204(
    rest: Rest, clients: Clients, scope: str
) -> None:
    socket, connected = await clients.connect(JSON, user_id="ann", groups=["g"])
    close = f"{scope}/:closeConnections"
    assert (await rest.ask("POST", f"{close}?api-version=1")).status == 400
    assert (await rest.ask("POST", close, key="k" * 40)).status == 401
    assert (await rest.ask("POST", f"/groups/%20{close}")).status in {400, 404}
    for version in VERSIONS:
        spared = f"{close}?api-version={version}&excluded={connected['connectionId']}"
        assert (await rest.ask("POST", spared)).status == 204
    assert await socket.nothing_waits()


@pytest.mark.parametrize("scope", ["", "/groups/g", "/users/ann"])
async def test_a_scoped_close_of_a_detached_connection_prevents_its_recovery(
    rest: Rest, clients: Clients, scope: str
) -> None:
    reliable = "json.reliable.webpubsub.azure.v1"
    socket, connected = await clients.connect(reliable, user_id="ann", groups=["g"])
    socket.drop()
    assert (await rest.ask("POST", f"{scope}/:closeConnections")).status == 204
    assert (await (await clients.recover(connected)).closing())[0] == 1008
