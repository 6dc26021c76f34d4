"""The table input and output.

Invariant: the input is an array, as the extension gives it to Python: it asks for the partition and
the filter and ignores a row key (azure-functions-python-worker #1231, #1725). The console says so.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from emulators.functions_host import fidelity
from emulators.functions_host.clients.storage import StorageError
from emulators.functions_host.clients.tables import MOST_IN_TRANSACTION, Entity, TableClient
from emulators.functions_host.expressions import Template
from emulators.functions_host.model import (
    Binding,
    BindingError,
    InputError,
    OutputError,
    TriggerInput,
    Typed,
)
from emulators.functions_host.services import Services

_TYPE = "@odata.type"
_OWN = {"odata.metadata", "odata.etag", "Timestamp"}


class TableInput:
    """Reads the entities of a partition, or those that meet a filter."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._storage = services.storage(binding.text("connection"), "table")
        self._table = services.template(binding, "tableName")
        self._partition = services.optional(binding, "partitionKey")
        self._filter = services.optional(binding, "filter")
        self._take = _take(binding)
        if binding.text("rowKey") is not None:
            services.console.warn(
                f"the table input {binding.name!r} gives every entity of its partition: Azure "
                "ignores rowKey for Python. Use filter, or read the entity with the SDK"
            )

    async def read(self, trigger: TriggerInput) -> Typed:
        """Return the entities as a JSON array."""
        table = TableClient(self._storage, self._table.fill(trigger))
        found: list[Entity] = []
        try:
            async for entity in table.query(self._condition(trigger), self._take):
                found.append(_as_json(entity))
                if len(found) == self._take:
                    break
        except StorageError as error:
            raise InputError(f"table {table.name!r}: {error}") from error
        return ("json", json.dumps(found, ensure_ascii=False, separators=(",", ":")))

    def _condition(self, trigger: TriggerInput) -> str:
        partition = _filled(self._partition, trigger)
        parts = [f"PartitionKey eq '{_quoted(partition)}'"] if partition else []
        if given := _filled(self._filter, trigger, _quoted):
            parts.append(given)
        return " and ".join(parts)


class TableOutput:
    """Inserts entities; one that exists already fails the invocation."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._storage = services.storage(binding.text("connection"), "table")
        self._table = services.template(binding, "tableName")
        self._partition = services.optional(binding, "partitionKey")
        self._row = services.optional(binding, "rowKey")

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Insert each entity of the value, those of one partition together."""
        table = TableClient(self._storage, self._table.fill(trigger))
        keys = (_filled(self._partition, trigger), _filled(self._row, trigger))
        items = fidelity.split_output(_text(value))
        entities = [_entity(item, keys, dates=value[0] != "json") for item in items]
        try:
            for transaction in _transactions(entities):
                await table.insert(transaction)
        except StorageError as error:
            raise OutputError(f"table {table.name!r}: {error}") from error


def _take(binding: Binding) -> int:
    given = str(binding.raw.get("take") or 0)
    if not given.isdecimal():
        raise BindingError(f"take of the table input {binding.name!r} is a number, not {given!r}")
    return int(given)


def _filled(
    template: Template | None, trigger: TriggerInput, escape: Callable[[str], str] = str
) -> str:
    return "" if template is None else template.fill(trigger, escape)


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _text(value: Typed) -> Typed:
    kind, content = value
    return ("string", content.decode(errors="replace")) if kind == "bytes" else value


def _as_json(entity: Entity) -> Entity:
    """Leave out what the service adds, and turn Int64, which travels as text, into a number."""
    return {
        name: int(item) if entity.get(f"{name}{_TYPE}") == "Edm.Int64" else item
        for name, item in entity.items()
        if name not in _OWN and not name.endswith(_TYPE)
    }


def _entity(item: Any, keys: tuple[str, str], *, dates: bool) -> Entity:
    """Make an entity of a JSON object; its own keys win over those of the binding.

    Raises:
        OutputError: if it is no object, has no keys, or holds what a table cannot.
    """
    if not isinstance(item, dict):
        raise OutputError(f"an entity is a JSON object, not {json.dumps(item)[:80]}")
    entity: Entity = {"PartitionKey": keys[0], "RowKey": keys[1]}
    names = {name.lower(): name for name in entity}
    for name, value in item.items():
        if (key := names.get(name.lower())) is not None:
            entity[key] = str(value)
        elif value is not None:
            entity.update(_property(name, value, dates=dates))
    for name in ("PartitionKey", "RowKey"):
        if not entity[name]:
            raise OutputError(f"'' is not a valid value for a partition key or row key: {name}")
    return entity


def _property(name: str, value: Any, *, dates: bool) -> Entity:
    if isinstance(value, dict | list):
        raise OutputError(f"the property {name!r} is an object or array, which no table holds")
    if isinstance(value, bool):
        return {name: value}
    if isinstance(value, int):
        return {name: str(value), f"{name}{_TYPE}": "Edm.Int64"}
    if isinstance(value, float):
        return {name: value, f"{name}{_TYPE}": "Edm.Double"}
    if dates and (moment := fidelity.as_moment(value)) is not None:
        return {name: _utc(moment), f"{name}{_TYPE}": "Edm.DateTime"}
    return {name: value}


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _transactions(entities: list[Entity]) -> Iterator[list[Entity]]:
    """Group by partition; a repeated row, or a hundred, begins a new transaction."""
    partitions: dict[str, list[Entity]] = {}
    for entity in entities:
        group = partitions.setdefault(entity["PartitionKey"], [])
        repeated = any(other["RowKey"] == entity["RowKey"] for other in group)
        if repeated or len(group) == MOST_IN_TRANSACTION:
            yield group
            partitions[entity["PartitionKey"]] = group = []
        group.append(entity)
    yield from (group for group in partitions.values() if group)
