"""What can go wrong with a stack; the message is what the user reads, complete by itself.

StackError
├── PortTaken            a port is in use by someone else
├── PartFailed           a part did not start, or crashed too often
└── AlreadyRunning       another supervisor holds the same state
"""


class StackError(Exception):
    """The stack cannot start or go on; nothing of it is left running when this is printed."""


class PortTaken(StackError):
    """Another program listens where a part should; with automatic ports a new start may help."""


class PartFailed(StackError):
    """A part ended or never became ready, and a restart is not allowed or did not help."""


class AlreadyRunning(StackError):
    """One state directory belongs to one supervisor at a time."""
