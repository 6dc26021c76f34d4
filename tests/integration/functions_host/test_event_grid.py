"""The Event Grid trigger: handshakes, schemas, one invocation for each event."""

import json
from pathlib import Path
from typing import Any

from tests.integration.functions_host.hosting import App, Reply, RunningHost, running

CODE = """
import json, logging
@app.event_grid_trigger(arg_name="event")
def heard(event: func.EventGridEvent) -> None:
    if event.subject == "bad":
        raise ValueError("refused")
    logging.info("heard %s %s %s", event.id, event.event_type, json.dumps(event.get_json()))

@app.event_grid_trigger(arg_name="event")
def cloud(event: func.CloudEvent) -> None:
    logging.info("cloud %s %s %s", event.id, event.type, event.source)
"""


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "subject": "s",
        "eventType": "made",
        "eventTime": "2026-11-22T10:11:12Z",
        "data": {"n": number},
        "dataVersion": "1",
        "topic": "t",
        **more,
    }


def deliver(
    host: RunningHost,
    body: Any,
    kind: str | None = "Notification",
    *,
    function: str = "heard",
    content_type: str = "application/json",
) -> Reply:
    code = host.keys.system("eventgrid_extension")
    path = f"/runtime/webhooks/EventGrid?functionName={function}&code={code}"
    headers = {"content-type": content_type, **({"aeg-event-type": kind} if kind else {})}
    return host.call("POST", path, json.dumps(body), headers)


def test_each_event_of_a_delivery_runs_the_function_before_the_answer(tmp_path: Path) -> None:
    with running(App(tmp_path, CODE)) as host:
        assert deliver(host, [event(1), event(2)]).status == 202
        host.wait_for('heard 1 made {"n": 1}')
        host.wait_for('heard 2 made {"n": 2}')
        assert deliver(host, event(3)).status == 202
        host.wait_for('heard 3 made {"n": 3}')
        failed = deliver(host, [event(4), event(5, subject="bad")])
        assert (failed.status, failed.body) == (500, b"ValueError: refused")
        assert deliver(host, [event(6)], function="nobody").status == 404
        assert deliver(host, "text").status == 400
        assert deliver(host, [], None).status == 400
        assert deliver(host, [], "Unsubscribe").status == 202


def test_both_schemas_ask_first_whether_they_may_deliver(tmp_path: Path) -> None:
    with running(App(tmp_path, CODE)) as host:
        validation = [{"id": "1", "data": {"validationCode": "abc", "validationUrl": "u"}}]
        answer = deliver(host, validation, "SubscriptionValidation")
        assert (answer.status, answer.json) == (200, {"validationResponse": "abc"})
        twice = {"id": "1", "data": json.dumps({"validationCode": "def"})}
        assert deliver(host, twice, "SubscriptionValidation").json["validationResponse"] == "def"
        code = host.keys.system("eventgrid_extension")
        path = f"/runtime/webhooks/eventgrid?functionName=heard&code={code}"
        asked = host.call(
            "OPTIONS", path, headers={"webhook-request-origin": "eventgrid.azure.net"}
        )
        assert asked.status == 200
        assert asked.header("webhook-allowed-origin") == "eventgrid.azure.net"
        assert host.call("OPTIONS", path).status == 400
        assert host.call("POST", path.replace(code, "wrong"), "[]").status == 401


def test_cloud_events_come_one_by_one_or_in_a_batch(tmp_path: Path) -> None:
    one = {"specversion": "1.0", "id": "c1", "type": "made", "source": "/s", "data": {}}
    with running(App(tmp_path, CODE)) as host:
        kind = "application/cloudevents+json"
        assert deliver(host, one, function="cloud", content_type=kind).status == 202
        host.wait_for("cloud c1 made /s")
        batch = [{**one, "id": "c2"}, {**one, "id": "c3"}]
        kind = "application/cloudevents-batch+json"
        assert deliver(host, batch, None, function="cloud", content_type=kind).status == 202
        host.wait_for("cloud c2 made /s")
        host.wait_for("cloud c3 made /s")


def test_an_event_can_be_given_by_hand(tmp_path: Path) -> None:
    with running(App(tmp_path, CODE)) as host:
        assert host.run_by_hand("heard", json.dumps(event(9))).status == 202
        host.wait_for("heard 9 made")
        assert host.run_by_hand("heard", "no event").status == 400
