"""The operations of a management node, by name.

Each takes the broker, the entity and the arguments, and gives a status and a body. Source of names, types
and statuses: learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response, and what
the SDKs send. Invariant: a settlement through here is the same as one on a link.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from emulators.amqp.types import Array, Described, Int, Symbol, Timestamp, ULong
from emulators.service_bus.broker import Broker, Delivery, Queue
from emulators.service_bus.broker.entity import Entity
from emulators.service_bus.broker.topic import Subscription
from emulators.service_bus.errors import ARGUMENT_ERROR, NOT_ALLOWED, BrokerError
from emulators.service_bus.filters import Rule, correlation_rule, sql_rule
from emulators.service_bus.protocol.claims import LISTEN, MANAGE, SEND

type _Body = dict[str, Any]
type _Result = tuple[int, _Body]
type _Run = Callable[[Broker, Entity, _Body], _Result]

_OK, _NO_CONTENT = 200, 204
_MOST = 1_000  # messages or sessions in one answer
_DELETE = 0  # receiver-settle-mode: receive and delete


@dataclass(frozen=True)
class Operation:
    """What is run, and the claim that it needs."""

    run: _Run
    claim: str


OPERATIONS: dict[str, Operation] = {}


def _operation(name: str, claim: str = LISTEN) -> Callable[[_Run], _Run]:
    def register(run: _Run) -> _Run:
        OPERATIONS[name] = Operation(run, claim)
        return run

    return register


def _queue(entity: Entity) -> Queue:
    if not isinstance(entity, Queue):
        raise BrokerError(NOT_ALLOWED, f"{entity.path} is a topic")
    return entity


def _items(value: Any) -> list[Any]:
    """A list or an array."""
    if isinstance(value, Array):
        return value.items
    if isinstance(value, list):
        return value
    raise BrokerError(ARGUMENT_ERROR, "a list or an array is wanted")


def _tokens(arguments: _Body) -> list[UUID]:
    """Lock tokens: the bytes on the wire are in the order of a GUID where a delivery tag has them so."""
    return [each for each in _items(arguments["lock-tokens"]) if isinstance(each, UUID)]


def _message_list(deliveries: list[Delivery], *, tokens: bool) -> _Body:
    rows: list[_Body] = []
    for each in deliveries:
        row: _Body = {"message": each.encode()}
        if tokens:
            row["lock-token"] = each.token
        rows.append(row)
    return {"messages": rows}


@_operation("peek-message")
def _peek(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    count = min(int(arguments["message-count"]), _MOST)
    first = int(arguments["from-sequence-number"])
    found = _queue(entity).peek(first, count, arguments.get("session-id"))
    return (_OK if found else _NO_CONTENT), _message_list(found, tokens=False)


@_operation("renew-lock")
def _renew(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    until = _queue(entity).renew(_tokens(arguments))
    return _OK, {"expirations": Array("timestamp", until)}


@_operation("schedule-message", SEND)
def _schedule(broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    encoded = [bytes(each["message"]) for each in _items(arguments["messages"])]
    return _OK, {"sequence-numbers": Array("long", broker.schedule(entity, encoded))}


@_operation("cancel-scheduled-message", SEND)
def _cancel(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    entity.cancel([int(each) for each in _items(arguments["sequence-numbers"])])
    return _OK, {}


@_operation("receive-by-sequence-number")
def _receive(broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    queue = _queue(entity)
    numbers = [int(each) for each in _items(arguments["sequence-numbers"])]
    session_id = arguments.get("session-id")
    session = queue.session_held(session_id) if session_id is not None else None
    settled = int(arguments["receiver-settle-mode"]) == _DELETE
    found = queue.receive_deferred(numbers, broker, settled=settled, session=session)
    return _OK, _message_list(found, tokens=True)


@_operation("update-disposition")
def _update(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    queue, status = _queue(entity), arguments["disposition-status"]
    changes = arguments.get("properties-to-modify") or {}
    properties = {str(key): value for key, value in changes.items()}
    for token in _tokens(arguments):
        if status == "completed":
            queue.complete(token)
        elif status == "abandoned":
            queue.abandon(token, properties)
        elif status == "defered":
            queue.defer(token, properties)
        elif status == "suspended":
            reason = arguments.get("deadletter-reason")
            queue.dead_letter(token, reason, arguments.get("deadletter-description"), properties)
        else:
            raise BrokerError(ARGUMENT_ERROR, f"no disposition {status!r}")
    return _OK, {}


@_operation("renew-session-lock")
def _renew_session(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    queue = _queue(entity)
    until = queue.sessions.extend(queue.session_held(arguments["session-id"]))
    return _OK, {"expiration": Timestamp(until)}


@_operation("get-session-state")
def _get_state(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    queue = _queue(entity)
    queue.session_held(arguments["session-id"])
    return _OK, {"session-state": queue.sessions.state(arguments["session-id"])}


@_operation("set-session-state")
def _set_state(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    state = arguments.get("session-state")
    if state is not None and not isinstance(state, bytes):
        raise BrokerError(ARGUMENT_ERROR, "a state is bytes, or null")
    _queue(entity).set_state(arguments["session-id"], state)
    return _OK, {}


@_operation("get-message-sessions")
def _sessions(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    queue = _queue(entity)
    if not queue.needs_session:
        raise BrokerError(NOT_ALLOWED, f"{queue.path} has no sessions")
    skip, top = int(arguments.get("skip", 0)), min(int(arguments.get("top", _MOST)), _MOST)
    ids = queue.sessions.ids()[skip : skip + top]
    if not ids:
        return _NO_CONTENT, {}
    return _OK, {"skip": Int(skip + len(ids)), "sessions-ids": Array("string", ids)}


def _subscription(entity: Entity) -> Subscription:
    if not isinstance(entity, Subscription):
        raise BrokerError(NOT_ALLOWED, f"{entity.path} is no subscription")
    return entity


@_operation("add-rule", MANAGE)
def _add_rule(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    name = str(arguments["rule-name"])
    described = {str(key): value for key, value in arguments["rule-description"].items()}
    _subscription(entity).add_rule(_rule(name, described))
    return _OK, {}


def _rule(name: str, described: _Body) -> Rule:
    """A rule as a request describes it."""
    action = _expression(described.get("sql-rule-action"))
    if "correlation-filter" not in described:
        return sql_rule(name, _expression(described.get("sql-filter")) or "1=1", action)
    wanted = {str(key): value for key, value in described["correlation-filter"].items()}
    user = {str(key): value for key, value in (wanted.pop("properties", None) or {}).items()}
    system = {key.replace("-", ""): value for key, value in wanted.items() if value is not None}
    return correlation_rule(name, system, user, action)


def _expression(described: Any) -> str | None:
    text = described.get("expression") if isinstance(described, dict) else None
    return str(text) if text else None


@_operation("remove-rule", MANAGE)
def _remove_rule(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    _subscription(entity).remove_rule(str(arguments["rule-name"]))
    return _OK, {}


@_operation("enumerate-rules")
def _rules(_broker: Broker, entity: Entity, arguments: _Body) -> _Result:
    skip, top = int(arguments.get("skip", 0)), int(arguments.get("top", _MOST))
    found = _subscription(entity).rules[skip : skip + top]
    if not found:
        return _NO_CONTENT, {}
    return _OK, {"rules": [{"rule-description": _described(rule)} for rule in found]}


# Descriptors that the SDKs read rules by (@azure/core-amqp, constants: descriptorCodes).
_RULE, _NO_ACTION, _SQL_ACTION = 0x13700000004, 0x13700000005, 0x13700000006
_SQL_FILTER, _TRUE_FILTER, _CORRELATION_FILTER = 0x1370000006, 0x1370000007, 0x1370000009
_CORRELATED = ("correlationid", "messageid", "to", "replyto", "label", "sessionid")


def _described(rule: Rule) -> Described:
    """A rule as the SDKs read it: filter, action, name."""
    if rule.correlation is not None:
        fields = [rule.correlation.get(name) for name in _CORRELATED]
        more = [rule.correlation.get(name) for name in ("replytosessionid", "contenttype")]
        user = {Symbol(key): value for key, value in rule.correlation["properties"].items()}
        found = Described(ULong(_CORRELATION_FILTER), [*fields, *more, user])
    elif rule.sql == "1=1":
        found = Described(ULong(_TRUE_FILTER), [])
    else:
        found = Described(ULong(_SQL_FILTER), [rule.sql, Int(20)])
    action = Described(ULong(_NO_ACTION), [])
    if rule.action_sql:
        action = Described(ULong(_SQL_ACTION), [rule.action_sql, Int(20)])
    return Described(ULong(_RULE), [found, action, rule.name])
