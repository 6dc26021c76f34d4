"""The timer trigger and retry policies."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient

from tests.harness.waiting import until
from tests.integration.functions_host.hosting import App, running

EVERY_SECOND = """
import asyncio, logging
running = 0
@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
async def tick(timer: func.TimerRequest) -> None:
    global running
    running += 1
    logging.info("tick %s", running)
    await asyncio.sleep(1.2)
    running -= 1
"""
YEARLY = """
import logging
@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup={at_start})
def yearly(timer: func.TimerRequest) -> None:
    logging.info("ran, past due %s, next %s", timer.past_due, timer.schedule_status.get("Next"))
"""


@pytest.fixture
def statuses(azurite: str) -> ContainerClient:
    service = BlobServiceClient.from_connection_string(azurite)
    return service.get_container_client("azure-webjobs-hosts")


def status_name(container: ContainerClient, app: Path) -> str | None:
    try:
        names = [blob.name for blob in container.list_blobs() if app.name.lower()[:20] in blob.name]
    except ResourceNotFoundError:
        return None
    return names[0] if names else None


def test_a_timer_runs_again_and_again_and_never_overlaps_itself(tmp_path: Path) -> None:
    with running(App(tmp_path, EVERY_SECOND)) as host:
        until(lambda: host.output.count("INFO tick 1") >= 2, "two ticks")
        assert "INFO tick 2" not in host.output


def test_run_on_startup_runs_once_at_start(tmp_path: Path) -> None:
    with running(App(tmp_path, YEARLY.format(at_start=True))) as host:
        host.wait_for("ran, past due False")


def test_without_storage_of_its_own_an_app_is_told_that_missed_runs_are_forgotten(
    tmp_path: Path,
) -> None:
    with running(App(tmp_path, YEARLY.format(at_start=False))) as host:
        host.wait_for("yearly: AzureWebJobsStorage is not set")


def test_a_run_missed_while_the_host_was_down_is_made_up_for_once_as_past_due(
    tmp_path: Path, azurite: str, statuses: ContainerClient
) -> None:
    app = App(tmp_path, YEARLY.format(at_start=False), {"AzureWebJobsStorage": azurite})
    with running(app):
        until(lambda: status_name(statuses, tmp_path), "the schedule is recorded")
    blob = statuses.get_blob_client(str(status_name(statuses, tmp_path)))
    status = json.loads(blob.download_blob().readall())
    missed = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    blob.upload_blob(json.dumps({**status, "Next": missed}), overwrite=True)
    with running(app) as host:
        host.wait_for(f"ran, past due True, next {missed}")
        until(lambda: _next(statuses, tmp_path) > missed, "the next run is recorded")
    with running(app) as host:
        assert "ran, past due" not in host.output


def _next(container: ContainerClient, app: Path) -> str:
    blob = container.get_blob_client(str(status_name(container, app)))
    return str(json.loads(blob.download_blob().readall())["Next"])


def test_a_retry_policy_runs_the_function_again_within_one_invocation(tmp_path: Path) -> None:
    code = """
    import logging
    @app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
    @app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
    def flaky(timer: func.TimerRequest, context: func.Context) -> None:
        retry = context.retry_context
        logging.info("try %s of %s", retry.retry_count, retry.max_retry_count)
        raise ValueError("again")
    """
    with running(App(tmp_path, code)) as host:
        host.wait_for("try 2 of 2")
        assert [host.output.count(f"try {n} of 2") for n in range(4)] == [1, 1, 1, 0]


def test_a_schedule_that_makes_no_sense_puts_its_function_in_error(tmp_path: Path) -> None:
    code = """
    @app.timer_trigger(arg_name="timer", schedule="0 61 * * * *")
    def wrong(timer: func.TimerRequest) -> None: ...

    @app.timer_trigger(arg_name="timer", schedule="0 0 0 31 2 *")
    def never(timer: func.TimerRequest) -> None: ...
    """
    with running(App(tmp_path, code)) as host:
        host.wait_for("wrong  in error: the schedule's minute '61' is outside 0-59")
        host.wait_for("never  in error: the schedule '0 0 0 31 2 *': the schedule never occurs")


def test_a_schedule_under_a_minute_is_not_monitored_and_what_python_gets_says_so(
    tmp_path: Path, azurite: str
) -> None:
    code = """
    import json, logging
    @app.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=True)
    def often(timer: func.TimerRequest) -> None:
        logging.info("often %s", json.dumps([timer.schedule_status, timer.schedule]))

    @app.timer_trigger(arg_name="timer", schedule="0 0 1 jan mon", run_on_startup=True)
    def seldom(timer: func.TimerRequest) -> None:
        logging.info("seldom %s", json.dumps(sorted(timer.schedule_status)))

    @app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", use_monitor=False,
                       run_on_startup=True)
    def unmonitored(timer: func.TimerRequest) -> None:
        logging.info("unmonitored %s", timer.schedule_status)
    """
    with running(App(tmp_path, code, {"AzureWebJobsStorage": azurite})) as host:
        host.wait_for('often [{}, {"AdjustForDST": true}]')
        host.wait_for('seldom ["Last", "LastUpdated", "Next"]')
        host.wait_for("unmonitored {}")
