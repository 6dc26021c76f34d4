"""What counts as a change of the app."""

import asyncio
from pathlib import Path

import pytest

from emulators.functions_host import reload


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "_LOOK_SECONDS", 0.01)


async def test_python_files_host_json_and_the_settings_are_watched(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    settings = tmp_path.parent / f"{tmp_path.name}-settings.json"
    changes = reload.changes(tmp_path, settings)
    for path in (tmp_path / "part" / "a.py", tmp_path / "host.json", settings):
        told = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0.03)
        path.write_text("1")
        names = await asyncio.wait_for(told, 10)
        assert [Path(name).name for name in names] == [path.name]


def test_libraries_hidden_folders_and_other_files_are_not(tmp_path: Path) -> None:
    for name in (".venv/x.py", "node_modules/x.py", "__pycache__/x.py", "data.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert reload.snapshot(tmp_path) == {}


async def test_files_that_go_are_a_change(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    changes = reload.changes(tmp_path)
    told = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0.03)
    (tmp_path / "a.py").unlink()
    assert await asyncio.wait_for(told, 10) == ["a.py"]
