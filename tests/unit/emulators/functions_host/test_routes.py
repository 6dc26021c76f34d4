"""Which function a request goes to."""

from emulators.functions_host.http.endpoint import Endpoint
from emulators.functions_host.http.paths import decode_path
from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response
from emulators.functions_host.http.routes import RouteTable


async def nothing(request: Request, values: dict[str, str]) -> Response:
    """A function that no test here calls: matching runs nothing."""
    raise AssertionError(request, values)


def table(*routes: tuple[str, str, str], prefix: str = "api") -> RouteTable:
    made = RouteTable(prefix)
    for name, route, methods in routes:
        wanted = frozenset(methods.split(",")) if methods else frozenset[str]()
        made.add(name, route, wanted, Endpoint(name, "anonymous", nothing))
    return made


def found(routes: RouteTable, method: str, path: str) -> str | None:
    match = routes.match(method, path)
    return None if match is None else match[0].function


def test_functions_are_tried_in_alphabetical_order_of_their_names() -> None:
    routes = table(("zeta", "items/recent", ""), ("alpha", "items/{id}", ""))
    assert found(routes, "GET", "/api/items/recent") == "alpha"


def test_the_order_of_names_ignores_case() -> None:
    routes = table(("Zeta", "items/{id}", ""), ("alpha", "items/{id}", ""))
    assert found(routes, "GET", "/api/items/1") == "alpha"


def test_a_route_that_begins_with_a_parameter_takes_its_turn() -> None:
    routes = table(("b", "{kind}/list", ""), ("c", "items/list", ""), ("a", "items/{id:int}", ""))
    assert found(routes, "GET", "/api/items/list") == "b"
    assert found(routes, "GET", "/api/items/3") == "a"
    assert found(routes, "GET", "/api/other/list") == "b"


def test_the_method_is_a_part_of_the_route() -> None:
    routes = table(("a", "items", "GET"), ("b", "items", "POST,PUT"))
    assert found(routes, "PUT", "/api/items") == "b"
    assert found(routes, "DELETE", "/api/items") is None
    assert found(routes, "HEAD", "/api/items") is None


def test_no_methods_means_every_method() -> None:
    assert found(table(("a", "items", "")), "PURGE", "/api/items") == "a"


def test_the_prefix_ignores_case_and_is_a_whole_segment() -> None:
    routes = table(("a", "{*all}", ""))
    assert found(routes, "GET", "/API/x") == "a"
    assert found(routes, "GET", "/api") == "a"
    assert found(routes, "GET", "/apix") is None
    assert found(routes, "GET", "/other/x") is None


def test_an_empty_prefix_puts_functions_at_the_root() -> None:
    routes = table(("a", "items", ""), prefix="")
    assert found(routes, "GET", "/items") == "a"
    assert found(routes, "GET", "/") is None


def test_a_path_is_decoded_but_for_its_escaped_slashes() -> None:
    assert decode_path(b"/a%20b/c%2fd%2Fe") == "/a b/c%2Fd%2Fe"
    assert decode_path(b"/%C3%BC") == "/ü"
