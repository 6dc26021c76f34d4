"""Who hears what: the one list that publishing, consuming and the checks of the entities share.

The entities themselves stand in `infra/service-bus.json`; a test holds that file to this list.
Invariant: every consumer has a queue of its own, which the topic's subscription of the same name forwards
to, so that its retries and its dead letters reach nobody else.
"""

from dataclasses import dataclass

TOPIC = "events"

ROOM_LOG_APPENDED = "atrium.chat.room_log_appended.v1"
MESSAGE_REQUESTED = "atrium.chat.message_requested.v1"
SESSIONS_ENDED = "atrium.auth.sessions_ended.v1"
ACCOUNT_ERASED = "atrium.auth.account_erased.v1"
WORKSPACE_CHANGED = "atrium.auth.workspace_changed.v1"
MAIL_REQUESTED = "atrium.auth.mail_requested.v1"
FILE_CHANGED = "atrium.files.file_changed.v1"
UPLOAD_COMPLETED = "atrium.files.upload_completed.v1"
ITEM_PURGED = "atrium.files.item_purged.v1"
DRIVE_ORPHANED = "atrium.files.drive_orphaned.v1"


@dataclass(frozen=True)
class SessionTable:
    """Where an ordered consumer keeps which event a session waits for: its own setting and table."""

    setting: str
    name: str


@dataclass(frozen=True)
class Consumer:
    """A consumer's queue, the event types it hears, and how it bears failure.

    `sessions`: one message of a session at a time, in order, as far as nothing fails. `waits_in`: a
    message that fails also holds back those after it in its session, and this is where that is kept.
    """

    queue: str
    types: tuple[str, ...]
    only_access_changes: bool = False
    sessions: bool = False
    waits_in: SessionTable | None = None
    max_attempts: int = 10

    @property
    def ordered(self) -> bool:
        """Whether a failed message holds back those after it."""
        return self.waits_in is not None


REALTIME_PUSH = Consumer(
    # Frames are for those who are connected now; the log covers everyone else. So the queue keeps them
    # for minutes only, and one that fails holds nobody back.
    queue="realtime-push",
    types=(ROOM_LOG_APPENDED,),
    sessions=True,
    max_attempts=8,
)
REALTIME_ACCESS = Consumer(
    queue="realtime-access", types=(ROOM_LOG_APPENDED,), only_access_changes=True
)
CHAT_PROJECTOR = Consumer(queue="chat-projector", types=(ROOM_LOG_APPENDED,))
CHAT_MESSAGES = Consumer(
    queue="chat-messages",
    types=(MESSAGE_REQUESTED,),
    sessions=True,
    waits_in=SessionTable("CHAT_STORAGE", "chatsessions"),
)
REALTIME_SESSIONS = Consumer(queue="realtime-sessions", types=(SESSIONS_ENDED,))
AUTH_SESSIONS = Consumer(queue="auth-sessions", types=(SESSIONS_ENDED,))
AUTH_MAIL = Consumer(
    # So many that an outage of the mail provider of about an hour costs no mail.
    queue="auth-mail",
    types=(MAIL_REQUESTED,),
    max_attempts=20,
)
AUTH_WORKSPACES = Consumer(queue="auth-workspaces", types=(WORKSPACE_CHANGED,))
REALTIME_WORKSPACES = Consumer(
    # In the order of a workspace's changes: who was removed is out before a later frame goes out.
    queue="realtime-workspaces",
    types=(WORKSPACE_CHANGED,),
    sessions=True,
)
CHAT_ACCOUNTS = Consumer(queue="chat-accounts", types=(ACCOUNT_ERASED,))
REALTIME_FILES = Consumer(
    # Frames of one file in the order of its changes, for those who are connected now.
    queue="realtime-files",
    types=(FILE_CHANGED,),
    sessions=True,
    max_attempts=8,
)
FILES_CHECKS = Consumer(
    # So many that an outage of the scanner of about an hour rejects nothing.
    queue="files-checks",
    types=(UPLOAD_COMPLETED,),
    max_attempts=20,
)
FILES_PURGES = Consumer(queue="files-purges", types=(ITEM_PURGED,))
FILES_ERASURES = Consumer(queue="files-erasures", types=(DRIVE_ORPHANED,))
FILES_ACCOUNTS = Consumer(queue="files-accounts", types=(ACCOUNT_ERASED,))
FILES_WORKSPACES = Consumer(queue="files-workspaces", types=(WORKSPACE_CHANGED,))

CONSUMERS = (
    REALTIME_PUSH,
    REALTIME_ACCESS,
    REALTIME_SESSIONS,
    REALTIME_WORKSPACES,
    REALTIME_FILES,
    CHAT_PROJECTOR,
    CHAT_MESSAGES,
    CHAT_ACCOUNTS,
    AUTH_SESSIONS,
    AUTH_WORKSPACES,
    AUTH_MAIL,
    FILES_CHECKS,
    FILES_PURGES,
    FILES_ERASURES,
    FILES_ACCOUNTS,
    FILES_WORKSPACES,
)
QUEUES = tuple(each.queue for each in CONSUMERS)

SUBSCRIPTIONS = {f"{TOPIC}.{queue}": queue for queue in QUEUES}
"""The topic's subscriptions, by the name under which an admin sees them, each with the queue that it
forwards to. What a queue cannot take (an event without the session id that it needs) dies there."""
