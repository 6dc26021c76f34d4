"""How the host starts a worker: `… -m emulators.functions_host.worker SOCKET LIFELINE APP STRICT`."""

import sys
from pathlib import Path

from emulators.functions_host.worker.process import main

main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), strict=sys.argv[4] == "strict")
