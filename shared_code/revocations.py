"""What was revoked in the last minutes: sessions that have ended, and users whose older tokens hold no more.

`auth` publishes it; every process refreshes its copy when a request finds it older than a second. So a
revoked token is refused everywhere within two seconds, at no storage read per request. Invariant: a
document says everything that could still be used, and nothing more: an entry leaves it when the tokens
that it is about have expired.

    {"sessions": {"ses_…": <until>}, "users": {"usr_…": [<version>, <until>]},
     "workspaces": {"ws_…": <until>}}                                               in seconds since 1970
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from shared_code.published import PublishedDocument

DOCUMENT = "revocations.json"
_MAX_AGE_SECONDS = 1.0


@dataclass(frozen=True)
class Revocations:
    """`sessions`: until when. `users`: tokens below the version are refused, until when that is said.

    `workspaces`: those that were deleted; what a token says of them holds no more.
    """

    sessions: Mapping[str, int] = field(default_factory=dict)
    users: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    workspaces: Mapping[str, int] = field(default_factory=dict)

    def refuses(self, user_id: str, session_id: str, version: int) -> bool:
        """Whether an access token of these claims holds no more."""
        return session_id in self.sessions or version < self.users.get(user_id, (0, 0))[0]

    def document(self) -> bytes:
        """As it is published."""
        document = {
            "sessions": dict(self.sessions),
            "users": dict(self.users),
            "workspaces": dict(self.workspaces),
        }
        return json.dumps(document, separators=(",", ":")).encode()


def parse(document: bytes) -> Revocations:
    """The revocations of a document."""
    found = json.loads(document)
    users = {user_id: (version, until) for user_id, (version, until) in found["users"].items()}
    # A document that was published before there were workspaces does not name them.
    return Revocations(found["sessions"], users, found.get("workspaces", {}))


@cache
def revocations() -> PublishedDocument[Revocations]:
    """The process's copy."""
    return PublishedDocument(DOCUMENT, parse, _MAX_AGE_SECONDS)
