"""Reading a config.json. Invariant: what is wrong is said with the place where it stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emulators.service_bus.config.models import Config
from emulators.service_bus.filters import FilterError, rule_of

_MAX_HOPS = 4
"""Forwards in a row that Service Bus allows (learn.microsoft.com, Service Bus quotas)."""


class ConfigError(Exception):
    """The file cannot be used, and why."""


def load(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse(text, str(path))


def parse(text: str, name: str = "config.json") -> Config:
    """The configuration that a text is. Raises ConfigError."""
    try:
        config = Config.model_validate_json(text)
    except ValidationError as error:
        lines = [_said(each) for each in error.errors(include_url=False)]
        raise ConfigError(f"{name}:\n  " + "\n  ".join(lines)) from error
    if faults := list(_faults(config)):
        raise ConfigError(f"{name}:\n  " + "\n  ".join(faults))
    return config


def _said(error: Any) -> str:
    place = ""
    for part in error["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    return f"{place.lstrip('.') or '(file)'}: {error['msg'].removeprefix('Value error, ')}"


def _faults(config: Config) -> Iterator[str]:
    """What only shows when all is seen together."""
    names = _names(config)
    yield from _twice("entity", names)
    for topic in config.topics:
        yield from _twice(f"subscription of {topic.name}", [s.name for s in topic.subscriptions])
        for subscription in topic.subscriptions:
            where = f"{topic.name}/{subscription.name}"
            yield from _twice(f"rule of {where}", [rule.name for rule in subscription.rules])
            yield from _bad_rules(where, subscription.rules)
    yield from _bad_forwards(config)


def _names(config: Config) -> list[str]:
    return [queue.name for queue in config.queues] + [topic.name for topic in config.topics]


def _twice(what: str, names: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            yield f"{name}: there are two of this name ({what})"
        seen.add(name.lower())


def _bad_rules(where: str, rules: list[Any]) -> Iterator[str]:
    for rule in rules:
        try:
            rule_of(rule)
        except FilterError as error:
            yield f"{where}, rule {rule.name}: {error}"


def _bad_forwards(config: Config) -> Iterator[str]:
    """Targets that are not there, and chains that come back to where they began."""
    known = {name.lower() for name in _names(config)}
    forwards = dict(_forwards(config))
    for source, target in forwards.items():
        if target not in known:
            yield f"{source}: forwards to {target}, which is not there"
    for source in forwards:
        chain, at = [source], forwards.get(source)
        while at and len(chain) <= _MAX_HOPS:
            chain.append(at)
            at = forwards.get(at)
        if source in chain[1:]:
            yield f"{' -> '.join(chain)}: forwards in a circle"


def _forwards(config: Config) -> Iterator[tuple[str, str]]:
    """Where each queue and subscription forwards to, in lower case."""
    for queue in config.queues:
        if queue.properties.forward_to:
            yield queue.name.lower(), queue.properties.forward_to.lower()
    for topic in config.topics:
        for subscription in topic.subscriptions:
            if subscription.properties.forward_to:
                source = f"{topic.name}/subscriptions/{subscription.name}".lower()
                yield source, subscription.properties.forward_to.lower()
