"""The parts that Atrium's stack has: this page is what to change when one is added.

A recipe makes a part for the ports and files of one run. Invariant: a part is told everything on
its command line and in the files named there; of the environment it gets no setting of the app, so
that `local.settings.json` alone decides what the Functions host sees.
"""

import json
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emulators.functions_host import keys
from emulators.stack.options import Options
from emulators.stack.parts import Part, Probe, selected
from emulators.stack.ports import SLOTS, Ports
from emulators.stack.state import State, write_atomically

REPOSITORY = Path(__file__).parents[2]
SERVICE_BUS_CONFIG = "infra/service-bus.json"
AZURITE = "node_modules/azurite/dist/src/azurite.js"
HOOK = "/runtime/webhooks/webpubsub"
HOOK_KEY = "webpubsub_extension"
# Azurite reads these itself; another account would not be the one of the connection strings.
_AZURITE_VARIABLES = ("AZURITE_ACCOUNTS", "AZURITE_DB")


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a recipe may use."""

    options: Options
    state: State
    ports: Ports
    values: Mapping[str, str] = field(default_factory=dict)  # of local.settings.json

    @property
    def environment(self) -> dict[str, str]:
        """Ours, without what the settings file decides."""
        dropped = {*self.values, *_AZURITE_VARIABLES, *(slot.variable for slot in SLOTS)}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        # Azure's SDKs would ask a company's proxy for the parts of this machine.
        direct = ",".join(filter(None, (kept.get("NO_PROXY"), "127.0.0.1,localhost")))
        return {**kept, "PYTHONUNBUFFERED": "1", "NO_PROXY": direct, "no_proxy": direct}

    def runs(self, name: str) -> bool:
        """Whether this run starts the part."""
        return not self.options.only or name in self.options.only


@dataclass(frozen=True)
class Recipe:
    """A part before its ports are known."""

    name: str
    slots: tuple[str, ...]
    make: Callable[[Run], Part]


def _azurite(run: Run) -> Part:
    services = ("blob", "queue", "table")
    where = [
        argument
        for name in services
        for argument in (f"--{name}Host", "127.0.0.1", f"--{name}Port", str(run.ports[name]))
    ]
    memory = run.options.memory
    run.state.azurite.mkdir(parents=True, exist_ok=True)
    quiet = ("--skipApiVersionCheck", "--disableTelemetry", "--silent")
    kept = ("--inMemoryPersistence",) if memory else ("--location", str(run.state.azurite))
    gone = "Its data were in memory and are gone: start the stack again." if memory else ""
    return Part(
        name="azurite",
        command=("node", str(REPOSITORY / AZURITE), *quiet, *where, *kept),
        cwd=run.state.azurite,
        environment=run.environment,
        ports=tuple(run.ports[name] for name in services),
        # Any answer will do: it asks for a signature.
        probes=tuple(
            Probe(url=f"http://127.0.0.1:{run.ports[name]}/", status=None) for name in services
        ),
        loses="What it had not yet written to disk is lost: up to five seconds of changes.",
        beyond_restart=gone,
    )


def _provision(run: Run) -> Part:
    """By the app's convention: makes its tables, queues, containers and keys, and ends."""
    return Part(
        name="provision",
        command=(sys.executable, "-m", "functions.provision"),
        cwd=run.options.app,
        environment={**run.environment, **run.values},
        needs=("azurite",),
    )


def _web_pubsub(run: Run) -> Part:
    port = run.ports["web_pubsub"]
    _write_event_handlers(run)
    return Part(
        name="web_pubsub",
        command=_emulator("web_pubsub", port, "--settings", str(run.state.web_pubsub)),
        cwd=REPOSITORY,
        environment=run.environment,
        ports=(port,),
        probes=(Probe(url=f"http://127.0.0.1:{port}/api/health", method="HEAD"),),
    )


def _service_bus(run: Run) -> Part:
    """By the app's convention: its entities stand in the official emulator's format."""
    port, options = run.ports["service_bus"], run.options
    config = options.service_bus_config or options.app / SERVICE_BUS_CONFIG
    kept = ("--memory",) if options.memory else ("--data", str(run.state.service_bus))
    return Part(
        name="service_bus",
        command=_emulator("service_bus", port, "--config", str(config), *kept),
        cwd=REPOSITORY,
        environment=run.environment,
        ports=(port,),
        probes=(Probe(url=f"http://127.0.0.1:{port}/health"),),
        loses="Its messages were in memory and are gone." if options.memory else "",
    )


def _mail(run: Run) -> Part:
    port, smtp_port = run.ports["mail"], run.ports["smtp"]
    return Part(
        name="mail",
        command=_emulator("mail", port, "--smtp-port", str(smtp_port)),
        cwd=REPOSITORY,
        environment=run.environment,
        ports=(port, smtp_port),
        probes=(Probe(url=f"http://127.0.0.1:{port}/"),),
        loses="The mails that it had caught were in memory and are gone.",
    )


def _write_event_handlers(run: Run) -> None:
    """Where the emulator sends events; under `func start` the address needs no key."""
    url = f"http://localhost:{run.ports['functions']}{HOOK}"
    if run.runs("functions_host"):
        url += f"?code={keys.load_or_create(run.state.secrets).system(HOOK_KEY)}"
    handler = {
        "UrlTemplate": url,
        "SystemEvents": ["connect", "connected", "disconnected"],
        "EventPattern": "*",
    }
    hubs = {"WebPubSub": {"Hubs": {"live": {"EventHandlers": [handler]}}}}
    write_atomically(run.state.web_pubsub, json.dumps(hubs, indent=2) + "\n")


def _functions_host(run: Run) -> Part:
    options, port = run.options, run.ports["functions"]
    files = ("--settings", str(options.settings), "--secrets", str(run.state.secrets))
    return Part(
        name="functions_host",
        command=_emulator("functions_host", port, "--app", str(options.app), *files),
        cwd=REPOSITORY,
        environment=run.environment,
        ports=(port,),
        needs=("provision",),
        probes=(Probe(url=f"http://127.0.0.1:{port}/api/ready"),),
        shown=True,
    )


def _emulator(name: str, port: int, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"emulators.{name}", "--port", str(port), *arguments)


RECIPES = (
    Recipe("azurite", ("blob", "queue", "table"), _azurite),
    Recipe("web_pubsub", ("web_pubsub",), _web_pubsub),
    Recipe("service_bus", ("service_bus",), _service_bus),
    Recipe("mail", ("mail", "smtp"), _mail),
    Recipe("provision", (), _provision),
    Recipe("functions_host", ("functions",), _functions_host),
)


def slots(recipes: Sequence[Recipe], only: Collection[str]) -> tuple[str, ...]:
    """The ports that a run of these parts takes."""
    chosen = [recipe for recipe in recipes if not only or recipe.name in only]
    return tuple(slot for recipe in chosen for slot in recipe.slots)


def parts(recipes: Sequence[Recipe], run: Run) -> list[Part]:
    """The parts of a run in the order of starting; writes the files that they read."""
    return selected([recipe.make(run) for recipe in recipes], run.options.only)
