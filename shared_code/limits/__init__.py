"""Limits that hold exactly, whatever the number of instances, in a table of the service that sets them.

    limiter = Limiter(lambda: table("AUTH_STORAGE", "authlimits"))
    LOGIN = Limit("login", (Window(10, 300),))

    taken = await limiter.take((LOGIN, email_key))    # raises TooManyRequests with Retry-After
    await limiter.give_back(taken)                    # it does not count after all

docs/limits.md says which algorithm and why, and what it costs.
"""

from shared_code.limits.limiter import Limiter, Taken
from shared_code.limits.log import Limit, Window
from shared_code.limits.named import named_limits

__all__ = ["Limit", "Limiter", "Taken", "Window", "named_limits"]
