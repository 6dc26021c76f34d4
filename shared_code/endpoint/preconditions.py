"""If-Match: a caller says which state of a thing he has read, so that he does not overwrite another one.

A route declares `headers=(IF_MATCH,)` and `errors=(PreconditionFailed, ValidationFailed)`; its answers carry
the tag as `ETag: "…"` (a `Reply`). Invariant: a header that cannot be read is refused, never passed over.
"""

import re

from shared_code.endpoint.client import Client
from shared_code.endpoint.route import Header
from shared_code.errors import FieldError, ValidationFailed

IF_MATCH = Header(
    "If-Match",
    "The `ETag` of what was read; 412 when it has changed since. Without it, or with `*`: any.",
)
# A tag is weak when something between us and the caller has packed the answer; it is the same state.
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]{1,200})"')


def if_match(client: Client) -> str | None:
    """The tag in the quotes of If-Match; None where any state will do. Raises ValidationFailed."""
    value = client.header(IF_MATCH.name)
    if value is None or value.strip() == "*":
        return None
    if found := _TAG.fullmatch(value.strip()):
        return found[1]
    message = 'must be one entity tag in quotes, such as "abc", or *'
    field = FieldError(field=IF_MATCH.name, code="invalid_entity_tag", message=message)
    raise ValidationFailed([field])
