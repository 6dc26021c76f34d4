"""Access keys in their file."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emulators.functions_host.keys import load_or_create


def test_missing_keys_are_made_and_found_again(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "secrets")
    again = load_or_create(tmp_path / "secrets")
    assert made.master == again.master
    assert made.system("webpubsub_extension") == again.system("webpubsub_extension")
    assert len({made.master, made.system("webpubsub_extension"), made.system("other")}) == 3


def test_the_file_has_azures_form_and_is_for_its_owner_only(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path)
    path = tmp_path / "host.json"
    document = json.loads(path.read_text())
    assert document["masterKey"] == {"name": "master", "value": keys.master, "encrypted": False}
    assert [item["name"] for item in document["functionKeys"]] == ["default"]
    assert [item["name"] for item in document["systemKeys"]] == ["webpubsub_extension"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_system_key_is_made_when_it_is_first_asked_for(tmp_path: Path) -> None:
    value = load_or_create(tmp_path).system("eventgrid_extension")
    assert load_or_create(tmp_path).system("eventgrid_extension") == value


def test_keys_that_are_there_are_kept(tmp_path: Path) -> None:
    master = {"name": "master", "value": "testMasterKey", "encrypted": False}
    (tmp_path / "host.json").write_text(json.dumps({"masterKey": master}))
    keys = load_or_create(tmp_path)
    assert keys.master == "testMasterKey"
    assert keys.opens_admin("testMasterKey")


def test_function_level_takes_the_functions_own_a_host_and_the_master_key(tmp_path: Path) -> None:
    own = {"keys": [{"name": "default", "value": "own", "encrypted": False}]}
    (tmp_path / "chat.json").write_text(json.dumps(own))
    keys = load_or_create(tmp_path)
    host = json.loads((tmp_path / "host.json").read_text())["functionKeys"][0]["value"]
    for key in ("own", host, keys.master):
        assert keys.opens_function("Chat", key)
    assert not keys.opens_function("other", "own")
    assert not keys.opens_function("Chat", keys.system("webpubsub_extension"))


def test_a_webhook_opens_to_its_own_system_key_only(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path)
    assert keys.opens_system("a_extension", keys.system("a_extension"))
    assert not keys.opens_system("a_extension", keys.system("b_extension"))
    assert not keys.opens_system("a_extension", keys.master)


def test_no_key_and_text_beyond_ascii_open_nothing(tmp_path: Path) -> None:
    keys = load_or_create(tmp_path)
    assert not keys.opens_admin("")
    assert not keys.opens_admin("schlüssel")


def test_processes_that_start_together_agree_on_the_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: load_or_create(tmp_path).system("x"), range(16)))
    assert len(set(found)) == 1
