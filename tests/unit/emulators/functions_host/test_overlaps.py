"""Routes of which one hides the other."""

import pytest

from emulators.functions_host.http.endpoint import Endpoint
from emulators.functions_host.http.overlaps import overlaps
from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response
from emulators.functions_host.http.routes import RouteTable


async def answer(request: Request, values: dict[str, str]) -> Response:
    del request, values
    return Response(200)


def found(*routes: str, methods: tuple[str, ...] = ("GET", "GET")) -> list[str]:
    """Who loses, of two functions `a` and `b` with these routes."""
    table = RouteTable()
    for name, route, method in zip("ab", routes, methods, strict=True):
        table.add(name, route, frozenset({method}), Endpoint(name, "anonymous", answer))
    return [detail for _, detail in overlaps(table)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("items/{id}", "items/recent"),
        ("items/recent", "items/{id}"),
        ("items/{id:int}", "items/{name}"),
        ("{*rest}", "a/b/c"),
        ("a/{x}/c", "{y}/b/c"),
        ("a/{x?}", "a"),
        ("x", "X"),
        ("files/{name}.{ext}", "files/a.b"),
    ],
)
def test_routes_that_share_a_path_overlap(one: str, other: str) -> None:
    assert len(found(one, other)) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("items/{id:int}", "items/recent"),
        ("items/{id:int}", "items/{name:alpha}"),
        ("a/{x}", "b/{x}"),
        ("a/{x}", "a/{x}/b"),
        ("a", "b"),
    ],
)
def test_routes_that_share_none_do_not(one: str, other: str) -> None:
    assert found(one, other) == []


def test_routes_of_other_methods_do_not_overlap() -> None:
    assert found("a", "a", methods=("GET", "POST")) == []


def test_an_overlap_is_told_with_a_path_and_the_winner() -> None:
    assert found("items/{id}", "items/recent") == [
        "/items/recent fits its route 'items/recent', but goes to a ('items/{id}')"
    ]
