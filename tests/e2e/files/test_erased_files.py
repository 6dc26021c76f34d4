"""Who is erased leaves no file: neither rows nor bytes of his drive, nor a grant or a link."""

from collections.abc import Iterable
from typing import Any

from azure.data.tables.aio import TableServiceClient

from functions.auth.events import account_erased
from tests.harness.api import Api, User
from tests.harness.blobs import blobs_of
from tests.harness.bus import bus, publish
from tests.harness.files import Files
from tests.harness.stack import Stack
from tests.harness.waiting import until_async
from tests.harness.workspaces import member, workspace

TABLES = ("filesdrives", "filesindex", "filesshares", "fileslinks", "filesaccess", "filesmembers")


async def rows(stack: Stack, *keys: str) -> list[tuple[str, str, str]]:
    """All rows of files in the partitions of these keys: table, partition, row."""
    found: list[tuple[str, str, str]] = []
    connection = stack.settings["FILES_STORAGE"]
    async with TableServiceClient.from_connection_string(connection) as service:
        for table in TABLES:
            client = service.get_table_client(table)
            for key in keys:
                query = client.query_entities("PartitionKey eq @key", parameters={"key": key})
                found += [(table, key, row["RowKey"]) async for row in query]
    return found


async def until_erased(stack: Stack, keys: Iterable[str]) -> None:
    """Wait until nothing is kept under any of the keys, and no bytes of the files among them."""
    keys = list(keys)

    async def gone() -> bool:
        held = [await blobs_of(stack, key) for key in keys if key.startswith("fil_")]
        return not any(held) and not await rows(stack, *keys)

    await until_async(gone, f"{keys[0]} and its files are erased", 30)


async def erase(stack: Stack, *users: User) -> None:
    """Tell all services that accounts are erased; twice, as delivery is at least once."""
    async with bus(stack) as client:
        for user in users * 2:
            await publish(client, account_erased(user.id).model_dump(mode="json"), user.id)


async def filled(api: Api, files: Files, user: User, **where: Any) -> dict[str, str]:
    """Ids of all that a drive can hold: files in every state, folders, the bin, links, grants."""
    folder = await files.folder(user, "folder", **where)
    inside = await files.available(user, b"inside", folder_id=folder["id"])
    waiting = await files.begun(user, b"waiting", "waiting.txt", **where)
    await files.put(waiting["upload"], b"waiting")
    rejected = await files.upload(user, b"bad", "bad.txt", sha256="0" * 64, **where)
    binned = await files.available(user, b"binned", "binned.txt", **where)
    await api.good("DELETE", f"files/{binned['id']}", user)
    link = await api.good("POST", f"files/{inside['id']}/links", user, json={})
    await files.content(user, inside["id"])
    return {
        "folder": folder["id"],
        "inside": inside["id"],
        "waiting": waiting["file"]["id"],
        "rejected": rejected["id"],
        "binned": binned["id"],
        "link": link["id"],
        "token": link["token"],
        "address": waiting["upload"]["url"],
    }


def keys_of(made: dict[str, str]) -> list[str]:
    """The partitions that `filled` has made."""
    return [made[each] for each in made if each not in {"token", "address"}]


async def test_an_erased_account_leaves_nothing_of_its_drive(
    api: Api, files: Files, stack: Stack
) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    made = await filled(api, files, ada)
    grant = {"role": "viewer"}
    await api.good("PUT", f"files/{made['folder']}/grants/{grace.id}", ada, json=grant)
    keys = [ada.id, *keys_of(made)]
    assert {key for _, key, _ in await rows(stack, *keys)} == set(keys)
    hers = await files.available(grace, b"hers")
    await erase(stack, ada)
    await until_erased(stack, keys)
    assert await rows(stack, grace.id, hers["id"]) != []
    assert (await api.good("GET", "shared-files", grace))["items"] == []
    assert (await files.download(grace, made["inside"])).code == "file_not_found"
    opened = await api.call("POST", "file-links/open", json={"token": made["token"]})
    assert (opened.status, opened.code) == (404, "link_not_found")
    assert (await files.content(grace, hers["id"])).body == b"hers"
    assert not [row for row in await rows(stack, grace.id) if row[0] == "filesshares"]


async def test_what_was_shared_with_an_erased_account_is_shared_no_more(
    api: Api, files: Files, stack: Stack
) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    folder = await files.folder(ada, "shared")
    grants = f"files/{folder['id']}/grants"
    await api.good("PUT", f"{grants}/{grace.id}", ada, json={"role": "editor"})
    dropped = await files.available(grace, b"from Grace", folder_id=folder["id"])
    await erase(stack, grace)
    await until_erased(stack, [grace.id])
    assert (await api.good("GET", grants, ada))["items"] == []
    assert (await files.content(ada, dropped["id"])).body == b"from Grace", "it is in Ada's drive"
    assert (await files.download(grace, dropped["id"])).code == "file_not_found"


async def test_a_deleted_workspace_takes_its_files_with_it(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    grace = await member(api, owner, ws, "member", "Grace")
    made = await filled(api, files, owner, workspace_id=ws)
    private = await files.available(grace, b"private")
    shared = {"role": "viewer", "least_role": "guest"}
    await api.good("PUT", f"files/{private['id']}/grants/{ws}", grace, json=shared)
    keys = [ws, *keys_of(made)]
    assert {key for _, key, _ in await rows(stack, *keys)} == set(keys)
    await api.good("DELETE", f"workspaces/{ws}", owner)
    await until_erased(stack, keys)
    opened = await api.call("POST", "file-links/open", json={"token": made["token"]})
    assert (opened.status, opened.code) == (404, "link_not_found")
    assert (await files.content(grace, private["id"])).body == b"private"
    assert (await api.good("GET", f"files/{private['id']}/grants", grace))["items"] == []
