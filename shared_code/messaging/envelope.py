"""The envelope of every event: CloudEvents 1.0 in JSON (cloudevents.io).

Invariant: an event's `id` never changes, however often it is sent; consumers may rely on it.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from shared_code.clock import Timestamp, utcnow
from shared_code.ids import new_id


class EventData(BaseModel):
    """The base of what events carry. `TYPE` is the event's name and version, and never changes."""

    TYPE: ClassVar[str]


class Event[Data: EventData](BaseModel):
    """One event. `subject` names the aggregate; `access` is an extension that consumers filter on."""

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=lambda: new_id("evt"))
    source: str
    type: str
    subject: str
    time: Timestamp = Field(default_factory=utcnow)
    datacontenttype: Literal["application/json"] = "application/json"
    access: Literal["changed", "same"] = "same"
    data: Data
