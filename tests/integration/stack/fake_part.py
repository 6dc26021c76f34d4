"""A small HTTP server that stands for a part; its path says what it should do.

``fake_part.py PORT [MARKER]``: ``/`` answers 200, ``/crash`` ends the process with code 3. Each
has a child of its own, whose process id ``/child`` tells. While the file MARKER exists, the process
ends as soon as it starts. With FAKE_STUBBORN in the environment it does not hear SIGTERM.
"""

import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers as the module says."""

    child: int

    def do_GET(self) -> None:
        if self.path == "/crash":
            sys.stdout.write("last words\n")
            sys.stdout.flush()
            os._exit(3)
        body = str(self.child).encode() if self.path == "/child" else str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep the log for what tests look for."""


def main() -> None:
    """Serve until killed."""
    if len(sys.argv) > 2 and Path(sys.argv[2]).exists():
        sys.exit("the marker is there")
    if os.environ["FAKE_STUBBORN"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as child:
        Handler.child = child.pid
        sys.stdout.write("hello from the part\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
