"""The services, one package each; none imports another.

Invariant: any subset of them can be deployed as a function app of its own (`ATRIUM_SERVICES`);
`system`, which answers for the deployment as such, is always there.
"""

from importlib import import_module
from types import ModuleType

from shared_code.settings import enabled_services

SERVICES = ("admin", "auth", "chat", "files", "realtime")


def load_services() -> list[ModuleType]:
    """The packages of the enabled services and of `system`. Raises ValueError for an unknown name."""
    names = (*enabled_services(SERVICES), "system")
    return [import_module(f"functions.{name}") for name in names]
