"""Connections: what a binding's `connection` names, in every form that Azure knows.

A connection is one setting with a connection string, or a group of settings `NAME__…` that names an
address and an identity. Both are looked for under `AzureWebJobsNAME`, `ConnectionStrings:NAME` and
`NAME`, in this order. Invariant: a connection that cannot be used is a `BindingError` that says which
setting to add or change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from emulators.functions_host.clients.identity import Identity
from emulators.functions_host.model import BindingError
from emulators.functions_host.settings import Settings

_SECURE = "https://"


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection's name with its connection string, or else the members of its group."""

    name: str
    text: str = ""
    members: Mapping[str, str] = field(default_factory=dict)

    def address(self, *names: str) -> str:
        """Return the first of the members that is set: the service's address.

        Raises:
            BindingError: if there is none, or identity cannot be used with it.
        """
        found = next((self.members[name.lower()] for name in names if self.get(name)), "")
        if not found:
            wanted = " or ".join(f"{self.name}__{name}" for name in names)
            raise BindingError(f"the identity-based connection {self.name!r} needs {wanted}")
        if not found.lower().startswith(_SECURE):
            raise BindingError(
                f"the connection {self.name!r} is identity-based, which needs an https address, not "
                f"{found}; set {self.name!r} to a connection string"
            )
        return found.rstrip("/")

    def get(self, name: str) -> str:
        """Return a member of the group, or nothing."""
        return self.members.get(name.lower(), "")

    def identity(self) -> Identity:
        """Return who the members say that the app is."""
        return Identity(
            client_id=self.get("clientId"),
            tenant_id=self.get("tenantId"),
            client_secret=self.get("clientSecret"),
            managed=self.get("credential").lower() == "managedidentity",
        )


def find(settings: Settings, name: str | None, default: str) -> Connection:
    """Find a connection by the name that a binding gives, which may be `%SETTING%`.

    Raises:
        BindingError: if no setting has it.
    """
    wanted = settings.resolve(name or default)
    for candidate in (f"AzureWebJobs{wanted}", f"ConnectionStrings__{wanted}", wanted):
        if text := settings.get(candidate):
            return Connection(wanted, text)
        if members := settings.group(candidate):
            if text := members.get("connectionstring"):
                return Connection(wanted, text)
            return Connection(wanted, members=members)
    raise BindingError(
        f"the connection setting {wanted!r} is not set; add it to Values in local.settings.json"
    )
