"""Auth's changes: shared_code/records.py with auth's outbox and auth's log.

Invariant: a user's or a workspace's partition is changed by `Change`, and by nothing else until it is erased.
"""

import logging
from typing import ClassVar

from functions.auth.store.outboxes import ledger, outbox
from shared_code import records
from shared_code.records import Record, Telling


class Change(records.Change):
    """What is to be written in a user's or a workspace's partition, together or not at all."""

    AUDIT: ClassVar[logging.Logger] = logging.getLogger("atrium.auth.audit")

    def __init__(self, record: Record, *, holds_root: bool = True) -> None:
        """A change of what was read. Without `holds_root` it holds only the rows that it names."""
        super().__init__(record, Telling(ledger(), outbox()), holds_root=holds_root)
