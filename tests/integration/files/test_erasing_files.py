"""Accounts and workspaces that are erased: nothing of their files is left, whenever the erasing died."""

from typing import Any

import pytest

from functions.files import store
from functions.files.commands import arranging, erasing, links, listing, reading, sharing, uploading
from functions.files.commands import bin as bins
from functions.files.commands.erasing import erase
from functions.files.errors import FileNotFound, LinkNotFound
from functions.files.events import DriveOrphaned, WorkspaceChanged
from functions.files.models import (
    DownloadQuery,
    File,
    GrantChange,
    ItemInfo,
    LinkDownload,
    LinkInfo,
    NewFolder,
    NewLink,
    PageQuery,
)
from functions.files.store import CONTENT, QUARANTINE, SETTING
from functions.files.store.tables import ACCESS, DRIVES, INDEX, LINKS, SHARES
from shared_code.actor import Actor
from shared_code.ids import new_id
from shared_code.messaging import Event
from shared_code.storage import table
from tests.integration.files.uploads import (
    STRANGER,
    actor,
    available,
    begin,
    blobs,
    contents,
    drive,
    next_version,
    put,
    row,
)

pytestmark = pytest.mark.usefixtures("provisioned")

HELLO = b"hello, world"


class Died(Exception):
    """The process is gone here."""


async def partition(name: str, key: str) -> list[str]:
    """The rows of a partition."""
    rows = table(SETTING, name).query_entities("PartitionKey eq @key", parameters={"key": key})
    return [each["RowKey"] async for each in rows]


class Full:
    """A drive with something of everything in it."""

    def __init__(self, owner: Actor, drive_id: str, friend: Actor) -> None:
        self.owner, self.drive_id, self.friend = owner, drive_id, friend
        self.items: list[str] = []
        self.links: list[LinkInfo] = []

    async def fill(self, workspace_id: str | None = None) -> None:
        of: dict[str, Any] = {"workspace_id": workspace_id} if workspace_id else {}
        folder = await self._folder("folder", None, of)
        inner = await self._folder("inner", folder.id, {})
        file = await available(self.owner, HELLO, "a.txt", folder_id=inner.id)
        file = await next_version(self.owner, file, b"the second")
        binned = await available(self.owner, b"in the bin", "b.txt", **of)
        await bins.put(self.owner, binned.item_id, None)
        waiting = await begin(self.owner, HELLO, "c.txt", **of)
        assert (await put(waiting.upload, HELLO)).status == 201
        self.items += [file.item_id, binned.item_id, waiting.file.id]
        for each in (folder.id, file.item_id):
            change = GrantChange(role="viewer")
            await sharing.grant(self.owner, each, self.friend.user_id, change)
            self.links.append(await links.make(self.owner, each, NewLink(), None))
        await reading.download(self.friend, file.item_id, DownloadQuery())

    async def _folder(self, name: str, folder_id: str | None, of: dict[str, Any]) -> ItemInfo:
        body = NewFolder(name=name, folder_id=folder_id, **of)
        made = await arranging.make_folder(self.owner, body, None)
        self.items.append(made.id)
        return made

    async def assert_gone(self) -> None:
        assert await partition(DRIVES, self.drive_id) == []
        for each in self.items:
            assert await partition(INDEX, each) == []
            assert await partition(ACCESS, each) == []
        for link in self.links:
            assert await partition(LINKS, link.id) == []
            with pytest.raises(LinkNotFound):
                await links.download(LinkDownload(token=link.token), STRANGER)
        assert await partition(SHARES, self.friend.user_id) == []
        assert await blobs(CONTENT, self.drive_id) == {}
        assert await blobs(QUARANTINE, self.drive_id) == {}
        with pytest.raises(FileNotFound):
            await listing.see(self.friend, self.items[2])


async def full(workspace_id: str | None = None) -> Full:
    owner = actor(**{workspace_id: "owner"}) if workspace_id else actor()
    made = Full(owner, workspace_id or owner.user_id, actor())
    await made.fill(workspace_id)
    assert len(await contents(made.drive_id)) == 3
    assert len(await partition(SHARES, made.friend.user_id)) == 2
    return made


async def test_of_an_erased_account_nothing_is_left() -> None:
    erased, other = await full(), await available(actor(), HELLO)
    await erase(erased.drive_id)
    await erased.assert_gone()
    await erase(erased.drive_id)  # an event that comes twice
    assert await row(other.drive_id, other.item_id) == other
    assert list((await contents(other.drive_id)).values()) == [HELLO]


async def test_of_an_erased_workspace_nothing_is_left_and_its_members_keep_their_own() -> None:
    workspace = new_id("ws")
    erased = await full(workspace)
    mine = await available(erased.owner, b"mine")
    await erase(workspace)
    await erased.assert_gone()
    assert await row(erased.owner.user_id, mine.item_id) == mine


async def test_a_drive_that_never_held_anything_is_erased_as_well() -> None:
    user_id = new_id("usr")
    await erase(user_id)
    assert await partition(DRIVES, user_id) == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "step",
    ["delete_link", "erase_access", "forget_drive", "erase_items", "remove_drive", "erase_drive"],
)
async def test_an_erasing_that_died_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    erased = await full()
    monkeypatch.setattr(erasing, "_TOGETHER", 2)
    real: Any = getattr(store, step)

    async def dies(*arguments: Any) -> None:
        if when == "after":
            await real(*arguments)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(store, step, dies)
        with pytest.raises(Died):
            await erase(erased.drive_id)
    await erase(erased.drive_id)
    await erased.assert_gone()


async def test_what_takes_too_long_for_one_run_is_gone_on_with_by_another_event(
    monkeypatch: pytest.MonkeyPatch, published: list[Event[Any]]
) -> None:
    erased = await full()
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_SECONDS", 0.0)
        await erase(erased.drive_id)
    [told] = published
    assert (told.type, told.data.drive_id) == (DriveOrphaned.TYPE, erased.drive_id)
    await erase(told.data.drive_id)
    await erased.assert_gone()
    assert published == [told]


async def test_drives_of_erased_accounts_and_workspaces_are_erased_by_an_event_of_their_own(
    published: list[Event[Any]],
) -> None:
    user_id, workspace = new_id("usr"), new_id("ws")
    await erasing.forget_account(user_id)
    for change in ("renamed", "erased"):
        event = WorkspaceChanged(workspace_id=workspace, seq=1, change=change)
        await erasing.follow_workspace(event)
    assert [each.data.drive_id for each in published] == [user_id, workspace]


async def shared_with(user: Actor, file: File, owner: Actor, subject_id: str = "") -> None:
    change = GrantChange(role="editor")
    await sharing.grant(owner, file.item_id, subject_id or user.user_id, change)


async def test_what_was_shared_with_an_erased_user_or_workspace_is_taken_back() -> None:
    owner, gone, stays, workspace = actor(), actor(), actor(), new_id("ws")
    owner = Actor(
        owner.user_id, owner.session_id, owner.expires_at, workspaces={workspace: "owner"}
    )
    files = [await available(owner, HELLO) for _ in range(3)]
    for file in files:
        await shared_with(gone, file, owner)
        await shared_with(stays, file, owner)
        await shared_with(gone, file, owner, workspace)
    await erase(gone.user_id)
    await erase(workspace)
    for file in files:
        found = await row(owner.user_id, file.item_id)
        assert [each.subject_id for each in found.grants] == [stays.user_id]
        with pytest.raises(FileNotFound):
            await listing.see(gone, file.item_id)
    assert await partition(SHARES, gone.user_id) == await partition(SHARES, workspace) == []
    page = await listing.shared(stays, PageQuery())
    assert len(page.items) == 3


async def test_taking_back_goes_on_where_it_died(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, gone = actor(), actor()
    files = [await available(owner, HELLO) for _ in range(3)]
    for file in files:
        await shared_with(gone, file, owner)
    waiting = [None]
    real = store.forget_share

    async def dies(subject_id: str, item_id: str) -> None:
        if waiting:
            waiting.pop()
            raise Died
        await real(subject_id, item_id)

    monkeypatch.setattr(store, "forget_share", dies)
    with pytest.raises(Died):
        await erase(gone.user_id)
    await erase(gone.user_id)
    assert await partition(SHARES, gone.user_id) == []
    for file in files:
        assert (await row(owner.user_id, file.item_id)).grants == ()


async def test_who_had_uploaded_into_a_workspace_takes_nothing_of_it_with_him() -> None:
    workspace = new_id("ws")
    gone, owner = actor(**{workspace: "member"}), actor(**{workspace: "owner"})
    file = await available(gone, HELLO, workspace_id=workspace)
    await erase(gone.user_id)
    given = await reading.download(owner, file.item_id, DownloadQuery())
    assert given.size == len(HELLO)
    assert (await drive(workspace)).used_bytes == len(HELLO)


async def test_an_upload_under_way_when_its_drive_is_erased_can_be_gone_on_with_no_more() -> None:
    user = actor()
    made = await begin(user, HELLO)
    assert (await put(made.upload, HELLO)).status == 201
    await erase(user.user_id)
    with pytest.raises(FileNotFound):
        await uploading.complete(user, made.file.id)
    assert await blobs(QUARANTINE, user.user_id) == {}
