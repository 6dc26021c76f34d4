"""How many crashes are too many."""

import pytest

from emulators.functions_host.dispatch.crashes import Crashes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.mark.usefixtures("clock")
def test_thirty_crashes_in_half_an_hour_are_too_many() -> None:
    counted = Crashes()
    for _ in range(29):
        counted.add()
        counted.came_up()
    assert counted.too_many() == ""
    counted.add()
    assert "30 times in half an hour" in counted.too_many()


def test_crashes_of_more_than_half_an_hour_ago_are_forgotten(clock: list[float]) -> None:
    counted = Crashes()
    for _ in range(60):
        clock[0] += 70
        counted.add()
        counted.came_up()
        assert counted.too_many() == ""


@pytest.mark.usefixtures("clock")
def test_three_in_a_row_that_never_came_up_are_too_many() -> None:
    counted = Crashes()
    counted.add()
    counted.add()
    assert counted.too_many() == ""
    counted.add()
    assert "before the app was loaded" in counted.too_many()
