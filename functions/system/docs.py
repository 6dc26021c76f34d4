"""The API's page: Swagger UI, served whole from the installed package `swagger-ui-py`.

Invariants: the page loads nothing from another origin, and its Content-Security-Policy says so; only
the names in ASSETS are served, so an address never becomes a file's path. The package is a folder of
files to us: it is found, not imported, and its own request handlers are not used.
"""

import asyncio
import base64
import hashlib
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from shared_code.endpoint import Content
from shared_code.errors import NotFound

ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""The assets that the page needs, with their content types."""

# Addresses are relative, so that the page works under any route prefix. They are meant from `docs`;
# the host serves `docs/` too, where they would lead nowhere, so the page first goes where they hold.
_SCRIPT = """
if (location.pathname.endsWith("/")) {
  location.replace(location.pathname.slice(0, -1) + location.hash);
} else {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    validatorUrl: null,
  });
}
"""

# The addresses carry the package's version, because a browser keeps the assets for a year.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Atrium API</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png?v={version}">
<link rel="stylesheet" href="docs/swagger-ui.css?v={version}">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js?v={version}"></script>
<script>{script}</script>
</body>
</html>
"""

_ASSET_HEADERS = (("Cache-Control", "public, max-age=31536000, immutable"),)


@cache
def page() -> Content:
    """The HTML page, with the policy that keeps it to this origin."""
    html = _PAGE.format(version=version("swagger-ui-py"), script=_SCRIPT)
    headers = (
        ("Cache-Control", "no-cache"),
        ("Content-Security-Policy", _policy()),
        ("Referrer-Policy", "no-referrer"),
    )
    return Content(html.encode(), "text/html; charset=utf-8", headers)


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self'",
            "img-src 'self' data:",  # Swagger UI's own style sheet draws its icons so
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


async def asset(name: str) -> Content:
    """One file of Swagger UI. Raises NotFound for a name that the page does not need."""
    if name not in ASSETS:
        raise NotFound
    return Content(await asyncio.to_thread(_read, name), ASSETS[name], _ASSET_HEADERS)


def _read(name: str) -> bytes:
    return (_folder() / name).read_bytes()


@cache
def _folder() -> Path:
    package = find_spec("swagger_ui")
    if package is None or package.origin is None:
        raise FileNotFoundError("swagger-ui-py of requirements.txt is not installed")
    return Path(package.origin).with_name("static")
