"""The real supervisor with tiny parts: ``fake_stack.py`` takes the arguments of the real one.

``storage`` stands on the blob port, ``app`` needs it and stands on the functions port. FAKE_TASK is
the exit code of a task between them; FAKE_FRAGILE makes the storage one that cannot be restarted.
FAKE_RIVAL takes the first port that the app is given; FAKE_STUBBORN makes parts deaf to SIGTERM.
"""

import os
import socket
import sys
from pathlib import Path

from emulators.stack.catalogue import Recipe, Run
from emulators.stack.launch import main
from emulators.stack.parts import Part, Probe

HERE = Path(__file__).parent


def _server(name: str, slot: str, run: Run, gone: str = "") -> Part:
    port = run.ports[slot]
    return Part(
        name=name,
        command=(sys.executable, str(HERE / "fake_part.py"), str(port), f"{run.state.root}/{name}"),
        cwd=HERE,
        environment={"FAKE_STUBBORN": os.environ.get("FAKE_STUBBORN", "")},
        ports=(port,),
        probes=(Probe(url=f"http://127.0.0.1:{port}/"),),
        needs=("task",) if name == "app" else (),
        shown=name == "app",
        loses=f"{name} loses its memory",
        beyond_restart=gone,
    )


def _storage(run: Run) -> Part:
    return _server("storage", "blob", run, gone=os.environ.get("FAKE_FRAGILE", ""))


def _task(_: Run) -> Part:
    code = os.environ.get("FAKE_TASK", "0")
    script = f"print('the task speaks'); raise SystemExit({code})"
    command = (sys.executable, "-c", script)
    return Part(name="task", command=command, cwd=HERE, needs=("storage",))


RIVALS: list[socket.socket] = []


def _app(run: Run) -> Part:
    if "FAKE_RIVAL" in os.environ and not RIVALS:
        RIVALS.append(socket.create_server(("127.0.0.1", run.ports["functions"])))
    return _server("app", "functions", run)


RECIPES = (
    Recipe("app", ("functions",), _app),
    Recipe("task", (), _task),
    Recipe("storage", ("blob",), _storage),
)

if __name__ == "__main__":
    sys.exit(main(recipes=RECIPES))
