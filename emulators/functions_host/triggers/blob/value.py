"""What a blob trigger's function gets: the bytes, and what is known of the blob.

Invariant: the value is always bytes; unlike for a blob input, the host knows no other here.
"""

import json
from email.utils import parsedate_to_datetime
from typing import Any

from emulators.functions_host.clients.blobs import Blob, BlobClient
from emulators.functions_host.model import TriggerInput

_TEXTS = {
    "ContentType": "content-type",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentDisposition": "content-disposition",
    "CacheControl": "cache-control",
    "ContentHash": "content-md5",
    "AccessTier": "x-ms-access-tier",
    "VersionId": "x-ms-version-id",
}
_BLOB_TYPES = {"BlockBlob": 0, "PageBlob": 1, "AppendBlob": 2}


def trigger_input(client: BlobClient, blob: Blob, captured: dict[str, str]) -> TriggerInput:
    """Return what a blob's invocation gets; what its path captured hides what else is known."""
    metadata = {
        "BlobTrigger": ("string", f"{client.container}/{client.name}"),
        "Uri": ("json", json.dumps(client.uri)),
        "Properties": ("json", json.dumps(_properties(blob))),
        "Metadata": ("json", json.dumps(blob.metadata)),
        **{name: ("string", text) for name, text in captured.items()},
    }
    return TriggerInput(("bytes", blob.content), metadata)


def _properties(blob: Blob) -> dict[str, Any]:
    headers = blob.headers
    return {
        "LastModified": _time(headers.get("last-modified")),
        "CreatedOn": _time(headers.get("x-ms-creation-time")),
        "Metadata": blob.metadata,
        "BlobType": _BLOB_TYPES.get(headers.get("x-ms-blob-type", ""), 0),
        "ContentLength": len(blob.content),
        "ETag": blob.etag.strip('"'),
        **{name: headers.get(header) for name, header in _TEXTS.items()},
    }


def _time(text: str | None) -> str | None:
    return None if text is None else parsedate_to_datetime(text).isoformat()
