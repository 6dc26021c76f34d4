"""What becomes of an upload, as it is pushed over realtime: to whom, in which order, with which reason.

A personal drive's frames come to its owner and to who uploads, a workspace's to all who hear the workspace.
"""

import secrets
from typing import Any

import pytest

from tests.harness.api import Api, Ear, User
from tests.harness.files import Files, promised
from tests.harness.stack import Stack
from tests.harness.workspaces import member, workspace

ACCEPTED = ["file.created", "file.checking", "file.available"]
REFUSED = ["file.created", "file.checking", "file.rejected"]


def types(frames: list[Any]) -> list[str]:
    return [each["type"] for each in frames]


async def hears(files: Files, user: User, workspace_id: str, ear: Ear) -> None:
    """Make folders until the user hears of one: a connection comes to its groups a little later."""
    for _ in range(20):
        folder = await files.folder(user, secrets.token_hex(8), workspace_id=workspace_id)
        try:
            await ear.changes_until(folder["id"], "file.created", limit=2)
        except TimeoutError:
            continue
        return
    raise AssertionError("the workspace is not heard")


async def test_an_upload_is_heard_from_its_beginning_to_its_verdict(api: Api, files: Files) -> None:
    ada = await api.user()
    async with api.listening(ada) as ear:
        item = await files.available(ada, b"hello")
        frames = await ear.changes_until(item["id"], "file.available")
    assert types(frames) == ACCEPTED
    assert [each["item"]["state"] for each in frames] == ["pending", "checking", "available"]
    assert {each["drive_id"] for each in frames} == {ada.id}
    assert frames[-1]["item"] == item
    assert all("url" not in each["item"] for each in frames)


@pytest.mark.parametrize("content", [b"olleh", b"hell", b"hello!"], ids=["other", "less", "more"])
async def test_a_refusal_is_heard_with_its_reason(api: Api, files: Files, content: bytes) -> None:
    ada = await api.user()
    async with api.listening(ada) as ear:
        item = await files.finish(ada, await files.begun(ada, b"hello"), content)
        frames = await ear.changes_until(item["id"], "file.rejected")
    assert types(frames) == REFUSED
    reason = "sha256_mismatch" if len(content) == 5 else "size_mismatch"
    assert frames[-1]["item"]["reason"] == item["reason"] == reason


async def test_a_new_version_is_heard_too_and_so_is_giving_up(api: Api, files: Files) -> None:
    ada = await api.user()
    async with api.listening(ada) as ear:
        item = await files.available(ada, b"first")
        path = f"files/{item['id']}/versions"
        begun = await api.good("POST", path, ada, json=promised(b"second"))
        await files.finish(ada, begun, b"second")
        begun = await api.good("POST", path, ada, json=promised(b"third"))
        await api.good("DELETE", f"files/{item['id']}/upload", ada)
        frames = await ear.changes_until(item["id"], "file.rejected")
    again = ["file.changed", "file.checking", "file.available"]
    assert types(frames) == [*ACCEPTED, *again, "file.changed", "file.rejected"]
    last = frames[-1]["item"]
    assert (last["state"], last["version"]) == ("available", 2)
    assert (last["upload"]["state"], last["upload"]["reason"]) == ("rejected", "cancelled")


async def test_an_upload_into_a_shared_folder_is_heard_by_its_owner_and_by_who_uploads(
    api: Api, files: Files
) -> None:
    ada, grace, eve = await api.user(), await api.user("Grace"), await api.user("Eve")
    folder = await files.folder(ada, "Shared")
    path = f"files/{folder['id']}/grants/{grace.id}"
    await api.good("PUT", path, ada, json={"role": "editor"})
    async with api.listening(ada) as hers, api.listening(grace) as his, api.listening(eve) as none:
        item = await files.available(grace, b"hello", folder_id=folder["id"])
        for ear in (hers, his):
            assert types(await ear.changes_until(item["id"], "file.available")) == ACCEPTED
        # What comes to her of her own has gone the same way, later.
        own = await files.available(eve, b"mine")
        await none.changes_until(own["id"], "file.available")
        assert none.changes(item["id"]) == []


async def test_a_workspaces_upload_is_heard_by_its_members_alone(
    api: Api, files: Files, stack: Stack
) -> None:
    workspace_id, ada = await workspace(api, stack)
    grace = await member(api, ada, workspace_id, "member", "Grace")
    guest = await member(api, ada, workspace_id, "guest", "Guest")
    eve = await api.user("Eve")
    async with (
        api.listening(ada) as first,
        api.listening(guest) as second,
        api.listening(eve) as none,
    ):
        for ear in (first, second):
            await hears(files, grace, workspace_id, ear)
        item = await files.available(grace, b"hello", workspace_id=workspace_id)
        refused = await files.finish(
            grace, await files.begun(grace, b"hello", "b.txt", workspace_id=workspace_id), b"olleh"
        )
        for ear in (first, second):
            frames = await ear.changes_until(item["id"], "file.available")
            assert types(frames) == ACCEPTED
            assert {each["drive_id"] for each in frames} == {workspace_id}
            frames = await ear.changes_until(refused["id"], "file.rejected")
            assert types(frames) == REFUSED
            assert frames[-1]["item"]["reason"] == "sha256_mismatch"
        own = await files.available(eve, b"mine")
        await none.changes_until(own["id"], "file.available")
        assert none.changes(item["id"]) == none.changes(refused["id"]) == []
