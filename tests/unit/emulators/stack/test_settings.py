"""local.settings.json follows the example and the ports, and keeps what its user wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from emulators.stack.errors import StackError
from emulators.stack.ports import DEFAULTS
from emulators.stack.settings import EXAMPLE, RECORD, merged, write

STORAGE = (
    "AccountName=devstoreaccount1;BlobEndpoint=http://127.0.0.1:{blob}/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:{queue}/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:{table}/devstoreaccount1;"
)
WEB_PUBSUB = "Endpoint=http://localhost:{web_pubsub};AccessKey=ABC;Version=1.0;"
EXAMPLE_SETTINGS: dict[str, Any] = {
    "IsEncrypted": False,
    "Values": {
        "CHAT_STORAGE": STORAGE.format(**DEFAULTS),
        "WebPubSubConnectionString": WEB_PUBSUB.format(**DEFAULTS),
        "AUTH_ISSUER": "http://localhost:7071",
        "AUTH_KEY": "generate:32",
        "LIMIT": "10000",
    },
    "Host": {"LocalHttpPort": 7071, "CORS": "*"},
}
OTHER = {"functions": 21, "web_pubsub": 22, "blob": 23, "queue": 24, "table": 25}


def test_addresses_follow_the_ports() -> None:
    settings = merged(EXAMPLE_SETTINGS, {}, OTHER)
    values = settings["Values"]
    assert values["CHAT_STORAGE"] == STORAGE.format(**OTHER)
    assert values["WebPubSubConnectionString"] == WEB_PUBSUB.format(**OTHER)
    assert values["AUTH_ISSUER"] == "http://localhost:21"
    assert settings["Host"] == {"LocalHttpPort": 21, "CORS": "*"}


def test_a_number_that_is_no_address_stays() -> None:
    assert merged(EXAMPLE_SETTINGS, {}, OTHER)["Values"]["LIMIT"] == "10000"


def test_addresses_follow_again_when_the_ports_change() -> None:
    first = merged(EXAMPLE_SETTINGS, {}, OTHER)
    second = merged(EXAMPLE_SETTINGS, first, DEFAULTS)
    assert second["Values"]["CHAT_STORAGE"] == STORAGE.format(**DEFAULTS)
    assert second["Values"]["AUTH_ISSUER"] == "http://localhost:7071"
    assert second["Host"]["LocalHttpPort"] == 7071


def test_ports_that_change_places_do_not_mix() -> None:
    swapped = {**DEFAULTS, "functions": 8080, "web_pubsub": 7071}
    values = merged(EXAMPLE_SETTINGS, merged(EXAMPLE_SETTINGS, {}, swapped), swapped)["Values"]
    assert values["AUTH_ISSUER"] == "http://localhost:8080"
    assert values["WebPubSubConnectionString"] == WEB_PUBSUB.format(**swapped)


def test_generated_values_are_made_once() -> None:
    first = merged(EXAMPLE_SETTINGS, {}, DEFAULTS)
    assert len(first["Values"]["AUTH_KEY"]) == 43
    assert (
        merged(EXAMPLE_SETTINGS, first, OTHER)["Values"]["AUTH_KEY"] == first["Values"]["AUTH_KEY"]
    )
    assert (
        merged(EXAMPLE_SETTINGS, {}, DEFAULTS)["Values"]["AUTH_KEY"] != first["Values"]["AUTH_KEY"]
    )


def test_a_users_changes_and_additions_are_kept() -> None:
    mine = merged(EXAMPLE_SETTINGS, {}, DEFAULTS)
    mine["Values"] |= {
        "LIMIT": "7",
        "MINE": "http://localhost:9999",
        "CHAT_STORAGE": "AccountName=real;EndpointSuffix=core.windows.net",
    }
    mine["Host"]["CORS"] = "http://localhost:3000"
    mine["ConnectionStrings"] = {"sql": "here"}
    settings = merged(EXAMPLE_SETTINGS, mine, OTHER)
    assert settings["Values"]["LIMIT"] == "7"
    assert settings["Values"]["MINE"] == "http://localhost:9999"
    assert settings["Values"]["CHAT_STORAGE"] == mine["Values"]["CHAT_STORAGE"]
    assert settings["Host"]["CORS"] == "http://localhost:3000"
    assert settings["ConnectionStrings"] == {"sql": "here"}


def test_addresses_in_a_users_own_values_follow_too() -> None:
    mine = merged(EXAMPLE_SETTINGS, {}, OTHER)
    mine["Values"]["MINE"] = "http://127.0.0.1:23/devstoreaccount1/pictures"
    values = merged(EXAMPLE_SETTINGS, mine, DEFAULTS)["Values"]
    assert values["MINE"] == "http://127.0.0.1:10000/devstoreaccount1/pictures"


def test_keys_that_the_example_has_gained_are_added() -> None:
    mine = merged(EXAMPLE_SETTINGS, {}, DEFAULTS)
    example = {
        **EXAMPLE_SETTINGS,
        "Values": {**EXAMPLE_SETTINGS["Values"], "NEW": "localhost:8080"},
    }
    assert merged(example, mine, OTHER)["Values"]["NEW"] == "localhost:22"


def test_the_record_names_the_ports_of_the_run() -> None:
    assert merged(EXAMPLE_SETTINGS, {}, OTHER)[RECORD] == OTHER


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / EXAMPLE).write_text(json.dumps(EXAMPLE_SETTINGS))
    return tmp_path


def test_writing_again_changes_no_byte(app: Path) -> None:
    target = app / "local.settings.json"
    values = write(app, target, OTHER)
    before = target.read_bytes(), target.stat().st_mtime_ns
    assert write(app, target, OTHER) == values
    assert (target.read_bytes(), target.stat().st_mtime_ns) == before


def test_the_file_is_its_owners_alone(app: Path) -> None:
    write(app, app / "state" / "local.settings.json", DEFAULTS)
    assert (app / "state" / "local.settings.json").stat().st_mode & 0o777 == 0o600


def test_values_are_given_as_an_environment(app: Path) -> None:
    target = app / "local.settings.json"
    target.write_text(json.dumps({"Values": {"NONE": None, "NUMBER": 5}}))
    values = write(app, target, DEFAULTS)
    assert "NONE" not in values
    assert values["NUMBER"] == "5"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no JSON object"),
        ('{"IsEncrypted": true}', "func settings decrypt"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(app: Path, content: str, message: str) -> None:
    target = app / "local.settings.json"
    target.write_text(content)
    with pytest.raises(StackError, match=rf"local\.settings\.json.*{message}"):
        write(app, target, DEFAULTS)
    assert target.read_text() == content


def test_a_project_without_an_example_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"local\.settings\.example\.json is missing"):
        write(tmp_path, tmp_path / "local.settings.json", DEFAULTS)
