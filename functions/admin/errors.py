"""What admin refuses.

AtriumError
└── NotFound 404
    ├── QueueNotFound           no consumer has a queue of this name
    └── DeadLetterNotFound      no dead letter of this number: it may have been taken meanwhile
"""

from shared_code.errors import NotFound


class QueueNotFound(NotFound):
    """No consumer has a queue of this name."""

    code = "queue_not_found"
    title = "There is no such queue"


class DeadLetterNotFound(NotFound):
    """No dead letter of this number."""

    code = "dead_letter_not_found"
    title = "There is no such dead letter in this queue"
