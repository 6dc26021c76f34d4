"""What each command costs in requests to the store: the docstrings state it, and here it is counted."""

import secrets
from collections.abc import Awaitable
from typing import Any

import pytest

from functions.files import store
from functions.files.commands import (
    arranging,
    checking,
    links,
    listing,
    orphans,
    reading,
    sharing,
    sweeping,
    thumbnails,
    uploading,
    versions,
)
from functions.files.commands import bin as bins
from functions.files.commands.erasing import erase
from functions.files.commands.purging import follow, in_bin, purge_item
from functions.files.events import ImageAccepted, ItemPurged
from functions.files.models import (
    BinQuery,
    Copied,
    DownloadQuery,
    DriveQuery,
    GrantChange,
    ItemChange,
    LinkContent,
    LinkDownload,
    ListQuery,
    NewFolder,
    NewLink,
    NewVersion,
    PageQuery,
    TicketQuery,
)
from shared_code.actor import Actor
from shared_code.endpoint import Client
from tests.harness.files import promised
from tests.integration.files.uploads import (
    actor,
    available,
    begin,
    completed,
    event_of,
    events_of,
    picture,
    put,
    row,
)

pytestmark = pytest.mark.usefixtures("provisioned")

ROUND_TRIPS = {
    "create, the first in a drive": 8,
    "create": 7,
    "resume": 8,
    "complete": 6,
    "check": 11,
    "check, again": 3,
    "check, rejected": 10,
    "check of 9 MiB": 13,
    "check of an image": 12,
    "check of a copy": 6,
    "create_version": 6,
    "give_up": 13,
    "copy": 14,
    "thumbnails.make": 8,
    "thumbnail": 2,
    "make_folder": 5,
    "make_folder in a folder": 8,
    "rename": 5,
    "move": 7,
    "see": 2,
    "download": 3,
    "list": 1,
    "list of a folder": 2,
    "search": 3,
    "drive": 1,
    "accesses": 3,
    "versions": 3,
    "restore of a version": 8,
    "bin.put": 6,
    "bin.list": 1,
    "bin.restore": 7,
    "purge_item": 4,
    "purge, followed": 6,
    "grant": 7,
    "grants": 1,
    "shared": 2,
    "revoke": 6,
    "links.make": 6,
    "links.list": 2,
    "links.see": 3,
    "links.see with a password": 6,
    "links.download": 6,
    "links.revoke": 7,
    "sweep_due": 1,
    "sweep_rows": 2,
    "erase of an empty drive": 7,
    "erase of a file": 14,
}
HELLO = b"hello, world"
MIB = 1024 * 1024


class Costs:
    """What was spent, by command."""

    def __init__(self, sent: list[str]) -> None:
        self._sent = sent
        self.found: dict[str, int] = {}

    async def of[Result](self, name: str, command: Awaitable[Result]) -> Result:
        """Count what a command sends."""
        self._sent.clear()
        result = await command
        self.found[name] = len(self._sent)
        return result


@pytest.fixture
def costs(sent: list[str]) -> Costs:
    return Costs(sent)


def table_of(*names: str) -> dict[str, int]:
    return {each: ROUND_TRIPS[each] for each in names}


async def test_uploads_cost_what_they_say(costs: Costs) -> None:
    user = actor()
    await costs.of("create, the first in a drive", begin(user, HELLO))
    made = await costs.of("create", begin(user, HELLO))
    await costs.of("resume", uploading.resume(user, made.file.id))
    assert (await put(made.upload, HELLO)).status == 201
    await costs.of("complete", uploading.complete(user, made.file.id))
    file = await row(user.user_id, made.file.id)
    event = await event_of(file)
    await costs.of("check", checking.check(event))
    await costs.of("check, again", checking.check(event))
    new = NewVersion.model_validate(promised(b"other"))
    await costs.of("create_version", uploading.create_version(user, made.file.id, new, None))
    await costs.of("give_up", uploading.give_up(user, made.file.id))
    wrong = await begin(user, HELLO)
    assert (await put(wrong.upload, b"HELLO, WORLD")).status == 201
    await uploading.complete(user, wrong.file.id)
    event = await event_of(await row(user.user_id, wrong.file.id))
    await costs.of("check, rejected", checking.check(event))
    large = await completed(user, b"a" * (9 * MIB))
    await costs.of("check of 9 MiB", checking.check(await event_of(large)))
    copy = await costs.of("copy", arranging.copy(user, made.file.id, Copied(), None))
    event = await event_of(await row(user.user_id, copy.file.id))
    await costs.of("check of a copy", checking.check(event))
    assert costs.found == table_of(*costs.found)


async def test_images_cost_what_they_say(costs: Costs) -> None:
    user = actor()
    file = await completed(user, picture(40, 30), content_type="image/png")
    await costs.of("check of an image", checking.check(await event_of(file)))
    wanted = ImageAccepted(drive_id=user.user_id, file_id=file.item_id, version=1)
    await costs.of("thumbnails.make", thumbnails.make(wanted))
    of_256 = reading.thumbnail(user, file.item_id, 256, TicketQuery())
    await costs.of("thumbnail", of_256)
    assert costs.found == table_of(*costs.found)


async def a_folder(user: Actor, name: str, folder_id: str | None = None) -> str:
    body = NewFolder(name=name, folder_id=folder_id)
    return (await arranging.make_folder(user, body, None)).id


async def test_items_cost_what_they_say(costs: Costs) -> None:
    user = actor()
    file = await available(user, HELLO)
    folder_id, item_id = await a_folder(user, "a"), file.item_id
    body = NewFolder(name="b", folder_id=folder_id)
    await costs.of("make_folder in a folder", arranging.make_folder(user, body, None))
    await costs.of("make_folder", arranging.make_folder(user, NewFolder(name="c"), None))
    rename = ItemChange(name="d")
    await costs.of("rename", arranging.change_item(user, item_id, rename, None))
    await listing.see(user, folder_id)
    move = ItemChange(folder_id=folder_id)
    await costs.of("move", arranging.change_item(user, item_id, move, None))
    await costs.of("see", listing.see(user, item_id))
    await costs.of("download", reading.download(user, item_id, DownloadQuery()))
    await costs.of("list", listing.listed(user, ListQuery()))
    await costs.of("list of a folder", listing.listed(user, ListQuery(folder_id=folder_id)))
    await costs.of("search", listing.listed(user, ListQuery(search="d")))
    await costs.of("drive", listing.drive(user, DriveQuery()))
    await costs.of("accesses", listing.accesses(user, item_id, PageQuery()))
    await costs.of("versions", versions.listed(user, item_id))
    await costs.of("restore of a version", versions.restore(user, item_id, 1, None))
    await costs.of("bin.put", bins.put(user, item_id, None))
    await costs.of("bin.list", listing.in_bin(user, BinQuery(), None))
    await costs.of("bin.restore", bins.restore(user, item_id))
    await bins.put(user, item_id, None)
    await costs.of("purge_item", purge_item(user.user_id, item_id, in_bin))
    [event] = await events_of(user.user_id, ItemPurged.TYPE)
    await costs.of("purge, followed", follow(ItemPurged.model_validate(event["data"])))
    assert costs.found == table_of(*costs.found)


async def test_sharing_costs_what_it_says(costs: Costs) -> None:
    # Of his own: what other tests have written of a network costs its limit two more.
    stranger = Client(address=f"192.0.2.{secrets.randbelow(200) + 20}")
    user, friend = actor(), actor()
    item_id = (await available(user, HELLO)).item_id
    await listing.see(user, item_id)
    change = GrantChange(role="viewer")
    await costs.of("grant", sharing.grant(user, item_id, friend.user_id, change))
    await costs.of("shared", listing.shared(friend, PageQuery()))
    await costs.of("grants", sharing.listed(user, item_id))
    await costs.of("revoke", sharing.revoke(user, item_id, friend.user_id))
    link = await costs.of("links.make", links.make(user, item_id, NewLink(), None))
    await costs.of("links.list", links.listed(user, item_id))
    await costs.of("links.see", links.see(LinkContent(token=link.token), stranger))
    await costs.of("links.download", links.download(LinkDownload(token=link.token), stranger))
    await costs.of("links.revoke", links.revoke(user, item_id, link.id))
    locked = await links.make(user, item_id, NewLink(password="open sesame"), None)
    asked = LinkContent(token=locked.token, password="open sesame")
    await costs.of("links.see with a password", links.see(asked, stranger))
    assert costs.found == table_of(*costs.found)


async def test_the_sweeps_with_nothing_to_do_cost_what_they_say(
    costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: Any) -> Any:
        return []

    await sweeping.sweep_due()
    await costs.of("sweep_due", sweeping.sweep_due())
    monkeypatch.setattr(store, "versions_after", none)
    await costs.of("sweep_rows", orphans.sweep_rows())
    assert costs.found == table_of(*costs.found)


async def test_erasing_costs_what_it_says(costs: Costs) -> None:
    user = actor()
    await costs.of("erase of an empty drive", erase(user.user_id))
    await available(user, HELLO)
    await costs.of("erase of a file", erase(user.user_id))
    assert costs.found == table_of(*costs.found)
