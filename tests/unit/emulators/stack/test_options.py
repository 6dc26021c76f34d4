"""Where files go when nothing is said."""

from pathlib import Path

from emulators.stack.options import parse


def test_the_checkouts_own_stack_writes_the_file_that_core_tools_read(tmp_path: Path) -> None:
    options = parse(["--app", str(tmp_path)])
    assert options.state == tmp_path / ".local"
    assert options.settings == tmp_path / "local.settings.json"


def test_a_stack_with_another_state_leaves_that_file_alone(tmp_path: Path) -> None:
    options = parse(["--app", str(tmp_path), "--state", str(tmp_path / "other")])
    assert options.settings == tmp_path / "other" / "local.settings.json"


def test_the_settings_file_can_be_named(tmp_path: Path) -> None:
    options = parse(["--app", str(tmp_path), "--settings", str(tmp_path / "mine.json")])
    assert options.settings == tmp_path / "mine.json"


def test_parts_are_named_with_commas(tmp_path: Path) -> None:
    assert parse(["--app", str(tmp_path), "--only", "azurite,web_pubsub"]).only == (
        "azurite",
        "web_pubsub",
    )
