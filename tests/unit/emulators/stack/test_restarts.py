"""A part is restarted a few times, ever later, and not for ever."""

from emulators.stack.restarts import MOST, WINDOW, Restarts


def test_pauses_grow_and_end() -> None:
    restarts = Restarts(now=lambda: 0.0)
    assert [restarts.next_pause() for _ in range(MOST + 1)] == [0.5, 1.0, 2.0, None]


def test_what_is_long_past_is_forgotten() -> None:
    time = 0.0
    restarts = Restarts(now=lambda: time)
    for _ in range(MOST):
        restarts.next_pause()
    time = WINDOW
    assert restarts.next_pause() == 0.5
