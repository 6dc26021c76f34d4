"""The contracts themselves: sound schemas, and samples that show what they take and refuse."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no annotations

from shared_code.messaging import CONSUMERS, EventData
from tests.contract.contracts import (
    CONTRACTS,
    TYPES,
    every,
    loaded,
    name_of,
    schema,
    validator,
)


def published_types() -> set[str]:
    """The names of all events that services of this repository publish."""
    import functions.auth.events
    import functions.chat.events
    import functions.files.events
    import functions.realtime.events

    modules = (
        functions.auth.events,
        functions.chat.events,
        functions.files.events,
        functions.realtime.events,
    )
    found = [each for module in modules for each in vars(module).values()]
    return {
        each.TYPE
        for each in found
        if isinstance(each, type) and issubclass(each, EventData) and each is not EventData
    }


def test_every_event_that_is_published_or_heard_has_a_contract_and_no_other_has() -> None:
    assert published_types() == set(TYPES)
    assert {type_ for each in CONSUMERS for type_ in each.types} <= set(TYPES)


@pytest.mark.parametrize("type_", TYPES)
def test_a_contract_is_a_sound_schema_of_its_type(type_: str) -> None:
    found = schema(type_)
    Draft202012Validator.check_schema(found)
    assert found["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert found["$id"].endswith(type_)
    assert found["properties"]["type"] == {"const": type_}


@pytest.mark.parametrize("type_", TYPES)
def test_a_contract_has_samples_of_both_kinds_and_no_stray_ones(type_: str) -> None:
    names = [path.name for path in (CONTRACTS / "samples" / type_).iterdir()]
    assert {name.partition("-")[0] for name in names} == {"valid", "invalid"}
    assert {path.name for path in (CONTRACTS / "samples").iterdir()} == set(TYPES)
    assert len(names) >= 5


@pytest.mark.parametrize("path", every("valid"), ids=name_of)
def test_a_valid_sample_is_taken(path: Path) -> None:
    assert [each.message for each in validator(path.parent.name).iter_errors(loaded(path))] == []


@pytest.mark.parametrize("path", every("invalid"), ids=name_of)
def test_an_invalid_sample_is_refused_and_for_one_reason(path: Path) -> None:
    errors = list(validator(path.parent.name).iter_errors(loaded(path)))
    assert errors
    places = {tuple(each.absolute_path) for each in errors}
    assert len(places) == 1, "an invalid sample shows one fault"
