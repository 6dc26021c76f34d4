"""OData filters: what they say, and how they refuse."""

from dataclasses import dataclass, field

import pytest

from emulators.web_pubsub.odata import FilterError, parse_filter


@dataclass(frozen=True)
class Client:
    id: str = "c1"
    user_id: str | None = "Ann"
    groups: frozenset[str] = field(default=frozenset({"g1", "g2"}))
    subprotocol: str | None = "json.webpubsub.azure.v1"


ANN, NOBODY = Client(), Client(id="c2", user_id=None, groups=frozenset(), subprotocol=None)


@pytest.mark.parametrize(
    ("text", "ann", "nobody"),
    [
        ("userId eq 'Ann'", True, False),
        ("USERID EQ 'Ann'", True, False),
        ("userId eq 'ann'", False, False),
        ("userId eq null", False, True),
        ("null ne userId", True, False),
        ("userId ne 'Bob'", True, True),
        ("userId gt 'Am' and userId lt 'Ao'", True, False),
        ("userId ge 'Ann' and userId le 'Ann'", True, False),
        ("not (userId eq 'Ann')", False, True),
        ("not contains(userId, 'n')", False, True),
        ("'g1' in groups", True, False),
        ("not ('g1' in groups)", False, True),
        ("userId in ('Bob', 'Ann')", True, False),
        ("userId in (null)", False, True),
        ("length(groups) gt 1", True, False),
        ("length(userId) eq 3", True, False),
        ("length(groups) in (0, 5)", False, True),
        ("tolower(userId) eq 'ann'", True, False),
        ("toupper(trim(concat(' ', userId))) eq 'ANN'", True, False),
        ("substring(userId, 1) eq 'nn' or substring(userId, 0, 1) eq 'B'", True, False),
        ("startswith(userId, 'A') and endswith(userId, 'n')", True, False),
        ("indexof(userId, 'n') eq 1", True, False),
        ("indexof(userId, 'z') eq -1", True, False),
        ("connectionId eq 'c1'", True, False),
        ("protocol eq null", False, True),
        ("true", True, True),
        ("true eq false", False, False),
        ("userId eq 'A' or userId eq 'Ann' and false", False, False),
        ("(userId eq 'Ann' or userId eq 'A') and true", True, False),
        ("concat(userId, 'O''Hara') eq 'AnnO''Hara'", True, False),
        ("userId eq ''", False, False),
        ("contains(userId, null)", False, False),
    ],
)
def test_filters(text: str, ann: bool, nobody: bool) -> None:  # noqa: FBT001 - a table of truths
    accepts = parse_filter(text)
    assert (accepts(ANN), accepts(NOBODY)) == (ann, nobody)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unexpected end at 0"),
        ("userId", "'userId' is string, expected boolean"),
        ("userId eq 5", "'5' is integer, expected string"),
        ("userId eq", "unexpected end"),
        ("userId eq 'open", 'unsupported token "\'open" at 10'),
        ("name eq 'x'", "unsupported token 'name' at 0"),
        ("userId eq 'x' x", "unsupported token 'x' at 14"),
        ("userId && true", "unsupported token '&&'"),
        ("groups eq 'x'", "'groups' is collection, expected string or integer"),
        ("'x' in userId", "'userId' is string, expected collection"),
        ("not userId eq 'x'", "'userId' is string, expected boolean"),
        ("true gt false", "'true' is boolean"),
        ("length() eq 1", "unsupported token ')'"),
        ("tolower(userId, 'x') eq 'x'", "tolower takes 1 arguments, not 2"),
        ("tolower(5) eq 'x'", "'5' is integer, expected string"),
        ("null", "'null' is null, expected boolean"),
        ("99999999999999999999 eq 1", "unsupported token"),
        ("9999999999999999999 eq 1", "out of range"),
        ("1.5 eq 1", "unsupported token '1.5'"),
        ("(" * 5000 + "true", "more than 100 clauses"),
        ("not " * 3000 + "true", "more than 100 clauses"),
        (" or ".join(["true"] * 500), "more than 100 clauses"),
        (" " * 20_000, "longer than"),
    ],
)
def test_a_filter_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert message in str(caught.value)


def test_a_hundred_clauses_are_accepted() -> None:
    text = " or ".join(f"userId eq '{number}'" for number in range(99)) + " or userId eq 'Ann'"
    assert parse_filter(text)(ANN)
