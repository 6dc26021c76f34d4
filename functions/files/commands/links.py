"""Links: whoever has one reads a file or a folder, without an account, as long and as often as it says.

A link's secret is made of its id and the deployment's own (`FILES_SECRET`), so it is kept nowhere, and
can be shown again to those who manage the item; a new one of the deployment ends all links. Invariants: a
link opens nothing once it stands no more in its item, which is where it is revoked first; a download is
counted before it is given; guessing a password counts against who guesses.
"""

import base64
import hmac
from datetime import timedelta

from functions.files import limits, policy, store
from functions.files.commands.changing import changed, current, revised
from functions.files.commands.finding import Found, find, known_actor, locate
from functions.files.commands.reading import address, note, version_of
from functions.files.errors import DriveFull, FileNotFound, LinkNotFound, LinkPasswordRequired
from functions.files.models import (
    Download,
    Folder,
    Item,
    ItemInfo,
    Link,
    LinkAsked,
    LinkContent,
    LinkDownload,
    LinkedItem,
    LinkInfo,
    LinkOpened,
    Links,
    NewLink,
    info_of,
)
from functions.files.secrets import derived_key
from functions.files.store import Change, DriveRecord
from shared_code import passwords, text
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client, page_of
from shared_code.errors import IdempotencyKeyReused, ValidationFailed
from shared_code.ids import keyed_id


def token_of(link_id: str) -> str:
    """What opens a link. Raises NotConfigured, InvalidSetting."""
    made = derived_key(f"link {link_id}")
    return f"{link_id}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"


async def make(actor: Actor, item_id: str, body: NewLink, idempotency_key: str | None) -> LinkInfo:
    """Make a link to an item; a repeat with its key gives the same one.

    As `find`, 2, a read for each link that there is, 2 side by side, and 1. Raises as `find`, DriveFull,
    IdempotencyKeyReused, TooManyHashes; ValidationFailed for a drop that is no folder.
    """
    found = (await find(actor, item_id, "manager")).item
    if body.role == "drop" and not isinstance(found, Folder):
        raise ValidationFailed(
            [{"field": "role", "code": "drop_needs_folder", "message": "only a folder takes files"}]
        )
    link = await _new_link(actor, found, body, idempotency_key)
    if not await store.create_link(link):
        link = await _made_before(link, body)
    await note(item_id, "link_made", actor.user_id, link_id=link.link_id, role=link.role)
    await _put(found, link.link_id)
    return _info(link)


async def _made_before(link: Link, body: NewLink) -> Link:
    """The link that is there under the same key, if the body was the same and it was not revoked."""
    known = await store.read_link(link.link_id)
    if known is None or known.request != link.request or known.revoked:
        raise IdempotencyKeyReused
    if body.password and not await passwords.matches(body.password, known.password_hash):
        raise IdempotencyKeyReused
    return known


async def _new_link(actor: Actor, item: Item, body: NewLink, idempotency_key: str | None) -> Link:
    now = utcnow()
    return Link(
        link_id=keyed_id("lnk", f"{actor.user_id} {item.item_id}", idempotency_key),
        drive_id=item.drive_id,
        item_id=item.item_id,
        role=body.role,
        password_hash=await passwords.hash_password(body.password) if body.password else None,
        made_by=actor.user_id,
        created_at=now,
        expires_at=now + timedelta(seconds=body.expires_in),
        max_downloads=body.max_downloads,
        request=_request_of(body) if idempotency_key else "",
    )


def _request_of(body: NewLink) -> str:
    """The digest of a body; of a password it says only whether there is one: a digest could be guessed at."""
    return text.digest(f"{body.model_dump_json(exclude={'password'})} {bool(body.password)}")


async def _put(item: Item, link_id: str) -> None:
    """Let a link stand in its item; those that are over make room."""
    over = {each.link_id for each in await _links(item) if _is_over(each)} - {link_id}

    async def attempt(record: DriveRecord) -> Item | None:
        before = current(record, item)
        kept = tuple(each for each in before.links if each not in over)
        if link_id in kept:
            return before
        if len(kept) >= policy.MAX_LINKS:
            await store.delete_link(link_id)
            raise DriveFull(f"An item can have {policy.MAX_LINKS} links at most")
        after = revised(before, links=(*kept, link_id))
        change = Change(record)
        store.put_item(change, before, after)
        return after if await change.commit() else None

    await changed(item.drive_id, attempt, item.row_key)
    for each in over:
        await store.delete_link(each)


async def _links(item: Item) -> list[Link]:
    """The links of an item that are there. A read for each."""
    found = [await store.read_link(each) for each in item.links]
    return [each for each in found if each]


def _is_over(link: Link) -> bool:
    used_up = link.max_downloads is not None and link.downloads >= link.max_downloads
    return link.revoked or used_up or utcnow() >= link.expires_at


def _info(link: Link) -> LinkInfo:
    return LinkInfo(
        id=link.link_id,
        token=token_of(link.link_id),
        has_password=link.password_hash is not None,
        **link.model_dump(
            include={
                "item_id",
                "role",
                "made_by",
                "created_at",
                "expires_at",
                "downloads",
                "max_downloads",
            }
        ),
    )


async def listed(actor: Actor, item_id: str) -> Links:
    """The links of an item that are not over. As `find`, and a read for each."""
    found = await find(actor, item_id, "manager", in_bin=True)
    return Links(items=[_info(each) for each in await _links(found.item) if not _is_over(each)])


async def revoke(actor: Actor, item_id: str, link_id: str) -> None:
    """End a link: it gives no new address. As `find`, 2 side by side, 1, and 3.

    Raises as `find`, LinkNotFound.
    """
    found = (await find(actor, item_id, "manager", in_bin=True)).item
    if link_id not in found.links:
        raise LinkNotFound

    async def attempt(record: DriveRecord) -> Item | None:
        before = current(record, found)
        left = tuple(each for each in before.links if each != link_id)
        after = revised(before, links=left)
        change = Change(record)
        store.put_item(change, before, after)
        return after if await change.commit() else None

    await changed(found.drive_id, attempt, found.row_key)
    await store.revoke_link(link_id)
    await note(item_id, "link_revoked", actor.user_id, link_id=link_id)


async def opened(asked: LinkAsked, client: Client) -> tuple[Link, Found]:
    """The link that a stranger has, and what it opens.

    Round trips: 1 for the limit, 1 for the link, 3 for a password, and those of `locate`. Raises
    LinkNotFound, LinkPasswordRequired, TooManyRequests, TooManyHashes.
    """
    await limits.before_link(client)
    link_id = asked.token.partition(".")[0]
    if not hmac.compare_digest(token_of(link_id).encode(), asked.token.encode()):
        raise LinkNotFound
    link = await store.read_link(link_id)
    if link is None or _is_over(link):
        raise LinkNotFound
    await _check_password(link, asked.password, client)
    try:
        found = await locate(link.item_id)
    except FileNotFound as error:
        raise LinkNotFound from error
    if found is None or found.in_bin or link_id not in found.item.links:
        raise LinkNotFound
    maker = await known_actor(link.made_by, found.drive_id, found.chain)
    if not policy.is_enough(policy.right_on(maker, found.drive_id, found.chain), "manager"):
        raise LinkNotFound
    return link, found


async def _check_password(link: Link, password: str | None, client: Client) -> None:
    if link.password_hash is None:
        return
    if password is None:
        raise LinkPasswordRequired
    taken = await limits.before_password(link.link_id, client)
    if not await passwords.matches(password, link.password_hash):
        raise LinkPasswordRequired("This is not the password of the link")
    await limits.succeeded(taken)


async def see(asked: LinkContent, client: Client) -> LinkOpened:
    """What a link opens; of a folder a page of what is in it. As `opened`, and 1 or 2.

    Raises as `opened`, FileNotFound for a folder that is not in the linked one.
    """
    link, found = await opened(asked, client)
    if link.role == "drop":
        return LinkOpened(role=link.role, item=None, name=found.item.name, items=[])
    shown = await _within(found, asked.folder_id) if asked.folder_id else found
    items, more = await _page(shown.item, asked)
    return LinkOpened(
        role=link.role,
        item=_linked(info_of(shown.item)),
        name=shown.item.name,
        items=items,
        next=more,
    )


async def _within(linked: Found, item_id: str) -> Found:
    """An item below the linked folder. Costs as `locate`. Raises FileNotFound."""
    found = linked if item_id == linked.item.item_id else await locate(item_id)
    inside = found and any(each.item_id == linked.item.item_id for each in found.chain)
    if found is None or found.in_bin or not inside:
        raise FileNotFound
    return found


def _linked(info: ItemInfo) -> LinkedItem:
    """An item as strangers see it: nothing of its owner, nor of what is above it."""
    return LinkedItem(**info.model_dump(include=set(LinkedItem.model_fields)))


async def _page(item: Item, asked: LinkContent) -> tuple[list[LinkedItem], str | None]:
    if not isinstance(item, Folder):
        return [], None
    found = await store.read_names(item.drive_id, item.item_id, asked.cursor, asked.limit + 1)
    page = page_of(found, asked.limit, lambda each: each[0])
    shown = [info for _, info in page.items if info.kind == "folder" or info.version]
    return [_linked(each) for each in shown], page.next


async def download(asked: LinkDownload, client: Client) -> Download:
    """An address for the linked file, or a file below the linked folder. As `opened`, and 3 or more.

    Raises as `opened`, FileNotFound, ScanPending, FileRejected.
    """
    link, found = await opened(asked, client)
    if link.role == "drop":
        raise FileNotFound
    wanted = await _within(found, asked.file_id or found.item.item_id)
    version = await version_of(wanted.file)
    if not await store.count_download(link.link_id):
        raise LinkNotFound
    await note(wanted.item.item_id, "downloaded_by_link", None, link_id=link.link_id)
    return await address(wanted.file, version, asked.disposition)
