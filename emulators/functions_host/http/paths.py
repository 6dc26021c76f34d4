"""Paths as ASP.NET decodes them.

Invariant: an escaped slash never becomes a real one, so it cannot cross a segment.
"""

from urllib.parse import unquote


def decode_path(raw: bytes) -> str:
    """Decode a path as ASP.NET does: everything but an escaped slash."""
    text = raw.decode("latin-1")
    if "%" not in text:
        return text
    return "%2F".join(unquote(part) for part in text.replace("%2f", "%2F").split("%2F"))
