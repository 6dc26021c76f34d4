"""The host and the Web PubSub emulator together: events come in, and actions reach a client."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from azure.messaging.webpubsubservice import WebPubSubServiceClient

from tests.harness.waiting import until
from tests.integration.functions_host.hosting import REPOSITORY, App, RunningHost, running

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
CODE = """
import json

def on(name, kind):
    return app.generic_trigger(
        arg_name="request", type="webPubSubTrigger", hub="live", eventName=name, eventType=kind)

@on("connect", "system")
async def connect(request: str):
    return {"userId": "ann", "groups": ["room"], "states": {"seen": 0}}

@on("shout", "user")
@app.generic_output_binding(arg_name="actions", type="webPubSub", hub="live")
async def shout(request: str, actions: func.Out[str]):
    event = json.loads(request)
    seen = event["connectionContext"]["states"].get("seen", 0) + 1
    actions.set(json.dumps({
        "actionName": "sendToGroup", "group": "room", "dataType": "text",
        "data": f"{event['connectionContext']['userId']}: {event['data']}".upper()}))
    return {"data": f"shouted {seen}", "dataType": "text", "states": {"seen": seen}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def emulator_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, emulator_port: int) -> Iterator[RunningHost]:
    connection = f"Endpoint=http://localhost:{emulator_port};AccessKey={KEY};Version=1.0;"
    app = App(tmp_path_factory.mktemp("live"), CODE, {"WebPubSubConnectionString": connection})
    with running(app) as found:
        yield found


@pytest.fixture(scope="module")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, host: RunningHost, emulator_port: int
) -> Iterator[int]:
    settings = tmp_path_factory.mktemp("emulator") / "settings.json"
    code = host.keys.system("webpubsub_extension")
    handler = {
        "UrlTemplate": f"{host.url}/runtime/webhooks/webpubsub?code={code}",
        "SystemEvents": ["connect"],
        "EventPattern": "*",
    }
    settings.write_text(json.dumps({"WebPubSub": {"Hubs": {"live": {"EventHandlers": [handler]}}}}))
    with (settings.parent / "log").open("wb") as log:
        process = subprocess.Popen(emulating(emulator_port, settings), cwd=REPOSITORY, stdout=log)
    with process:
        until(lambda: listens(emulator_port), "the emulator listens")
        yield emulator_port
        process.terminate()


def emulating(port: int, settings: Path) -> list[str]:
    module = [sys.executable, "-m", "emulators.web_pubsub"]
    return [*module, "--port", str(port), "--settings", str(settings)]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_clients_event_runs_a_function_whose_reply_and_action_both_arrive(
    emulator: int,
) -> None:
    connection = f"Endpoint=http://localhost:{emulator};AccessKey={KEY};Version=1.0;"
    with WebPubSubServiceClient.from_connection_string(connection, hub="live") as service:
        url = service.get_client_access_token()["url"]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["json.webpubsub.azure.v1"]) as client,
        asyncio.timeout(20),
    ):
        connected = await client.receive_json()
        assert (connected["event"], connected["userId"]) == ("connected", "ann")
        event = {"type": "event", "event": "shout", "dataType": "text", "data": "hey"}
        got: set[str] = set()
        for _ in range(2):
            await client.send_json(event)
            for _ in range(2):
                got.add((await client.receive_json())["data"])
        assert got == {"ANN: HEY", "shouted 1", "shouted 2"}
