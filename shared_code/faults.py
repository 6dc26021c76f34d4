"""Fault points: the named places at which a process may die and nothing may be lost.

`ATRIUM_FAULTS` names a directory; a file there with a point's name arms it. The process that gets to the
point first takes the file away and kills itself with SIGKILL: no handler runs, no buffer is flushed, as in
a power cut. Without the setting, which no deployment has, a point costs one look-up of the environment.
Invariant: every point is in POINTS, and the tests of faults hit every one of them.
"""

import os
import signal
from pathlib import Path

from shared_code.settings import optional_setting

SETTING = "ATRIUM_FAULTS"

POINTS = {
    "ledger.before_mark": "the activity mark of a partition is about to be written",
    "ledger.after_mark": "the mark is written, nothing is committed",
    "chat.before_commit": "a batch is planned and marked, its transaction has not left",
    "chat.after_commit": "the transaction is durable; nobody was answered or told",
    "chat.before_index": "a join or leave is durable, the user's list of rooms is not written",
    "publish.before_send": "events are about to leave for the bus",
    "publish.after_send": "the bus has them, the publisher does not know it yet",
    "consume.before_handler": "a message was delivered, its handler has not begun",
    "consume.after_handler": "the handler is done, the message is not completed",
    "consume.before_retry": "a handler has failed, the delayed copy is not sent",
    "consume.after_retry": "the delayed copy is sent, the original is not completed",
    "projector.before_cursor": "a hint was read, the cursor has not moved",
    "projector.after_cursor": "the cursor has moved, the hint is not completed",
    "walker.before_tell": "a partition was found behind, its events are not published",
    "walker.after_tell": "they are published, the walk is not done",
    "walker.before_delete": "a mark is about to be deleted",
    "realtime.after_projection": "the projection of access is written, the groups are not",
    "realtime.after_frames": "frames were handed to the output binding, which has not flushed them",
    "files.before_copy": "an upload was checked, it is not copied",
    "files.after_copy": "it is copied, its file does not know",
    "files.after_settle": "it is available or rejected, the quarantine still holds its bytes",
    "files.after_purge": "the rows of an item are gone, its bytes are not",
    "messages.after_post": "a requested message is in the log, its request is not completed",
}


def fault_point(name: str) -> None:
    """Die here if the point is armed. `name` must be one of POINTS."""
    directory = optional_setting(SETTING)
    if directory is None:
        return
    armed = Path(directory, name)
    try:
        # Whoever renames it has it: of two processes only one dies.
        armed.rename(armed.with_suffix(f"{armed.suffix}.hit-{os.getpid()}"))
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
