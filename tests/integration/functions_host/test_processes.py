"""Start, stop, crash, time-out: what happens to processes, and what the developer reads."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.harness.waiting import until
from tests.integration.functions_host.hosting import (
    REPOSITORY,
    STOP_LIMIT,
    App,
    Reply,
    RunningHost,
    command,
    running,
    started,
)

pytestmark = pytest.mark.long  # together they take minutes

PID = """
import asyncio, os, time

@app.route("pid")
async def pid(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(os.getpid()))

@app.route("sleep/{seconds}")
async def sleep(req: func.HttpRequest) -> func.HttpResponse:
    print("SLEEPING", flush=True)
    await asyncio.sleep(float(req.route_params["seconds"]))
    return func.HttpResponse("slept")

@app.route("block")
async def block(req: func.HttpRequest) -> func.HttpResponse:
    print("BLOCKING", flush=True)
    time.sleep(60)

@app.route("crash")
def crash(req: func.HttpRequest) -> func.HttpResponse:
    os._exit(7)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def worker_pid(host: RunningHost) -> int:
    return int(host.get("/api/pid").body)


class Calling(threading.Thread):
    """A call that goes on while the test does something else."""

    def __init__(self, host: RunningHost, path: str) -> None:
        super().__init__()
        self.host, self.path = host, path
        self.reply: Reply | None = None
        self.start()

    def run(self) -> None:
        self.reply = self.host.get(self.path)

    def status(self) -> int:
        self.join(STOP_LIMIT)
        assert self.reply is not None
        return self.reply.status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_cleanly_after_what_runs(tmp_path: Path, number: int) -> None:
    with running(App(tmp_path, PID)) as host:
        pid = worker_pid(host)
        call = Calling(host, "/api/sleep/0.5")
        host.wait_for("SLEEPING")
        assert host.stop(number) == 0
        assert call.status() == 200
        assert not alive(pid)
        assert "Traceback" not in host.output


@pytest.mark.parametrize("path", ["/api/sleep/60", "/api/block"])
def test_workers_die_when_the_host_is_killed_even_if_they_block(tmp_path: Path, path: str) -> None:
    with running(App(tmp_path, PID)) as host:
        pid = worker_pid(host)
        process = subprocess.Popen(["curl", "-s", "-o", "/dev/null", host.url + path])
        with process:
            host.wait_for("ING\n")
            host.stop(signal.SIGKILL)
            until(lambda: not alive(pid), "the worker is gone", 5)


def test_a_crash_fails_what_runs_and_the_worker_is_replaced(tmp_path: Path) -> None:
    with running(App(tmp_path, PID)) as host:
        first = worker_pid(host)
        call = Calling(host, "/api/sleep/60")
        host.wait_for("SLEEPING")
        assert host.get("/api/crash").status == 500
        assert call.status() == 500
        assert worker_pid(host) != first
        host.wait_for("exit code 7")
        host.wait_for("crashed; replacing it")


def test_an_app_may_crash_again_and_again_and_is_served_on(tmp_path: Path) -> None:
    with running(App(tmp_path, PID)) as host:
        for _ in range(5):
            assert host.get("/api/crash").status == 500
        assert host.get("/api/pid").status == 200


def test_an_app_that_crashes_while_loading_ends_the_host(tmp_path: Path) -> None:
    with started(App(tmp_path, "import os; os._exit(9)")) as host:
        assert host.process.wait(STOP_LIMIT) == 1
        assert "The host stops: worker processes crashed" in host.output


def test_a_timeout_fails_the_invocation_and_replaces_the_worker(tmp_path: Path) -> None:
    app = App(tmp_path, PID, host_json={"functionTimeout": "00:00:01"})
    with running(app) as host:
        first = worker_pid(host)
        assert host.get("/api/block").status == 500
        second = worker_pid(host)
        assert second != first
        until(lambda: not alive(first), "the old worker is killed", 10)
        assert "block exceeded functionTimeout" in host.output
        assert "crashed" not in host.output
        assert worker_pid(host) == second


def test_two_workers_take_turns(tmp_path: Path) -> None:
    with running(App(tmp_path, PID), "--workers", "2") as host:
        until(lambda: len({worker_pid(host) for _ in range(2)}) == 2, "both workers answer")
        pids = [worker_pid(host) for _ in range(6)]
        assert pids[0] != pids[1]
        assert pids == pids[:2] * 3


def test_the_worker_count_may_come_from_the_settings(tmp_path: Path) -> None:
    app = App(tmp_path, PID, {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"})
    with running(app) as host:
        until(lambda: len({worker_pid(host) for _ in range(2)}) == 2, "both workers answer")


def test_before_it_is_ready_the_host_answers_503_but_to_a_ping(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = """
    import os, time
    from pathlib import Path
    while not Path("go").exists():
        time.sleep(0.01)
    """
    with started(App(tmp_path, code), "--port", str(port)) as host:
        until(lambda: listens(port), "the port is open")
        host.log.write_text(f"Listening on http://127.0.0.1:{port}\n")
        reply = host.get("/api/pid")
        assert (reply.status, reply.body) == (503, b"Function host is not running.")
        (tmp_path / "go").touch()
        until(lambda: host.get("/").status == 200, "the host is ready")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_that_name", "Python cannot find 'nothing_of_that_name'"),
        ("def broken(:\n    pass", "Python cannot read the file"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("del app", "The file needs one `app = func.FunctionApp()`"),
        (
            "@app.route('x')\ndef x(wrong: func.HttpRequest) -> func.HttpResponse: ...",
            "A function's parameters and its decorators do not agree",
        ),
    ],
)
def test_an_indexing_error_keeps_the_host_up_and_says_why(
    tmp_path: Path, code: str, words: str
) -> None:
    with running(App(tmp_path, code)) as host:
        host.wait_for("No function was loaded, because function_app.py could not be")
        assert words in host.output
        assert "azure_functions_runtime" not in host.output
        assert host.get("/api/x").status == 404
        status = host.get("/admin/host/status", **{"x-functions-key": host.keys.master})
        assert status.json["state"] == "Error"
        assert host.stop() == 0


def test_the_traceback_of_the_users_module_is_shown(tmp_path: Path) -> None:
    (tmp_path / "deeper.py").write_text("def fail():\n    raise LookupError('deep')\nfail()\n")
    with running(App(tmp_path, "import deeper")) as host:
        host.wait_for("LookupError: deep")
        assert f'File "{tmp_path}/deeper.py", line 2, in fail' in host.output
        assert f'File "{tmp_path}/function_app.py", line 3, in <module>' in host.output


def test_a_missing_function_app_is_said(tmp_path: Path) -> None:
    with running(App(tmp_path, "", script="main.py")) as host:
        host.wait_for(f"{tmp_path} has no function_app.py")


def test_another_script_may_be_named_in_the_settings(tmp_path: Path) -> None:
    app = App(tmp_path, PID, {"PYTHON_SCRIPT_FILE_NAME": "main.py"}, script="main.py")
    with running(app) as host:
        assert worker_pid(host) > 0


def run(app: Path, *arguments: str) -> str:
    """Run the command to its end; return its exit code and all that it wrote."""
    done = subprocess.run(
        command(app, *arguments),
        cwd=REPOSITORY,
        capture_output=True,
        timeout=STOP_LIMIT,
        check=False,
    )
    return f"{done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"


def test_an_unknown_binding_puts_only_its_function_in_error(tmp_path: Path) -> None:
    code = """
    @app.generic_trigger(arg_name="x", type="martianTrigger")
    def broken(x: str) -> None: ...

    @app.generic_output_binding(arg_name="out", type="martian")
    @app.route("odd")
    def odd(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse: ...

    @app.queue_trigger(arg_name="m", queue_name="q", connection="NOT_SET")
    def unset(m: func.QueueMessage) -> None: ...

    @app.route("fine")
    def fine(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("ok")
    """
    with running(App(tmp_path, code)) as host:
        assert host.get("/api/fine").body == b"ok"
        assert host.get("/api/odd").status == 404
        assert "broken  in error: this host has no trigger of type 'martianTrigger'" in host.output
        assert "odd     in error: this host has no output of type 'martian'" in host.output
        assert "the connection setting 'NOT_SET' is not set" in host.output


def test_a_port_in_use_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    App(tmp_path, "").write()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = run(tmp_path, "--port", str(port))
    assert said == f"1\nfunctions_host: port {port} is in use; choose another with --port\n"


def test_a_missing_or_broken_host_json_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    assert run(tmp_path, "--port", "0").startswith(
        f"1\nfunctions_host: {tmp_path} has no host.json"
    )
    (tmp_path / "host.json").write_text('{"version": "1.0"}')
    assert 'must say "version": "2.0"' in run(tmp_path, "--port", "0")


def test_settings_reach_the_app_under_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FROM_BOTH", "environment")
    code = """
    import os
    @app.route("env")
    def env(req: func.HttpRequest) -> func.HttpResponse:
        names = ("FROM_FILE", "FROM_BOTH", "AZURE_FUNCTIONS_ENVIRONMENT")
        return func.HttpResponse(" ".join(os.environ[name] for name in names))
    """
    with running(App(tmp_path, code, {"FROM_FILE": "file", "FROM_BOTH": "file"})) as host:
        assert host.get("/api/env").body == b"file environment Development"


def test_the_app_imports_its_own_modules_and_not_this_repository(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("VALUE = 'mine'")
    code = """
    import sys, helper
    @app.route("path")
    def path(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(f"{helper.VALUE} {sys.path[0]}")
    """
    with running(App(tmp_path, code)) as host:
        assert host.get("/api/path").body.decode() == f"mine {tmp_path}"


def test_an_app_without_functions_says_so(tmp_path: Path) -> None:
    with running(App(tmp_path, "")) as host:
        assert "The app has no functions." in host.output


def test_a_slow_import_is_told_with_what_took_so_long(tmp_path: Path) -> None:
    (tmp_path / "sluggish.py").write_text("import time\ntime.sleep(1.2)\n")
    with running(App(tmp_path, "import sluggish\n" + PID)) as host:
        host.wait_for("importing the app took 1.")
        host.wait_for(" s  sluggish")


def test_an_import_of_more_than_ten_seconds_is_ended_as_in_azure(tmp_path: Path) -> None:
    code = """
import time
from pathlib import Path
if not Path("was_here").exists():
    Path("was_here").touch()
    time.sleep(60)
"""
    with running(App(tmp_path, code + PID)) as host:
        assert host.get("/api/pid").status == 200
        assert "importing and indexing the app took more than 10 s" in host.output


def test_the_thread_pool_is_as_large_as_the_setting_says(tmp_path: Path) -> None:
    code = """
import threading
together = threading.Barrier(12)

@app.route("meet")
def meet(req: func.HttpRequest) -> func.HttpResponse:
    together.wait(20)
    return func.HttpResponse("met")
"""
    app = App(tmp_path, code, {"PYTHON_THREADPOOL_THREAD_COUNT": "12"})
    with running(app) as host:
        calls = [Calling(host, "/api/meet") for _ in range(12)]
        assert [call.status() for call in calls] == [200] * 12


@pytest.mark.parametrize("count", ["0", "11", "two"])
def test_a_worker_count_beyond_one_to_ten_is_refused(tmp_path: Path, count: str) -> None:
    with started(App(tmp_path, PID, {"FUNCTIONS_WORKER_PROCESS_COUNT": count})) as host:
        assert host.process.wait(STOP_LIMIT) == 1
        assert "FUNCTIONS_WORKER_PROCESS_COUNT is between 1 and 10" in host.output


def test_with_azures_timing_the_second_worker_comes_ten_seconds_later(tmp_path: Path) -> None:
    with running(App(tmp_path, PID), "--workers", "2", "--azure-timing") as host:
        assert len({worker_pid(host) for _ in range(6)}) == 1
