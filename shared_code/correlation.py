"""The correlation id: what all that one request or event led to has in common, in logs and events.

Invariant: it is set where work begins (a request, a delivery) and read by whoever logs or publishes.
"""

from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("atrium_correlation_id", default="")


def correlate(correlation_id: str) -> None:
    """Everything from here on in this task, and in tasks that it starts, belongs to this id."""
    _current.set(correlation_id)


def correlation_id() -> str:
    """The id of what is being done; empty outside of a request or delivery."""
    return _current.get()
