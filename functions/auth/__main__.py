"""Commands of those who run the platform.

    python -m functions.auth make-admin EMAIL

Invariant: a command does what its line says, says what it did, and is safe to repeat.
"""

import argparse
import sys

from functions.auth.commands import accounts
from functions.auth.emails import accepted
from shared_code.command_line import parser, run


def _arguments() -> argparse.Namespace:
    made = parser("python -m functions.auth", "Accounts, for those who run the platform.")
    actions = made.add_subparsers(dest="action", required=True)
    admin = actions.add_parser("make-admin", help="give an account the admin role")
    admin.add_argument("email")
    found = made.parse_args()
    found.prog = made.prog
    return found


def main() -> int:
    """Run the command; its exit code."""
    options = _arguments()

    async def make_admin() -> None:
        try:
            email = accepted(options.email)
        except ValueError:
            email = options.email
        made = await accounts.make_admin(email)
        said = "is an admin from the next login on" if made else "is an admin already"
        print(f"{options.email} {said}")  # noqa: T201 - a command speaks to its user

    return run(options, make_admin)


if __name__ == "__main__":
    sys.exit(main())
