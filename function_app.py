"""The function app: one blueprint for each service that this deployment serves, and nothing else.

Invariant: importing this module reads no setting but ATRIUM_SERVICES and opens no client, because an
exception here would make every function vanish.
"""

import azure.functions as func

from functions import load_services

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
for service in load_services():
    app.register_functions(service.blueprint)
