"""One whole run: ports, settings, parts, signals, and the code to exit with.

Invariant: `endpoints.json` is there only while a stack that has been ready is held by a living
supervisor.
"""

import asyncio
import os
import signal
import sys
from contextlib import ExitStack

from emulators.stack import catalogue, ports, settings
from emulators.stack.console import Console
from emulators.stack.errors import PortTaken, StackError
from emulators.stack.options import Options
from emulators.stack.state import State
from emulators.stack.supervisor import Supervisor

ATTEMPTS = 3  # with automatic ports, when another program takes one before its part does

TRY_THIS = """\
  Try this:
    curl -s {functions}/api/auth/register -H 'Content-Type: application/json' \
-d '{{"email": "ada@example.com", "password": "correct horse battery", "display_name": "Ada"}}'
    make demo
    open {functions}/api/docs"""


class Wishes:
    """The user's signals: the first asks for a stop, the second for an immediate one."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.signal = 0

    def listen(self, *, until_eof: bool) -> None:
        """Take the signals, and the end of standard input where that was asked for."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Under nohup the terminal may go; the stack stays.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._hear, number)
        if until_eof:
            loop.add_reader(sys.stdin.fileno(), self._read)

    def _hear(self, number: int) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()
        self.signal = number

    def _read(self) -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._hear(signal.SIGTERM)


async def launch(options: Options) -> int:
    """Run until a signal or an error; 0 when the stack was ready and was asked to stop."""
    state, console = State(options.state), Console()
    wishes = Wishes()
    wishes.listen(until_eof=options.until_eof)
    with state.locked():
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await _attempt(options, state, console, wishes)
            except PortTaken as error:
                if not options.automatic_ports or attempt == ATTEMPTS:
                    raise
                console.say(f"{error}\n    starting again with other ports")
    raise StackError("no attempt was made")


async def _attempt(options: Options, state: State, console: Console, wishes: Wishes) -> int:
    with ExitStack() as held:
        taken = _ports(options, held)
        values = settings.write(options.app, options.settings, taken)
        run = catalogue.Run(
            options=options, state=state, ports=taken, values=values, only=options.only
        )
        supervisor = Supervisor(catalogue.parts(run), state, console, verbose=options.verbose)
        announced = False

        def announce() -> None:
            nonlocal announced
            announced = True
            _announce(options, state, console, taken)

        await supervisor.run(announce, wishes.stop, wishes.hurry)
        console.say("stopped")
        # 128 + the signal, as shells say it, when the start was cut short.
        return 0 if announced else 128 + wishes.signal


def _ports(options: Options, held: ExitStack) -> dict[str, int]:
    """The port of every slot; only those of the parts that run must be free."""
    names = catalogue.slots(options.only)
    chosen = ports.from_environment(os.environ)
    if options.automatic_ports:
        return chosen | held.enter_context(ports.Claims()).take(names)
    ports.require_free(chosen, names)
    return chosen


def _announce(options: Options, state: State, console: Console, taken: ports.Ports) -> None:
    names = catalogue.slots(options.only)
    urls = {slot.name: slot.url(taken[slot.name]) for slot in ports.SLOTS if slot.name in names}
    state.publish(urls)
    console.say(f"the stack is ready; Ctrl-C stops it; logs are in {state.logs}")
    for name, url in urls.items():
        console.show(f"  {name:<12} {url}")
    if "functions" in urls:
        console.show(TRY_THIS.format(**urls))


def run(options: Options) -> int:
    """As ``launch``, for a main program: an error becomes a message and the code 1."""
    try:
        return asyncio.run(launch(options))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
