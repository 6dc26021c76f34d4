"""App settings, connection names and host.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from emulators.functions_host import host_json, settings
from emulators.functions_host.clients import account, web_pubsub
from emulators.functions_host.host_json import HostJsonError
from emulators.functions_host.model import Binding, BindingError
from emulators.functions_host.settings import Settings, SettingsError


def write(path: Path, **document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "s.json", Values={"A": "file", "B": "file", "N": None, "T": True})
    loaded = settings.load(path, {"B": "environment"})
    assert loaded.values == {"A": "file", "B": "environment", "T": "true"}


def test_a_missing_file_leaves_the_environment(tmp_path: Path) -> None:
    assert settings.load(tmp_path / "none.json", {"A": "1"}).get("A") == "1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must be an object"),
        ('{"Values": {"A": {"B": 1}}}', "must be text"),
        ('{"IsEncrypted": true}', "is encrypted"),
    ],
)
def test_an_unusable_file_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(SettingsError, match=words):
        settings.load(tmp_path / "s.json", {})


def test_names_ignore_case_and_take_either_separator() -> None:
    found = Settings({"ConnectionStrings__Db": "x"})
    assert found.get("CONNECTIONSTRINGS:DB") == "x"


def test_percent_names_are_replaced_and_a_missing_one_is_named() -> None:
    found = Settings({"ENV": "prod"})
    assert found.resolve("chat-%env%-x") == "chat-prod-x"
    with pytest.raises(BindingError, match="%NOPE% stands in a binding"):
        found.resolve("%NOPE%")


def test_a_required_setting_of_a_binding_is_named_when_it_is_missing() -> None:
    binding = Binding("msg", "queueTrigger", "in", {"queueName": ""})
    with pytest.raises(BindingError, match="queueTrigger binding 'msg' needs 'queueName'"):
        Settings({}).resolved(binding, "queueName")


def test_development_storage_is_azurite_on_its_usual_ports() -> None:
    found = account.parse("UseDevelopmentStorage=true", "queue")
    assert (found.name, found.endpoint) == (
        "devstoreaccount1",
        "http://127.0.0.1:10001/devstoreaccount1",
    )


def test_a_connection_string_names_its_service_or_its_suffix() -> None:
    text = "AccountName=a;AccountKey=a2V5;QueueEndpoint=http://h:1/a/;"
    assert account.parse(text, "queue").endpoint == "http://h:1/a"
    assert account.parse(text, "blob").endpoint == "https://a.blob.core.windows.net"


async def test_a_shared_access_signature_stands_in_the_address_and_needs_no_key() -> None:
    found = account.parse("QueueEndpoint=http://h/a;SharedAccessSignature=?sv=1&sig=x", "queue")
    assert found.url("q/messages", "numofmessages=1") == (
        "http://h/a/q/messages?numofmessages=1&sv=1&sig=x"
    )
    assert "authorization" not in await found.headers("GET", found.url("q"), {})


@pytest.mark.parametrize("text", ["", "AccountName=a", "AccountName=a;AccountKey=*", "nonsense"])
def test_an_unusable_storage_connection_string_is_refused(text: str) -> None:
    with pytest.raises(BindingError):
        account.parse(text, "queue")


def test_a_web_pubsub_connection_string_needs_endpoint_and_key() -> None:
    found = web_pubsub.parse("Endpoint=http://localhost;Port=8080;AccessKey=k;Version=1.0;")
    assert (found.endpoint, found.host) == ("http://localhost:8080", "localhost")
    with pytest.raises(BindingError, match="needs Endpoint and AccessKey"):
        web_pubsub.parse("Endpoint=http://localhost")


def test_host_json_has_the_hosts_defaults() -> None:
    found = host_json.parse({"version": "2.0"})
    assert (found.route_prefix, found.function_timeout) == ("api", 1800)
    assert (found.queues.batch_size, found.queues.new_batch_threshold) == (16, 8)
    assert (found.queues.max_dequeue_count, found.queues.base64) == (5, True)


def test_host_json_is_read() -> None:
    found = host_json.parse(
        {
            "functionTimeout": "00:10:00",
            "extensions": {
                "http": {"routePrefix": "/v1/"},
                "queues": {
                    "batchSize": 1,
                    "newBatchThreshold": 0,
                    "messageEncoding": "none",
                    "visibilityTimeout": "00:00:30",
                    "maxPollingInterval": "00:00:02",
                },
            },
        }
    )
    assert (found.route_prefix, found.function_timeout) == ("v1", 600)
    queues = found.queues
    assert (queues.batch_size, queues.new_batch_threshold, queues.base64) == (1, 0, False)
    assert (queues.visibility_timeout, queues.max_polling_interval) == (30, 2)


def test_a_timeout_of_minus_one_is_none() -> None:
    assert host_json.parse({"functionTimeout": "-1"}).function_timeout is None


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"functionTimeout": "soon"}, "functionTimeout must be a time"),
        ({"functionTimeout": "00:00:00"}, "at least one second"),
        ({"extensions": []}, "extensions in host.json must be an object"),
        ({"extensions": {"queues": {"batchSize": 33}}}, "batchSize must be between 1 and 32"),
        ({"extensions": {"queues": {"batchSize": True}}}, "batchSize"),
        ({"extensions": {"queues": {"messageEncoding": "rot13"}}}, "messageEncoding"),
    ],
)
def test_an_unusable_value_in_host_json_is_named(document: dict[str, Any], words: str) -> None:
    with pytest.raises(HostJsonError, match=words):
        host_json.parse(document)


def test_a_time_span_may_have_days_and_fractions() -> None:
    assert host_json.time_span("1.02:03:04.5", "x") == 93784.5
