"""What `system` answers. Invariant: names only; no address, no setting and no version of anything."""

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """This process serves requests."""

    status: Literal["ok"] = "ok"
    services: list[str]


class Readiness(BaseModel):
    """Everything that the enabled services depend on answers."""

    status: Literal["ready"] = "ready"
    dependencies: dict[str, Literal["up"]]
