"""The official emulator's config.json. Invariant: what it would refuse is refused here, with the place."""

from emulators.service_bus.config.loading import ConfigError, load, parse
from emulators.service_bus.config.models import (
    Config,
    CorrelationFilterConfig,
    QueueConfig,
    RuleConfig,
    SubscriptionConfig,
    TopicConfig,
)

__all__ = [
    "Config",
    "ConfigError",
    "CorrelationFilterConfig",
    "QueueConfig",
    "RuleConfig",
    "SubscriptionConfig",
    "TopicConfig",
    "load",
    "parse",
]
