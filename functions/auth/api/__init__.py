"""Auth's HTTP triggers, by subject. Invariant: parse, call, answer; no rule lives here."""

import azure.functions as func

from functions.auth import signing, store
from shared_code import messaging, tokens
from shared_code.readiness import depends_on

blueprint = func.Blueprint()
depends_on("auth_storage", store.reach)
depends_on("auth_signing_keys", signing.reach)
depends_on("published_keys", tokens.reach)
depends_on("service_bus", messaging.reach)

from functions.auth.api import (  # noqa: E402, F401 - they use the blueprint
    accounts,
    factors,
    invitations,
    pages,
    proofs,
    providers,
    sessions,
    workspaces,
)
