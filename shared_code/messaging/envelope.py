"""The envelope of every event: CloudEvents 1.0 in JSON (cloudevents.io).

Invariant: an event's `id` never changes, however often it is sent; consumers may rely on it.
"""

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared_code.clock import Timestamp, utcnow
from shared_code.correlation import correlation_id
from shared_code.ids import new_id


class EventData(BaseModel):
    """The base of what events carry. `TYPE` is the event's name and version, and never changes."""

    TYPE: ClassVar[str]


class Event[Data: EventData](BaseModel):
    """One event.

    `subject` names the aggregate. Two extensions: `access`, which consumers filter on, and
    `correlationid`, the same for all that one request led to (the event's own id when nothing did).
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # what is refused ends up in logs

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=lambda: new_id("evt"), min_length=1)
    source: str = Field(min_length=1)
    type: str = Field(min_length=1)
    subject: str
    time: Timestamp = Field(default_factory=utcnow)
    datacontenttype: Literal["application/json"] = "application/json"
    access: Literal["changed", "same"] = "same"
    correlationid: str = Field(default_factory=correlation_id)
    data: Data

    @model_validator(mode="after")
    def _correlated(self) -> Self:
        self.correlationid = self.correlationid or self.id
        return self
