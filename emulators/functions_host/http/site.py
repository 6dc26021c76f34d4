"""What the web server serves: everything that a reload replaces, in one object.

Invariant: a request is answered by one site from beginning to end, even if another takes its place
meanwhile.
"""

from dataclasses import dataclass, field

from emulators.functions_host.http.admin import Admin
from emulators.functions_host.http.cors import CorsPolicy
from emulators.functions_host.http.request import BODY_LIMIT
from emulators.functions_host.http.response import RawHeaders
from emulators.functions_host.http.routes import RouteTable
from emulators.functions_host.http.throttle import Throttle
from emulators.functions_host.http.webhooks import Webhook


@dataclass(slots=True)
class Site:
    """The HTTP side of one version of the app."""

    routes: RouteTable
    admin: Admin
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    homepage: bool = True
    body_limit: int = BODY_LIMIT
    cors: CorsPolicy | None = None
    throttle: Throttle | None = None
    headers: RawHeaders = field(default_factory=list)
    """`extensions.http.customHeaders`, added to every answer that has not its own."""
