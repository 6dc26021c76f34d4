"""Chooses the subprotocol of a connection from what the client offers.

Invariant: the name that is answered is spelled as the client spelled it.
"""

from collections.abc import Sequence

from emulators.web_pubsub.codec import Codec
from emulators.web_pubsub.json_codec import JsonCodec
from emulators.web_pubsub.protobuf_codec import ProtobufCodec

SUPPORTED: dict[str, Codec] = {
    "json.webpubsub.azure.v1": JsonCodec(),
    "json.reliable.webpubsub.azure.v1": JsonCodec(reliable=True),
    "protobuf.webpubsub.azure.v1": ProtobufCodec(),
    "protobuf.reliable.webpubsub.azure.v1": ProtobufCodec(reliable=True),
}


def first_supported(offered: Sequence[str]) -> str | None:
    """Return the first offered name that the service speaks, in the client's spelling."""
    return next((name for name in offered if name.lower() in SUPPORTED), None)


def find_offered(offered: Sequence[str], wanted: str) -> str | None:
    """Return the offered spelling of one name, if it was offered."""
    return next((name for name in offered if name.lower() == wanted.lower()), None)
