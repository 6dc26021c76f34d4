"""The Service Bus trigger and output, on a real broker, as an app sees them.

The app answers by its log: each call writes one line of JSON, which the tests read from the host's output.
"""

import json
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue

from tests.harness.service_bus import Broker, broker, entities
from tests.harness.waiting import until
from tests.integration.functions_host.hosting import App, RunningHost, running, started

pytestmark = pytest.mark.long  # together they take minutes

SESSIONS = {"RequiresSession": True}
CONFIG = entities(
    {
        **{name: {"MaxDeliveryCount": 3} for name in ("plain", "failing", "killed", "out", "many")},
        **dict.fromkeys(("ordered", "stalled", "brisk"), SESSIONS),
        "quiet": {},
    },
    {"news": [{"Name": "sub", "Properties": {}}]},
)
HEAD = """
import json, logging, os, time
from typing import List

def say(what):
    logging.info("SAID " + json.dumps(what))
"""


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("bus"), CONFIG) as found:
        yield found


@pytest.fixture(scope="module")
def client(bus: Broker) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(bus.connection_string()) as found:
        yield found


def app(directory: Path, connection: str, code: str, **options: Any) -> App:
    settings = {"BUS": connection}
    return App(directory, HEAD + code, settings, {"extensions": {"serviceBus": options}})


def trigger(
    queue: str, body: str, *, annotation: str = "func.ServiceBusMessage", **more: Any
) -> str:
    extra = "".join(f", {name}={value!r}" for name, value in more.items())
    return f"""
@app.service_bus_queue_trigger("msg", "BUS", "{queue}"{extra})
def handle(msg: {annotation}):
    {body}
"""


def send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage | str) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(
            [ServiceBusMessage(each) if isinstance(each, str) else each for each in messages]
        )


def said(host: RunningHost) -> list[Any]:
    return [json.loads(line) for line in re.findall(r"SAID (.*)", host.output)]


def is_said(host: RunningHost, what: Any) -> bool:
    return what in said(host)


def until_said(host: RunningHost, count: int, limit: float = 30) -> list[Any]:
    return until(lambda: said(host) if len(said(host)) >= count else [], f"{count} calls", limit)


BODY = "say(msg.get_body().decode())"


def test_a_message_runs_its_function_with_its_metadata_and_is_completed(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    body = """say({
        "body": msg.get_body().decode(), "id": msg.message_id, "deliveries": msg.delivery_count,
        "subject": msg.subject, "correlation": msg.correlation_id, "type": msg.content_type,
        "properties": msg.application_properties, "naive": msg.enqueued_time_utc.tzinfo is None,
        "sequence": msg.sequence_number, "lock": bool(msg.lock_token), "ttl": msg.time_to_live,
    })"""
    message = ServiceBusMessage(
        "grüß",
        message_id="m-1",
        subject="label",
        correlation_id="c-1",
        content_type="text/plain",
        application_properties={"n": 1, "text": "x", "yes": True},
    )
    with running(app(tmp_path, bus.connection_string(), trigger("plain", body))) as host:
        send(client, "plain", message)
        [call] = until_said(host, 1)
        assert call.pop("sequence") > 0
        assert call == {
            "body": "grüß",
            "id": "m-1",
            "deliveries": 1,
            "subject": "label",
            "correlation": "c-1",
            "type": "text/plain",
            "properties": {"n": 1, "text": "x", "yes": True},
            "naive": True,
            "lock": True,
            "ttl": None,
        }
        with client.get_queue_receiver("plain") as receiver:
            until(lambda: receiver.peek_messages(10) == [], "the queue is empty")


def test_a_failing_function_gets_its_message_again_at_once_until_it_is_dead(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    body = "say(msg.delivery_count); raise ValueError('no')"
    with running(app(tmp_path, bus.connection_string(), trigger("failing", body))) as host:
        send(client, "failing", "bad")
        assert until_said(host, 3) == [1, 2, 3]
        dead = client.get_queue_receiver("failing", sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        with dead:
            [letter] = dead.receive_messages(1, max_wait_time=10)
            assert letter.dead_letter_reason == "MaxDeliveryCountExceeded"
            dead.complete_message(letter)
        assert len(said(host)) == 3


def test_a_worker_that_dies_gives_its_message_back(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    body = "say(msg.delivery_count); os.kill(os.getpid(), 9) if msg.delivery_count == 1 else None"
    with running(app(tmp_path, bus.connection_string(), trigger("killed", body))) as host:
        send(client, "killed", "x")
        until(lambda: 2 in said(host), "it is delivered again, and says so", 30)


def test_a_subscription_triggers_and_the_output_splits_arrays(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    code = """
@app.service_bus_topic_trigger("msg", "BUS", "news", "sub")
@app.service_bus_queue_output("out", "BUS", "out")
def handle(msg: func.ServiceBusMessage, out: func.Out[str]):
    out.set(msg.get_body().decode())
"""
    with running(app(tmp_path, bus.connection_string(), code)):
        with client.get_topic_sender("news") as sender:
            for body in ('["a", {"b": 1}]', "plain", '{"c":2}'):
                sender.send_messages(ServiceBusMessage(body))
        with client.get_queue_receiver("out") as receiver:
            got: list[str] = []
            while len(got) < 4:
                for message in receiver.receive_messages(4, max_wait_time=10):
                    got.append(b"".join(message.body).decode())
                    receiver.complete_message(message)
    assert set(got) == {"a", '{\n  "b": 1\n}', "plain", '{\n  "c": 2\n}'}


def test_sessions_keep_their_order_and_run_side_by_side(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    body = "time.sleep(0.05); say([msg.session_id, msg.get_body().decode()])"
    code = trigger("ordered", body, is_sessions_enabled=True)
    with running(
        app(tmp_path, bus.connection_string(), code, sessionIdleTimeout="00:00:01")
    ) as host:
        for n in range(5):
            send(
                client,
                "ordered",
                *[ServiceBusMessage(str(n), session_id=each) for each in ("a", "b", "c")],
            )
        calls = until_said(host, 15)
        for session in ("a", "b", "c"):
            assert [text for name, text in calls if name == session] == list("01234")
        names = [name for name, _ in calls]
        assert names != sorted(names), "no session waited for another's end"


def test_with_the_default_settings_a_ninth_session_stalls_as_it_would_in_azure(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    code = trigger("stalled", "say(msg.session_id)", is_sessions_enabled=True)
    sessions = [f"s{n}" for n in range(9)]
    with running(app(tmp_path, bus.connection_string(), code), "--strict") as host:
        send(client, "stalled", *[ServiceBusMessage("x", session_id=each) for each in sessions])
        assert len(set(until_said(host, 8))) == 8
        host.wait_for("holds 8 sessions")
        # The ninth is there, and is not taken while the eight are held for their idle minute.
        waiting = [each for each in client.list_queue_sessions("stalled") if each not in said(host)]
        assert len(waiting) == 1
        send(client, "stalled", ServiceBusMessage("more", session_id=said(host)[0]))
        assert len(until_said(host, 9)) == 9
        assert len(set(said(host))) == 8


def test_a_short_idle_time_lets_every_session_have_its_turn(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    code = trigger("brisk", "say(msg.session_id)", is_sessions_enabled=True)
    options = {"sessionIdleTimeout": "00:00:01", "maxConcurrentSessions": 2}
    with running(app(tmp_path, bus.connection_string(), code, **options)) as host:
        sessions = [f"s{n}" for n in range(6)]
        send(client, "brisk", *[ServiceBusMessage("x", session_id=each) for each in sessions])
        assert sorted(until_said(host, 6)) == sessions


def test_many_messages_come_in_one_call_and_fail_together(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    body = """texts = [each.get_body().decode() for each in msg]
    say(texts)
    if msg[0].delivery_count == 1:
        raise ValueError("once")"""
    code = trigger(
        "many",
        body,
        annotation="List[func.ServiceBusMessage]",
        cardinality="many",
        data_type="string",
    )
    send(client, "many", *[str(n) for n in range(20)])
    with running(app(tmp_path, bus.connection_string(), code)) as host:

        def again() -> bool:
            seen = [text for call in said(host) for text in call]
            first = said(host)[0] if seen else ["nothing yet"]
            return len(set(seen)) == 20 and all(seen.count(text) >= 2 for text in first)

        until(again, "all came, and those of the first call, which failed, again", 30)
        assert max(len(call) for call in said(host)) > 1
        with client.get_queue_receiver("many") as receiver:
            until(lambda: receiver.peek_messages(10) == [], "the queue is empty")


def test_the_host_starts_without_the_broker_and_goes_on_when_it_comes_and_comes_back(
    tmp_path: Path,
) -> None:
    with broker(tmp_path, CONFIG) as mine:
        mine.kill()
        directory = tmp_path / "app"
        with running(app(directory, mine.connection_string(), trigger("quiet", BODY))) as host:
            host.wait_for("cannot be listened to")
            for text in ("first", "second"):
                mine.restart()
                with ServiceBusClient.from_connection_string(mine.connection_string()) as found:
                    send(found, "quiet", text)
                until(partial(is_said, host, text), f"{text} is handled", 40)
                mine.kill()
            mine.restart()
            assert host.output.count("cannot be listened to") <= 6, "it does not repeat itself"


def test_a_host_that_stops_lets_what_runs_end(
    tmp_path: Path, bus: Broker, client: ServiceBusClient
) -> None:
    body = "say('begins'); time.sleep(1); say('ends')"
    with started(app(tmp_path, bus.connection_string(), trigger("plain", body))) as host:
        host.wait_for("Listening on", 60)
        send(client, "plain", "x")
        until_said(host, 1)
        assert host.stop(signal.SIGTERM) == 0
        assert said(host) == ["begins", "ends"]
    with client.get_queue_receiver("plain") as receiver:
        assert receiver.peek_messages(10) == []


def test_a_connection_that_is_not_there_puts_only_its_function_in_error(tmp_path: Path) -> None:
    code = (
        trigger("plain", BODY) + '\n@app.route("ok")\ndef ok(req): return func.HttpResponse("ok")\n'
    )
    broken = App(tmp_path, HEAD + code)
    with running(broken) as host:
        assert "the connection setting 'BUS' is not set" in host.output
        assert host.get("/api/ok").body == b"ok"
