"""Consuming: one line gives a handler its queue, and the rules for what goes wrong.

| what happens | what is done |
|---|---|
| the handler returns, or says AlreadyDone | the message is completed |
| it cannot be read, or a rule refuses it (an AtriumError below 500, not 429) | to the dead letters at once |
| anything else is raised | a copy, delayed and counted, to the consumer's own queue |
| … for the `max_attempts`th time | to the dead letters |
| it comes again, and nobody said how the last delivery ended | that was a failed attempt, as above |
| the waiting list's store is away | the session is held, for two minutes; then a failed attempt, as above |
| the copy cannot be sent | the error goes to the host, which gives the message back at once |

A delivery ends without a word when its worker dies, or when an output cannot be flushed.
A trigger in Python cannot settle a message, only let it be completed or given back. So what is to die is
sent again marked `dead`, and is given back until the bus moves it to the dead letters by itself.
Invariants: a message is completed only after its effect, its copy or its death is durable; a retry
reaches no other consumer; an ordered consumer runs nothing of a session while an earlier one waits. Where
the list could be neither read nor written for two minutes, that holds no more: the copy comes after those
behind it, which are held by the same store as long as it is away; so those that it finds when it is back
run before those that it has sent away. Nothing is lost by it, nor done twice.
"""

import inspect
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import azure.functions as func

from shared_code import service_bus
from shared_code.clock import utcnow
from shared_code.correlation import correlate
from shared_code.errors import AtriumError, InternalError, PayloadTooLarge, TooManyRequests
from shared_code.faults import fault_point
from shared_code.messaging.arrival import Arrival, Failure
from shared_code.messaging.envelope import EventData
from shared_code.messaging.inbox import AlreadyDone
from shared_code.messaging.outbound import outbound
from shared_code.messaging.publish import in_seconds
from shared_code.messaging.reading import Unreadable, read
from shared_code.messaging.retry import delay_after, delay_behind
from shared_code.messaging.topology import Consumer
from shared_code.messaging.waiting import Waiting

type Handler = Callable[..., Awaitable[None]]
type Binding = Callable[[Any], Any]

_MESSAGE = "message"
_log = logging.getLogger("atrium.messaging")


class DeadLettered(Exception):
    """The message has failed for good. The host gives it back until the bus buries it."""


def consumes[Data: EventData](
    blueprint: func.Blueprint,
    consumer: Consumer,
    data: type[Data],
    *,
    output: Binding | None = None,
) -> Callable[[Handler], Handler]:
    """Register a handler `(event, *outputs)` as the trigger of the consumer's queue.

    Args:
        blueprint: The service's blueprint.
        consumer: Whose queue it is, and its rules.
        data: What the event carries, as this service reads it.
        output: An output binding of the blueprint, whose `func.Out` the handler takes by its name.
    """

    def register(handler: Handler) -> Handler:
        async def trigger(**bound: Any) -> None:
            message: func.ServiceBusMessage = bound.pop(_MESSAGE)
            await deliver(consumer, data, handler, Arrival.of(message), bound)

        _look_like(trigger, handler)
        registered = blueprint.service_bus_queue_trigger(
            _MESSAGE,
            service_bus.SETTING,
            consumer.queue,
            data_type=func.DataType.BINARY,  # text would be repaired on its way, and copies differ
            is_sessions_enabled=consumer.sessions,
        )(trigger)
        if output:
            output(registered)
        return handler

    return register


def _look_like(trigger: Callable[..., Any], handler: Handler) -> None:
    """Give the trigger the handler's name and outputs; the host reads them by reflection."""
    outputs = list(inspect.signature(handler).parameters.values())[1:]
    message = inspect.Parameter(
        _MESSAGE,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=func.ServiceBusMessage,
    )
    parameters = [message, *outputs]
    trigger.__name__ = trigger.__qualname__ = handler.__name__
    trigger.__doc__ = handler.__doc__
    trigger.__annotations__ = {each.name: each.annotation for each in parameters}
    trigger.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it


async def deliver[Data: EventData](
    consumer: Consumer,
    data: type[Data],
    handler: Handler,
    arrival: Arrival,
    outputs: dict[str, Any],
) -> None:
    """Handle one delivery by the rules above. Raises only to have the host give the message back."""
    if arrival.is_dead:
        raise DeadLettered(
            f"{consumer.queue}: {arrival.event_id} is on its way to the dead letters"
        )
    waiting = _waiting_list(consumer, arrival)
    if waiting and arrival.skips:
        await _skip(consumer, arrival, waiting, arrival.skips)
        return
    turn = await _answer(waiting.may_run(arrival.event_id)) if waiting else True
    if isinstance(turn, Failure):  # nothing has run; not parked, because it may be another's turn
        await _copy(consumer, arrival, turn, last=_is_last(consumer, arrival))
    elif not turn:
        await _send(consumer, arrival.waiting(), delay_behind(arrival.held))
        _note(consumer, arrival, "waits")
    else:
        failure, last = await _try(consumer, data, handler, arrival, outputs)
        await _end(consumer, arrival, waiting, failure, last=last)


async def _skip(consumer: Consumer, arrival: Arrival, waiting: Waiting, event_id: str) -> None:
    """Let the session wait no more for an event that was purged."""
    failure = await _answer(waiting.release(event_id))
    if failure:
        await _copy(consumer, arrival, failure, last=_is_last(consumer, arrival))
    else:
        _note(consumer, arrival, "session_released")


async def _end(
    consumer: Consumer,
    arrival: Arrival,
    waiting: Waiting | None,
    failure: Failure | None,
    *,
    last: bool,
) -> None:
    """Bring the waiting list up to what the handler said, then send the copy that is due.

    What is to leave the list and could not is tried again, also when the handler is done: it bears a
    repeat, and else its session would wait for ever.
    """
    if failure:
        fault_point("consume.before_retry")
    if waiting:
        # Refused by a rule: those behind it are judged by themselves. Everything else parks the session.
        leaves = failure is None or failure.reason == "refused"
        step = waiting.release if leaves else waiting.park
        trouble = await _answer(step(arrival.event_id))
        if trouble and leaves:
            failure, last = trouble, _is_last(consumer, arrival)
    if failure:
        await _copy(consumer, arrival, failure, last=last)


async def _answer[Answer](asked: Awaitable[Answer]) -> Answer | Failure:
    """What the waiting list answers, or how it failed: its store is no reason to give a message back."""
    try:
        return await asked
    except Exception as error:  # noqa: BLE001 - whatever a store raises is one more try
        _log.warning("a waiting list has not answered", exc_info=error)
        return Failure.of("failed", error)


def _is_last(consumer: Consumer, arrival: Arrival) -> bool:
    return arrival.attempt >= consumer.max_attempts


def _waiting_list(consumer: Consumer, arrival: Arrival) -> Waiting | None:
    return Waiting(consumer, arrival.session_id or "") if consumer.ordered else None


async def _try[Data: EventData](
    consumer: Consumer,
    data: type[Data],
    handler: Handler,
    arrival: Arrival,
    outputs: dict[str, Any],
) -> tuple[Failure | None, bool]:
    """Run the handler: how it failed, if it did, and whether that was the last try."""
    started = time.monotonic()
    exhausted = _is_last(consumer, arrival)
    if arrival.deliveries > 1:
        return Failure("interrupted", "Interrupted", "an earlier delivery did not end"), exhausted
    try:
        event = read(arrival.body, data)
        correlate(event.correlationid)
        fault_point("consume.before_handler")
        await handler(event, **outputs)
        fault_point("consume.after_handler")
    except AlreadyDone:
        _note(consumer, arrival, "already_done", started)
    except Unreadable as error:
        return Failure.of(error.reason, error), True
    except AtriumError as error:
        refused = error.status < InternalError.status and error.status != TooManyRequests.status
        message = Failure("refused", type(error).__name__, f"{error.code}: {error}")
        return (message, True) if refused else (Failure.of("failed", error), exhausted)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is one more try
        _log.warning("%s: %s failed", consumer.queue, arrival.event_id, exc_info=error)
        return Failure.of("failed", error), exhausted
    else:
        _note(consumer, arrival, "done", started)
    return None, False


async def _copy(consumer: Consumer, arrival: Arrival, failure: Failure, *, last: bool) -> None:
    """Send the copy that comes back later, or the one that goes to the dead letters."""
    if not last:
        again = arrival.tried_again(failure, utcnow())
        await _send(consumer, again, delay_after(arrival.attempt))
        _note(consumer, arrival, "will_retry", failure=failure)
    else:
        exhausted = failure.reason in {"failed", "interrupted"}
        reason = "attempts_exhausted" if exhausted else failure.reason
        final = Failure(reason, failure.type, failure.message)
        await _send(consumer, arrival.dead(final, utcnow()), 0)
        _note(consumer, arrival, "dead", failure=final)
    fault_point("consume.after_retry")


async def _send(consumer: Consumer, arrival: Arrival, seconds: float) -> None:
    """Send a copy; what does not fit a message leaves with less about it."""
    at = in_seconds(seconds) if seconds else None
    for each in (arrival, *arrival.shortened()):
        with suppress(PayloadTooLarge):
            await outbound(consumer.queue).send(each.message(at))
            return
    raise PayloadTooLarge  # the body alone fills it: given back, it dies with the bus's own reason


def _note(
    consumer: Consumer,
    arrival: Arrival,
    outcome: str,
    started: float | None = None,
    failure: Failure | None = None,
) -> None:
    """One structured line for each delivery: quiet when all went well."""
    facts: dict[str, Any] = {
        "queue": consumer.queue,
        "event": arrival.event_id,
        "correlation_id": arrival.correlation_id,
        "attempt": arrival.attempt,
        "outcome": outcome,
    }
    if started is not None:
        facts["ms"] = round((time.monotonic() - started) * 1000, 1)
    if failure:
        facts |= {"reason": failure.reason, "error": f"{failure.type}: {failure.message}"}
    level = logging.DEBUG if failure is None else logging.WARNING
    line = " ".join(f"{name}={value}" for name, value in facts.items())
    _log.log(level, line, extra={"facts": facts})
