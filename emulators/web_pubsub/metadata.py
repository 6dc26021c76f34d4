"""Message metadata: the limits, and its two spellings (JSON object, HTTP headers).

Invariant: metadata that passed here fits the service's limits and can be written as headers.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from emulators.web_pubsub.names import is_header_value

HEADER_PREFIX = "x-webpubsub-metadata-"
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_TOTAL_BYTES = 8 * 1024
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class InvalidMetadataError(ValueError):
    """The metadata breaks a limit or a rule of spelling."""


def check_metadata(metadata: Any) -> dict[str, str]:
    """Return metadata that holds every limit, or say which one it breaks."""
    if not isinstance(metadata, dict):
        raise InvalidMetadataError("metadata must be an object of strings")
    total = 0
    for key, value in metadata.items():
        total += _size_of_pair(key, value)
    if total > MAX_TOTAL_BYTES:
        raise InvalidMetadataError(f"metadata is larger than {MAX_TOTAL_BYTES} bytes")
    return metadata


def metadata_from_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what the metadata headers say: lower-case keys, the last value wins."""
    metadata: dict[str, str] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered.startswith(HEADER_PREFIX):
            metadata[lowered.removeprefix(HEADER_PREFIX)] = value
    return check_metadata(metadata)


def metadata_to_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that carry this metadata upstream."""
    return {HEADER_PREFIX + key: value for key, value in metadata.items()}


def _size_of_pair(key: str, value: Any) -> int:
    if not _TOKEN.fullmatch(key) or len(key) > MAX_KEY_BYTES:
        raise InvalidMetadataError("a metadata key must be an HTTP token of at most 256 bytes")
    if not isinstance(value, str) or not value.isascii() or not is_header_value(value):
        raise InvalidMetadataError("a metadata value must be ASCII without control characters")
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidMetadataError(f"a metadata value is longer than {MAX_VALUE_BYTES} bytes")
    return len(key) + len(value)
