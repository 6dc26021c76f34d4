"""All parts run, or none: whatever ends a part or the supervisor."""

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.harness.waiting import until
from tests.integration.stack.conftest import Start


def _is_gone(process: int) -> bool:
    """Whether the process has ended (a zombie that nobody has reaped yet has)."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def test_parts_start_after_what_they_need_and_the_stack_says_where_it_is(start: Start) -> None:
    fake = start()
    found = fake.ready()
    assert set(found) == {"functions", "blob", "pid"}
    assert found["pid"] == fake.process.pid
    assert fake.ask("functions") > 0
    said = fake.says("the stack is ready")
    order = [f"{name} is" for name in ("storage is ready", "task is done", "app is ready")]
    places = [said.index(words.removesuffix(" is")) for words in order]
    assert places == sorted(places)
    assert "hello from the part" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_every_part_and_their_children(start: Start, number: signal.Signals) -> None:
    fake = start()
    fake.ready()
    processes = [fake.ask(slot, path) for slot in ("functions", "blob") for path in ("/", "/child")]
    fake.process.send_signal(number)
    assert fake.end() == 0
    assert all(_is_gone(process) for process in processes)
    assert not (fake.state / "endpoints.json").exists()


def test_parts_do_not_outlive_a_killed_supervisor(start: Start) -> None:
    fake = start()
    fake.ready()
    processes = [fake.ask(slot, path) for slot in ("functions", "blob") for path in ("/", "/child")]
    fake.process.kill()
    until(lambda: all(map(_is_gone, processes)), "all processes of the parts end")


def test_the_stack_ends_when_its_watchdog_does(start: Start) -> None:
    fake = start()
    fake.ready()
    app = fake.ask("functions")
    os.kill(_watchdog_of(fake.process.pid), signal.SIGKILL)
    assert fake.end() == 1
    assert "the stack's watchdog ended (killed by SIGKILL)" in fake.text
    assert _is_gone(app)


def _watchdog_of(supervisor: int) -> int:
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    (found,) = [
        int(child)
        for child in children
        if b"watchdog.py" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return found


def test_a_second_signal_does_not_wait_for_a_part_that_will_not_stop(start: Start) -> None:
    fake = start(FAKE_STUBBORN="yes")
    fake.ready()
    processes = [fake.ask(slot) for slot in ("functions", "blob")]
    fake.process.send_signal(signal.SIGINT)
    # The first signal has been heard when the app, which is asked first, holds up the rest.
    fake.says("stopping")
    fake.process.send_signal(signal.SIGINT)
    assert fake.end() == 0
    assert all(_is_gone(process) for process in processes)


def test_an_automatic_port_that_was_lost_is_replaced(start: Start) -> None:
    fake = start(FAKE_RIVAL="yes")
    fake.ready()
    said = fake.says("the stack is ready")
    assert "was taken by another program meanwhile" in said
    assert "starting again with other ports" in said
    assert fake.ask("functions") > 0


def test_a_killed_supervisors_state_can_be_used_again(start: Start) -> None:
    first = start()
    first.ready()
    first.process.kill()
    first.end()
    assert (first.state / "endpoints.json").exists()
    second = start()
    second.says("the stack is ready")
    assert second.endpoints["pid"] == second.process.pid


def test_a_crashed_part_is_reported_with_its_last_lines_and_restarted(start: Start) -> None:
    fake = start()
    fake.ready()
    before = fake.ask("functions")
    os.kill(before, signal.SIGKILL)
    said = fake.says("restarting it in")
    assert "app crashed: killed by SIGKILL" in said
    assert "| hello from the part" in said
    until(lambda: fake.text.count("app is ready") == 2, "the app is ready again")
    assert fake.ask("functions") != before


def test_tasks_are_repeated_when_what_they_need_was_restarted(start: Start) -> None:
    fake = start()
    fake.ready()
    os.kill(fake.ask("blob"), signal.SIGKILL)
    until(lambda: fake.text.count("task is done") == 2, "the task is done again", 60)
    assert "storage loses its memory\n    restarting it" in fake.text
    assert fake.text.count("app is ready") == 1


def test_a_part_that_keeps_crashing_ends_the_stack(start: Start) -> None:
    fake = start()
    fake.ready()
    storage = fake.ask("blob")
    (fake.state / "app").touch()
    os.kill(fake.ask("functions"), signal.SIGKILL)
    assert fake.end() == 1
    assert fake.text.count("restarting it in") == 3
    assert "3 restarts in 60 s did not help" in fake.text
    assert "the marker is there" in fake.text
    assert _is_gone(storage)


def test_a_part_that_cannot_be_restarted_ends_the_stack_and_says_why(start: Start) -> None:
    fake = start(FAKE_FRAGILE="All was in memory.")
    fake.ready()
    app = fake.ask("functions")
    os.kill(fake.ask("blob"), signal.SIGKILL)
    assert fake.end() == 1
    assert "storage crashed: killed by SIGKILL" in fake.text
    assert "All was in memory." in fake.text
    assert _is_gone(app)


def test_a_failing_task_ends_the_start_with_its_output(start: Start) -> None:
    fake = start(FAKE_TASK="4")
    assert fake.end() == 1
    assert "task failed: exit code 4" in fake.text
    assert "| the task speaks" in fake.text
    assert not (fake.state / "endpoints.json").exists()


def test_a_taken_port_is_named_with_the_variable_that_moves_it(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        fake = start(ports="fixed", FUNCTIONS_PORT=port)
        assert fake.end() == 1
    assert fake.text == (
        f"port {port} (functions) is in use: stop what listens there, "
        "or set FUNCTIONS_PORT to another port, or use PORTS=auto\n"
    )


def test_a_second_stack_of_the_same_state_is_refused(start: Start) -> None:
    first = start()
    found = first.ready()
    second = start()
    assert second.end() == 1
    assert "is running already" in second.text
    assert found["functions"] in second.text
    assert str(first.process.pid) in second.text
    assert first.ask("functions") > 0


def test_the_end_of_standard_input_ends_a_stack_that_asked_for_it(start: Start) -> None:
    fake = start()
    fake.ready()
    assert fake.process.stdin
    fake.process.stdin.close()
    assert fake.end() == 0


def test_a_terminal_that_goes_away_does_not_harm_the_stack(start: Start) -> None:
    """As `make run | head -1` does."""
    fake = start(head=True)
    fake.ready()
    fake.process.send_signal(signal.SIGTERM)
    assert fake.end() == 0


def test_only_the_parts_that_were_named_are_started(start: Start) -> None:
    fake = start("--only", "storage")
    assert set(fake.ready()) == {"blob", "pid"}


def test_an_unknown_part_is_refused_with_the_names_that_there_are(start: Start) -> None:
    fake = start("--only", "storages")
    assert fake.end() == 1
    assert "no such part: storages (there are: app, task, storage)" in fake.text


def test_a_start_that_is_interrupted_ends_with_the_signals_code(start: Start) -> None:
    fake = start()
    fake.says("starting storage")
    fake.process.send_signal(signal.SIGTERM)
    assert fake.end() in {0, 128 + signal.SIGTERM}


def test_the_settings_follow_the_ports_of_the_run(start: Start) -> None:
    fake = start()
    blob = fake.ready()["blob"].removesuffix("/devstoreaccount1")
    assert f"{blob}/x" in (fake.state.parent / "local.settings.json").read_text()
