"""Azure Storage clients: one per process and account, made on first use and kept.

Invariant: a service names its own connection setting; nothing here knows a service. A setting holds a
connection string, or is split for identities as the Functions host splits it: `<NAME>__tableServiceUri`
(`__queueServiceUri`, `__blobServiceUri`), reached as the deployment's managed identity.
Retries are the caller's choice: `retry_total=0` is given where a repeat could not be told from a first.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared_code.settings import optional_setting, setting

if TYPE_CHECKING:  # the SDKs take 0.3 s to import, so a cold start pays for what it uses
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient, TableServiceClient
    from azure.storage.blob.aio import BlobServiceClient
    from azure.storage.queue.aio import QueueServiceClient

_CONNECT_SECONDS = 2
_READ_SECONDS = 10
# The SDKs of blobs and queues would wait 15 s before the first retry: longer than a caller does.
_BACKOFF = {"initial_backoff": 1, "increment_base": 2, "random_jitter_range": 1}
_THROTTLED = 429
_TIMED_OUT = 408
_SERVER_ERRORS = 500


def is_outage(error: AzureError) -> bool:
    """True when the service could not be reached, was busy or failed: the same call may succeed later."""
    if isinstance(error, ServiceRequestError | ServiceResponseError | IncompleteReadError):
        return True
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return status is not None and (status in {_TIMED_OUT, _THROTTLED} or status >= _SERVER_ERRORS)


_clients: dict[tuple[str, str], Any] = {}


def _client(kind: Any, service: str, name: str) -> Any:
    """The service client of class `kind` for the connection setting `name`, made once."""
    if client := _clients.get((service, name)):
        return client
    options = {"connection_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
    if service != "table":
        options |= _BACKOFF
    if uri := optional_setting(f"{name}__{service}ServiceUri"):
        from azure.identity.aio import DefaultAzureCredential

        argument = "endpoint" if service == "table" else "account_url"
        client = kind(**{argument: uri}, credential=DefaultAzureCredential(), **options)
    else:
        client = kind.from_connection_string(setting(name), **options)
    _clients[service, name] = client
    return client


def table(name: str, table_name: str) -> "TableClient":
    """One table of the account that the setting `name` connects to."""
    return _table_service(name).get_table_client(table_name)


def _table_service(name: str) -> "TableServiceClient":
    from azure.data.tables.aio import TableServiceClient

    service: TableServiceClient = _client(TableServiceClient, "table", name)
    return service


def queue_service(name: str) -> "QueueServiceClient":
    """The Queues account of the connection setting `name`."""
    from azure.storage.queue.aio import QueueServiceClient

    service: QueueServiceClient = _client(QueueServiceClient, "queue", name)
    return service


def blob_service(name: str) -> "BlobServiceClient":
    """The Blobs account of the connection setting `name`."""
    from azure.storage.blob.aio import BlobServiceClient

    service: BlobServiceClient = _client(BlobServiceClient, "blob", name)
    return service


async def put_newer(rows: "TableClient", entity: dict[str, Any], seq: int) -> bool:
    """Write `entity` unless a row with an equal or higher `seq` stands there; True when written.

    The guard makes late and repeated writes harmless. Two round trips, more only in a race.
    """
    entity = {**entity, "seq": int64(seq)}
    while True:
        stored = await find(rows, entity["PartitionKey"], entity["RowKey"])
        if stored is not None and number(stored["seq"]) >= seq:
            return False
        try:
            if stored is None:
                await rows.create_entity(entity)
            else:
                await rows.update_entity(entity, **unchanged(stored))
        except (ResourceExistsError, ResourceModifiedError):
            continue
        return True


async def find(rows: "TableClient", partition: str, row: str) -> "TableEntity | None":
    """The row, or None. One round trip."""
    try:
        return await rows.get_entity(partition, row)
    except ResourceNotFoundError as error:
        if getattr(error, "error_code", None) == "TableNotFound":
            raise
        return None


def unchanged(stored: "TableEntity") -> dict[str, Any]:
    """The keywords that make a replacing update conditional on the row being as it was read."""
    return {
        "mode": "replace",
        "etag": stored.metadata["etag"],
        "match_condition": MatchConditions.IfNotModified,
    }


def int64(value: int) -> Any:
    """A number for a table: the SDK refuses a plain int of more than 31 bits."""
    from azure.data.tables import EdmType, EntityProperty

    return EntityProperty(value, EdmType.INT64)


def number(value: Any) -> int:
    """A number from a table, whichever way it came back."""
    return int(getattr(value, "value", value))


async def create_tables(name: str, *tables: str) -> None:
    """Make the tables that do not exist yet. For the provision command only."""
    service = _table_service(name)
    await asyncio.gather(*(service.create_table_if_not_exists(each) for each in tables))


async def create_queues(name: str, *queues: str) -> None:
    """Make the queues that do not exist yet. For the provision command only."""
    await asyncio.gather(*(_create_queue(name, each) for each in queues))


async def _create_queue(name: str, queue: str) -> None:
    try:
        await queue_service(name).create_queue(queue)
    except ResourceExistsError:
        return


async def create_container(name: str, container: str) -> None:
    """Make a private blob container if it does not exist yet. For the provision command only."""
    try:
        await blob_service(name).create_container(container)
    except ResourceExistsError:
        return


async def allow_origins(name: str, origins: str) -> None:
    """Let browsers read and write blobs by their addresses, from these origins, parted by commas.

    For the provision command only. It replaces the account's rules for blobs.
    """
    from azure.storage.blob import CorsRule

    rule = CorsRule(
        [each.strip() for each in origins.split(",")],
        ["GET", "HEAD", "PUT", "OPTIONS"],
        allowed_headers=["*"],
        exposed_headers=["ETag", "Content-Length", "Content-Range", "x-ms-*"],
        max_age_in_seconds=3600,
    )
    await blob_service(name).set_service_properties(cors=[rule])


async def reach_table(name: str, table_name: str) -> None:
    """Raise AzureError unless the table answers. One storage round trip."""
    await find(table(name, table_name), "ready", "ready")


async def reach_queue(name: str, queue: str) -> None:
    """Raise AzureError unless the queue answers. One storage round trip."""
    await queue_service(name).get_queue_client(queue).get_queue_properties()


async def close_all() -> None:
    """Close every client of this process; for commands and tests, which end before their process."""
    while _clients:
        _, client = _clients.popitem()
        await client.close()
