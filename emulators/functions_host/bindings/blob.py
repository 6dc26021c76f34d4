"""The blob input and output.

Invariant: an input is text unless `dataType` says binary, as the host decides it; so bytes that are
not UTF-8 arrive damaged here as they do in Azure.
"""

import json

from emulators.functions_host.clients.blobs import BlobClient
from emulators.functions_host.clients.storage import StorageClient, StorageError
from emulators.functions_host.expressions import Template
from emulators.functions_host.model import (
    Binding,
    BindingError,
    ExpressionError,
    InputError,
    OutputError,
    TriggerInput,
    Typed,
)
from emulators.functions_host.services import Services

_BINARY = {"binary", "stream"}


class BlobInput:
    """Reads one blob; None when there is none."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._storage = services.storage(binding.text("connection"), "blob")
        self._path = path_template(binding, services)
        self._binary = (binding.text("dataType") or "").lower() in _BINARY

    async def read(self, trigger: TriggerInput) -> Typed:
        """Return the content."""
        blob = resolve(self._storage, self._path, trigger)
        try:
            content = await blob.read()
        except StorageError as error:
            raise InputError(f"blob {blob.container}/{blob.name}: {error}") from error
        if content is None:
            return ("none", None)
        if self._binary:
            return ("bytes", content)
        return ("string", content.decode("utf-8-sig", errors="replace"))


class BlobOutput:
    """Replaces one blob, in a container that is made when it is missing."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._storage = services.storage(binding.text("connection"), "blob")
        self._path = path_template(binding, services)

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Write the value as the blob's whole content."""
        blob = resolve(self._storage, self._path, trigger)
        try:
            await blob.write(_content(value))
        except StorageError as error:
            raise OutputError(f"blob {blob.container}/{blob.name}: {error}") from error


def path_template(binding: Binding, services: Services) -> Template:
    """Return the path of a blob binding, `container/name`.

    Raises:
        BindingError: if it has no container or no name.
    """
    path = services.template(binding, "path")
    container, _, name = path.text.partition("/")
    if not container or not name:
        raise BindingError(f"the path {path.text!r} of {binding.name!r} must be container/name")
    return path


def resolve(storage: StorageClient, path: Template, trigger: TriggerInput) -> BlobClient:
    """Return the blob that a path means in one invocation."""
    text = path.fill(trigger)
    container, _, name = text.partition("/")
    if not container or not name:
        raise ExpressionError(f"the blob path {path.text!r} became {text!r}, not container/name")
    return BlobClient(storage, container, name)


def _content(value: Typed) -> bytes:
    kind, content = value
    if kind == "bytes":
        return bytes(content)
    if kind == "json":
        # The host writes a JToken without indentation to a stream.
        return json.dumps(json.loads(content), separators=(",", ":"), ensure_ascii=False).encode()
    return str(content).encode()
