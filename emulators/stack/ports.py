"""Which part listens on which port, and how free ports are found.

Invariant: no two stacks of one user are ever given the same automatic port, however many start at
once: a port is claimed by a lock that the kernel frees when its holder dies. Automatic ports lie
below the range from which Linux and macOS take the ports of outgoing connections, so that a
connection made between the probe and the start cannot take one away.
"""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from emulators.stack.errors import PortTaken, StackError

AUTOMATIC = range(20_000, 32_000)
HIGHEST = 65_535

type Ports = Mapping[str, int]


@dataclass(frozen=True)
class Slot:
    """One port of the stack: its name in ``endpoints.json``, its variable, default and address."""

    name: str
    variable: str
    default: int
    address: str

    def url(self, port: int) -> str:
        """The address that tools and tests use."""
        return self.address.format(port=port)


_STORAGE = "http://127.0.0.1:{port}/devstoreaccount1"
SLOTS = (
    Slot("functions", "FUNCTIONS_PORT", 7071, "http://localhost:{port}"),
    Slot("web_pubsub", "WEB_PUBSUB_PORT", 8080, "http://localhost:{port}"),
    Slot("service_bus", "SERVICE_BUS_PORT", 5672, "sb://localhost:{port}"),
    Slot("mail", "MAIL_PORT", 1080, "http://localhost:{port}"),
    Slot("smtp", "MAIL_SMTP_PORT", 1025, "smtp://localhost:{port}"),
    Slot("blob", "AZURITE_BLOB_PORT", 10000, _STORAGE),
    Slot("queue", "AZURITE_QUEUE_PORT", 10001, _STORAGE),
    Slot("table", "AZURITE_TABLE_PORT", 10002, _STORAGE),
)
DEFAULTS: Ports = {slot.name: slot.default for slot in SLOTS}


def from_environment(environ: Mapping[str, str]) -> dict[str, int]:
    """The port of every slot: its variable where that is set, else its default."""
    ports = {slot.name: _number(slot, environ.get(slot.variable) or slot.default) for slot in SLOTS}
    if len(set(ports.values())) < len(ports):
        variables = ", ".join(f"{slot.variable}={ports[slot.name]}" for slot in SLOTS)
        raise StackError(f"two parts were given the same port: {variables}")
    return ports


def _number(slot: Slot, text: str | int) -> int:
    try:
        port = int(text)
    except ValueError:
        port = 0
    if not 0 < port <= HIGHEST:
        raise StackError(f"{slot.variable}={text} is not a port: give a number from 1 to {HIGHEST}")
    return port


def is_free(port: int) -> bool:
    """Whether a server can listen on the port of this machine, on either loopback address."""
    return _can_listen(socket.AF_INET, "127.0.0.1", port) and (
        not socket.has_ipv6 or _can_listen(socket.AF_INET6, "::1", port)
    )


def _can_listen(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As servers do: a port that only old connections still name is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError:
        # A machine without IPv6 has nobody listening there either.
        return family == socket.AF_INET6 and not _listens(host, port)
    return True


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    return True


def require_free(ports: Ports, names: Iterable[str], free: Callable[[int], bool] = is_free) -> None:
    """Refuse a fixed port that is in use, naming the variable that moves it."""
    variables = {slot.name: slot.variable for slot in SLOTS}
    for name in names:
        if not free(ports[name]):
            raise PortTaken(
                f"port {ports[name]} ({name}) is in use: stop what listens there, "
                f"or set {variables[name]} to another port, or use PORTS=auto"
            )


class Claims:
    """The automatic ports of this process, held until ``release`` or its death."""

    def __init__(self, lock_file: Path | None = None) -> None:
        directory = Path(tempfile.gettempdir())
        path = lock_file or directory / f"atrium-ports-{os.getuid()}.lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, names: Iterable[str], free: Callable[[int], bool] = is_free) -> dict[str, int]:
        """A free port for each name, different from all that other stacks hold."""
        candidates = iter(random.SystemRandom().sample(AUTOMATIC, len(AUTOMATIC)))
        return {name: self._next(candidates, free) for name in names}

    def _next(self, candidates: Iterable[int], free: Callable[[int], bool]) -> int:
        for port in candidates:
            if self._lock(port) and free(port):
                return port
        raise StackError(f"no free port between {AUTOMATIC.start} and {AUTOMATIC.stop}")

    def _lock(self, port: int) -> bool:
        try:
            # One byte of the file per port, so that no lock file is ever left behind.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True

    def release(self) -> None:
        """Give all of them back."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
