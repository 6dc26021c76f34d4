"""App settings, read when they are used and never at import.

Invariant: this is the only module of the app that reads the environment, and an import of the app
reads no setting but `ATRIUM_SERVICES`. An exception at import would make every function vanish.
"""

import os

from shared_code.errors import InvalidSetting, NotConfigured


def setting(name: str) -> str:
    """The value of the app setting `name`. Raises NotConfigured when it is missing or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise NotConfigured(name)
    return value


def optional_setting(name: str) -> str | None:
    """The value of the app setting `name`, or None when it is missing or empty."""
    return os.environ.get(name) or None


def whole_number_setting(name: str, default: int, *, most: int) -> int:
    """The number from 0 to `most` in the app setting `name`; `default` when it is missing or empty.

    Raises InvalidSetting for anything else.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    is_number = value.isascii() and value.isdecimal() and len(value) <= len(str(most))
    if not is_number or int(value) > most:
        raise InvalidSetting(name)
    return int(value)


def enabled_services(all_services: tuple[str, ...]) -> tuple[str, ...]:
    """The services that this function app serves: `ATRIUM_SERVICES`, comma-separated; default all.

    Raises ValueError for an unknown name: a deployment that serves less than it was asked to must
    fail at its start.
    """
    wanted = [name.strip() for name in os.environ.get("ATRIUM_SERVICES", "").split(",")]
    chosen = [name for name in wanted if name] or list(all_services)
    unknown = sorted(set(chosen) - set(all_services))
    if unknown:
        raise ValueError(f"ATRIUM_SERVICES names no service: {', '.join(unknown)}")
    return tuple(name for name in all_services if name in chosen)


def add_settings(values: dict[str, str]) -> None:
    """Add settings of a file to the environment, for a command; what is set there stays."""
    for name, value in values.items():
        os.environ.setdefault(name, str(value))
