"""The inline constraints of ASP.NET route templates, such as `{id:int}`.

Invariant: a constraint only accepts or refuses; the value that the function gets is the text as it
stood in the path.
"""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

type Check = Callable[[str], bool]

_INT32 = 2**31
_INT64 = 2**63
_WHOLE = re.compile(r"\s*[+-]?\d+\s*")
_DECIMAL = re.compile(r"\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)\s*")
_FLOAT = re.compile(r"\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_ALPHA = re.compile(r"[a-zA-Z]*")
_GUID = re.compile(r"[{(]?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}[)}]?")
# A path segment holds no slash, so neither does a date in it.
_DATE_FORMATS = ("%m-%d-%Y", "%m-%d-%Y %H:%M:%S", "%H:%M", "%H:%M:%S")


def build(name: str, argument: str | None) -> Check | None:
    """Return the check for one constraint, or None when there is no such constraint.

    Raises:
        ValueError: if its argument is missing or makes no sense.
    """
    if argument is None:
        return _PLAIN.get(name.lower())
    maker = _WITH_ARGUMENT.get(name.lower())
    return None if maker is None else maker(argument)


def _is_whole(text: str, bound: int) -> bool:
    return _WHOLE.fullmatch(text) is not None and -bound <= int(text) < bound


def _is_guid(text: str) -> bool:
    if _GUID.fullmatch(text) is None:
        return False
    try:
        UUID(text.strip("()"))
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    for read in (datetime.fromisoformat, *map(_reader, _DATE_FORMATS)):
        try:
            read(text)
        except ValueError:
            continue
        return True
    return False


def _reader(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007 - only asked whether it parses


def _length(argument: str) -> Check:
    low, _, high = argument.partition(",")
    least, most = int(low), int(high or low)
    return lambda text: least <= len(text) <= most


def _range(argument: str) -> Check:
    low, _, high = argument.partition(",")
    return _between(int(low), int(high))


def _between(low: int, high: int) -> Check:
    return lambda text: _is_whole(text, _INT64) and low <= int(text) <= high


def _regex(argument: str) -> Check:
    try:
        # Constraints are made of what ASP.NET accepts; \d and such mean the same in both.
        pattern = re.compile(argument, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"the regular expression {argument!r} is wrong: {error}") from error
    return lambda text: pattern.search(text) is not None


_PLAIN: dict[str, Check] = {
    "int": lambda text: _is_whole(text, _INT32),
    "long": lambda text: _is_whole(text, _INT64),
    "bool": lambda text: text.strip().lower() in {"true", "false"},
    "datetime": _is_date,
    "decimal": lambda text: _DECIMAL.fullmatch(text) is not None,
    "double": lambda text: _FLOAT.fullmatch(text) is not None,
    "float": lambda text: _FLOAT.fullmatch(text) is not None,
    "guid": _is_guid,
    "alpha": lambda text: _ALPHA.fullmatch(text) is not None,
    "required": bool,
}
_WITH_ARGUMENT: dict[str, Callable[[str], Check]] = {
    "minlength": lambda argument: _length(f"{argument},{_INT32}"),
    "maxlength": lambda argument: _length(f"0,{argument}"),
    "length": _length,
    "min": lambda argument: _between(int(argument), _INT64),
    "max": lambda argument: _between(-_INT64, int(argument)),
    "range": _range,
    "regex": _regex,
}
