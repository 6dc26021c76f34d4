"""The errors of `system`.

AtriumError
└── Unavailable 503
    └── NotReady              a dependency of this deployment does not answer
"""

from collections.abc import Iterable

from shared_code.errors import Unavailable


class NotReady(Unavailable):
    """A dependency does not answer. The detail names it as its service registered it, and no more."""

    code = "not_ready"
    title = "This deployment is not ready"

    def __init__(self, down: Iterable[str]) -> None:
        super().__init__(f"Down: {', '.join(sorted(down))}")
