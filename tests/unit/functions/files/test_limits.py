"""The numbers of files: those that the documentation gives, and what a deployment may change."""

from pathlib import Path

import pytest

from functions.files import policy
from functions.files.inspecting.limits import LIMITS
from functions.files.limits import _DEFAULTS, OVERRIDES
from shared_code.errors import InvalidSetting
from shared_code.limits import Window, named_limits

PAGE = " ".join((Path(__file__).parents[4] / "docs" / "limits.md").read_text().split())
SPANS = {300: "in 5 min", 3600: "an hour"}


def said(windows: tuple[Window, ...]) -> str:
    """As the page says it: `10 in 5 min, 30 an hour`."""
    return ", ".join(f"{each.most:,} {SPANS[each.seconds]}" for each in windows)


def test_the_numbers_are_those_that_the_documentation_gives() -> None:
    for name, windows in _DEFAULTS.items():
        assert f"| `{name}` | {said(windows)} |" in PAGE
    gib = policy.GIB
    for fact in (
        f"| {policy.max_size() // policy.MIB:,} MiB | `FILES_MAX_SIZE`",
        f"| {policy.quota_of('usr_1') // gib} GiB, {policy.quota_of('ws_1') // gib} GiB |",
        f"| {policy.MAX_FILES:,}, {policy.MAX_FOLDERS:,}, {policy.MAX_DEPTH} |",
        f"the oldest goes | {policy.max_versions()} |",
        f"| grants and links of an item | {policy.MAX_GRANTS}, {policy.MAX_LINKS} |",
        f"| {policy.bin_days()}, {policy.UPLOAD_DAYS}, {policy.REJECTED_DAYS} |",
        f"| {policy.upload_seconds() // 60} min, {policy.READ_SECONDS // 60} min |",
    ):
        assert fact in PAGE


def test_what_may_be_in_a_file_is_documented_too() -> None:
    pixels, gib = LIMITS.pixels // 1_000_000, LIMITS.unpacked // policy.GIB
    assert f"{pixels} million pixels and {LIMITS.frames} frames" in PAGE
    assert f"{LIMITS.entries:,} entries, {gib} GiB unpacked, {LIMITS.ratio} times" in PAGE
    assert f"{LIMITS.depth} deep" in PAGE


def test_every_limit_can_be_kept() -> None:
    assert {
        name: each.windows for name, each in named_limits(OVERRIDES, _DEFAULTS).items()
    } == dict(_DEFAULTS)


def test_a_deployment_changes_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDES, "drop=1/60; upload=5000/300")
    found = named_limits(OVERRIDES, _DEFAULTS)
    assert found["drop"].windows == (Window(1, 60),)
    assert found["upload"].windows == (Window(5000, 300),)
    assert found["link_network"].windows == _DEFAULTS["link_network"]


def test_a_limit_that_files_does_not_have_makes_every_use_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(OVERRIDES, "uploads=1/60")
    with pytest.raises(InvalidSetting, match=OVERRIDES):
        named_limits(OVERRIDES, _DEFAULTS)
