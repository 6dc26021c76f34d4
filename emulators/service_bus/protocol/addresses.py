"""Addresses of links. Invariant: pure; a path is compared by segments and without regard to case."""

from typing import Any

CBS = "$cbs"
MANAGEMENT = "$management"


def path_of(address: Any) -> str:
    """The entity path in an address such as `amqps://host:port/q` or `q`."""
    text = address if isinstance(address, str) else ""
    if "://" in text:
        text = text.partition("://")[2].partition("/")[2]
    return text.strip("/")


def segments(path: str) -> tuple[str, ...]:
    """The segments of a path, in lower case."""
    return tuple(each for each in path.lower().split("/") if each)


def management_of(path: str) -> str | None:
    """The entity whose management node a path is, or None."""
    entity, separator, last = path.rpartition("/")
    return entity if separator and last.lower() == MANAGEMENT else None
