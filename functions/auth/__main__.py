"""Commands of those who run the platform.

    python -m functions.auth make-admin EMAIL
    python -m functions.auth end-sessions EMAIL
    python -m functions.auth remove-factors EMAIL
    python -m functions.auth rotate-keys [--force]
    python -m functions.auth reseal

Invariant: a command does what its line says, says what it did, and is safe to repeat.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable

from functions.auth.commands import accounts, operating_factors, rotating
from functions.auth.emails import accepted
from shared_code.command_line import parser, run


def _arguments() -> argparse.Namespace:
    made = parser("python -m functions.auth", "Accounts and keys, for those who run the platform.")
    actions = made.add_subparsers(dest="action", required=True)
    for name, words in (
        ("make-admin", "give an account the admin role"),
        ("end-sessions", "sign an account out everywhere"),
        ("remove-factors", "take all second factors from an account whose owner has lost them"),
    ):
        actions.add_parser(name, help=words).add_argument("email")
    rotate = actions.add_parser("rotate-keys", help="let the next key sign access tokens")
    rotate.add_argument(
        "--force",
        action="store_true",
        help="a key has leaked: replace all keys at once; access tokens signed so far are refused",
    )
    actions.add_parser("reseal", help="seal authenticator apps' secrets with the present secret")
    found = made.parse_args()
    found.prog = made.prog
    return found


def _address(options: argparse.Namespace) -> str:
    try:
        return accepted(options.email)
    except ValueError:
        return str(options.email)


async def _make_admin(options: argparse.Namespace) -> str:
    made = await accounts.make_admin(_address(options))
    said = "is an admin from the next login on" if made else "is an admin already"
    return f"{options.email} {said}"


async def _end_sessions(options: argparse.Namespace) -> str:
    await accounts.end_sessions(_address(options))
    return f"{options.email} is signed out everywhere"


async def _remove_factors(options: argparse.Namespace) -> str:
    removed = await operating_factors.remove_factors(_address(options))
    said = "has no second factor any more" if removed else "has no second factor"
    return f"{options.email} {said}"


async def _reseal(_: argparse.Namespace) -> str:
    return f"{await operating_factors.reseal()} secrets of authenticator apps are sealed anew"


async def _rotate_keys(options: argparse.Namespace) -> str:
    if not options.force:
        return (
            f"{await rotating.rotate()} signs now; access tokens signed before hold until they end"
        )
    kid = await rotating.replace_all()
    return (
        f"{kid} signs now; access tokens signed before are refused within a minute, so clients "
        "refresh them; nobody is signed out"
    )


_COMMANDS: dict[str, Callable[[argparse.Namespace], Awaitable[str]]] = {
    "make-admin": _make_admin,
    "end-sessions": _end_sessions,
    "remove-factors": _remove_factors,
    "rotate-keys": _rotate_keys,
    "reseal": _reseal,
}


def main() -> int:
    """Run the command; its exit code."""
    options = _arguments()

    async def work() -> None:
        said = await _COMMANDS[options.action](options)
        print(said)  # noqa: T201 - a command speaks to its user

    return run(options, work)


if __name__ == "__main__":
    sys.exit(main())
