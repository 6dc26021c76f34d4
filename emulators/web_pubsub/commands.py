"""The commands that ask a running emulator for something: faults, closes, the clock.

Invariant: every command is one call of the admin API, with the same names; exit code 0 means that
it was done, 1 comes with one line of reason.
"""

import argparse
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from emulators.web_pubsub.fault_kinds import Kind

DEFAULT_URL = "http://localhost:8080"
_TIMEOUT_SECONDS = 30
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

type Call = tuple[str, str, Mapping[str, Any] | None]
type Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name

_FAULTS = {
    Kind.DROP: "lose frames; a reliable client's buffer keeps them until it acknowledges past them",
    Kind.DELAY: "let frames come late, in order",
    Kind.REORDER: "swap a frame with the next one",
    Kind.DUPLICATE: "send frames more than once, with the same sequence id",
    Kind.REFUSE: "refuse clients before the upgrade",
    Kind.REST: "fail REST calls, with 429 or 503 for example",
}


class CommandError(Exception):
    """The command could not be done; the message is the line of reason."""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    commands = parser.add_subparsers(title="commands for a running emulator", metavar="COMMAND")
    _add_fault(commands)
    _simple(commands, "faults", "list the faults", lambda _: ("GET", "/faults", None))
    clear = _simple(commands, "clear", "end faults: those named, or all", _clear)
    clear.add_argument("ids", nargs="*", metavar="ID")
    close = _targeted(commands, "close", "close connections with a code", _close)
    close.add_argument("--code", type=int, help="close code, 1000 by default")
    close.add_argument("--reason", help="what the client is told")
    close.add_argument(
        "--keep", action="store_true", default=None, help="keep reliable ones recoverable"
    )
    _targeted(commands, "cut", "end sockets without a close frame, as a failing network", _cut)
    _targeted(commands, "forget", "lose reliable buffers: recovery fails", _forget)
    _simple(
        commands, "status", "show hubs, connections and groups", lambda _: ("GET", "/status", None)
    )
    clock = _simple(commands, "clock", "tell the emulator's time, or advance it", _clock)
    clock.add_argument("advance", nargs="*", metavar="advance SPAN", help="such as: advance 1h")


def run(arguments: argparse.Namespace) -> str:
    """Do a command and return what the emulator answered."""
    answers = []
    for method, path, body in _calls(arguments.call(arguments)):
        answers.append(_ask(arguments.url, method, path, body))
    return "\n".join(json.dumps(answer, indent=2, ensure_ascii=False) for answer in answers)


def _calls(calls: Call | list[Call]) -> list[Call]:
    return calls if isinstance(calls, list) else [calls]


def _add_fault(commands: Subparsers) -> None:
    fault = commands.add_parser("fault", help="let something go wrong", description=_FAULT_HELP)
    kinds = fault.add_subparsers(metavar="KIND", required=True)
    for kind, text in _FAULTS.items():
        parser = _targeted(kinds, kind, text, _fault)
        parser.set_defaults(kind=str(kind))
        parser.add_argument("--count", type=int, help="only the next so many")
        parser.add_argument(
            "--for", dest="duration", metavar="SPAN", help="only so long, such as 30s"
        )
        parser.add_argument("--probability", type=float, help="from 0 to 1; 1 by default")
        parser.add_argument("--seed", type=int, help="makes the choices repeatable")
        if kind in {Kind.REFUSE, Kind.REST}:
            parser.add_argument("--status", type=int, help="HTTP status, 503 by default")
            parser.add_argument("--retry-after", dest="retryAfter", type=int, metavar="SECONDS")
        else:
            parser.add_argument("--frames", type=_names, help=_FRAMES_HELP)
        if kind is Kind.DELAY:
            parser.add_argument("--by", dest="delay", metavar="SPAN", required=True)
        if kind is Kind.DUPLICATE:
            parser.add_argument("--copies", type=int, help="2 by default")


_FAULT_HELP = "Faults stand until they are used up (--count), run out (--for) or are cleared."
_FRAMES_HELP = (
    "comma list; to clients: message (the default), ack, system, pong; "
    "to the service: event, sendToGroup, joinGroup, leaveGroup, sequenceAck, ping; or any"
)
_OPTIONS = (
    *("kind", "hub", "group", "user", "connection", "count", "duration", "probability", "seed"),
    *("status", "retryAfter", "frames", "delay", "copies", "code", "reason", "keep"),
)


def _simple(
    commands: Subparsers,
    name: str,
    text: str,
    call: Callable[[argparse.Namespace], Call | list[Call]],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument(
        "--url", default=DEFAULT_URL, help=f"the emulator, {DEFAULT_URL} by default"
    )
    parser.set_defaults(call=call)
    return parser


def _targeted(
    commands: Subparsers, name: str, text: str, call: Callable[[argparse.Namespace], Call]
) -> argparse.ArgumentParser:
    parser = _simple(commands, name, text, call)
    parser.add_argument("--hub", required=True, help="a hub's name, or * for all")
    parser.add_argument("--group", help="only its members")
    parser.add_argument("--user", help="only this user's connections")
    parser.add_argument("--connection", help="only this connection id")
    return parser


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    values = vars(arguments)
    return {name: values[name] for name in _OPTIONS if values.get(name) is not None}


def _fault(arguments: argparse.Namespace) -> Call:
    return "POST", "/faults", _given(arguments)


def _close(arguments: argparse.Namespace) -> Call:
    return "POST", "/close", _given(arguments)


def _cut(arguments: argparse.Namespace) -> Call:
    return "POST", "/cut", _given(arguments)


def _forget(arguments: argparse.Namespace) -> Call:
    return "POST", "/forget", _given(arguments)


def _clear(arguments: argparse.Namespace) -> list[Call]:
    if not arguments.ids:
        return [("DELETE", "/faults", None)]
    return [("DELETE", f"/faults/{quote(each, safe='')}", None) for each in arguments.ids]


def _clock(arguments: argparse.Namespace) -> Call:
    match arguments.advance:
        case []:
            return "GET", "/clock", None
        case ["advance", span]:
            return "POST", "/clock", {"advance": span}
    raise CommandError("clock takes nothing, or: advance SPAN")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _ask(url: str, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
    if not url.startswith(("http://", "https://")):
        raise CommandError(f"{url} is no http address")
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        f"{url.rstrip('/')}/_emulator{path}",
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    try:
        with _NO_PROXY.open(request, timeout=_TIMEOUT_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            raise CommandError(_detail(error)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise CommandError(f"no emulator answers at {url}: {reason}") from error


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the emulator answered {error.code}"
