"""The messages of the protobuf subprotocols, as a table of field numbers.

protobuf's own tools turn a .proto file into a module before anything runs; these few messages are
described at run time instead, so that no compiler is needed and no generated code is in the house.
Only numbers and types travel, so names are chosen for the reader. Invariant: every field has
presence (that is how edition 2023 differs from proto3; the bytes are the same), and text that is no
UTF-8 does not parse.
"""

from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_PACKAGE = "web_pubsub"
_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
}

# At most one field of these is set; ``WhichOneof("kind")`` says which.
_ONE_OF = {"Upstream", "Downstream", "System", "Payload"}
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Upstream": {
        "send_to_group": (1, "SendToGroup"),
        "event": (5, "Event"),
        "join_group": (6, "Membership"),
        "leave_group": (7, "Membership"),
        "sequence_ack": (8, "SequenceAck"),
        "ping": (9, "Empty"),
    },
    "SendToGroup": {
        "group": (1, "string"),
        "ack_id": (2, "uint64"),
        "data": (3, "Payload"),
        "no_echo": (4, "bool"),
        "ttl_seconds": (5, "uint32"),
        "metadata": (6, "Pair*"),
        "stream": (7, "Empty"),
    },
    "Event": {
        "event": (1, "string"),
        "data": (2, "Payload"),
        "ack_id": (3, "uint64"),
        "metadata": (4, "Pair*"),
        "stream": (5, "Empty"),
    },
    "Membership": {"group": (1, "string"), "ack_id": (2, "uint64")},
    "SequenceAck": {"sequence_id": (1, "uint64")},
    "Downstream": {
        "ack": (1, "Ack"),
        "data": (2, "Data"),
        "system": (3, "System"),
        "pong": (4, "Empty"),
    },
    "Ack": {"ack_id": (1, "uint64"), "success": (2, "bool"), "error": (3, "AckError")},
    "AckError": {"name": (1, "string"), "message": (2, "string")},
    "Data": {
        "sender": (1, "string"),
        "group": (2, "string"),
        "data": (3, "Payload"),
        "sequence_id": (4, "uint64"),
        "metadata": (5, "Pair*"),
    },
    "System": {"connected": (1, "Connected"), "disconnected": (2, "Disconnected")},
    "Connected": {
        "connection_id": (1, "string"),
        "user_id": (2, "string"),
        "reconnection_token": (3, "string"),
    },
    "Disconnected": {"reason": (2, "string")},
    # An Any is passed on byte for byte: what is in it is the app's business.
    "Payload": {
        "text": (1, "string"),
        "binary": (2, "bytes"),
        "protobuf": (3, "bytes"),
        "json": (4, "string"),
    },
    # A map is a list of pairs on the wire.
    "Pair": {"key": (1, "string"), "value": (2, "string")},
    "Empty": {},
    # A Downstream whose data is left unread, to be copied as it is.
    "Sealed": {"data": (2, "bytes")},
}


def is_any(payload: bytes) -> bool:
    """Return whether the bytes are a protobuf Any."""
    try:
        any_pb2.Any.FromString(payload)
    except DecodeError:
        return False
    return True


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{_PACKAGE}.proto",
        package=_PACKAGE,
        syntax="editions",
        edition=descriptor_pb2.EDITION_2023,
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name in _ONE_OF:
            message.oneof_decl.add(name="kind")
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    return file


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    label = _Field.LABEL_REPEATED if kind.endswith("*") else _Field.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind.rstrip('*')}"
    if message.oneof_decl:
        field.oneof_index = 0


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


# Classes made at run time have attributes that no type checker can know: hence Any.
Upstream = _class("Upstream")
Downstream = _class("Downstream")
Payload = _class("Payload")
Data = _class("Data")
Sealed = _class("Sealed")
