"""The bin over HTTP: what is there is used by nobody, comes back whole, or goes for good with its bytes."""

from typing import Any

from tests.harness.api import Answer, Api, User
from tests.harness.blobs import blobs_of, until_no_bytes
from tests.harness.files import Files, promised
from tests.harness.stack import Stack
from tests.harness.waiting import until_async


async def trash(api: Api, user: User, *items: dict[str, Any]) -> None:
    """Put items into the bin, one after the other."""
    for each in items:
        await api.good("DELETE", f"files/{each['id']}", user)


async def restore(api: Api, user: User, item: dict[str, Any]) -> Answer:
    """The answer to a wish to have an item back."""
    return await api.call("POST", f"bin/{item['id']}/restore", user)


async def purge(api: Api, user: User, item: dict[str, Any]) -> Answer:
    """The answer to a wish to have an item gone for good."""
    return await api.call("DELETE", f"bin/{item['id']}", user)


async def in_bin(api: Api, user: User, **params: str) -> list[str]:
    """The names in a user's bin, as it is listed."""
    page = await api.good("GET", "bin", user, params=params)
    return [each["item"]["name"] for each in page["items"]]


async def numbers(api: Api, user: User) -> tuple[int, int, int]:
    """Bytes, files and folders of a user's drive."""
    drive = await api.good("GET", "drive", user)
    return drive["used_bytes"], drive["files"], drive["folders"]


async def test_a_file_in_the_bin_is_used_by_nobody_and_comes_back_whole(
    api: Api, files: Files
) -> None:
    ada = await api.user()
    file = await files.available(ada, b"letter")
    await trash(api, ada, file)
    assert await files.names(ada) == await files.names(ada, search="note") == []
    path = f"files/{file['id']}"
    for method, at, body in (
        ("GET", f"{path}/download", None),
        ("PATCH", path, {"name": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/copy", {}),
        ("POST", f"{path}/versions", promised(b"x")),
        ("POST", f"{path}/links", {}),
        ("PUT", f"{path}/grants/{ada.id}", {"role": "viewer"}),
    ):
        answer = await api.call(method, at, ada, json=body)
        assert (answer.status, answer.code) == (409, "in_bin"), (method, at)
    assert (await files.get(ada, file["id"]))["trashed_at"]
    page = await api.good("GET", "bin", ada)
    [listed] = page["items"]
    assert (listed["item"]["id"], listed["trashed_by"]) == (file["id"], ada.id)
    assert listed["purge_at"] > listed["item"]["trashed_at"]
    assert await numbers(api, ada) == (6, 1, 0), "the bin counts"
    back = (await restore(api, ada, file)).body
    assert (back["trashed_at"], back["name"], back["folder_id"]) == (None, "note.txt", None)
    assert (await files.content(ada, file["id"])).body == b"letter"
    assert await files.names(ada) == await files.names(ada, search="note") == ["note.txt"]
    assert await in_bin(api, ada) == []


async def test_a_folder_takes_what_is_in_it_along_and_brings_it_back(
    api: Api, files: Files
) -> None:
    ada = await api.user()
    outer = await files.folder(ada, "outer")
    inner = await files.folder(ada, "inner", folder_id=outer["id"])
    file = await files.available(ada, b"deep", folder_id=inner["id"])
    await trash(api, ada, outer)
    assert await in_bin(api, ada) == ["outer"]
    answers = [
        await files.download(ada, file["id"]),
        await api.call("GET", "files", ada, params={"folder_id": inner["id"]}),
        await api.call("PATCH", f"files/{file['id']}", ada, json={"folder_id": None}),
        await files.begin(ada, b"x", "x.txt", folder_id=inner["id"]),
        await api.call("POST", "folders", ada, json={"name": "x", "folder_id": outer["id"]}),
        await api.call("DELETE", f"files/{inner['id']}", ada),
    ]
    for answer in answers:
        assert (answer.status, answer.code) == (409, "in_bin")
    assert (await restore(api, ada, file)).code == "not_in_bin"
    assert (await restore(api, ada, outer)).status == 200
    assert await files.names(ada, folder_id=inner["id"]) == ["note.txt"]
    assert (await files.content(ada, file["id"])).body == b"deep"


async def test_what_comes_back_goes_to_the_top_when_its_folder_is_in_the_bin(
    api: Api, files: Files
) -> None:
    ada = await api.user()
    outer = await files.folder(ada, "outer")
    inner = await files.folder(ada, "inner", folder_id=outer["id"])
    file = await files.available(ada, b"x", folder_id=inner["id"])
    await trash(api, ada, file, outer)
    assert await in_bin(api, ada) == ["outer", "note.txt"]
    assert (await restore(api, ada, file)).body["folder_id"] is None
    assert await files.names(ada) == ["note.txt"]
    await restore(api, ada, outer)
    assert await files.names(ada, folder_id=inner["id"]) == []


async def test_what_was_put_there_first_outlives_its_folder(
    api: Api, files: Files, stack: Stack
) -> None:
    ada = await api.user()
    outer = await files.folder(ada, "outer")
    inner = await files.folder(ada, "inner", folder_id=outer["id"])
    kept = await files.available(ada, b"kept", "kept.txt", folder_id=inner["id"])
    lost = await files.available(ada, b"lost", "lost.txt", folder_id=inner["id"])
    await trash(api, ada, kept, outer)
    assert (await purge(api, ada, outer)).status == 204

    async def gone() -> bool:
        return await numbers(api, ada) == (4, 1, 0)

    await until_async(gone, "the folder's content is purged")
    await until_no_bytes(stack, lost["id"])
    assert (await files.get(ada, kept["id"]))["trashed_at"]
    back = await restore(api, ada, kept)
    assert (back.status, back.body["folder_id"]) == (200, None)
    assert (await files.content(ada, kept["id"])).body == b"kept"


async def test_a_name_that_was_taken_meanwhile_gets_a_number(api: Api, files: Files) -> None:
    ada = await api.user()
    for _ in range(2):
        await trash(api, ada, await files.available(ada, b"old"))
    old = [each["item"] for each in (await api.good("GET", "bin", ada))["items"]]
    await files.available(ada, b"new")
    names = [(await restore(api, ada, each)).body["name"] for each in old]
    assert names == ["note (2).txt", "note (3).txt"]
    assert await files.names(ada) == ["note (2).txt", "note (3).txt", "note.txt"]


async def test_the_bin_is_listed_newest_first_page_by_page(api: Api, files: Files) -> None:
    ada = await api.user()
    made = [await files.folder(ada, f"f{number}") for number in range(5)]
    await trash(api, ada, *made)
    found, params = [], {"limit": "2"}
    while True:
        page = await api.good("GET", "bin", ada, params=params)
        found += [each["item"]["name"] for each in page["items"]]
        if page["next"] is None:
            break
        params["cursor"] = page["next"]
    assert found == ["f4", "f3", "f2", "f1", "f0"]


async def test_a_purge_gives_the_room_back_and_leaves_no_bytes(
    api: Api, files: Files, stack: Stack
) -> None:
    ada = await api.user()
    file = await files.available(ada, b"letter")
    await files.available(ada, b"stays", "stays.txt")
    assert (await purge(api, ada, file)).code == "not_in_bin"
    assert (await restore(api, ada, file)).code == "not_in_bin"
    assert await numbers(api, ada) == (11, 2, 0)
    assert sum((await blobs_of(stack, file["id"])).values()) == 6
    await trash(api, ada, file)
    assert (await purge(api, ada, file)).status == 204
    assert await numbers(api, ada) == (5, 1, 0)
    await until_no_bytes(stack, file["id"])
    assert (await api.call("GET", f"files/{file['id']}", ada)).code == "file_not_found"
    assert (await purge(api, ada, file)).code == "file_not_found"
    assert (await restore(api, ada, file)).code == "file_not_found"
    assert await in_bin(api, ada) == []


async def test_a_purged_folder_takes_all_below_it(api: Api, files: Files, stack: Stack) -> None:
    ada = await api.user()
    outer = await files.folder(ada, "outer")
    inner = await files.folder(ada, "inner", folder_id=outer["id"])
    deep = await files.available(ada, b"deep", folder_id=inner["id"])
    waiting = await files.begun(ada, b"waiting", "waiting.txt", folder_id=outer["id"])
    assert (await files.put(waiting["upload"], b"waiting")).status == 201
    stays = await files.available(ada, b"stays")
    await trash(api, ada, outer)
    assert (await purge(api, ada, outer)).status == 204

    async def gone() -> bool:
        return await numbers(api, ada) == (5, 1, 0)

    await until_async(gone, "all below the folder is purged")
    for item in (inner, deep, waiting["file"]):
        answer = await api.call("GET", f"files/{item['id']}", ada)
        assert (answer.status, answer.code) == (404, "file_not_found")
    for item in (deep, waiting["file"]):
        await until_no_bytes(stack, item["id"])
    assert (await files.content(ada, stays["id"])).body == b"stays"


async def test_an_upload_into_the_bin_or_to_a_purged_file_comes_to_nothing(
    api: Api, files: Files, stack: Stack
) -> None:
    ada = await api.user()
    begun = await files.begun(ada, b"late")
    file = begun["file"]
    await trash(api, ada, file)
    assert (await files.complete(ada, file["id"])).code == "in_bin"
    await purge(api, ada, file)

    async def refused() -> bool:
        return (await files.put(begun["upload"], b"late")).status >= 400

    await until_async(refused, "the address of a purged file takes no bytes")
    assert (await files.complete(ada, file["id"])).code == "file_not_found"
    assert await numbers(api, ada) == (0, 0, 0)
    await until_no_bytes(stack, file["id"])


async def test_only_who_may_change_it_bins_and_only_who_manages_it_purges(
    api: Api, files: Files
) -> None:
    ada, grace, eve = [await api.user(name) for name in ("Ada", "Grace", "Eve")]
    folder = await files.folder(ada, "shared")
    file = await files.available(ada, folder_id=folder["id"])
    grant = f"files/{folder['id']}/grants/{grace.id}"
    await api.good("PUT", grant, ada, json={"role": "viewer"})
    assert (await api.call("DELETE", f"files/{file['id']}", grace)).code == "file_role_required"
    await api.good("PUT", grant, ada, json={"role": "editor"})
    await trash(api, grace, file)
    assert await in_bin(api, grace) == [], "it is in the bin of its drive"
    [listed] = (await api.good("GET", "bin", ada))["items"]
    assert listed["trashed_by"] == grace.id
    assert (await purge(api, grace, file)).code == "file_role_required"
    for answer in (await purge(api, eve, file), await restore(api, eve, file)):
        assert (answer.status, answer.code) == (404, "file_not_found")
    assert (await restore(api, grace, file)).status == 200
    assert (await files.content(ada, file["id"])).body == b"hello"


async def test_a_drive_says_how_full_it_is(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    drive = await api.good("GET", "drive", ada)
    assert drive == {
        "drive_id": ada.id,
        "used_bytes": 0,
        "quota_bytes": 10 * 1024**3,
        "files": 0,
        "folders": 0,
    }
    await files.folder(ada, "f")
    await files.available(ada, b"12345")
    await files.begun(ada, b"1234567", "waiting.txt")
    assert await numbers(api, ada) == (12, 2, 1)
    rejected = await files.upload(ada, b"123", "wrong.txt", sha256="0" * 64)
    assert rejected["state"] == "rejected"
    assert (await numbers(api, ada))[0] == 12, "what was rejected takes no room"
    assert await numbers(api, grace) == (0, 0, 0)
    gigabyte = 1024**3
    for number in range(9):
        await files.begun(ada, b"x", f"big {number}.bin", size=gigabyte)
    more = await files.begin(ada, b"x", "more.bin", size=gigabyte - 11)
    assert (more.status, more.code) == (409, "quota_exceeded")
    assert (await files.begin(ada, b"x", "more.bin", size=gigabyte - 12)).status == 201
    full = await files.begin(ada, b"x", "one byte.bin")
    assert (full.status, full.code) == (409, "quota_exceeded")
    file = (await api.good("GET", "files", ada, params={"search": "note"}))["items"][0]
    version = await api.call("POST", f"files/{file['id']}/versions", ada, json=promised(b"x"))
    copy = await api.call("POST", f"files/{file['id']}/copy", ada, json={})
    assert version.code == copy.code == "quota_exceeded"
    assert await numbers(api, ada) == (10 * gigabyte, 13, 1), "what was rejected can be asked about"
    assert (await files.begin(grace, b"x")).status == 201, "a quota is its drive's own"
