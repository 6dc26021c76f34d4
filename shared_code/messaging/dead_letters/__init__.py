"""Working with dead letters: looking at them, sending them again, throwing them away.

Invariant: looking changes nothing; a dead letter leaves its place only after its copy is on the bus, so a
process that dies in between leaves it twice rather than nowhere, and consumers bear that.
"""

from shared_code.messaging.dead_letters.looking import groups, look, page, read
from shared_code.messaging.dead_letters.models import DeadLetter, Group, QueueState
from shared_code.messaging.dead_letters.moving import Moved, purge, redrive, redrive_all

__all__ = [
    "DeadLetter",
    "Group",
    "Moved",
    "QueueState",
    "groups",
    "look",
    "page",
    "purge",
    "read",
    "redrive",
    "redrive_all",
]
