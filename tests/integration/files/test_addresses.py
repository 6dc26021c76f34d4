"""Addresses: each for one blob, one use and some minutes, whatever the store can do."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from functions.files import store
from functions.files.commands import reading, uploading
from functions.files.models import DownloadQuery, NewFile
from functions.files.store import addresses
from shared_code.clock import rfc3339, utcnow
from shared_code.errors import InvalidSetting
from shared_code.storage import close_all
from tests.harness.files import promised
from tests.integration.files.conftest import Clock
from tests.integration.files.uploads import (
    actor,
    ask,
    available,
    begin,
    checked,
    completed,
    picture,
    put,
    row,
)

pytestmark = pytest.mark.usefixtures("provisioned")

HELLO = b"hello, world"


def said(url: str) -> dict[str, str]:
    """What a signature says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def seconds(moment: str) -> str:
    """A time as a signature has it."""
    return moment[:19] + "Z"


@pytest.mark.parametrize(
    ("capabilities", "permission"),
    [("none", "cw"), ("create_blocks", "c"), (" create_blocks , none", "c"), ("", "c")],
)
async def test_an_upload_may_overwrite_only_where_the_store_wants_that_for_blocks(
    monkeypatch: pytest.MonkeyPatch, capabilities: str, permission: str
) -> None:
    monkeypatch.setenv(addresses.CAPABILITIES, capabilities)
    made = await begin(actor(), HELLO)
    assert made.upload
    assert said(made.upload.url)["sp"] == permission


async def test_a_capability_that_nobody_knows_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(addresses.CAPABILITIES, "create_blocks,levitate")
    with pytest.raises(InvalidSetting):
        await begin(actor(), HELLO)


async def test_with_the_right_to_create_alone_a_file_is_uploaded_once_and_not_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(addresses.CAPABILITIES, "create_blocks")
    user = actor()
    made = await begin(user, HELLO)
    assert (await put(made.upload, HELLO)).status == 201
    again = await put(made.upload, b"HELLO, WORLD")
    assert again.status in {403, 409}
    await uploading.complete(user, made.file.id)
    file = await checked(await row(user.user_id, made.file.id))
    assert file.state == "available"


async def test_an_address_for_an_upload_says_no_more_than_it_must() -> None:
    user = actor()
    made = await begin(user, HELLO)
    assert made.upload
    found = said(made.upload.url)
    assert found["sr"] == "b"
    assert found["se"] == seconds(rfc3339(made.upload.expires_at))
    assert (made.upload.expires_at - utcnow()) <= timedelta(seconds=900)
    assert found["spr"] == "https,http"  # Azurite's is plain
    assert set(found) == {"sr", "se", "sp", "spr", "sv", "sig"}
    assert user.user_id not in made.upload.url


async def test_an_address_for_reading_forces_how_it_is_served() -> None:
    user = actor()
    file = await available(user, HELLO, 'we "quote" \u00fc.txt')
    given = await reading.download(user, file.item_id, DownloadQuery())
    found = said(given.url)
    assert (found["sr"], found["sp"]) == ("b", "r")
    assert found["se"] == seconds(rfc3339(given.expires_at))
    assert given.expires_at - utcnow() <= timedelta(seconds=60)
    assert found["rsct"] == "text/plain"
    assert found["rscd"].startswith("attachment;")
    assert found["rscc"] == "private, no-store"
    got = await ask("GET", given.url)
    assert (got.status, got.body) == (200, HELLO)
    assert got.headers["content-type"] == "text/plain"
    assert got.headers["content-disposition"] == found["rscd"]
    part = await ask("GET", given.url, headers={"Range": "bytes=7-11"})
    assert (part.status, part.body) == (206, b"world")


@pytest.mark.parametrize(
    ("content", "claim", "served", "disposition"),
    [
        (b"<html><script>1</script>", "text/html", "application/octet-stream", "attachment"),
        (b"<svg xmlns='x'/>", "image/svg+xml", "application/octet-stream", "attachment"),
        (b"<!doctype html>", "application/octet-stream", "application/octet-stream", "attachment"),
        (picture(3, 3), "image/png", "image/png", "inline"),
    ],
)
async def test_only_what_no_browser_runs_is_shown_in_place(
    content: bytes, claim: str, served: str, disposition: str
) -> None:
    user = actor()
    file = await checked(await completed(user, content, content_type=claim))
    given = await reading.download(user, file.item_id, DownloadQuery(disposition="inline"))
    got = await ask("GET", given.url)
    assert (got.status, got.body) == (200, content)
    assert got.headers["content-type"] == served
    assert got.headers["content-disposition"].partition(";")[0] == disposition


async def test_an_address_cannot_be_turned_to_another_use_or_served_otherwise() -> None:
    user = actor()
    file, other = await available(user, HELLO), await available(user, b"other")
    made = await begin(user, HELLO)
    assert made.upload
    assert file.content
    assert other.content
    url = (await reading.download(user, file.item_id, DownloadQuery())).url
    for method, changed in (
        ("GET", url.replace(file.content.blob, other.content.blob)),
        ("GET", url.replace("rscd=attachment", "rscd=inline")),
        ("GET", url.replace("rsct=text", "rsct=image")),
        ("DELETE", url),
        ("GET", f"{url}&comp=tags"),
        ("GET", made.upload.url),
        ("DELETE", made.upload.url),
        ("GET", f"{container_of(made.upload.url)}&restype=container&comp=list"),
        ("PUT", made.upload.url.replace(file.drive_id, "x").replace("upl_", "upx_")),
    ):
        headers = made.upload.headers if method == "PUT" else {}
        answer = await ask(method, changed, headers=headers)
        assert answer.status in {403, 404}, (method, changed, answer)
    assert (await ask("PUT", url, data=HELLO, headers=made.upload.headers)).status == 403


def container_of(url: str) -> str:
    """The address of the container, with the same signature."""
    parts = urlsplit(url)
    return parts._replace(path="/".join(parts.path.split("/")[:3])).geturl()


async def test_an_address_ends_when_it_says_so(clock: Clock) -> None:
    user = actor()
    file = await available(user, HELLO)
    clock(timedelta(seconds=-61))
    given = await reading.download(user, file.item_id, DownloadQuery())
    assert (await ask("GET", given.url)).status == 403
    clock(timedelta(seconds=-901))
    made = await begin(user, HELLO)
    assert (await put(made.upload, HELLO)).status == 403


async def test_addresses_of_an_encrypted_store_are_good_for_nothing_else(
    azurite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = dict(part.split("=", 1) for part in azurite.split(";") if part)["AccountKey"]
    await close_all()
    with monkeypatch.context() as patch:
        patch.setenv(
            "FILES_STORAGE",
            f"DefaultEndpointsProtocol=https;AccountName=one;AccountKey={key};"
            "EndpointSuffix=core.windows.net",
        )
        url = await store.upload_url("a/b/c", utcnow())
        await close_all()
    assert url.startswith("https://one.blob.core.windows.net/files-quarantine/a/b/c?")
    assert said(url)["spr"] == "https"


async def test_with_an_account_key_no_other_key_is_asked_for(sent: list[str]) -> None:
    await begin(actor(), HELLO)
    assert not [each for each in sent if "userdelegationkey" in each]


def test_a_promise_is_checked_before_any_address_is_made() -> None:
    for broken in ({"sha256": "x" * 64}, {"size": 0}, {"content_type": "text/html; charset=x"}):
        with pytest.raises(ValueError, match=next(iter(broken))):
            NewFile.model_validate({"name": "a", **promised(HELLO), **broken})
