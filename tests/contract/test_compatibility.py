"""What may change in a published contract, and that nothing else has; and that the page is up to date."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from scripts import contracts
from tests.contract.contracts import CONTRACTS, TYPES, loaded, samples, validator

type Json = dict[str, Any]

OLD: Json = {
    "title": "Said",
    "type": "object",
    "required": ["type", "data"],
    "properties": {
        "type": {"const": "said.v1"},
        "access": {"enum": ["same", "changed"]},
        "data": {
            "type": "object",
            "required": ["text"],
            "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 10}},
        },
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"seq": {"type": "integer", "minimum": 1}},
            "allOf": [{"if": {"const": 1}, "then": {"const": 1}}],
        }
    },
}
TEXT = "properties/data/properties/text"


def at(schema: Json, path: str) -> Json:
    for part in filter(None, path.split("/")):
        schema = schema[part]
    return schema


def set_to(path: str, **members: Any) -> Callable[[Json], object]:
    return lambda schema: at(schema, path).update(members)


def without(path: str, name: str) -> Callable[[Json], object]:
    return lambda schema: at(schema, path).pop(name)


BRANCH = {"if": {"const": 2}, "then": {"const": 2}}


@pytest.mark.parametrize(
    "change",
    [
        set_to("", title="Said aloud", description="now with words"),
        set_to("properties", correlationid={"type": "string"}),
        set_to("properties/data/properties", more={"type": "object"}),
        set_to("$defs", another={"type": "string"}),
        lambda schema: at(schema, "$defs/item")["allOf"].append(BRANCH),
    ],
    ids=["words", "attribute", "field", "definition", "branch of a new kind"],
)
def test_what_adds_is_compatible(change: Callable[[Json], object]) -> None:
    new = copy.deepcopy(OLD)
    change(new)
    assert list(contracts.breaks(OLD, new)) == []


@pytest.mark.parametrize(
    "change",
    [
        without("properties", "access"),
        without("properties/data/properties", "text"),
        without("$defs", "item"),
        set_to("", required=["type", "data", "access"]),
        set_to("", required=["type"]),
        set_to("properties/data", required=[]),
        without("properties/data", "required"),
        set_to(TEXT, type="integer"),
        set_to(TEXT, maxLength=9),
        set_to(TEXT, maxLength=11),
        set_to(TEXT, minLength=0),
        set_to(TEXT, pattern="^x"),
        without(TEXT, "maxLength"),
        set_to("properties/access", enum=["same"]),
        set_to("properties/access", enum=["same", "changed", "perhaps"]),
        set_to("properties/type", const="said.v2"),
        set_to("properties/data", additionalProperties=False),
        set_to("properties/items", items={"type": "string"}),
        set_to("$defs/item/properties/seq", minimum=0),
        set_to("$defs/item", allOf=[]),
        lambda schema: at(schema, "$defs/item")["allOf"].append({"required": ["seq"]}),
        set_to("", type="array"),
        set_to("", unevaluatedProperties=False),
    ],
)
def test_what_may_break_a_reader_or_an_old_event_is_refused(
    change: Callable[[Json], object],
) -> None:
    new = copy.deepcopy(OLD)
    change(new)
    assert list(contracts.breaks(OLD, new))


def test_no_contract_breaks_what_is_published() -> None:
    assert contracts.unpublishable() == []


def test_every_contract_and_the_page_are_published_as_they_are() -> None:
    assert [str(path) for path in contracts._changes()] == [], "run `make contracts`"


@pytest.mark.parametrize("type_", TYPES)
def test_what_is_published_still_takes_all_valid_samples(type_: str) -> None:
    published = loaded(CONTRACTS / "published" / f"{type_}.json")
    check = type(validator(type_))(published)
    for path in samples(type_, "valid"):
        assert list(check.iter_errors(loaded(path))) == []


def test_a_broken_contract_says_where_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(path: Any) -> Json:
        found: Json = json.loads(path.read_text())
        if path.parent == CONTRACTS:
            found["required"].remove("time")
        return found

    monkeypatch.setattr(contracts, "_read", changed)
    faults = contracts.unpublishable()
    assert len(faults) == len(TYPES)
    assert "/required: time is not required any more" in faults[0]
    assert ".v2" in faults[0]
