"""``python -m emulators.stack``: see ``--help`` and ``docs/local-stack.md``."""

import sys

from emulators.stack import launch, options

if __name__ == "__main__":
    sys.exit(launch.run(options.parse()))
