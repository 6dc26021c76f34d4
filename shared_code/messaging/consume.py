"""Consuming. Invariant: a consumer sees a typed event or the message goes to its poison queue."""

import azure.functions as func

from shared_code.messaging.envelope import Event, EventData


def received[Data: EventData](message: func.QueueMessage, data: type[Data]) -> Event[Data]:
    """The event that a queue message carries.

    Raises pydantic.ValidationError when it is not an event of this type: the host tries again a few
    times and then moves it to the poison queue.
    """
    event: Event[Data] = Event[data].model_validate_json(message.get_body())  # type: ignore[valid-type]  # a run-time parametrisation
    if event.type != data.TYPE:
        raise ValueError(f"expected {data.TYPE}, got {event.type}")
    return event
