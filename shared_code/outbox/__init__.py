"""The outbox: what was committed is told, also when the process dies between commit and telling.

Three parts, which chat's log and every other service's outbox rows share. The *ledger* notes, before a
commit, that a partition may have something to tell. The *cursor* of a partition says how far it has been
told. The *walk*, on a timer, looks at what the ledger names and tells what stands behind.
Invariant: no commit starts without a mark that is younger than its deadline, and no mark is deleted
before everything that was committed under it has been told.
"""

from shared_code.outbox.cursor import Cursor, Cursors, Span
from shared_code.outbox.ledger import Ledger, Mark
from shared_code.outbox.rows import OutboxRows
from shared_code.outbox.telling import Outbox
from shared_code.outbox.walk import Walker

__all__ = ["Cursor", "Cursors", "Ledger", "Mark", "Outbox", "OutboxRows", "Span", "Walker"]
