"""What an invocation gets of its messages: their bodies, and their metadata.

Invariant: a body that the real host could not turn into the binding's type is an error here, never
an empty value.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emulators.functions_host import fidelity
from emulators.functions_host.model import Binding, TriggerInput, Typed
from emulators.functions_host.triggers.base import typed_text
from emulators.functions_host.triggers.service_bus import metadata

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

_TRACE = "Diagnostic-Id"


class BodyError(Exception):
    """A body is of a kind that the trigger cannot read; the message says which."""


def of_one(binding: Binding, message: "ServiceBusReceivedMessage") -> TriggerInput:
    """Return the input of an invocation for one message.

    Raises:
        BodyError: if the body cannot be read.
    """
    value = typed_text(binding, _body(message))
    given = metadata.of_one(message)
    if value[0] == "string":
        # The host looks for JSON in text only.
        given = fidelity.merge_json_body(given, value[1] if isinstance(value[1], str) else "")
    trace = metadata.application_properties(message).get(_TRACE)
    return TriggerInput(value, given, trace if isinstance(trace, str) else None)


def of_many(binding: Binding, messages: "Sequence[ServiceBusReceivedMessage]") -> TriggerInput:
    """Return the input of an invocation for a batch.

    Raises:
        BodyError: if a body cannot be read.
    """
    return TriggerInput(
        _bodies(binding, [_body(message) for message in messages]), metadata.of_many(messages)
    )


def overwritten(value: TriggerInput, message: "ServiceBusReceivedMessage") -> list[str]:
    """Return the names of the metadata that the JSON body has replaced."""
    own = metadata.of_one(message)
    return [name for name, member in own.items() if value.metadata[name] != member]


def _bodies(binding: Binding, bodies: list[bytes]) -> Typed:
    kind = (binding.text("dataType") or "").lower()
    if kind == "binary":
        return "collection_bytes", bodies
    texts = [body.decode(errors="replace") for body in bodies]
    if kind == "string":
        # As in an array of metadata: what is empty is left out.
        return "collection_string", [text for text in texts if text]
    return "json", "[" + ",".join(_through_newtonsoft(text) for text in texts) + "]"


def _through_newtonsoft(text: str) -> str:
    """Without `dataType` a batch is an array of JSON objects to the host, dates rewritten."""
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise BodyError(
            "with cardinality many and no data_type a body must be JSON, and one is not; set "
            f'data_type="string" or "binary" ({error})'
        ) from error
    return fidelity.to_json(parsed)


def _body(message: "ServiceBusReceivedMessage") -> bytes:
    """Return the body: the bytes of data sections, or the text of a value."""
    from azure.servicebus.amqp import AmqpMessageBodyType

    if message.body_type == AmqpMessageBodyType.SEQUENCE:
        raise BodyError("its body is an AMQP sequence, which the trigger cannot read")
    body: Any = message.body
    if message.body_type == AmqpMessageBodyType.VALUE:
        if isinstance(body, str | bytes):
            return body.encode() if isinstance(body, str) else body
        raise BodyError("its body is an AMQP value that is not text, which the trigger cannot read")
    return body if isinstance(body, bytes) else b"".join(body)
