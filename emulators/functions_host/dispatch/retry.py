"""Retry policies: how often a failed invocation runs again, and how long the host waits before.

Invariant: the loop is around the whole invocation, in the host, as in Azure; the trigger sees one
outcome, the last.
"""

import random
from dataclasses import dataclass
from typing import Any

_FOREVER = -1
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A function's `@app.retry`; `most` is -1 for no end."""

    most: int
    exponential: bool
    least_delay: float
    most_delay: float

    @classmethod
    def of(cls, indexed: dict[str, Any] | None) -> "RetryPolicy | None":
        """Read what the worker indexed."""
        return None if indexed is None else cls(**indexed)

    def again(self, retries: int) -> bool:
        """Whether a run that has been retried so often may be retried once more."""
        return self.most == _FOREVER or retries < self.most

    def delay(self, retry: int) -> float:
        """Seconds before the given retry, counted from 1."""
        if not self.exponential:
            return self.least_delay
        jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, no secret
        grown = self.least_delay * jitter * 2 ** (retry - 1)
        return min(self.least_delay + grown, self.most_delay) if retry > 1 else self.least_delay
