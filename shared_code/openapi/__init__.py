"""The OpenAPI 3.1 document of the API, generated from the declared routes.

Invariant: nothing about a route is written down a second time. Addresses, models, access rules and
errors come from its declaration and its handler's signature, so the document cannot drift.
"""

from shared_code.openapi.document import VERSION, as_json, document

__all__ = ["VERSION", "as_json", "document"]
