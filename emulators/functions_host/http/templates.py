"""ASP.NET route templates: `items/{id:int}/{*rest}` and the like, compiled to one expression.

Invariant: matching ignores case and a trailing slash, values keep the case of the path, and what is
absent has no key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from emulators.functions_host.http import constraints
from emulators.functions_host.http.constraints import Check
from emulators.functions_host.model import BindingError

_PARAMETER = re.compile(
    r"(?P<catch>\*{0,2})(?P<name>[^:=?*{}/]+)(?P<checks>(?::[^=]*?)?)(?P<default>=.*)?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `{parameter}` of a template."""

    name: str
    catch_all: bool
    optional: bool
    default: str | None
    checks: tuple[Check, ...]


type Part = str | Parameter


@dataclass(slots=True)
class Template:
    """A compiled template."""

    text: str
    pattern: re.Pattern[str]
    first: str | None
    parameters: list[Parameter] = field(default_factory=list)
    segments: list[list[Part]] = field(default_factory=list)

    def match(self, path: str) -> dict[str, str] | None:
        """Return the values of a path (without its leading slash), or None if it does not fit."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        values = {}
        for parameter, value in zip(self.parameters, found.groups(), strict=True):
            if value:
                if not all(check(value) for check in parameter.checks):
                    return None
                values[parameter.name] = value
            elif parameter.default is not None:
                values[parameter.name] = parameter.default
        return values


def compile_template(text: str) -> Template:
    """Compile a template.

    Raises:
        BindingError: if the template is not one that ASP.NET would accept.
    """
    if text.startswith(("/", "~")):
        raise BindingError(f"the route {text!r} must not start with '/' or '~'")
    segments = _segments(text)
    parameters = [part for parts in segments for part in parts if isinstance(part, Parameter)]
    _refuse_nonsense(text, segments, parameters)
    expression = "".join(_segment(parts, first=i == 0) for i, parts in enumerate(segments))
    first = segments[0][0] if segments and len(segments[0]) == 1 else None
    literal = first.lower() if isinstance(first, str) else None
    return Template(
        text, re.compile(expression + "/?", re.IGNORECASE), literal, parameters, segments
    )


def _segments(text: str) -> list[list[Part]]:
    segments: list[list[Part]] = [[]]
    for is_literal, piece in _tokens(text):
        if is_literal:
            segments[-1].append(piece)
        elif piece == "/":
            segments.append([])
        else:
            segments[-1].append(_parameter(piece[1:-1], text))
    return [parts for parts in segments if parts]


def _tokens(text: str) -> Iterator[tuple[bool, str]]:
    """Cut a template into `/`, `{parameter}` and literal pieces; `{{` is a literal brace."""
    literal, position = "", 0
    while position < len(text):
        char, pair = text[position], text[position : position + 2]
        if char not in "{/" or pair == "{{":
            literal += char
            position += 2 if pair in {"{{", "}}"} else 1
            continue
        if literal:
            yield True, literal
            literal = ""
        piece = "/" if char == "/" else _braces(text, position)
        position += len(piece)
        yield False, piece
    if literal:
        yield True, literal


def _braces(text: str, start: int) -> str:
    position = start + 1
    while position < len(text):
        if text[position : position + 2] in {"{{", "}}"}:
            position += 2
        elif text[position] == "}":
            return text[start : position + 1]
        else:
            position += 1
    raise BindingError(f"the route {text!r} has a '{{' without its '}}'")


def _parameter(inside: str, template: str) -> Parameter:
    optional = inside.endswith("?")
    match = _PARAMETER.fullmatch(inside.removesuffix("?"))
    if match is None:
        raise BindingError(f"the route {template!r} has a parameter {{{inside}}} that is no name")
    default = match["default"]
    return Parameter(
        name=match["name"],
        catch_all=bool(match["catch"]),
        optional=optional,
        default=None if default is None else default[1:],
        checks=tuple(_checks(match["checks"], template)),
    )


def _checks(text: str, template: str) -> Iterator[Check]:
    # A colon inside an argument's parentheses does not begin a constraint.
    for item in re.findall(r":([A-Za-z]+)(?:\((.*?)\))?(?=:|$)", text, re.DOTALL):
        name, argument = item[0], item[1].replace("{{", "{").replace("}}", "}")
        try:
            check = constraints.build(name, argument or None)
        except ValueError as error:
            raise BindingError(f"the route {template!r}: constraint {name!r}: {error}") from error
        if check is None:
            raise BindingError(f"the route {template!r} has an unknown constraint {name!r}")
        yield check


def _refuse_nonsense(text: str, segments: list[list[Part]], parameters: list[Parameter]) -> None:
    names = [parameter.name.lower() for parameter in parameters]
    if len(set(names)) != len(names):
        raise BindingError(f"the route {text!r} names a parameter twice")
    if any(parameter.catch_all for parameter in parameters[:-1]):
        raise BindingError(f"the route {text!r} has a catch-all that is not its last part")
    for parts in segments[:-1]:
        if any(isinstance(part, Parameter) and part.optional for part in parts):
            raise BindingError(f"the route {text!r} has an optional part that is not its last")


def _segment(parts: list[Part], *, first: bool) -> str:
    slash = "" if first else "/"
    only = parts[0] if len(parts) == 1 else None
    if isinstance(only, Parameter):
        value = "(.*)" if only.catch_all else "([^/]+)"
        if only.catch_all or only.optional or only.default is not None:
            return f"(?:{slash}{value})?"
        return slash + value
    return slash + "".join(_pieces(parts))


def _pieces(parts: list[Part]) -> Iterator[str]:
    """A segment of several parts, such as `{name}.{extension?}`, is matched from its right."""
    last = len(parts) - 1
    for index, part in enumerate(parts):
        following = parts[index + 1] if index < last else None
        if isinstance(part, Parameter):
            if not part.optional:
                yield "([^/]+)" if following is not None and index + 1 == last else "([^/]+?)"
        elif isinstance(following, Parameter) and following.optional:
            separator = re.escape(part)
            yield f"(?:{separator}([^/{re.escape(part[-1])}]+))?"
        else:
            yield re.escape(part)
