"""The HTTP face of `system`: health, readiness, the OpenAPI document and its page.

Invariant: every route is open to anyone and tells nothing that a client may not know.
"""

from functools import cache

import azure.functions as func

from functions import SERVICES
from functions.system import docs as swagger
from functions.system.errors import NotReady
from functions.system.models import Health, Readiness
from shared_code import openapi
from shared_code.endpoint import ROUTES, Anonymous, Content, endpoint
from shared_code.readiness import READINESS
from shared_code.settings import enabled_services

blueprint = func.Blueprint()


@endpoint(blueprint, "GET", "health")
async def health(_caller: Anonymous) -> Health:
    """Say that this process serves requests; no dependency is asked."""
    return Health(services=list(enabled_services(SERVICES)))


@endpoint(blueprint, "GET", "ready", errors=(NotReady,))
async def ready(_caller: Anonymous) -> Readiness:
    """Say whether everything that this deployment depends on answers."""
    answers = await READINESS.check()
    if down := [name for name, answered in answers.items() if not answered]:
        raise NotReady(down)
    return Readiness(dependencies=dict.fromkeys(answers, "up"))


@endpoint(blueprint, "GET", "openapi.json")
async def openapi_document(_caller: Anonymous) -> Content:
    """Give the OpenAPI 3.1 document of the services that this deployment serves."""
    return _document()


@cache
def _document() -> Content:
    return Content(openapi.as_json(ROUTES), "application/json", (("Cache-Control", "no-cache"),))


@endpoint(blueprint, "GET", "docs")
async def docs(_caller: Anonymous) -> Content:
    """Show the OpenAPI document as a page to read and to try."""
    return swagger.page()


@endpoint(blueprint, "GET", "docs/{asset}")
async def docs_asset(_caller: Anonymous, asset: str) -> Content:
    """Give a file that the page needs."""
    return await swagger.asset(asset)
