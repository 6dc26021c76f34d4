"""What can go wrong on request.

Invariant: nothing is imported here, because the commands, which only talk to a running emulator,
need the names and not the service behind them.
"""

from enum import StrEnum


class Kind(StrEnum):
    """What goes wrong."""

    DROP = "drop"
    DELAY = "delay"
    REORDER = "reorder"
    DUPLICATE = "duplicate"
    REFUSE = "refuse"
    REST = "rest"


ON_THE_WIRE = frozenset({Kind.DROP, Kind.DELAY, Kind.REORDER, Kind.DUPLICATE})
