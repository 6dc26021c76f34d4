"""``python -m emulators.stack``: see ``--help`` and ``docs/local-stack.md``."""

import sys

from emulators.stack.launch import main

if __name__ == "__main__":
    sys.exit(main())
