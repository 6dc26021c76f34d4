"""The .NET host's habits with JSON and text, in one place, each with its reason.

The real host passes what Python returns through Newtonsoft.Json. That splits, indents and rewrites;
a program that never meets it here would meet it in Azure first. Invariant: pure functions only.
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

from emulators.functions_host.model import Metadata, OutputError, Typed

# Newtonsoft takes any string of this shape for a date (DateParseHandling.DateTime, its default).
_DATE = re.compile(r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,7}))?(Z|[+-]\d{2}:?\d{2})?$")
# What Newtonsoft escapes besides what Python's encoder does.
_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\u0085\u2028\u2029"}
# .NET switches to exponents one digit earlier than Python.
_DOTNET_EXPONENT = 1e15


def looks_like_json(text: str) -> bool:
    """Whether the host will parse this text: it starts and ends like an object or an array."""
    trimmed = text.strip()
    return (trimmed[:1], trimmed[-1:]) in {("{", "}"), ("[", "]")}


def split_output(value: Typed) -> list[Any]:
    """Split an output value into the items that the host adds to a collector.

    Bytes are one item as they are; JSON text is parsed, and an array becomes one item per element.

    Raises:
        OutputError: if text that looks like JSON is not (the host fails the output, too).
    """
    kind, content = value
    if kind == "json" or (kind == "string" and looks_like_json(content)):
        parsed = _parse(content)
        return parsed if isinstance(parsed, list) else [parsed]
    return [content]


def message_body(item: Any, kind: str) -> bytes:
    """Turn one item of `split_output` into a message body: `JToken.ToString()`, so indented.

    Text that the host parses itself has its dates rewritten (kind `string`); what comes as JSON from
    the worker has not, because there the host reads dates as text.
    """
    if isinstance(item, bytes):
        return item
    if isinstance(item, bool):
        return str(item).encode()
    if isinstance(item, str):
        return item.encode()
    return b"" if item is None else to_json(item, dates=kind == "string").encode()


def to_json(value: Any, level: int = 0, *, dates: bool = True) -> str:
    """Serialise as Newtonsoft does with `Formatting.Indented`, dates in strings rewritten if asked."""
    pad = "\n" + "  " * (level + 1)
    end = "\n" + "  " * level
    if isinstance(value, dict) and value:
        pairs = (
            (_text(str(key)), to_json(item, level + 1, dates=dates)) for key, item in value.items()
        )
        return "{" + pad + ("," + pad).join(f"{key}: {item}" for key, item in pairs) + end + "}"
    if isinstance(value, list | tuple) and value:
        items = (to_json(item, level + 1, dates=dates) for item in value)
        return "[" + pad + ("," + pad).join(items) + end + "]"
    return _scalar(value, dates=dates)


def rewrite_date(text: str) -> str:
    """Write a date-looking string as Newtonsoft does after it took it for a date."""
    if (parsed := _date(text)) is None:
        return text
    moment, fraction, zone = parsed
    fraction = fraction.rstrip("0")
    suffix = "" if not zone else ("Z" if zone == "Z" else "+00:00")
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{fraction}" if fraction else "") + suffix


def as_moment(text: str) -> datetime | None:
    """Return the moment that a string means to Newtonsoft, in UTC, or None."""
    parsed = _date(text)
    return (
        None if parsed is None else parsed[0].replace(microsecond=int(parsed[1][:6].ljust(6, "0")))
    )


def merge_json_body(metadata: Metadata, text: str) -> Metadata:
    """Lay a JSON body's top-level members over trigger metadata, ignoring case, as the host does.

    So a queue message `{"id": "7"}` has `msg.id == "7"`. Arrays and nulls are left out.
    """
    if not looks_like_json(text):
        return metadata
    try:
        body = json.loads(text)
    except ValueError:
        return metadata
    if not isinstance(body, dict):
        return metadata
    merged = dict(metadata)
    names = {name.lower(): name for name in metadata}
    for key, item in body.items():
        if item is not None and not isinstance(item, list):
            merged[names.get(str(key).lower(), str(key))] = _metadata_value(item)
    return merged


def plain_http_answer(text: str) -> tuple[int, dict[str, str], bytes]:
    """Turn the plain `str` that an HTTP function returned into status, headers and body.

    The host reads it as JSON: objects and arrays are indented, a quoted string is unquoted, `null`
    is nothing, and an object with `body` is taken for a whole response.
    """
    headers = {"content-type": "text/plain; charset=utf-8"}
    try:
        content = json.loads(text)
    except ValueError:
        return 200, headers, text.encode()
    status = 200
    if isinstance(content, dict):
        status, extra, content = _response_object(content)
        headers.update(extra)
    if content is None:
        return status, headers, b""
    body = content if isinstance(content, str) else to_json(content)
    return status, headers, body.encode()


def outputs_in_return(returned: Typed | None, names: set[str]) -> dict[str, Typed]:
    """Find output values in a returned object: the host matches its keys with binding names."""
    if returned is None or returned[0] != "json":
        return {}
    content = _parse(returned[1])
    if not isinstance(content, dict):
        return {}
    return {
        name: ("string", item) if isinstance(item, str) else ("json", json.dumps(item))
        for name, item in content.items()
        if name in names and item is not None
    }


def _response_object(content: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    members = {key.lower(): item for key, item in content.items()}
    if "body" not in members:
        return 200, {}, content
    given = members.get("headers")
    headers = {k.lower(): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
    status = members.get("statuscode", members.get("status", 200))
    return int(status) if str(status).isdigit() else 200, headers, members["body"]


def _parse(content: Any) -> Any:
    if isinstance(content, dict | list):
        return content
    try:
        return json.loads(content)
    except ValueError as error:
        raise OutputError(f"the value looks like JSON but is not: {error}") from error


def _metadata_value(item: Any) -> Typed:
    if isinstance(item, dict):
        return ("json", json.dumps(item))
    if isinstance(item, bool):
        return ("string", str(item))
    if isinstance(item, str):
        return ("string", _date_as_text(item))
    return ("string", _scalar(item))


def _date_as_text(text: str) -> str:
    """A date cast to string goes through .NET's invariant culture."""
    parsed = _date(text)
    return text if parsed is None else f"{parsed[0]:%m/%d/%Y %H:%M:%S}"


def _date(text: str) -> tuple[datetime, str, str] | None:
    """Read a date as Newtonsoft would; an offset is converted to the host's zone, which is UTC."""
    if (match := _DATE.match(text)) is None:
        return None
    base, fraction, zone = match[1], match[2] or "", match[3] or ""
    try:
        moment = datetime.fromisoformat(base + (zone if zone != "Z" else ""))
    except ValueError:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment, fraction, zone


def _scalar(value: Any, *, dates: bool = True) -> str:
    if isinstance(value, str):
        return _text(rewrite_date(value) if dates else value)
    if isinstance(value, float) and math.isfinite(value):
        return _number(value)
    return json.dumps(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).translate(_LINE_ENDS)


def _number(value: float) -> str:
    text = repr(value).replace("e", "E")
    if "E" in text or abs(value) < _DOTNET_EXPONENT:
        return text
    digits = text.removesuffix(".0").lstrip("-")
    mantissa = f"{digits[0]}.{digits[1:]}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{mantissa}E+{len(digits) - 1}"
