"""Which consumer hears which events: the one list that publishing and provisioning share.

Invariant: every consumer has a queue of its own, so that its retries and its poison reach nobody else.
"""

from dataclasses import dataclass

SETTING = "MESSAGING_STORAGE"
"""The connection setting of the account that holds the consumers' queues."""

_WEEK = 7 * 24 * 3600


@dataclass(frozen=True)
class Subscription:
    """A consumer's queue, the event type it hears, and whether only changes of access interest it.

    `time_to_live` is in seconds: how long an unread event is worth delivering.
    """

    queue: str
    event_type: str
    only_access_changes: bool = False
    time_to_live: int = _WEEK


REALTIME_PUSH = Subscription(
    # Frames are for those who are connected now; the log covers everyone else.
    queue="realtime-push",
    event_type="atrium.chat.room_log_appended.v1",
    time_to_live=60,
)
REALTIME_ACCESS = Subscription(
    queue="realtime-access",
    event_type="atrium.chat.room_log_appended.v1",
    only_access_changes=True,
)
REALTIME_RECONCILE = Subscription(
    queue="realtime-reconcile",
    event_type="atrium.realtime.connection_opened.v1",
    time_to_live=300,
)

SUBSCRIPTIONS = (REALTIME_PUSH, REALTIME_ACCESS, REALTIME_RECONCILE)
