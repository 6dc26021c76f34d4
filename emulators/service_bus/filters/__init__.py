"""What a subscription lets through, and what its rule changes.

Invariant: a filter is pure and total: whatever a message holds, it is true, false or unknown, and unknown
lets nothing through.
"""

from emulators.service_bus.filters.facts import Facts
from emulators.service_bus.filters.lexer import FilterError
from emulators.service_bus.filters.rules import (
    DEFAULT_RULE,
    Rule,
    correlation_rule,
    rule_of,
    sql_rule,
)

__all__ = [
    "DEFAULT_RULE",
    "Facts",
    "FilterError",
    "Rule",
    "correlation_rule",
    "rule_of",
    "sql_rule",
]
