"""WebSocket frames as a server writes them.

Invariant: a frame is complete bytes, unmasked, so one encoding serves every socket it goes to.
"""

import struct

TEXT = 1
BINARY = 2
_CLOSE = 8
_FINAL = 0x80
_SHORT = 126
_MAX_REASON_BYTES = 123
_MEDIUM = 1 << 16


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """Return one final frame around the payload."""
    size = len(payload)
    if size < _SHORT:
        header = struct.pack("!BB", _FINAL | opcode, size)
    elif size < _MEDIUM:
        header = struct.pack("!BBH", _FINAL | opcode, 126, size)
    else:
        header = struct.pack("!BBQ", _FINAL | opcode, 127, size)
    return header + payload


def payload_of(frame: bytes) -> bytes:
    """Return what ``encode_frame`` has wrapped."""
    marker = frame[1]
    return frame[2 + {_SHORT: 2, _SHORT + 1: 8}.get(marker, 0) :]


def encode_close(code: int, reason: str) -> bytes:
    """Return a close frame; a reason that does not fit is cut between two characters."""
    text = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
    return encode_frame(_CLOSE, code.to_bytes(2) + text)
