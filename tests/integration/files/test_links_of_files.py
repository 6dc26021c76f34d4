"""Links: as long and as often as they say, for whoever has the token, and for nobody who guesses it."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from functions.files import store
from functions.files.commands import bin as bins
from functions.files.commands import dropping, links
from functions.files.commands.arranging import make_folder
from functions.files.errors import FileNotFound, LinkNotFound, LinkPasswordRequired, ScanPending
from functions.files.models import (
    DropCompletion,
    DropUpload,
    LinkContent,
    LinkDownload,
    LinkInfo,
    NewFolder,
    NewLink,
)
from shared_code.errors import InvalidSetting, TooManyRequests, ValidationFailed
from shared_code.ids import new_id
from shared_code.storage import table
from tests.harness.faulty_store import FaultyStore, is_busy_after
from tests.harness.files import promised
from tests.integration.files.conftest import Clock
from tests.integration.files.uploads import (
    STRANGER,
    actor,
    ask,
    available,
    completed,
    put,
    row,
)

pytestmark = pytest.mark.usefixtures("provisioned")

REPOSITORY = Path(__file__).parents[3]
HELLO = b"hello, world"
HOUR = timedelta(hours=1)


async def linked(**fields: object) -> LinkInfo:
    """A link to a file."""
    user = actor()
    file = await available(user, HELLO)
    return await links.make(user, file.item_id, NewLink.model_validate(fields), None)


def wish(link: LinkInfo, **fields: object) -> LinkDownload:
    return LinkDownload.model_validate({"token": link.token, **fields})


async def opens(link: LinkInfo) -> bool:
    """Whether it shows and gives what it is of."""
    try:
        await links.see(LinkContent(token=link.token), STRANGER)
        given = await links.download(wish(link), STRANGER)
    except LinkNotFound:
        return False
    return (await ask("GET", given.url)).body == HELLO


async def test_a_link_gives_the_content_until_its_time_is_over(clock: Clock) -> None:
    link = await linked(expires_in=3600)
    assert await opens(link)
    clock(link.expires_at - timedelta(milliseconds=1))
    assert (await links.download(wish(link), STRANGER)).size == len(HELLO)
    clock(link.expires_at)
    assert not await opens(link)


async def test_a_link_gives_the_content_as_often_as_it_says() -> None:
    link = await linked(max_downloads=2)
    for _ in range(2):
        await links.see(LinkContent(token=link.token), STRANGER)  # seeing counts for nothing
        await links.download(wish(link), STRANGER)
    assert not await opens(link)
    kept = await store.read_link(link.id)
    assert kept
    assert kept.downloads == 2


async def test_a_link_that_is_over_is_listed_no_more(clock: Clock) -> None:
    user = actor()
    file = await available(user, HELLO)
    short, once, stays = [
        await links.make(user, file.item_id, NewLink.model_validate(each), None)
        for each in ({"expires_in": 60}, {"max_downloads": 1}, {})
    ]
    await links.download(wish(once), STRANGER)
    clock(HOUR)
    assert [each.id for each in (await links.listed(user, file.item_id)).items] == [stays.id]
    assert short.token != once.token != stays.token


async def test_of_many_downloads_at_once_no_more_pass_than_a_link_allows() -> None:
    link = await linked(max_downloads=7)
    tried = [links.download(wish(link), STRANGER) for _ in range(20)]
    told = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(not isinstance(each, Exception) for each in told) == 7
    assert {type(each) for each in told if isinstance(each, Exception)} == {LinkNotFound}


async def test_in_two_processes_downloads_are_counted_exactly() -> None:
    link, open_ = await linked(max_downloads=13), await linked()
    counted = await asyncio.gather(*(counting(link.id, 15) for _ in range(2)))
    assert sum(counted) == 13
    assert all(await asyncio.gather(*(counting(open_.id, 15) for _ in range(2))))
    kept, of_all = await store.read_link(link.id), await store.read_link(open_.id)
    assert kept
    assert of_all
    assert (kept.downloads, of_all.downloads) == (13, 30)


async def counting(link_id: str, number: int) -> int:
    """How many downloads a process of its own has counted."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.files.downloading", link_id, str(number)),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await child.communicate()
    assert child.returncode == 0, trouble.decode()
    return int(said)


async def test_a_lost_answer_gives_no_download_too_many(faulty: FaultyStore) -> None:
    link = await linked(max_downloads=3)
    faulty.next("write", is_busy_after)
    counted = [await store.count_download(link.id) for _ in range(4)]
    assert counted.count(True) <= 3
    kept = await store.read_link(link.id)
    assert kept
    assert kept.downloads == 3


async def test_a_token_is_made_of_the_deployment_s_secret_and_kept_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link = await linked()
    secret = link.token.partition(".")[2]
    row_ = await table(store.SETTING, "fileslinks").get_entity(link.id, "link")
    assert secret not in str(dict(row_))
    with monkeypatch.context() as patch:
        patch.setenv("FILES_SECRET", "another secret of the deployment, as long as it must be")
        assert not await opens(link)
    assert await opens(link)
    monkeypatch.setenv("FILES_SECRET", "short")
    with pytest.raises(InvalidSetting):
        await opens(link)


@pytest.mark.parametrize("guess", ["{id}", "{id}.", "{id}.AAAA", "lnk_x.{secret}", ".", "ü.ü"])
async def test_who_guesses_a_token_learns_nothing(guess: str) -> None:
    link = await linked()
    token = guess.format(id=link.id, secret=link.token.partition(".")[2])
    with pytest.raises(LinkNotFound):
        await links.see(LinkContent(token=token), STRANGER)


async def test_a_link_of_another_deployment_s_id_with_a_right_secret_is_none() -> None:
    token = links.token_of(new_id("lnk"))
    with pytest.raises(LinkNotFound):
        await links.see(LinkContent(token=token), STRANGER)


async def test_a_revoked_link_gives_no_new_address() -> None:
    user = actor()
    file = await available(user, HELLO)
    link = await links.make(user, file.item_id, NewLink(), None)
    assert await opens(link)
    await links.revoke(user, file.item_id, link.id)
    assert not await opens(link)
    with pytest.raises(LinkNotFound):
        await links.revoke(user, file.item_id, link.id)


async def test_a_link_that_stands_no_more_in_its_item_opens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = actor()
    file = await available(user, HELLO)
    link = await links.make(user, file.item_id, NewLink(), None)

    async def dies(_: str) -> None:
        raise RuntimeError("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(store, "revoke_link", dies)
        with pytest.raises(RuntimeError):
            await links.revoke(user, file.item_id, link.id)
    assert await store.read_link(link.id)
    assert not await opens(link)


async def test_what_a_link_is_of_opens_nothing_while_it_is_in_the_bin() -> None:
    user = actor()
    file = await available(user, HELLO)
    link = await links.make(user, file.item_id, NewLink(), None)
    await bins.put(user, file.item_id, None)
    assert not await opens(link)
    await bins.restore(user, file.item_id)
    assert await opens(link)


async def test_a_link_gives_nothing_before_the_verdict_and_counts_nothing() -> None:
    user = actor()
    file = await completed(user, HELLO)
    link = await links.make(user, file.item_id, NewLink(max_downloads=1), None)
    with pytest.raises(ScanPending):
        await links.download(wish(link), STRANGER)
    kept = await store.read_link(link.id)
    assert kept
    assert kept.downloads == 0


async def test_a_password_is_asked_for_and_guessing_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FILES_LIMITS", "link_password=2/300")
    link = await linked(password="open sesame")
    with pytest.raises(LinkPasswordRequired):
        await links.download(wish(link), STRANGER)
    for _ in range(3):  # the right one counts for nothing
        await links.download(wish(link, password="open sesame"), STRANGER)
    for _ in range(2):
        with pytest.raises(LinkPasswordRequired):
            await links.download(wish(link, password="open barley"), STRANGER)
    with pytest.raises(TooManyRequests):
        await links.download(wish(link, password="open barley"), STRANGER)


async def test_a_link_to_a_folder_gives_what_is_below_it_and_nothing_else() -> None:
    user = actor()
    folder = await make_folder(user, NewFolder(name="open"), None)
    inner = await make_folder(user, NewFolder(name="inner", folder_id=folder.id), None)
    inside = await available(user, HELLO, "in.txt", folder_id=inner.id)
    outside = await available(user, HELLO, "out.txt")
    link = await links.make(user, folder.id, NewLink(), None)
    assert (await links.download(wish(link, file_id=inside.item_id), STRANGER)).name == "in.txt"
    for other in (outside.item_id, new_id("fil")):
        with pytest.raises(FileNotFound):
            await links.download(wish(link, file_id=other), STRANGER)
    shown = await links.see(LinkContent(token=link.token), STRANGER)
    assert [each.name for each in shown.items] == ["inner"]


async def test_a_drop_takes_files_and_shows_and_gives_none() -> None:
    user = actor()
    folder = await make_folder(user, NewFolder(name="drop"), None)
    mine = await available(user, HELLO, "a.txt", folder_id=folder.id)
    link = await links.make(user, folder.id, NewLink(role="drop"), None)
    asked = DropUpload.model_validate({"token": link.token, "name": "a.txt", **promised(HELLO)})
    made = await dropping.begin_drop(asked, STRANGER, None)
    assert (await row(user.user_id, made.file.id)).name == "a (2).txt"
    assert made.file.name == "a.txt"  # who drops does not learn that there is another
    assert (await put(made.upload, HELLO)).status == 201
    done = DropCompletion(token=link.token, file_id=made.file.id)
    assert (await dropping.complete_drop(done, STRANGER)).state == "checking"
    assert (await row(user.user_id, made.file.id)).created_by == link.id
    shown = await links.see(LinkContent(token=link.token), STRANGER)
    assert (shown.item, shown.items) == (None, [])
    for file_id in (None, mine.item_id, made.file.id):
        with pytest.raises(FileNotFound):
            await links.download(wish(link, file_id=file_id), STRANGER)
    with pytest.raises(FileNotFound):
        await dropping.complete_drop(
            DropCompletion(token=link.token, file_id=mine.item_id), STRANGER
        )
    with pytest.raises(ValidationFailed):
        await links.make(user, mine.item_id, NewLink(role="drop"), None)
