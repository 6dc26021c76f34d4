"""The timer trigger: waits for the next occurrence, runs, and remembers when it last did.

Invariant: a timer never overlaps itself; occurrences that pass while it runs are skipped, and one
that passed while the host was down runs once, as past due.
"""

import asyncio
import contextlib
import json
from datetime import datetime, timedelta
from typing import Any

from emulators.functions_host.clients.blobs import BlobClient
from emulators.functions_host.clients.storage import StorageError
from emulators.functions_host.model import Binding, BindingError, TriggerInput
from emulators.functions_host.services import Services
from emulators.functions_host.triggers import ncrontab
from emulators.functions_host.triggers.base import Wiring

_CONTAINER = "azure-webjobs-hosts"
_MONITORED_FROM = timedelta(minutes=1)
_OCCURRENCES_LOOKED_AT = 10
# A laptop that slept wakes with its clock moved; look again at least so often.
_LONGEST_SLEEP = 30.0


class Monitor:
    """Remembers a timer's last and next run in blob storage, as the real host does."""

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob

    async def load(self) -> dict[str, str]:
        """Return `Last`, `Next` and `LastUpdated`, or nothing when there is no record."""
        try:
            content = await self._blob.read()
            status: dict[str, str] = json.loads(content or b"{}")
        except (StorageError, ValueError):
            return {}
        return status

    async def save(self, status: dict[str, str]) -> None:
        """Record the status; a store that is away costs a past-due run at worst."""
        with contextlib.suppress(StorageError):
            await self._blob.write(json.dumps(status).encode())


class TimerTrigger:
    """Runs one function by the clock."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        binding = wiring.binding
        self._wiring = wiring
        self._text = services.settings.resolved(binding, "schedule")
        self._schedule = ncrontab.parse(self._text)
        try:
            first = self._schedule.next_after(_now())
        except ValueError as error:
            raise BindingError(f"the schedule {self._text!r}: {error}") from error
        wanted = _flag(binding, "useMonitor", default=True) and not _is_often(self._schedule, first)
        self._monitor = _monitor(wiring, services) if wanted else None
        self._at_start = _flag(binding, "runOnStartup", default=False)
        self._status: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._busy = asyncio.Lock()

    def describe(self) -> str:
        """Say the schedule."""
        return f"timerTrigger {self._text}"

    async def start(self) -> None:
        """Begin to wait."""
        self._task = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Stop waiting, after a run that is on."""
        async with self._busy:
            if self._task is not None:
                self._task.cancel()

    async def manual(self, text: str) -> TriggerInput | None:
        """Return a run outside the schedule; a timer takes no text."""
        del text
        return self._input(past_due=False)

    async def _tick(self) -> None:
        past_due = await self._missed()
        if past_due or self._at_start:
            await self._run(past_due=past_due)
        while True:
            await _sleep_until(self._schedule.next_after(_now()))
            await self._run(past_due=False)

    async def _missed(self) -> bool:
        """Whether a run was due while the host was down."""
        if self._monitor is None:
            return False
        self._status = await self._monitor.load()
        due = self._status.get("Next")
        if due is not None and datetime.fromisoformat(due) < _now():
            return True
        if due is None:
            await self._record(last=None)
        return False

    async def _run(self, *, past_due: bool) -> None:
        async with self._busy:
            began = _now()
            await self._wiring.run(self._input(past_due=past_due))
            # Recorded whether or not it succeeded: a failure is not caught up.
            await self._record(last=began)

    async def _record(self, last: datetime | None) -> None:
        if self._monitor is None:
            return
        now = _now()
        self._status = {
            "Last": last.isoformat() if last else "0001-01-01T00:00:00",
            "Next": self._schedule.next_after(now).isoformat(),
            "LastUpdated": now.isoformat(),
        }
        await self._monitor.save(self._status)

    def _input(self, *, past_due: bool) -> TriggerInput:
        value: dict[str, Any] = {
            "Schedule": {"AdjustForDST": isinstance(self._schedule, ncrontab.Cron)},
            "ScheduleStatus": self._status if self._monitor is not None else None,
            "IsPastDue": past_due,
        }
        return TriggerInput(("json", json.dumps(value)))


def _flag(binding: Binding, key: str, *, default: bool) -> bool:
    """Read a switch, which a generic trigger may give as text."""
    value = binding.raw.get(key)
    return default if value is None else str(value).lower() == "true"


def _is_often(schedule: ncrontab.Schedule, first: datetime) -> bool:
    """Whether two of the next occurrences are less than a minute apart: such are not monitored."""
    moment = first
    for _ in range(_OCCURRENCES_LOOKED_AT):
        following = schedule.next_after(moment)
        if following - moment < _MONITORED_FROM:
            return True
        moment = following
    return False


def _monitor(wiring: Wiring, services: Services) -> Monitor | None:
    """Return the monitor, or None (with a word) when the app has no storage of its own."""
    name = wiring.function.name
    try:
        storage = services.storage(None, "blob")
    except BindingError:
        services.console.warn(f"{name}: AzureWebJobsStorage is not set; missed runs are forgotten")
        return None
    path = f"timers/{services.host_id}/Host.Functions.{name}/status"
    return Monitor(BlobClient(storage, _CONTAINER, path))


async def _sleep_until(moment: datetime) -> None:
    # The clock is asked again, because it may be moved while we wait.
    while (left := (moment - _now()).total_seconds()) > 0:  # noqa: ASYNC110 - there is no event for "it is noon"
        await asyncio.sleep(min(left, _LONGEST_SLEEP))


def _now() -> datetime:
    """The host's local time: schedules are in it, and it is UTC in Azure."""
    return datetime.now().astimezone()
