"""Access keys, enforced by default, and the administrator's pages."""

import json
import stat
from collections.abc import Iterator

import pytest

from tests.integration.functions_host.hosting import App, RunningHost, running

CODE = """
import logging

@app.route("open")
def open_to_all(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")

@app.route("keyed", auth_level="FUNCTION")
def keyed(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.params.get("code", "no code"))

@app.route("guarded", auth_level="ADMIN")
def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("guarded")

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
def yearly(timer: func.TimerRequest) -> None:
    logging.info("past due %s", timer.past_due)

@app.queue_trigger(arg_name="msg", queue_name="q", connection="STORE")
def queued(msg: func.QueueMessage) -> None:
    logging.info("queued %s", msg.get_body().decode())
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    directory = tmp_path_factory.mktemp("keys")
    secrets = directory / ".local" / "secrets"
    secrets.mkdir(parents=True)
    own = {"keys": [{"name": "default", "value": "own-key", "encrypted": False}]}
    (secrets / "keyed.json").write_text(json.dumps(own))
    settings = {"STORE": "UseDevelopmentStorage=true;QueueEndpoint=http://127.0.0.1:9/x"}
    with running(App(directory, CODE, settings)) as found:
        yield found


def host_key(host: RunningHost) -> str:
    document = json.loads((host.app / ".local/secrets/host.json").read_text())
    return str(document["functionKeys"][0]["value"])


def test_keys_are_made_readable_by_the_owner_only(host: RunningHost) -> None:
    assert stat.S_IMODE((host.app / ".local/secrets/host.json").stat().st_mode) == 0o600


def test_an_anonymous_function_needs_no_key(host: RunningHost) -> None:
    assert host.get("/api/open").status == 200


def test_a_missing_or_wrong_key_is_an_empty_401(host: RunningHost) -> None:
    for path in ("/api/keyed", "/api/keyed?code=wrong", "/api/keyed?code="):
        reply = host.get(path)
        assert (reply.status, reply.body) == (401, b"")


def test_function_level_takes_the_functions_own_a_host_or_the_master_key(host: RunningHost) -> None:
    for key in ("own-key", host_key(host), host.keys.master):
        assert host.get("/api/keyed", **{"x-functions-key": key}).status == 200


def test_the_code_parameter_opens_and_stays_in_the_request(host: RunningHost) -> None:
    assert host.get("/api/keyed?code=own-key").body == b"own-key"


def test_the_header_is_preferred_to_the_parameter(host: RunningHost) -> None:
    assert host.get("/api/keyed?code=own-key", **{"x-functions-key": "wrong"}).status == 401


def test_admin_level_takes_only_the_master_key(host: RunningHost) -> None:
    assert host.get(f"/api/guarded?code={host_key(host)}").status == 401
    assert host.get(f"/api/guarded?code={host.keys.master}").status == 200


def test_the_ping_needs_no_key(host: RunningHost) -> None:
    assert host.get("/admin/host/ping").status == 200


def test_the_other_administrators_pages_need_the_master_key(host: RunningHost) -> None:
    for path in ("/admin/host/status", "/admin/functions", "/admin/functions/keyed"):
        assert host.get(f"{path}?code={host_key(host)}").status == 401
        assert host.get(f"{path}?code={host.keys.master}").status == 200


def test_the_status_tells_that_the_host_runs(host: RunningHost) -> None:
    reply = host.get(f"/admin/host/status?code={host.keys.master}")
    assert reply.json["state"] == "Running"


def test_the_list_tells_each_function_with_its_bindings(host: RunningHost) -> None:
    listed = host.get(f"/admin/functions?code={host.keys.master}").json
    assert [item["name"] for item in listed] == [
        "guarded",
        "keyed",
        "open_to_all",
        "queued",
        "yearly",
    ]
    assert listed[3]["config"]["bindings"][0]["queueName"] == "q"


def test_a_function_that_is_not_http_can_be_run_by_hand(host: RunningHost) -> None:
    assert host.run_by_hand("queued", "by hand").status == 202
    host.wait_for("queued by hand")
    assert host.run_by_hand("Yearly", "").status == 202
    host.wait_for("past due False")


def test_running_by_hand_refuses_bad_bodies_unknown_names_and_http_functions(
    host: RunningHost,
) -> None:
    headers = {"x-functions-key": host.keys.master}
    assert host.call("POST", "/admin/functions/queued", b"nonsense", headers).status == 400
    assert host.call("POST", "/admin/functions/nobody", b"{}", headers).status == 404
    assert host.call("POST", "/admin/functions/keyed", b"{}", headers).status == 400


def test_the_functions_and_their_triggers_are_listed_at_start(host: RunningHost) -> None:
    assert f"keyed        [any method] {host.url}/api/keyed" in host.output
    assert "queued       queueTrigger q" in host.output
    assert "yearly       timerTrigger 0 0 0 1 1 *" in host.output


def test_colour_is_for_terminals_only(host: RunningHost) -> None:
    assert "\x1b[" not in host.output


def test_a_webhook_that_no_function_needs_does_not_exist(host: RunningHost) -> None:
    assert host.call("POST", f"/runtime/webhooks/webpubsub?code={host.keys.master}").status == 404
