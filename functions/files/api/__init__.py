"""Files' HTTP triggers, by subject. Invariant: parse, call, answer; no rule lives here."""

import azure.functions as func

from functions.files import store
from shared_code import messaging, tokens
from shared_code.readiness import depends_on

blueprint = func.Blueprint()
depends_on("files_storage", store.reach)
depends_on("published_keys", tokens.reach)
depends_on("service_bus", messaging.reach)

from functions.files.api import items, links, sharing, trash, uploads  # noqa: E402, F401 - they use the blueprint
