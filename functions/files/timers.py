"""Files' timers. Invariant: thin, and safe on any number of instances."""

import azure.functions as func

from functions.files import limits, store
from functions.files.api import blueprint
from functions.files.commands import orphans, sweeping

_EVERY_FIVE_SECONDS = "*/5 * * * * *"
_EVERY_MINUTE = "20 * * * * *"
_HOURLY = "0 29 * * * *"
_EVERY_TEN_MINUTES = "40 3-59/10 * * * *"


@blueprint.timer_trigger("timer", _EVERY_FIVE_SECONDS, use_monitor=False)
async def walk_files_activity(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """Tell what was committed and not told."""
    await store.walker().walk()


@blueprint.timer_trigger("timer", _EVERY_MINUTE, use_monitor=False)
async def sweep_due_files(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """End uploads that nobody ends, empty bins."""
    await sweeping.sweep_due()


@blueprint.timer_trigger("timer", _EVERY_TEN_MINUTES, use_monitor=False)
async def sweep_orphaned_files(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """Look for bytes without a row, and for rows without bytes."""
    await orphans.sweep_bytes()
    await orphans.sweep_rows()


@blueprint.timer_trigger("timer", _HOURLY, use_monitor=False)
async def sweep_files_limits(timer: func.TimerRequest) -> None:  # noqa: ARG001 - bound by name
    """Forget tries that count no more."""
    await limits.sweep()
