"""Auth's timers. Invariant: thin, and safe on any number of instances."""

import azure.functions as func

from functions.auth import limits, store
from functions.auth.api import blueprint
from functions.auth.commands import erasing, rotating

_EVERY_FIVE_SECONDS = "*/5 * * * * *"
_HOURLY_FOR_KEYS = "0 17 * * * *"
_HOURLY = "0 23 * * * *"
_HOURLY_TOO = "0 41 * * * *"


@blueprint.timer_trigger("timer", _EVERY_FIVE_SECONDS, use_monitor=False)
async def walk_auth_activity(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """Tell what was committed and not told."""
    await store.walker().walk()


@blueprint.timer_trigger("timer", _HOURLY, use_monitor=False)
async def erase_accounts(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """Erase the accounts whose time has come."""
    await erasing.erase_due()


@blueprint.timer_trigger("timer", _HOURLY_TOO, use_monitor=False)
async def sweep_limits(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """Forget tries that count no more, and flows that nobody came back to."""
    await limits.sweep()
    await store.sweep_flows()


@blueprint.timer_trigger("timer", _HOURLY_FOR_KEYS, use_monitor=False)
async def keep_signing_keys(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """Rotate the signing keys when it is time, and publish what is not published."""
    await rotating.keep()
