"""What admin takes and gives.

Invariant: a dead letter's body is shown as it is: as JSON if it is that and can be sent as such, else as
base64, so that whatever lies there can be looked at.
"""

import base64
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator
from pydantic_core import from_json, to_json

from shared_code.clock import Timestamp, utcnow
from shared_code.endpoint import Model
from shared_code.messaging import dead_letters
from shared_code.text import seen

MAX_PAGE = 200

type QueueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]{1,127}$")]
type Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
type Reason = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(seen)]
type GroupReason = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
"""Why letters died, as it stands at them: the bus gives anybody's words up to this length."""
type Action = Literal[
    "list_queues",
    "group_dead_letters",
    "list_dead_letters",
    "read_dead_letter",
    "redrive_one",
    "redrive_group",
    "redrive_all",
    "purge_one",
]
type Outcome = Literal["intended", "done", "not_found", "failed"]


class Queue(BaseModel):
    """A consumer's queue, and what lies in it.

    `active` and `scheduled` are null where it has sessions: the bus shows those messages to their session's
    holder only. `events.<queue>` is the topic's subscription that forwards to the queue: what the queue
    cannot take lies dead there. `counted_all` is false when counting stopped at 10,000.
    """

    name: str
    active: int | None
    scheduled: int | None
    sessions: int | None
    oldest_active_seconds: int | None
    dead: int
    oldest_dead_seconds: int | None
    counted_all: bool

    @classmethod
    def of(cls, state: dead_letters.QueueState) -> Self:
        """As it is now."""
        now = utcnow()

        def age(moment: Any) -> int | None:
            return None if moment is None else max((now - moment) // timedelta(seconds=1), 0)

        return cls(
            name=state.queue,
            active=state.active,
            scheduled=state.scheduled,
            sessions=state.sessions,
            oldest_active_seconds=age(state.oldest_active_at),
            dead=state.dead,
            oldest_dead_seconds=age(state.oldest_dead_at),
            counted_all=not state.at_least,
        )


class Queues(BaseModel):
    """All queues."""

    items: list[Queue]


class DeadLetterGroup(BaseModel):
    """Dead letters of one reason."""

    reason: str
    count: int
    oldest_at: Timestamp | None
    newest_at: Timestamp | None


class DeadLetterGroups(BaseModel):
    """A queue's dead letters by reason, the most frequent first."""

    items: list[DeadLetterGroup]


class DeadLetter(BaseModel):
    """A message that a consumer could not take. `number` names it in its queue."""

    number: int
    event_id: str
    type: str | None
    subject: str | None
    reason: str
    description: str | None
    failure_type: str | None
    failure_message: str | None
    first_failed_at: str | None
    last_failed_at: str | None
    attempts: int | None
    redrive_count: int
    enqueued_at: Timestamp | None
    size: int
    body: Any = None
    body_base64: str | None = None

    @classmethod
    def of(cls, letter: dead_letters.DeadLetter) -> Self:
        """As it lies there."""
        return cls(
            number=letter.number,
            event_id=letter.event_id,
            type=letter.type,
            subject=letter.subject,
            reason=letter.reason,
            description=letter.description,
            failure_type=letter.failure_type,
            failure_message=letter.failure_message,
            first_failed_at=letter.first_failed_at,
            last_failed_at=letter.last_failed_at,
            attempts=letter.attempts,
            redrive_count=letter.redrive_count,
            enqueued_at=letter.enqueued_at,
            size=len(letter.body),
            **_shown(letter.body),
        )


def _shown(body: bytes) -> dict[str, Any]:
    """The field that shows a body. pydantic's parser bounds nesting and refuses half a surrogate pair."""
    try:
        value = from_json(body, allow_inf_nan=False)
        to_json(value)
    except (ValueError, RecursionError):
        return {"body_base64": base64.b64encode(body).decode()}
    return {"body": value}


class Redrive(Model):
    """Which dead letters to send again: those of one reason, or all."""

    reason: GroupReason | None = None
    all: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.reason is None) == (self.all is None):
            raise ValueError('give either "reason" or "all": true')
        return self


class Purge(Model):
    """Why a dead letter is thrown away."""

    reason: Reason


class Redriven(BaseModel):
    """How many dead letters were sent again, and how many of those wanted are still there."""

    redriven: int
    left: int


class DeadLetterQuery(BaseModel):
    """Which dead letters, and where the page starts."""

    reason: GroupReason | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")] | None = None


class AuditQuery(BaseModel):
    """Where a page of the audit starts."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9a-z_]{1,64}$")] | None = None


class AuditEntry(BaseModel):
    """Who did what. An action that changes something is noted before it is done."""

    id: str
    at: Timestamp
    actor: str
    action: Action
    queue: str | None
    number: int | None
    event_id: str | None
    reason: str | None
    outcome: Outcome
    count: int | None
