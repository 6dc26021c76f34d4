"""One whole run: ports, settings, parts, signals, and the code to exit with.

Invariant: `endpoints.json` is there only while a stack that has been ready is held by a living
supervisor.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from emulators.stack import catalogue, ports, settings
from emulators.stack.catalogue import RECIPES, Recipe
from emulators.stack.console import Console
from emulators.stack.errors import PortTaken, StackError
from emulators.stack.options import Options, parse
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


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One run of the parts that the recipes make."""

    options: Options
    recipes: Sequence[Recipe]
    state: State
    console: Console
    wishes: Wishes

    async def run(self) -> int:
        """Go until a signal or an error; 0 when the stack was ready and was asked to stop."""
        attempts = ATTEMPTS if self.options.automatic_ports else 1
        while True:
            attempts -= 1
            try:
                return await self._attempt()
            except PortTaken as error:
                if not attempts:
                    raise
                self.console.say(f"{error}\n    starting again with other ports")

    async def _attempt(self) -> int:
        options, announced = self.options, asyncio.Event()
        with ExitStack() as held:
            taken = self._ports(held)
            values = settings.write(options.app, options.settings, taken)
            run = catalogue.Run(options=options, state=self.state, ports=taken, values=values)
            parts = catalogue.parts(self.recipes, run)
            supervisor = Supervisor(parts, self.state, self.console, verbose=options.verbose)

            def announce() -> None:
                announced.set()
                self._announce(taken)

            await supervisor.run(announce, self.wishes.stop, self.wishes.hurry)
        self.console.say("stopped")
        # 128 + the signal, as shells say it, when the start was cut short.
        return 0 if announced.is_set() else 128 + self.wishes.signal

    def _ports(self, held: ExitStack) -> dict[str, int]:
        """The port of every slot; only those of the parts that run must be free."""
        names = catalogue.slots(self.recipes, self.options.only)
        chosen = ports.from_environment(os.environ)
        if self.options.automatic_ports:
            return chosen | held.enter_context(ports.Claims()).take(names)
        ports.require_free(chosen, names)
        return chosen

    def _announce(self, taken: ports.Ports) -> None:
        names = catalogue.slots(self.recipes, self.options.only)
        urls = {slot.name: slot.url(taken[slot.name]) for slot in ports.SLOTS if slot.name in names}
        self.state.publish(urls)
        logs = self.state.logs
        self.console.say(f"the stack is ready; Ctrl-C stops it; logs are in {logs}")
        for name, url in urls.items():
            self.console.show(f"  {name:<12} {url}")
        if "functions" in urls:
            self.console.show(TRY_THIS.format(**urls))


async def _launch(options: Options, recipes: Sequence[Recipe], state: State) -> int:
    wishes = Wishes()
    wishes.listen(until_eof=options.until_eof)
    launch = Launch(options=options, recipes=recipes, state=state, console=Console(), wishes=wishes)
    return await launch.run()


def main(arguments: Sequence[str] | None = None, recipes: Sequence[Recipe] = RECIPES) -> int:
    """The main program: an error becomes a message and the code 1."""
    options = parse(arguments)
    state = State(options.state)
    try:
        with state.locked():
            return asyncio.run(_launch(options, recipes, state))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        # Before our own handlers were there, so nothing had been started.
        return 128 + signal.SIGINT
