"""If-Match: which tag a handler gets, and what is refused."""

import azure.functions as func
import pytest

from shared_code.endpoint import IF_MATCH, ROUTES, Anonymous, Client, decorator, endpoint, if_match
from shared_code.endpoint.client import client_of
from shared_code.errors import PreconditionFailed, ValidationFailed
from shared_code.openapi.document import document


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ('"7"', "7"),
        (' "7" ', "7"),
        ('W/"7"', "7"),
        ("\"W/datetime'2026'\"", "W/datetime'2026'"),
        ('"0x8D,=*"', "0x8D,=*"),
        ("*", None),
        (" * ", None),
    ],
)
def test_the_tag_is_what_stands_in_the_quotes(value: str, tag: str | None) -> None:
    assert if_match(client_of({"IF-MATCH": value})) == tag


def test_without_the_header_any_state_will_do() -> None:
    assert if_match(client_of({})) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "7",
        '""',
        '"7',
        '7"',
        'w/"7"',
        'W/ "7"',
        '"7" "8"',
        '"7", "8"',
        '"7", *',
        '"a b"',
        '"\N{LATIN SMALL LETTER E WITH ACUTE}"',
        '"7"\n"8"',
        f'"{"x" * 201}"',
    ],
)
def test_anything_else_is_refused_and_names_the_header(value: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        if_match(client_of({"if-match": value}))
    assert [(each["field"], each["code"]) for each in refused.value.fields] == [
        ("If-Match", "invalid_entity_tag")
    ]


async def test_a_handler_refuses_what_has_changed_and_openapi_shows_the_header() -> None:
    before = list(ROUTES)

    @endpoint(
        func.Blueprint(),
        "DELETE",
        "thing",
        status=204,
        headers=(IF_MATCH,),
        errors=(PreconditionFailed, ValidationFailed),
    )
    async def drop(_: Anonymous, client: Client) -> None:
        """Drop it."""
        if if_match(client) not in {None, "7"}:
            raise PreconditionFailed

    route = ROUTES[-1]
    try:
        statuses = [await _status(headers) for headers in ({}, *map(_sent, ('"7"', '"6"', "7")))]
        shown = document([route])["paths"]["/api/thing"]["delete"]
    finally:
        ROUTES[:] = before
    assert statuses == [204, 204, 412, 422]
    assert [each["name"] for each in shown["parameters"]] == ["If-Match"]
    assert {"412", "422"} <= set(shown["responses"])


def _sent(value: str) -> dict[str, str]:
    return {"If-Match": value}


async def _status(headers: dict[str, str]) -> int:
    url = "http://localhost/api/thing"
    sent = func.HttpRequest(method="DELETE", url=url, headers=headers, body=b"")
    status: int = (await decorator.run(ROUTES[-1], sent)).status_code
    return status
