"""Filters and actions: the language, its three values, and what hostile texts do."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.amqp.encoder import encode
from emulators.amqp.sections import Message, Properties, with_application_properties
from emulators.amqp.types import Array, UInt
from emulators.service_bus.filters import Facts, FilterError, correlation_rule, sql_rule

PROPERTIES: dict[str, Any] = {"n": 5, "f": 2.5, "Color": "red", "yes": True, "name": "O'Neil_50%"}
ODD: dict[str, Any] = {"größe": 2, "a]b": 3}
MESSAGE = with_application_properties(
    Message(properties=Properties(message_id="m-1", subject="hot", content_type="text/plain")),
    PROPERTIES,
)
FACTS = Facts.of(
    replace(
        with_application_properties(MESSAGE, ODD),
        ttl_ms=60_000,
        annotations={"x-opt-partition-key": "p"},
    ),
    1_000,
)


@pytest.mark.parametrize(
    "expression",
    [
        "1=1",
        "n = 5",
        "n=5 AND f<3",
        "n<>4 and n!=4 and n>=5 and n<=5",
        "color = 'red'",
        "COLOR='red' OR 1/0 = 1",
        "NOT n = 4",
        "NOT (n = 4 OR n = 6)",
        "n IN (1, 5)",
        "color NOT IN ('blue')",
        "color LIKE 'r%'",
        "color LIKE '_e_'",
        "name LIKE '%\\_50\\%' ESCAPE '\\'",
        "color NOT LIKE 'b%'",
        "missing IS NULL",
        "n IS NOT NULL",
        "EXISTS(n)",
        "NOT EXISTS(missing)",
        "yes",
        "yes = TRUE",
        "n + 1 = 6 AND n - 1 = 4 AND n * 2 = 10 AND n / 2 = 2 AND n % 2 = 1",
        "-n = -5",
        "f * 2 = 5.0",
        "'a' + 'b' = 'ab'",
        "name LIKE 'O''N%'",
        "sys.Label = 'hot' AND sys.MessageId = 'm-1' AND sys.ContentType = 'text/plain'",
        "user.n = 5",
        "[n] = 5",
        '"n" = 5',
        "p('n') = 5",
        "n = 0x05",
        "n = 5 -- and a comment",
        "sys.EnqueuedTimeUtc = 1000",
        "missing = 1 OR n = 5",
        "n-1 = 4",
        "größe = 2 AND [a]]b] = 3",
        "sys.TimeToLive = 60000 AND sys.DeliveryCount = 0 AND sys.PartitionKey = 'p'",
        "sys.ScheduledEnqueueTimeUtc IS NULL",
    ],
)
def test_what_is_true(expression: str) -> None:
    assert sql_rule("r", expression).matches(FACTS) is True


@pytest.mark.parametrize(
    "expression",
    [
        "n = 4",
        "missing = 1",
        "NOT missing = 1",
        "missing <> 1",
        "missing = 1 AND n = 5",
        "n = '5'",
        "yes > FALSE",
        "n IN (missing, 4)",
        "n NOT IN (missing)",
        "missing LIKE '%'",
        "color",
        "n / 0 = 1",
        "color + 1 = 1",
        "EXISTS(missing)",
        "sys.To = 'x'",
    ],
)
def test_what_is_false_or_unknown_lets_nothing_through(expression: str) -> None:
    assert sql_rule("r", expression).matches(FACTS) is False


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "n =",
        "(n = 5",
        "n == 5",
        "n = 5)",
        "sys.Nothing = 1",
        "'unclosed",
        "n LIKE 'x' ESCAPE 'ab'",
        "n NOT 5",
        "n IN ()",
        "EXISTS n",
        "abs(n) = 5",
        "n = 5; n = 6",
        "(" * 200 + "1=1" + ")" * 200,
        "NOT " * 600 + "1=1",
        "n = 1 OR " * 200 + "n = 1",
        "@p = 1",
    ],
)
def test_what_is_no_filter_is_refused(expression: str) -> None:
    with pytest.raises(FilterError):
        sql_rule("r", expression)


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(expression: str) -> None:
    try:
        rule = sql_rule("r", expression)
    except FilterError:
        return
    assert rule.matches(FACTS) in {True, False}


@pytest.mark.parametrize("pattern", ["%" * 400 + "x", "%a" * 200 + "%b", "%a_" * 200 + "b"])
def test_many_wildcards_cost_no_time(pattern: str) -> None:
    """A regular expression that tries every split would not come back."""
    hostile = Facts(Properties(), {"x": "a" * 20_000}, 0)
    assert sql_rule("r", f"x LIKE '{pattern}'").matches(hostile) is False


@given(st.text("ab%_", max_size=8), st.text("ab%", max_size=10))
def test_like_is_what_a_regular_expression_says(pattern: str, value: str) -> None:
    expected = re.sub("%", ".*", pattern).replace("_", ".")
    facts = Facts(Properties(), {"x": value}, 0)
    matches = sql_rule("r", f"x LIKE '{pattern}'").matches(facts)
    assert matches is (re.fullmatch(expected, value) is not None)


def test_an_action_changes_a_copy_and_keeps_the_types_of_the_rest() -> None:
    rule = sql_rule(
        "r",
        "1=1",
        "SET sys.Label = 'cold'; SET N = n + 1; SET fresh = 'x'; REMOVE color; REMOVE nothing",
    )
    assert rule.action
    changed = rule.action(MESSAGE, 0)
    assert changed.properties.subject == "cold"
    found = changed.application_properties()
    assert found == {"f": 2.5, "yes": True, "name": "O'Neil_50%", "n": 6, "fresh": "x"}
    assert MESSAGE.application_properties() == PROPERTIES
    assert MESSAGE.properties.subject == "hot"


@pytest.mark.parametrize(
    "action",
    ["", "n = 5", "SET n 5", "SET sys.EnqueuedTimeUtc = 1", "REMOVE", "SET n = 1 SET m = 2"],
)
def test_what_is_no_action_is_refused(action: str) -> None:
    if not action:
        assert sql_rule("r", "1=1", action).action is None
        return
    with pytest.raises(FilterError):
        sql_rule("r", "1=1", action)


@pytest.mark.parametrize(
    ("system", "user", "expected"),
    [
        ({"label": "hot"}, {}, True),
        ({"label": "hot"}, {"N": 5}, True),
        ({"label": "Hot"}, {}, False),
        ({}, {"n": 5, "yes": True}, True),
        ({}, {"yes": 1}, False),
        ({}, {"n": True}, False),
        ({}, {"missing": 1}, False),
        ({"sessionid": "s"}, {}, False),
    ],
)
def test_a_correlation_filter_wants_every_value_to_be_equal(
    system: dict[str, Any], user: dict[str, Any], *, expected: bool
) -> None:
    assert correlation_rule("r", system, user).matches(FACTS) is expected


def test_a_correlation_filter_that_wants_nothing_is_refused() -> None:
    with pytest.raises(FilterError):
        correlation_rule("r", {}, {})


def test_an_action_never_fails_and_what_has_no_encoding_is_removed() -> None:
    action = "SET big = big * big; SET sys.ContentType = 'é'; REMOVE gone"
    rule = sql_rule("r", "1=1", action)
    assert rule.action
    given_ = {"big": 10**10, "gone": 1, "kept": Array("string", ["a"]), "small": UInt(700)}
    message = with_application_properties(MESSAGE, given_)
    changed = rule.action(message, 0)
    assert changed.properties.content_type is None
    expected = {**PROPERTIES, "kept": Array("string", ["a"]), "small": 700}
    assert changed.application_properties() == expected
    assert encode(UInt(700)) in changed.raw_application_properties, "its type is kept"
