"""`--reload`: the app changes while the host runs."""

import json
import threading
from pathlib import Path

from tests.harness.waiting import until
from tests.integration.functions_host.hosting import IMPORTS, App, RunningHost, running

FIRST = """
import asyncio

@app.route("say")
async def say(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("first")

@app.route("slow")
async def slow(req: func.HttpRequest) -> func.HttpResponse:
    print("SLOW BEGINS", flush=True)
    await asyncio.sleep(1)
    return func.HttpResponse("slow ends")
"""
SECOND = """
import os

@app.route("say")
async def say(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("second " + os.environ.get("GREETING", ""))

@app.route("new")
async def new(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("new")
"""


def write(host: RunningHost, code: str) -> None:
    (host.app / "function_app.py").write_text(IMPORTS + code)


def body(host: RunningHost, path: str) -> bytes:
    return host.get(path).body


def test_a_change_takes_over_and_what_runs_ends_in_peace(tmp_path: Path) -> None:
    with running(App(tmp_path, FIRST), "--reload") as host:
        answers: list[bytes] = []
        slow = threading.Thread(target=lambda: answers.append(body(host, "/api/slow")))
        slow.start()
        host.wait_for("SLOW BEGINS")
        write(host, SECOND)
        until(lambda: body(host, "/api/say") == b"second ", "the new code answers")
        assert body(host, "/api/new") == b"new"
        assert host.get("/api/slow").status == 404
        slow.join()
        assert answers == [b"slow ends"]
        host.wait_for("Reloaded")


def test_a_broken_edit_keeps_the_host_up_and_says_why(tmp_path: Path) -> None:
    with running(App(tmp_path, FIRST), "--reload") as host:
        write(host, "def broken(:\n")
        host.wait_for("Python cannot read the file")
        host.wait_for("The version before goes on")
        assert body(host, "/api/say") == b"first"
        status = host.get("/admin/host/status", **{"x-functions-key": host.keys.master}).json
        assert "SyntaxError" in status["errors"][0]
        write(host, SECOND)
        until(lambda: body(host, "/api/say") == b"second ", "the mended code answers")
        status = host.get("/admin/host/status", **{"x-functions-key": host.keys.master}).json
        assert "errors" not in status


def test_an_app_that_was_broken_at_start_is_served_once_it_is_mended(tmp_path: Path) -> None:
    with running(App(tmp_path, "1 / 0"), "--reload") as host:
        assert host.get("/api/say").status == 404
        write(host, SECOND)
        until(lambda: host.get("/api/say").status == 200, "the mended code answers")


def test_new_settings_and_a_new_host_json_count(tmp_path: Path) -> None:
    with running(App(tmp_path, SECOND), "--reload") as host:
        values = {"IsEncrypted": False, "Values": {"GREETING": "hello"}}
        (tmp_path / "local.settings.json").write_text(json.dumps(values))
        until(lambda: body(host, "/api/say") == b"second hello", "the setting is there")
        prefix = {"version": "2.0", "extensions": {"http": {"routePrefix": "v2"}}}
        (tmp_path / "host.json").write_text(json.dumps(prefix))
        until(lambda: host.get("/v2/say").status == 200, "the prefix has changed")
        (tmp_path / "host.json").write_text("{")
        host.wait_for("is not valid JSON")
        assert host.get("/v2/say").status == 200
