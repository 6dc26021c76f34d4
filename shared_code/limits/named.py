"""The table of a service's limits by name, and a deployment's own numbers instead.

Invariant: a name that the service does not have, or a number that is none, makes every use fail: a limit that
an operator has mistyped must not be one that does not hold.
"""

import re
from collections.abc import Mapping

from shared_code.errors import InvalidSetting
from shared_code.limits.log import Limit, Window
from shared_code.settings import optional_setting

type Defaults = Mapping[str, tuple[Window, ...]]

_made: dict[tuple[str, str], dict[str, Limit]] = {}


def named_limits(overrides: str, defaults: Defaults) -> dict[str, Limit]:
    """The limits by name; the setting `overrides` changes them: `mail=5/300; code=5/300,20/3600`.

    Raises InvalidSetting.
    """
    text = optional_setting(overrides) or ""
    if (overrides, text) not in _made:
        _made[overrides, text] = _limits(overrides, text, defaults)
    return _made[overrides, text]


def _limits(overrides: str, text: str, defaults: Defaults) -> dict[str, Limit]:
    windows = dict(defaults)
    for each in filter(None, (part.strip() for part in text.split(";"))):
        name, _, said = each.partition("=")
        if name.strip() not in windows:
            raise InvalidSetting(overrides)
        windows[name.strip()] = tuple(_window(overrides, part.strip()) for part in said.split(","))
    try:
        return {name: Limit(name, each) for name, each in windows.items()}
    except ValueError as error:
        raise InvalidSetting(overrides) from error


def _window(overrides: str, text: str) -> Window:
    found = re.fullmatch(r"(\d{1,6})/(\d{1,7})", text, re.ASCII)
    if found is None:
        raise InvalidSetting(overrides)
    return Window(int(found[1]), int(found[2]))
