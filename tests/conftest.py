"""Fixtures that any test may ask for; nothing is started before one is asked for.

``stack``: the whole local stack, one per test worker. ``azurite``: only storage, in memory.
``service_bus``: only the broker, in memory.
Set ATRIUM_ENDPOINTS=.local/endpoints.json to use a running stack (`make run`) instead.
"""

from collections.abc import Generator, Iterator

import pytest

from tests.harness.stack import Stack, given_or_running, running, tails


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack, shared by the tests of this worker: use names of your own in it."""
    with given_or_running(tmp_path_factory.mktemp("stack")) as found:
        yield found


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of an Azurite of this worker's own, in memory."""
    with running(tmp_path_factory.mktemp("azurite"), "--only", "azurite") as found:
        yield found.storage


@pytest.fixture(scope="session")
def service_bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a broker of this worker's own, with the app's entities, in memory."""
    with running(tmp_path_factory.mktemp("service_bus"), "--only", "service_bus") as found:
        yield found.service_bus


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the stack's logs to the report of a failed test that used it."""
    report = yield
    used = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(used, Stack):
        report.sections.append(("logs of the stack", tails(used.state)))
    return report
