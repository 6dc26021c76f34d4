"""A workspace's drive over HTTP: guests see, members change, admins manage, and all of them hear of it."""

from functools import partial
from typing import Any

from tests.harness.api import Api, Ear, User
from tests.harness.files import Files, promised
from tests.harness.stack import Stack
from tests.harness.waiting import until_async
from tests.harness.workspaces import again, member, workspace

QUOTA = 100 * 1024**3


async def drive(api: Api, user: User, workspace_id: str) -> Any:
    """How full a workspace's drive is."""
    return await api.good("GET", "drive", user, params={"workspace_id": workspace_id})


def told(ear: Ear, item_id: str) -> list[str]:
    """The types of the frames that came of an item, each once, in their order."""
    found = [each for each in ear.frames if each.get("item", {}).get("id") == item_id]
    assert all(each["drive_id"] == each["item"]["drive_id"] for each in found)
    return list(dict.fromkeys(each["type"] for each in found))


async def test_guests_view_members_edit_and_admins_manage(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    guest, grace, admin = [
        await member(api, owner, ws, role, role.title()) for role in ("guest", "member", "admin")
    ]
    eve = await api.user("Eve")
    file = await files.available(owner, b"plan", workspace_id=ws)
    assert (file["drive_id"], file["created_by"]) == (ws, owner.id)
    path = f"files/{file['id']}"
    for user in (guest, grace, admin):
        assert await files.names(user, workspace_id=ws) == ["note.txt"]
        assert await files.names(user, workspace_id=ws, search="no") == ["note.txt"]
        assert (await files.content(user, file["id"])).body == b"plan"
    refused = [
        await api.call("PATCH", path, guest, json={"name": "x.txt"}),
        await files.begin(guest, b"x", "x.txt", workspace_id=ws),
        await api.call("POST", "folders", guest, json={"name": "x", "workspace_id": ws}),
        await api.call("DELETE", path, guest),
        await api.call("GET", "bin", guest, params={"workspace_id": ws}),
        await api.call("POST", f"{path}/links", grace, json={}),
        await api.call("PUT", f"{path}/grants/{eve.id}", grace, json={"role": "viewer"}),
        await api.call("GET", f"{path}/accesses", grace),
    ]
    for answer in refused:
        assert (answer.status, answer.code) == (403, "file_role_required")
    assert (await api.call("PATCH", path, grace, json={"name": "plan.txt"})).status == 200
    await api.good("PUT", f"{path}/grants/{eve.id}", admin, json={"role": "viewer"})
    assert (await files.content(eve, file["id"])).body == b"plan", "a grant reaches outside"
    for answer in (
        await api.call("GET", "files", eve, params={"workspace_id": ws}),
        await api.call("GET", "drive", eve, params={"workspace_id": ws}),
        await api.call("GET", "bin", eve, params={"workspace_id": ws}),
        await files.begin(eve, b"x", workspace_id=ws),
    ):
        assert (answer.status, answer.code) == (404, "workspace_not_found")


async def test_whoever_made_a_file_manages_it_as_long_as_he_is_a_member(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    grace = await member(api, owner, ws, "member", "Grace")
    folder = await files.folder(grace, "hers", workspace_id=ws)
    others = await files.available(owner, folder_id=folder["id"])
    hers = await files.available(grace, b"hers", "hers.txt", folder_id=folder["id"])
    path = f"files/{hers['id']}/links"
    assert (await api.good("POST", path, grace, json={}))["made_by"] == grace.id
    for item in (others, folder):  # in a folder is what others have made
        answer = await api.call("POST", f"files/{item['id']}/links", grace, json={})
        assert (answer.status, answer.code) == (403, "file_role_required")
        await api.good("DELETE", f"files/{item['id']}", grace)
        assert (await api.call("DELETE", f"bin/{item['id']}", grace)).code == "file_role_required"
        await api.good("POST", f"bin/{item['id']}/restore", grace)
    mine = await files.available(grace, b"x", "mine.txt", workspace_id=ws)
    await api.good("DELETE", f"files/{mine['id']}", grace)
    assert (await api.call("DELETE", f"bin/{mine['id']}", grace)).status == 204
    role = {"role": "guest"}
    await api.good("PATCH", f"workspaces/{ws}/members/{grace.id}", owner, json=role)
    grace = await again(api, grace)
    answer = await api.call("POST", path, grace, json={})
    assert (answer.status, answer.code) == (403, "file_role_required")


async def test_a_link_ends_with_the_rights_of_who_made_it(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    admin = await member(api, owner, ws, "admin", "Grace")
    file = await files.available(owner, b"plan", workspace_id=ws)
    path = f"files/{file['id']}/links"
    of_admin, of_owner = [await api.good("POST", path, user, json={}) for user in (admin, owner)]

    async def opened(link: Any) -> bool:
        body = {"token": link["token"]}
        answer = await api.call("POST", "file-links/download", json=body)
        assert answer.status == 200 or answer.code == "link_not_found"
        return answer.status == 200

    async def closed() -> bool:
        return not await opened(of_admin)

    for link in (of_admin, of_owner):
        await until_async(partial(opened, link), "files has heard who is in the workspace")
    role = {"role": "member"}
    await api.good("PATCH", f"workspaces/{ws}/members/{admin.id}", owner, json=role)
    await until_async(closed, "files has heard that its maker manages it no more")
    assert await opened(of_owner)


async def test_what_is_uploaded_there_is_on_the_workspaces_account(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    grace = await member(api, owner, ws, "member", "Grace")
    folder = await files.folder(grace, "plans", workspace_id=ws)
    file = await files.available(grace, b"12345", folder_id=folder["id"])
    assert file["drive_id"] == ws
    assert await drive(api, owner, ws) == {
        "drive_id": ws,
        "used_bytes": 5,
        "quota_bytes": QUOTA,
        "files": 1,
        "folders": 1,
    }
    assert (await api.good("GET", "drive", grace))["used_bytes"] == 0
    gigabyte = 1024**3
    mine = await files.available(grace, b"mine", "mine.txt")
    body = {"workspace_id": ws, "folder_id": None}
    copy = await api.good("POST", f"files/{mine['id']}/copy", grace, json=body)
    settled = await files.settled(owner, copy["file"]["id"])
    assert (settled["state"], settled["drive_id"]) == ("available", ws)
    assert (await files.content(owner, settled["id"])).body == b"mine"
    assert (await drive(api, owner, ws))["used_bytes"] == 9
    big = await files.begin(grace, b"x", "big.bin", workspace_id=ws, size=gigabyte)
    assert big.status == 201
    assert (await drive(api, owner, ws))["used_bytes"] == 9 + gigabyte


async def test_folders_of_two_drives_do_not_mix(api: Api, files: Files, stack: Stack) -> None:
    ws, owner = await workspace(api, stack)
    theirs, mine = await files.folder(owner, "f", workspace_id=ws), await files.folder(owner, "f")
    lies = await files.begin(owner, b"x", folder_id=mine["id"], workspace_id=ws)
    assert (lies.status, lies.code) == (404, "file_not_found")
    move = {"folder_id": mine["id"]}
    moved = await api.call("PATCH", f"files/{theirs['id']}", owner, json=move)
    assert (moved.status, moved.code) == (404, "file_not_found")


async def test_the_workspace_hears_of_its_files_and_a_user_of_his_own(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    grace = await member(api, owner, ws, "guest", "Grace")
    eve = await api.user("Eve")
    async with api.listening(grace) as hers, api.listening(eve) as strangers:
        file = await files.available(owner, b"plan", workspace_id=ws)
        await api.good("PATCH", f"files/{file['id']}", owner, json={"name": "plan.txt"})
        await api.good("DELETE", f"files/{file['id']}", owner)
        await api.good("POST", f"bin/{file['id']}/restore", owner)
        private = await files.available(owner, b"private")
        own = await files.available(eve, b"own")
        expected = ["created", "checking", "available", "changed", "trashed", "restored"]

        async def all_told() -> bool:
            return told(hers, file["id"]) == [f"file.{each}" for each in expected]

        async def own_told() -> bool:
            return "file.available" in told(strangers, own["id"])

        await until_async(all_told, "the workspace has heard of its file in order")
        await until_async(own_told, "a user has heard of his own")
        assert told(hers, private["id"]) == told(hers, own["id"]) == []
        assert told(strangers, file["id"]) == []


async def test_who_was_removed_from_a_workspace_is_out_of_its_drive(
    api: Api, files: Files, stack: Stack
) -> None:
    ws, owner = await workspace(api, stack)
    grace = await member(api, owner, ws, "member", "Grace")
    file = await files.available(grace, b"hers", workspace_id=ws)
    waiting = await files.begun(grace, b"waiting", "waiting.txt", workspace_id=ws)
    await api.good("DELETE", f"workspaces/{ws}/members/{grace.id}", owner)

    async def refused() -> bool:
        return (await api.call("GET", f"files/{file['id']}", grace)).status == 401

    await until_async(refused, "the old token is refused", 5)
    grace = await again(api, grace)
    for answer in (
        await api.call("GET", f"files/{file['id']}", grace),
        await files.download(grace, file["id"]),
        await files.complete(grace, waiting["file"]["id"]),
        await api.call("POST", f"files/{file['id']}/versions", grace, json=promised(b"x")),
    ):
        assert (answer.status, answer.code) == (404, "file_not_found"), "made by her, and not hers"
    assert (await files.content(owner, file["id"])).body == b"hers"
