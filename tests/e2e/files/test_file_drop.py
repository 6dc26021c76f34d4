"""File drop over HTTP: a stranger with the link fills a folder, and learns nothing of what is in it."""

from typing import Any

from tests.harness.api import Answer, Api, User
from tests.harness.blobs import until_no_bytes
from tests.harness.files import Files, promised
from tests.harness.stack import Stack
from tests.harness.waiting import until_async


async def drop(api: Api, user: User, item: dict[str, Any], **fields: Any) -> str:
    """The token of a new drop."""
    body = {"role": "drop", **fields}
    made = await api.good("POST", f"files/{item['id']}/links", user, json=body)
    return str(made["token"])


async def use(api: Api, what: str, token: str, **fields: Any) -> Answer:
    """The answer to a stranger who has a link."""
    headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    body = {"token": token, **fields}
    return await api.call("POST", f"file-links/{what}", json=body, headers=headers)


async def begin(
    api: Api, token: str, content: bytes, name: str = "note.txt", **fields: Any
) -> Answer:
    """The answer to a stranger who begins to drop a file."""
    return await use(api, "upload", token, **{"name": name, **promised(content), **fields})


async def dropped(
    api: Api, files: Files, token: str, content: bytes, name: str = "note.txt"
) -> dict[str, Any]:
    """A file that a stranger has uploaded and completed."""
    begun = (await begin(api, token, content, name)).body
    assert (await files.put(begun["upload"], content)).status == 201
    answer = await use(api, "complete", token, file_id=begun["file"]["id"])
    assert answer.status == 202, answer
    file: dict[str, Any] = answer.body
    return file


async def test_a_stranger_drops_a_file_into_somebodys_folder(api: Api, files: Files) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "inbox")
    token = await drop(api, ada, folder)
    shown = (await use(api, "open", token)).body
    assert shown == {"role": "drop", "item": None, "name": "inbox", "items": [], "next": None}
    file = await dropped(api, files, token, b"for you")
    settled = await files.settled(ada, file["id"])
    assert (settled["state"], settled["folder_id"], settled["drive_id"]) == (
        "available",
        folder["id"],
        ada.id,
    )
    assert (await files.content(ada, file["id"])).body == b"for you"
    assert (await api.good("GET", "drive", ada))["used_bytes"] == 7
    link_id = token.partition(".")[0]
    page = await api.good("GET", f"files/{file['id']}/accesses", ada)
    told = [(each["type"], each["by"], each["details"].get("link_id")) for each in page["items"]]
    assert told[-1] == ("dropped", None, link_id)
    made = await api.good("GET", f"files/{folder['id']}/accesses", ada)
    assert [each["type"] for each in made["items"]] == ["link_made"]


async def test_a_name_that_is_taken_there_gets_a_number(api: Api, files: Files) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "inbox")
    await files.available(ada, b"mine", folder_id=folder["id"])
    token = await drop(api, ada, folder)
    told = [(await begin(api, token, b"x")).body["file"]["name"] for _ in range(2)]
    assert told == ["note.txt"] * 2, "a number would tell what is there"
    names = await files.names(ada, folder_id=folder["id"])
    assert names == ["note (2).txt", "note (3).txt", "note.txt"]


async def test_who_drops_sees_and_downloads_nothing(api: Api, files: Files) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "inbox")
    below = await files.folder(ada, "below", folder_id=folder["id"])
    mine = await files.available(ada, b"mine", "mine.txt", folder_id=folder["id"])
    token = await drop(api, ada, folder)
    file = await dropped(api, files, token, b"his own")
    await files.settled(ada, file["id"])
    for file_id in (mine["id"], file["id"], None):
        answer = await use(api, "download", token, file_id=file_id)
        assert (answer.status, answer.code) == (404, "file_not_found")
    for folder_id in (below["id"], folder["id"], None):
        answer = await use(api, "open", token, folder_id=folder_id)
        assert (answer.status, answer.body["item"], answer.body["items"]) == (200, None, [])


async def test_who_drops_goes_on_with_and_completes_his_own_alone(api: Api, files: Files) -> None:
    ada = await api.user()
    folder, other = await files.folder(ada, "inbox"), await files.folder(ada, "other")
    token, second = await drop(api, ada, folder), await drop(api, ada, folder)
    elsewhere = await drop(api, ada, other)
    begun = (await begin(api, token, b"12345678")).body
    file_id = begun["file"]["id"]
    await files.put_block(begun["upload"], 0, b"1234")
    hers = await files.begun(ada, b"x", "hers.txt", folder_id=folder["id"])
    for what in ("resume", "complete"):
        for one, file in ((second, file_id), (elsewhere, file_id), (token, hers["file"]["id"])):
            answer = await use(api, what, one, file_id=file)
            assert (answer.status, answer.code) == (404, "file_not_found")
    early = await use(api, "complete", token, file_id=file_id)
    assert (early.status, early.code) == (409, "upload_missing")
    resumed = (await use(api, "resume", token, file_id=file_id)).body
    assert [each["size"] for each in resumed["blocks"]] == [4]
    await files.put_block(resumed["upload"], 1, b"5678")
    assert (await files.commit(resumed["upload"], (0, 1))).status == 201
    not_his = await files.complete(ada, file_id)
    assert (not_his.status, not_his.code) == (403, "not_the_uploader")
    assert (await use(api, "complete", token, file_id=file_id)).status == 202
    twice = await use(api, "complete", token, file_id=file_id)
    assert (twice.status, twice.code) == (409, "already_completed")
    assert (await files.settled(ada, file_id))["state"] == "available"
    assert (await files.content(ada, file_id)).body == b"12345678"


async def test_what_is_dropped_is_checked_as_all_else(api: Api, files: Files, stack: Stack) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "inbox")
    token = await drop(api, ada, folder)
    begun = (await begin(api, token, b"harmless")).body
    assert (await files.put(begun["upload"], b"swapped!")).status == 201
    await use(api, "complete", token, file_id=begun["file"]["id"])
    settled = await files.settled(ada, begun["file"]["id"])
    assert (settled["state"], settled["reason"]) == ("rejected", "sha256_mismatch")
    await until_no_bytes(stack, begun["file"]["id"])
    assert (await api.good("GET", "drive", ada))["used_bytes"] == 0
    assert await files.names(ada, folder_id=folder["id"]) == []


async def test_a_drop_is_on_its_owners_quota(api: Api, files: Files) -> None:
    ada = await api.user()
    token = await drop(api, ada, await files.folder(ada, "inbox"))
    gigabyte = 1024**3
    for number in range(10):
        answer = await begin(api, token, b"x", f"{number}.bin", size=gigabyte)
        assert answer.status == 201
    full = await begin(api, token, b"x", "full.bin")
    assert (full.status, full.code) == (409, "quota_exceeded")
    huge = await begin(api, token, b"x", "huge.bin", size=2**40)
    assert (huge.status, huge.code) == (409, "file_too_large")


async def test_a_drop_is_of_a_folder_and_a_viewers_link_is_none(api: Api, files: Files) -> None:
    ada = await api.user()
    folder, file = await files.folder(ada, "inbox"), await files.available(ada)
    answer = await api.call("POST", f"files/{file['id']}/links", ada, json={"role": "drop"})
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert answer.body["errors"][0]["field"] == "role"
    viewer = await drop(api, ada, folder, role="viewer")
    refused = await begin(api, viewer, b"x")
    assert (refused.status, refused.code) == (404, "file_not_found")
    for token in ("x", f"{viewer}x"):
        refused = await begin(api, token, b"x")
        assert (refused.status, refused.code) == (404, "link_not_found")
    assert await files.names(ada, folder_id=folder["id"]) == []


async def test_a_repeat_with_its_key_drops_one_file(api: Api, files: Files) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "inbox")
    token, other = await drop(api, ada, folder), await drop(api, ada, folder)
    made = [(await begin(api, token, b"x", key="once")).body["file"]["id"] for _ in range(2)]
    assert made[0] == made[1]
    changed = await begin(api, token, b"other", key="once")
    assert (changed.status, changed.code) == (409, "idempotency_key_reused")
    renamed = await begin(api, token, b"x", "other.txt", key="once")
    assert (renamed.status, renamed.code) == (409, "idempotency_key_reused")
    by_other = (await begin(api, other, b"x", key="once")).body["file"]["id"]
    assert by_other != made[0], "a key is its link's own"
    assert len(await files.names(ada, folder_id=folder["id"])) == 2


async def test_a_revoked_drop_and_one_with_a_password_take_nothing(api: Api, files: Files) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "inbox")
    locked = await drop(api, ada, folder, password="open sesame")
    for fields in ({}, {"password": "wrong one"}):
        answer = await begin(api, locked, b"x", **fields)
        assert (answer.status, answer.code) == (403, "link_password_required")
    assert (await begin(api, locked, b"x", password="open sesame")).status == 201
    token = await drop(api, ada, folder)
    begun = (await begin(api, token, b"late", "late.txt")).body
    link_id = token.partition(".")[0]
    await api.good("DELETE", f"files/{folder['id']}/links/{link_id}", ada)
    file_id = begun["file"]["id"]
    for answer in (
        await begin(api, token, b"x"),
        await use(api, "complete", token, file_id=file_id),
        await use(api, "resume", token, file_id=file_id),
    ):
        assert (answer.status, answer.code) == (404, "link_not_found")
    await api.good("DELETE", f"files/{folder['id']}", ada)
    gone = await begin(api, locked, b"x", password="open sesame")
    assert (gone.status, gone.code) == (404, "link_not_found")


async def test_the_folders_owner_hears_of_what_is_dropped(api: Api, files: Files) -> None:
    ada = await api.user()
    token = await drop(api, ada, await files.folder(ada, "inbox"))
    async with api.listening(ada) as ear:
        file = await dropped(api, files, token, b"for you")

        async def told() -> bool:
            frames = [f for f in ear.frames if f.get("item", {}).get("id") == file["id"]]
            return [f["type"] for f in frames][-1:] == ["file.available"]

        await until_async(told, "the owner has heard that it is available")
