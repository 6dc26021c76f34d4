"""Remembers which requests succeeded, so that a repeat is answered and not done again.

Invariant: only successes are remembered, and never more than the last 1000 of them.
"""

CAPACITY = 1000


class AckCache:
    """The ack ids of the latest successful requests of one logical connection."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[int, None] = {}

    def __contains__(self, ack_id: int) -> bool:
        return ack_id in self._ids

    def remember(self, ack_id: int) -> None:
        """Note a success, forgetting the oldest one beyond capacity."""
        self._ids[ack_id] = None
        if len(self._ids) > CAPACITY:
            del self._ids[next(iter(self._ids))]
