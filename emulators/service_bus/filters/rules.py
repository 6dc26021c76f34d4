"""A subscription's rules. Invariant: a rule is checked when it is made, and cannot fail afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulators.service_bus.filters.actions import Action, parse_action
from emulators.service_bus.filters.facts import Facts
from emulators.service_bus.filters.lexer import FilterError
from emulators.service_bus.filters.parser import parse_filter

if TYPE_CHECKING:
    from emulators.service_bus.config.models import RuleConfig


@dataclass(frozen=True, slots=True)
class Rule:
    """A name, what it lets through, what it changes, and its text for those who ask."""

    name: str
    matches: Callable[[Facts], bool]
    action: Action | None = None
    sql: str | None = None
    correlation: Mapping[str, Any] | None = None
    action_sql: str | None = None


DEFAULT_RULE = Rule("$Default", lambda _facts: True, sql="1=1")
"""What a subscription without rules has: it hears everything."""


def rule_of(config: "RuleConfig") -> Rule:
    """The rule that a configuration describes. Raises FilterError."""
    properties = config.properties
    action = properties.action.sql_expression if properties.action else None
    if properties.filter_type == "Sql":
        if properties.sql_filter is None:
            raise FilterError("FilterType Sql needs a SqlFilter")
        return sql_rule(config.name, properties.sql_filter.sql_expression, action)
    if properties.correlation_filter is None:
        raise FilterError("FilterType Correlation needs a CorrelationFilter")
    wanted = properties.correlation_filter.model_dump(by_alias=True, exclude_none=True)
    user = wanted.pop("Properties", {})
    system = {name.lower(): value for name, value in wanted.items()}
    return correlation_rule(config.name, system, user, action)


def sql_rule(name: str, expression: str, action: str | None = None) -> Rule:
    """A rule with a SQL filter."""
    return Rule(name, parse_filter(expression), _action(action), sql=expression, action_sql=action)


def correlation_rule(
    name: str, system: Mapping[str, Any], user: Mapping[str, Any], action: str | None = None
) -> Rule:
    """A rule with a correlation filter: system properties by lower-case name, and the user's."""
    if not system and not user:
        raise FilterError("a correlation filter names at least one property")
    lowered = {key.lower(): value for key, value in user.items()}

    def matches(facts: Facts) -> bool:
        return all(_same(facts.system_value(key), value) for key, value in system.items()) and all(
            _same(facts.user_value(key), value) for key, value in lowered.items()
        )

    correlation = {**system, "properties": dict(user)}
    return Rule(name, matches, _action(action), correlation=correlation, action_sql=action)


def _same(found: Any, wanted: Any) -> bool:
    """Equal, and of one kind: true is not 1."""
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def _action(text: str | None) -> Action | None:
    return parse_action(text) if text else None
