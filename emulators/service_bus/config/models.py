"""What a config.json says, with the ranges of the official emulator's schema.

Invariant: unknown keys are refused; times are numbers of milliseconds from here on. Lock and TTL ranges
are those of the schema (github.com/Azure/azure-service-bus-emulator-installer), so that a file which
works here works there.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from emulators.service_bus.config.durations import parse_duration

_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?$"


def _between(least: str, most: str) -> BeforeValidator:
    """A duration in a range, as milliseconds."""
    low, high = parse_duration(least), parse_duration(most)

    def check(value: Any) -> Any:
        duration = parse_duration(value)
        if not low <= duration <= high:
            raise ValueError(f"{value} is not between {least} and {most}")
        return duration / timedelta(milliseconds=1)

    return BeforeValidator(check)


type Name = Annotated[str, Field(pattern=_NAME)]
type LockMs = Annotated[int, _between("PT5S", "PT5M")]
type TtlMs = Annotated[int, _between("PT5M", "PT1H")]
type WindowMs = Annotated[int, _between("PT5S", "PT5M")]
type Deliveries = Annotated[int, Field(ge=1, le=10, strict=True)]

_MINUTE_MS, _HOUR_MS = 60_000, 3_600_000


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        alias_generator=lambda name: "".join(part.capitalize() for part in name.split("_")),
    )


class QueueLike(_Part):
    """What queues and subscriptions have in common."""

    dead_lettering_on_message_expiration: bool = False
    default_message_time_to_live: TtlMs = _HOUR_MS
    forward_dead_lettered_messages_to: str = ""
    forward_to: str = ""
    lock_duration: LockMs = _MINUTE_MS
    max_delivery_count: Deliveries = 3
    requires_session: bool = False


class QueueProperties(QueueLike):
    """A queue's properties."""

    duplicate_detection_history_time_window: WindowMs = 300_000
    requires_duplicate_detection: bool = False


class QueueConfig(_Part):
    """A queue."""

    name: Name
    properties: QueueProperties = Field(default_factory=QueueProperties)


class CorrelationFilterConfig(_Part):
    """What a message must equal; `properties` are application properties."""

    content_type: str | None = None
    correlation_id: str | None = None
    label: str | None = None
    message_id: str | None = None
    reply_to: str | None = None
    reply_to_session_id: str | None = None
    session_id: str | None = None
    to: str | None = None
    properties: dict[str, str | int | float | bool] = Field(default_factory=dict)


class SqlExpression(_Part):
    """A filter or an action."""

    sql_expression: str


class RuleProperties(_Part):
    """A rule's filter, and what it changes."""

    filter_type: Literal["Correlation", "Sql"]
    correlation_filter: CorrelationFilterConfig | None = None
    sql_filter: SqlExpression | None = None
    action: SqlExpression | None = None


class RuleConfig(_Part):
    """A rule of a subscription."""

    name: Name
    properties: RuleProperties


class SubscriptionConfig(_Part):
    """A subscription; without rules it hears everything."""

    name: Name
    properties: QueueLike = Field(default_factory=QueueLike)
    rules: list[RuleConfig] = Field(default_factory=list)


class TopicProperties(_Part):
    """A topic's properties."""

    default_message_time_to_live: TtlMs = _HOUR_MS
    duplicate_detection_history_time_window: WindowMs = 300_000
    requires_duplicate_detection: bool = False


class TopicConfig(_Part):
    """A topic."""

    name: Name
    properties: TopicProperties = Field(default_factory=TopicProperties)
    subscriptions: list[SubscriptionConfig] = Field(default_factory=list)


class NamespaceConfig(_Part):
    """The one namespace that there is."""

    name: Literal["sbemulatorns"]
    queues: list[QueueConfig] = Field(default_factory=list)
    topics: list[TopicConfig] = Field(default_factory=list)


class _Logging(_Part):
    type: Literal["File", "Console"] = "File"


class _UserConfig(_Part):
    namespaces: Annotated[list[NamespaceConfig], Field(min_length=1, max_length=1)]
    logging: _Logging = Field(default_factory=_Logging)


class Config(_Part):
    """A whole file."""

    user_config: _UserConfig

    @property
    def queues(self) -> "list[QueueConfig]":
        """The queues."""
        return self.user_config.namespaces[0].queues

    @property
    def topics(self) -> list[TopicConfig]:
        """The topics."""
        return self.user_config.namespaces[0].topics
