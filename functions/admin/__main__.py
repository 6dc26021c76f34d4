"""Working with dead letters from the command line: the same commands and the same audit as over HTTP.

    python -m functions.admin queues
    python -m functions.admin groups QUEUE
    python -m functions.admin peek QUEUE [--reason R] [--limit N] [--after NUMBER]
    python -m functions.admin show QUEUE NUMBER
    python -m functions.admin redrive QUEUE (NUMBER | --reason R | --all)
    python -m functions.admin purge QUEUE NUMBER --reason TEXT
    python -m functions.admin audit [--limit N]

Invariant: what is printed for people is a table, with --json what the API would answer.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from functions.admin import commands
from functions.admin.models import Purge, Redrive, Redriven
from shared_code.command_line import parser, run

_COLUMNS = {
    "queues": ("name", "active", "scheduled", "sessions", "dead", "oldest_dead_seconds"),
    "groups": ("count", "reason", "oldest_at", "newest_at"),
    "peek": ("number", "reason", "failure_message", "attempts", "redrive_count", "event_id"),
    "audit": ("at", "actor", "action", "queue", "number", "outcome", "count", "reason"),
}
_WIDEST = 60


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    made = parser("python -m functions.admin", "Queues and their dead letters.")
    made.add_argument("--json", action="store_true", help="print JSON")
    actions = made.add_subparsers(dest="action", required=True)
    actions.add_parser("queues", help="list the queues")
    for name, words in (
        ("groups", "dead letters by reason"),
        ("peek", "list dead letters"),
        ("show", "show a dead letter"),
        ("redrive", "send dead letters again"),
        ("purge", "throw a dead letter away"),
    ):
        actions.add_parser(name, help=words).add_argument("queue")
    peek, audit = actions.choices["peek"], actions.add_parser("audit", help="who did what")
    for listing in (peek, audit):
        listing.add_argument("--limit", type=int, default=50)
    peek.add_argument("--reason")
    peek.add_argument("--after", type=int, default=0)
    for name in ("show", "purge"):
        actions.choices[name].add_argument("number", type=int)
    actions.choices["purge"].add_argument("--reason", required=True)
    which = actions.choices["redrive"].add_mutually_exclusive_group(required=True)
    which.add_argument("number", type=int, nargs="?")
    which.add_argument("--reason")
    which.add_argument("--all", action="store_true")
    found = made.parse_args(arguments)
    found.prog = made.prog
    return found


async def _do(options: argparse.Namespace) -> Any:
    """Run the command that was asked for; what it answers."""
    actor, queue = f"command line:{getpass.getuser()}", getattr(options, "queue", "")
    work: dict[str, Callable[[], Awaitable[Any]]] = {
        "queues": lambda: commands.queues(actor),
        "groups": lambda: commands.groups(actor, queue),
        "peek": lambda: commands.letters(
            actor, queue, options.reason, options.after, options.limit
        ),
        "show": lambda: commands.letter(actor, queue, options.number),
        "redrive": lambda: _redrive(actor, options),
        "purge": lambda: commands.purge_one(
            actor, queue, options.number, Purge(reason=options.reason)
        ),
        "audit": lambda: commands.audit(None, options.limit),
    }
    return await work[options.action]()


async def _redrive(actor: str, options: argparse.Namespace) -> Redriven:
    if options.number is not None:
        return await commands.redrive_one(actor, options.queue, options.number)
    body = Redrive(reason=options.reason, all=options.all or None)
    return await commands.redrive_many(actor, options.queue, body)


def _show(answer: Any, options: argparse.Namespace) -> str:
    rows = [each.model_dump(mode="json") for each in answer] if isinstance(answer, list) else None
    if rows is None or options.json:
        value = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else rows
        return "done" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    return _table(rows, _COLUMNS[options.action])


def _table(rows: list[dict[str, Any]], columns: Sequence[str]) -> str:
    cells = [list(columns)]
    cells.extend(
        ["-" if row[name] is None else str(row[name])[:_WIDEST] for name in columns] for row in rows
    )
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    options = _arguments(arguments)

    async def work() -> None:
        print(_show(await _do(options), options))  # noqa: T201 - a command speaks to its user

    try:
        return run(options, work)
    except ValidationError as error:
        print(f"{options.prog}: {error.errors()[0]['msg']}", file=sys.stderr)  # noqa: T201 - as above
        return 1


if __name__ == "__main__":
    sys.exit(main())
