"""Storage clients and the few rules on top of them: what is an outage, what is newer, what is kept."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import azure.identity.aio
import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.data.tables.aio import TableClient
from hypothesis import given
from hypothesis import strategies as st

from shared_code import storage
from shared_code.errors import NotConfigured

ACCOUNT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
    "BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:2/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:3/devstoreaccount1;"
)


@pytest.fixture(autouse=True)
async def _no_clients_left() -> AsyncIterator[None]:
    yield
    await storage.close_all()


def answered(status: int, kind: type[HttpResponseError] = HttpResponseError) -> HttpResponseError:
    error = kind("answered")
    error.status_code = status
    return error


@pytest.mark.parametrize(
    "error",
    [
        ServiceRequestError("no route"),
        ServiceRequestTimeoutError("no route"),
        ServiceResponseError("dropped"),
        ServiceResponseTimeoutError("silent"),
        IncompleteReadError("cut"),
        *map(answered, (408, 429, 500, 502, 503, 504)),
    ],
)
def test_what_may_succeed_later_is_an_outage(error: AzureError) -> None:
    assert storage.is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        AzureError("whatever"),
        HttpResponseError("no status"),
        answered(403, ClientAuthenticationError),
        answered(404, ResourceNotFoundError),
        *map(answered, (400, 409, 412, 413)),
    ],
)
def test_what_will_not_succeed_later_is_no_outage(error: AzureError) -> None:
    assert not storage.is_outage(error)


async def test_a_client_is_made_once_for_each_account_and_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ONE", ACCOUNT)
    monkeypatch.setenv("OTHER", ACCOUNT)
    assert storage.queue_service("ONE") is storage.queue_service("ONE")
    assert storage.queue_service("ONE") is not storage.queue_service("OTHER")
    assert storage.blob_service("ONE").url == "http://127.0.0.1:1/devstoreaccount1/"
    assert storage.table("ONE", "things").url == "http://127.0.0.1:3/devstoreaccount1"


async def test_no_client_is_left_after_close_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", ACCOUNT)
    before = storage.queue_service("ONE")
    await storage.close_all()
    assert storage.queue_service("ONE") is not before


async def test_a_setting_that_is_missing_is_told_by_its_name() -> None:
    with pytest.raises(NotConfigured, match="NOWHERE_STORAGE"):
        storage.table("NOWHERE_STORAGE", "things")


class Credential:
    """A managed identity that is never asked."""

    async def get_token(self, *_scopes: str, **_options: Any) -> None:
        raise AssertionError


async def test_an_account_for_identities_is_named_by_its_uri(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", Credential)
    monkeypatch.setenv("ONE__tableServiceUri", "https://one.table.core.windows.net")
    monkeypatch.setenv("ONE__queueServiceUri", "https://one.queue.core.windows.net")
    assert storage.table("ONE", "things").url == "https://one.table.core.windows.net"
    assert storage.queue_service("ONE").url == "https://one.queue.core.windows.net/"


class Row(dict[str, Any]):
    """A stored row with its ETag."""

    @property
    def metadata(self) -> dict[str, str]:
        return {"etag": f"etag-{self['seq'].value}"}


@dataclass
class Rows:
    """One row of a table; `rivals` are written by others just before each of our writes."""

    stored: Row | None = None
    rivals: list[int] = field(default_factory=list)
    asked: int = 0

    async def get_entity(self, _partition: str, _row: str) -> Row:
        self.asked += 1
        if self.stored is None:
            raise ResourceNotFoundError("no row")
        return self.stored

    async def create_entity(self, entity: dict[str, Any]) -> None:
        self._rival_writes()
        if self.stored is not None:
            raise ResourceExistsError("a row")
        self.stored = Row(entity)

    async def update_entity(self, entity: dict[str, Any], **condition: Any) -> None:
        self._rival_writes()
        assert condition["match_condition"] is MatchConditions.IfNotModified
        assert condition["mode"] == "replace"
        if self.stored is None or condition["etag"] != self.stored.metadata["etag"]:
            raise ResourceModifiedError("another row")
        self.stored = Row(entity)

    def _rival_writes(self) -> None:
        if self.rivals:
            self.stored = row(self.rivals.pop(0))

    @property
    def seq(self) -> int:
        assert self.stored
        return storage.number(self.stored["seq"])

    async def put(self, seq: int) -> bool:
        entity = {"PartitionKey": "p", "RowKey": "r"}
        return await storage.put_newer(cast("TableClient", self), entity, seq)


def row(seq: int) -> Row:
    return Row(PartitionKey="p", RowKey="r", seq=storage.int64(seq))


async def test_a_row_is_written_when_there_is_none_or_an_older_one() -> None:
    rows = Rows()
    assert await rows.put(2)
    assert await rows.put(5)
    assert rows.seq == 5


@pytest.mark.parametrize("late", [1, 4, 5])
async def test_a_late_or_repeated_write_changes_nothing(late: int) -> None:
    rows = Rows(row(5))
    assert not await rows.put(late)
    assert rows.seq == 5


@pytest.mark.parametrize("stored", [None, row(1)])
async def test_a_lost_race_is_decided_by_seq_again(stored: Row | None) -> None:
    newer = Rows(stored, rivals=[3])
    assert await newer.put(5)
    assert newer.seq == 5
    older = Rows(stored, rivals=[7])
    assert not await older.put(5)
    assert older.seq == 7


async def test_a_row_that_is_not_there_is_none_but_a_missing_table_is_an_error() -> None:
    class NoTable(ResourceNotFoundError):
        error_code = "TableNotFound"

    class Missing(Rows):
        async def get_entity(self, _partition: str, _row: str) -> Row:
            raise NoTable("no table")

    assert await storage.find(cast("TableClient", Rows()), "p", "r") is None
    with pytest.raises(ResourceNotFoundError):
        await storage.find(cast("TableClient", Missing()), "p", "r")


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_of_sixty_four_bits_is_read_back(value: int) -> None:
    assert storage.number(storage.int64(value)) == value
    assert storage.number(value) == value
