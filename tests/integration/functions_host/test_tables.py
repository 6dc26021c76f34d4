"""Table inputs and outputs, against Azurite through the official SDK."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.data.tables import EdmType, TableClient, TableServiceClient

from tests.integration.functions_host.hosting import App, running


@pytest.fixture
def table(azurite: str, name: str) -> Iterator[TableClient]:
    """A table that no other test has; it does not exist yet."""
    with TableServiceClient.from_connection_string(azurite) as service:
        yield service.get_table_client(name)


def app_of(directory: Path, azurite: str, name: str, code: str) -> App:
    return App(directory, code, {"STORE": azurite, "PLACE": name})


INPUTS = """
@app.route(route="all")
@app.table_input(arg_name="found", table_name="%PLACE%", connection="STORE")
def everything(req: func.HttpRequest, found: str) -> func.HttpResponse:
    return func.HttpResponse(found)

@app.route(route="some/{partition}")
@app.table_input(arg_name="found", table_name="%PLACE%", connection="STORE",
                 partition_key="{partition}", filter="n ge 2 and who ne '{query.who}'", take=2)
def some(req: func.HttpRequest, found: str) -> func.HttpResponse:
    return func.HttpResponse(found)

@app.route(route="one/{partition}/{row}")
@app.table_input(arg_name="found", table_name="%PLACE%", connection="STORE",
                 partition_key="{partition}", row_key="{row}")
def one(req: func.HttpRequest, found: str) -> func.HttpResponse:
    return func.HttpResponse(found)
"""


def test_a_table_input_gives_an_array_of_entities_by_partition_filter_and_take(
    tmp_path: Path, azurite: str, name: str, table: TableClient
) -> None:
    with running(app_of(tmp_path, azurite, name, INPUTS)) as host:
        assert host.get("/api/all").json == []
        table.create_table()
        for number in range(5):
            table.create_entity(
                {
                    "PartitionKey": "o'p",
                    "RowKey": str(number),
                    "n": number,
                    "big": (2**40, EdmType.INT64),
                    "who": "O'Hara" if number == 2 else "x",
                }
            )
        table.create_entity({"PartitionKey": "q", "RowKey": "0", "flag": True})
        assert len(host.get("/api/all").json) == 6
        found = host.get("/api/some/o'p?who=O'Hara").json
        assert [entity["RowKey"] for entity in found] == ["3", "4"]
        assert found[0] == {
            "PartitionKey": "o'p",
            "RowKey": "3",
            "n": 3,
            "big": 2**40,
            "who": "x",
        }
        assert host.get("/api/one/q/0").json == [{"PartitionKey": "q", "RowKey": "0", "flag": True}]


def test_azure_ignores_the_row_key_of_a_table_input_and_so_does_the_host_with_a_warning(
    tmp_path: Path, azurite: str, name: str, table: TableClient
) -> None:
    table.create_table()
    for row in ("a", "b"):
        table.create_entity({"PartitionKey": "p", "RowKey": row})
    with running(app_of(tmp_path, azurite, name, INPUTS)) as host:
        host.wait_for("the table input 'found' gives every entity of its partition")
        assert [entity["RowKey"] for entity in host.get("/api/one/p/b").json] == ["a", "b"]


OUTPUT = """
@app.route(route="put")
@app.table_output(arg_name="out", table_name="%PLACE%", connection="STORE")
def put(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse("done")

@app.route(route="keyed/{id}")
@app.table_output(arg_name="out", table_name="%PLACE%", connection="STORE",
                  partition_key="fixed", row_key="{id}")
def keyed(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse("done")
"""


def test_a_table_output_inserts_one_entity_with_the_types_of_its_json(
    tmp_path: Path, azurite: str, name: str, table: TableClient
) -> None:
    entity = {
        "partitionKey": "p",
        "RowKey": "r",
        "text": "x",
        "whole": 7,
        "real": 1.5,
        "flag": False,
        "at": "2026-11-22T10:11:12.500Z",
        "nothing": None,
    }
    with running(app_of(tmp_path, azurite, name, OUTPUT)) as host:
        assert host.call("POST", "/api/put", json.dumps(entity)).status == 200
        found = table.get_entity("p", "r")
        assert (found["text"], found["real"], found["flag"]) == ("x", 1.5, False)
        assert (found["whole"].value, found["whole"].edm_type) == (7, EdmType.INT64)
        assert found["at"] == datetime(2026, 11, 22, 10, 11, 12, 500_000, UTC)
        assert "nothing" not in found
        # An entity that exists already is a conflict: the output inserts, it does not replace.
        assert host.call("POST", "/api/put", json.dumps(entity)).status == 500
        host.wait_for("409 EntityAlreadyExists")


def test_a_table_output_inserts_many_entities_by_partition(
    tmp_path: Path, azurite: str, name: str, table: TableClient
) -> None:
    entities = [
        {"PartitionKey": f"p{number % 2}", "RowKey": f"{number:03}", "n": number}
        for number in range(230)
    ]
    with running(app_of(tmp_path, azurite, name, OUTPUT)) as host:
        assert host.call("POST", "/api/put", json.dumps(entities)).status == 200
        assert len(list(table.list_entities())) == 230
        # One that exists already undoes its transaction, and fails the invocation.
        again = [{"PartitionKey": "p0", "RowKey": "new"}, entities[0]]
        assert host.call("POST", "/api/put", json.dumps(again)).status == 500
        assert not list(table.query_entities("RowKey eq 'new'"))


def test_the_bindings_keys_are_for_entities_without_their_own(
    tmp_path: Path, azurite: str, name: str, table: TableClient
) -> None:
    with running(app_of(tmp_path, azurite, name, OUTPUT)) as host:
        assert host.call("POST", "/api/keyed/7", '{"n": 1}').status == 200
        assert host.call("POST", "/api/keyed/8", '{"rowkey": "own"}').status == 200
        rows = sorted(entity["RowKey"] for entity in table.list_entities())
        assert rows == ["7", "own"]
        assert host.call("POST", "/api/put", '{"n": 1}').status == 500
        host.wait_for("'' is not a valid value for a partition key or row key")
        for bad in ('{"PartitionKey": "p", "RowKey": "r", "x": {}}', "[1]", "text"):
            assert host.call("POST", "/api/put", bad).status == 500
