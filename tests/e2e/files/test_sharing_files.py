"""Sharing over HTTP: with users and with workspaces, on an item or on a folder for all below it."""

from typing import Any

import pytest

from tests.harness.api import Answer, Api, User
from tests.harness.files import Files, promised
from tests.harness.stack import Stack
from tests.harness.waiting import until_async
from tests.harness.workspaces import again, member, workspace


async def share(
    api: Api, user: User, item: dict[str, Any], subject_id: str, role: str, **fields: Any
) -> Any:
    """A grant that was given."""
    path = f"files/{item['id']}/grants/{subject_id}"
    return await api.good("PUT", path, user, json={"role": role, **fields})


async def unshare(api: Api, user: User, item: dict[str, Any], subject_id: str) -> Answer:
    """The answer to a wish to take a grant back."""
    return await api.call("DELETE", f"files/{item['id']}/grants/{subject_id}", user)


async def shared_with(api: Api, user: User, limit: int = 50) -> list[str]:
    """The names of all that is shared with a user, page by page, sorted."""
    found: list[str] = []
    params = {"limit": str(limit)}
    while True:
        page = await api.good("GET", "shared-files", user, params=params)
        found += [each["name"] for each in page["items"]]
        if page["next"] is None:
            return sorted(found)
        params["cursor"] = page["next"]


async def accesses(api: Api, user: User, item: dict[str, Any]) -> list[tuple[str, str | None]]:
    """The access log of an item, newest first: types, and by whom."""
    page = await api.good("GET", f"files/{item['id']}/accesses", user)
    return [(each["type"], each["by"]) for each in page["items"]]


async def changes(api: Api, user: User, item: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """What a user is answered to each thing that an editor may do to a file."""
    path = f"files/{item['id']}"
    answers = {
        "rename": await api.call("PATCH", path, user, json={"name": "other.txt"}),
        "upload": await api.call("POST", f"{path}/versions", user, json=promised(b"x")),
        "give up": await api.call("DELETE", f"{path}/upload", user),
        "trash": await api.call("DELETE", path, user),
        "restore": await api.call("POST", f"bin/{item['id']}/restore", user),
    }
    return {
        what: (each.status, each.code if each.status >= 400 else "")
        for what, each in answers.items()
    }


async def managing(api: Api, user: User, item: dict[str, Any]) -> set[tuple[int, str]]:
    """What a user is answered to all that only managers may do."""
    path, nobody = f"files/{item['id']}", f"usr_{'0' * 26}"
    answers = [
        await api.call("GET", f"{path}/grants", user),
        await api.call("PUT", f"{path}/grants/{nobody}", user, json={"role": "viewer"}),
        await api.call("DELETE", f"{path}/grants/{nobody}", user),
        await api.call("GET", f"{path}/links", user),
        await api.call("POST", f"{path}/links", user, json={}),
        await api.call("DELETE", f"{path}/links/lnk_{'0' * 26}", user),
        await api.call("GET", f"{path}/accesses", user),
    ]
    return {(each.status, each.code) for each in answers}


@pytest.mark.parametrize("on", ["file", "folder"])
async def test_a_viewer_sees_and_downloads_and_an_editor_changes(
    api: Api, files: Files, on: str
) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    outer = await files.folder(ada, "outer")
    inner = await files.folder(ada, "inner", folder_id=outer["id"])
    file = await files.available(ada, b"letter", folder_id=inner["id"])
    item = file if on == "file" else outer
    assert (await files.download(grace, file["id"])).code == "file_not_found"
    given = await share(api, ada, item, grace.id, "viewer")
    assert (given["subject_id"], given["role"], given["least_role"], given["granted_by"]) == (
        grace.id,
        "viewer",
        None,
        ada.id,
    )
    assert (await files.get(grace, file["id"]))["name"] == "note.txt"
    assert (await files.content(grace, file["id"])).body == b"letter"
    refused = (403, "file_role_required")
    assert set((await changes(api, grace, file)).values()) == {refused}
    assert await managing(api, grace, file) == {refused}
    await share(api, ada, item, grace.id, "editor")
    assert await changes(api, grace, file) == {
        "rename": (200, ""),
        "upload": (201, ""),
        "give up": (204, ""),
        "trash": (204, ""),
        "restore": (200, ""),
    }
    assert await managing(api, grace, file) == {refused}


async def test_an_editor_of_a_folder_fills_it_on_its_owners_account(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    folder = await files.folder(ada, "shared")
    await share(api, ada, folder, grace.id, "viewer")
    refused = await files.begin(grace, b"x", folder_id=folder["id"])
    assert (refused.status, refused.code) == (403, "file_role_required")
    await share(api, ada, folder, grace.id, "editor")
    file = await files.available(grace, b"hers", folder_id=folder["id"])
    assert (file["drive_id"], file["created_by"]) == (ada.id, grace.id)
    assert (await api.good("GET", "drive", ada))["used_bytes"] == 4
    assert (await api.good("GET", "drive", grace))["used_bytes"] == 0
    below = await files.folder(grace, "below", folder_id=folder["id"])
    assert (await files.content(ada, file["id"])).body == b"hers"
    assert await managing(api, grace, file) == {(403, "file_role_required")}
    assert (await unshare(api, ada, folder, grace.id)).status == 204
    for item in (file, below):
        assert (await api.call("GET", f"files/{item['id']}", grace)).code == "file_not_found"


async def test_what_is_taken_back_is_gone_at_once(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada)
    await share(api, ada, file, grace.id, "editor")
    assert await shared_with(api, grace) == ["note.txt"]
    assert (await unshare(api, ada, file, grace.id)).status == 204
    assert (await files.download(grace, file["id"])).code == "file_not_found"
    assert await shared_with(api, grace) == []
    again_ = await unshare(api, ada, file, grace.id)
    assert (again_.status, again_.code) == (404, "grant_not_found")
    assert [each for each, _ in await accesses(api, ada, file)] == ["unshared", "shared"]


async def test_who_it_is_shared_with_can_leave_it(api: Api, files: Files) -> None:
    ada, grace, eve = [await api.user(name) for name in ("Ada", "Grace", "Eve")]
    file = await files.available(ada)
    for user in (grace, eve):
        await share(api, ada, file, user.id, "viewer")
    assert (await unshare(api, grace, file, eve.id)).code == "file_role_required"
    assert (await unshare(api, grace, file, grace.id)).status == 204
    assert (await files.get(eve, file["id"]))["id"] == file["id"]
    assert (await api.call("GET", f"files/{file['id']}", grace)).code == "file_not_found"
    assert await accesses(api, ada, file) == [
        ("unshared", grace.id),
        ("shared", ada.id),
        ("shared", ada.id),
    ]


async def test_a_second_grant_changes_the_role_and_adds_none(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada)
    for role in ("viewer", "editor", "viewer"):
        await share(api, ada, file, grace.id, role)
        [grant] = (await api.good("GET", f"files/{file['id']}/grants", ada))["items"]
        assert (grant["subject_id"], grant["role"]) == (grace.id, role)
    assert (await changes(api, grace, file))["rename"] == (403, "file_role_required")


async def test_the_higher_of_two_grants_counts(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    folder = await files.folder(ada, "f")
    file = await files.available(ada, folder_id=folder["id"])
    await share(api, ada, folder, grace.id, "editor")
    await share(api, ada, file, grace.id, "viewer")
    assert (await changes(api, grace, file))["rename"] == (200, "")
    await unshare(api, ada, folder, grace.id)
    assert (await changes(api, grace, file))["rename"] == (403, "file_role_required")


async def test_the_list_of_what_is_shared_has_pages_and_only_what_is_there(
    api: Api, files: Files
) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    items = [await files.folder(ada, f"f{number}") for number in range(5)]
    for item in items:
        await share(api, ada, item, grace.id, "viewer")
    names = [each["name"] for each in items]
    for limit in (1, 2, 50):
        assert await shared_with(api, grace, limit) == names
    await api.good("PATCH", f"files/{items[0]['id']}", ada, json={"name": "f0 renamed"})
    await api.good("DELETE", f"files/{items[1]['id']}", ada)
    await unshare(api, ada, items[2], grace.id)
    await api.good("DELETE", f"files/{items[3]['id']}", ada)
    await api.good("DELETE", f"bin/{items[3]['id']}", ada)
    assert await shared_with(api, grace, 1) == ["f0 renamed", "f4"]
    await api.good("POST", f"bin/{items[1]['id']}/restore", ada)
    assert await shared_with(api, grace) == ["f0 renamed", "f1", "f4"]
    assert await shared_with(api, ada) == [], "one's own is not shared with oneself"


@pytest.mark.parametrize(
    ("subject", "body", "expected"),
    [
        ("usr", {"role": "manager"}, (422, "validation_failed")),
        ("usr", {"role": "viewer", "least_role": "boss"}, (422, "validation_failed")),
        ("usr", {}, (422, "validation_failed")),
        ("ws", {"role": "viewer"}, (404, "workspace_not_found")),
        ("rm", {"role": "viewer"}, (404, "not_found")),
    ],
)
async def test_a_grant_that_cannot_be_is_refused(
    api: Api, files: Files, subject: str, body: dict[str, str], expected: tuple[int, str]
) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "f")
    path = f"files/{folder['id']}/grants/{subject}_{'0' * 26}"
    answer = await api.call("PUT", path, ada, json=body)
    assert (answer.status, answer.code) == expected
    assert (await api.good("GET", f"files/{folder['id']}/grants", ada))["items"] == []


async def test_a_workspace_gets_it_from_a_role_on(api: Api, files: Files, stack: Stack) -> None:
    workspace_id, owner = await workspace(api, stack)
    people = {
        role: await member(api, owner, workspace_id, role, role.title())
        for role in ("guest", "member", "admin")
    }
    file = await files.available(owner, b"plan")

    async def readers() -> set[str]:
        answers = {role: await files.download(user, file["id"]) for role, user in people.items()}
        assert {each.status for each in answers.values()} <= {200, 404}
        return {role for role, each in answers.items() if each.status == 200}

    assert await readers() == set()
    for least, expected in (
        ("guest", {"guest", "member", "admin"}),
        ("member", {"member", "admin"}),
        ("admin", {"admin"}),
        ("owner", set[str]()),
    ):
        await share(api, owner, file, workspace_id, "viewer", least_role=least)
        assert await readers() == expected
        for role, user in people.items():
            assert await shared_with(api, user) == (["note.txt"] if role in expected else [])
    await share(api, owner, file, workspace_id, "editor", least_role="member")
    renamed = [
        await api.call("PATCH", f"files/{file['id']}", people[role], json={"name": f"{role}.txt"})
        for role in ("member", "guest")
    ]
    assert [each.status for each in renamed] == [200, 404]
    assert (await unshare(api, owner, file, workspace_id)).status == 204
    assert await readers() == set()


async def test_who_leaves_a_workspace_loses_what_was_shared_with_it(
    api: Api, files: Files, stack: Stack
) -> None:
    workspace_id, owner = await workspace(api, stack)
    grace = await member(api, owner, workspace_id, "member", "Grace")
    file = await files.available(owner)
    await share(api, owner, file, workspace_id, "viewer")
    assert (await files.download(grace, file["id"])).status == 200
    await api.good("DELETE", f"workspaces/{workspace_id}/members/{grace.id}", owner)

    async def refused() -> bool:
        return (await files.download(grace, file["id"])).status == 401

    await until_async(refused, "the token of who was removed is refused", 5)
    grace = await again(api, grace)
    assert (await files.download(grace, file["id"])).code == "file_not_found"
    assert await shared_with(api, grace) == []


async def test_only_a_workspace_of_ones_own_can_be_shared_with(
    api: Api, files: Files, stack: Stack
) -> None:
    workspace_id, _ = await workspace(api, stack)
    eve = await api.user("Eve")
    folder = await files.folder(eve, "bait")
    path = f"files/{folder['id']}/grants/{workspace_id}"
    answer = await api.call("PUT", path, eve, json={"role": "viewer"})
    assert (answer.status, answer.code) == (404, "workspace_not_found")


async def test_the_access_log_tells_who_was_given_the_bytes(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada)
    await share(api, ada, file, grace.id, "viewer")
    for user in (ada, grace):
        await files.content(user, file["id"])
    path = f"files/{file['id']}/accesses"
    page = await api.good("GET", path, ada, params={"limit": "2"})
    assert [(each["type"], each["by"]) for each in page["items"]] == [
        ("downloaded", grace.id),
        ("downloaded", ada.id),
    ]
    assert page["items"][0]["details"] == {"version": "1"}
    rest = await api.good("GET", path, ada, params={"limit": "2", "cursor": page["next"]})
    [entry] = rest["items"]
    assert (entry["type"], entry["by"], rest["next"]) == ("shared", ada.id, None)
    assert entry["details"] == {"subject_id": grace.id, "role": "viewer"}
