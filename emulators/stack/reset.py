"""``python -m emulators.stack.reset [STATE]``: forgets all local state, unless it is in use."""

import sys
from pathlib import Path

from emulators.stack.errors import StackError
from emulators.stack.state import State


def main() -> int:
    """Clear the state directory; 1 when a stack of it is running."""
    state = State(Path(sys.argv[1] if len(sys.argv) > 1 else ".local"))
    try:
        state.clear()
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{state.root} is empty\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
