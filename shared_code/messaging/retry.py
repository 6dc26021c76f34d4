"""The retry rule: how long until the next try, and when there is none.

Invariant: pure. Delays grow, with jitter, so that what failed together does not come back together.
"""

import random

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
_LONGEST_WAIT_SECONDS = 15.0
_MOST_DOUBLINGS = 10  # beyond the longest delay; a count may be anybody's, and a float is finite
_JITTER = (0.5, 1.5)


def delay_after(attempt: int) -> float:
    """Seconds from the failure of this attempt (from 1) to the next: about 1, 2, 4 … 300."""
    return _spread(min(_doubled(attempt - 1), _LONGEST_SECONDS))


def delay_behind(held: int) -> float:
    """Seconds until a message that waits behind another looks again; `held` is how often it has."""
    return _spread(min(_doubled(held), _LONGEST_WAIT_SECONDS))


def _doubled(times: int) -> float:
    return _FIRST_SECONDS * 2.0 ** max(0, min(times, _MOST_DOUBLINGS))


def _spread(seconds: float) -> float:
    return seconds * random.uniform(*_JITTER)  # noqa: S311 - jitter, no secret
