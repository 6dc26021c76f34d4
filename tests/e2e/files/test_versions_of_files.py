"""Versions and copies over HTTP: a new content keeps the old ones, and a copy has bytes of its own."""

import asyncio
from typing import Any

import pytest

from tests.harness.api import Answer, Api, User
from tests.harness.blobs import blobs_of, until_no_bytes
from tests.harness.files import Files, promised
from tests.harness.stack import Stack


async def renewed(api: Api, files: Files, user: User, file_id: str, content: bytes) -> Any:
    """The file after another content was uploaded, whatever the verdict on it."""
    path = f"files/{file_id}/versions"
    begun = await api.good("POST", path, user, json=promised(content))
    return await files.finish(user, begun, content)


async def numbers(api: Api, user: User, file_id: str) -> list[tuple[int, bool]]:
    """The versions of a file as they are listed, and which is current."""
    page = await api.good("GET", f"files/{file_id}/versions", user)
    assert page["next"] is None
    return [(each["number"], each["is_current"]) for each in page["items"]]


async def copied(api: Api, user: User, file_id: str, key: str = "", **fields: Any) -> Answer:
    """The answer to a wish for a copy."""
    headers = {"Idempotency-Key": key} if key else {}
    return await api.call("POST", f"files/{file_id}/copy", user, json=fields, headers=headers)


async def used(api: Api, user: User) -> int:
    """The bytes that count against a user's quota."""
    return int((await api.good("GET", "drive", user))["used_bytes"])


async def test_a_new_upload_keeps_what_was_there(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"first")
    after = await renewed(api, files, ada, file["id"], b"the second")
    assert (after["version"], after["size"], after["upload"]) == (2, 10, None)
    assert after["name"] == file["name"]
    assert await numbers(api, ada, file["id"]) == [(2, True), (1, False)]
    assert (await files.content(ada, file["id"])).body == b"the second"
    assert (await files.content(ada, file["id"], version="1")).body == b"first"
    assert (await files.content(ada, file["id"], version="2")).body == b"the second"
    assert await used(api, ada) == len(b"first" + b"the second")
    for version, status, code in (
        ("3", 404, "version_not_found"),
        ("0", 422, "validation_failed"),
        ("-1", 422, "validation_failed"),
        ("x", 422, "validation_failed"),
    ):
        answer = await files.download(ada, file["id"], version=version)
        assert (answer.status, answer.code) == (status, code)


async def test_until_the_verdict_the_old_content_is_what_one_gets(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"first")
    path = f"files/{file['id']}/versions"
    begun = await api.good("POST", path, ada, json=promised(b"second"))
    assert (begun["file"]["state"], begun["file"]["version"]) == ("available", 1)
    assert begun["file"]["upload"]["state"] == "pending"
    assert (await files.content(ada, file["id"])).body == b"first"
    again = await api.call("POST", path, ada, json=promised(b"third"))
    assert (again.status, again.code) == (409, "upload_in_progress")
    assert await used(api, ada) == len(b"first" + b"second")
    await api.good("DELETE", f"files/{file['id']}/upload", ada)
    assert await used(api, ada) == len(b"first")
    after = await renewed(api, files, ada, file["id"], b"third")
    assert (after["version"], after["state"]) == (3, "available")
    assert await numbers(api, ada, file["id"]) == [(3, True), (1, False)]


async def test_a_rejected_version_changes_nothing_and_says_why(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"first")
    path = f"files/{file['id']}/versions"
    wrong = {**promised(b"second"), "sha256": promised(b"other")["sha256"]}
    begun = await api.good("POST", path, ada, json=wrong)
    after = await files.finish(ada, begun, b"second")
    assert (after["state"], after["reason"], after["version"]) == ("available", None, 1)
    assert (after["upload"]["state"], after["upload"]["reason"]) == ("rejected", "sha256_mismatch")
    assert (await files.content(ada, file["id"])).body == b"first"
    assert await numbers(api, ada, file["id"]) == [(1, True)]
    assert await used(api, ada) == len(b"first")
    good = await renewed(api, files, ada, file["id"], b"second")
    assert (good["version"], good["upload"]) == (3, None)


async def test_an_old_version_becomes_the_current_one_and_none_is_lost(
    api: Api, files: Files
) -> None:
    ada = await api.user()
    file = await files.available(ada, b"first")
    second = await renewed(api, files, ada, file["id"], b"the second")
    path = f"files/{file['id']}/versions/1/restore"
    stale = await api.call("POST", path, ada, headers={"If-Match": file["etag"]})
    assert (stale.status, stale.code) == (412, "precondition_failed")
    restored = await api.good("POST", path, ada, headers={"If-Match": second["etag"]})
    assert (restored["version"], restored["size"]) == (1, len(b"first"))
    assert (await files.content(ada, file["id"])).body == b"first"
    assert await numbers(api, ada, file["id"]) == [(2, False), (1, True)]
    assert await used(api, ada) == len(b"first" + b"the second")
    third = await renewed(api, files, ada, file["id"], b"3")
    assert third["version"] == 3, "a number is never used twice"
    missing = await api.call("POST", f"files/{file['id']}/versions/9/restore", ada)
    assert (missing.status, missing.code) == (404, "version_not_found")


async def test_a_version_needs_an_editor_and_a_file_with_content(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada, b"first")
    path = f"files/{file['id']}/versions"
    assert (await api.call("POST", path, grace, json=promised(b"x"))).code == "file_not_found"
    grant = f"files/{file['id']}/grants/{grace.id}"
    await api.good("PUT", grant, ada, json={"role": "viewer"})
    assert await numbers(api, grace, file["id"]) == [(1, True)]
    assert (await files.content(grace, file["id"], version="1")).body == b"first"
    assert (await api.call("POST", path, grace, json=promised(b"x"))).code == "file_role_required"
    restore = await api.call("POST", f"{path}/1/restore", grace)
    assert restore.code == "file_role_required"
    await api.good("PUT", grant, ada, json={"role": "editor"})
    hers = await renewed(api, files, grace, file["id"], b"hers")
    assert (hers["version"], hers["created_by"]) == (2, ada.id)
    newest = (await api.good("GET", path, ada))["items"][0]
    assert newest["created_by"] == grace.id
    assert await used(api, grace) == 0, "the drive's owner pays"
    waiting = (await files.begun(ada, b"x", "waiting.txt"))["file"]
    early = await api.call("POST", f"files/{waiting['id']}/versions", ada, json=promised(b"y"))
    assert (early.status, early.code) == (409, "scan_pending")


async def test_a_version_with_its_key_is_begun_once(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"first")
    path, headers = f"files/{file['id']}/versions", {"Idempotency-Key": "v2"}
    begun = [
        await api.good("POST", path, ada, json=promised(b"second"), headers=headers)
        for _ in range(2)
    ]
    assert begun[0]["file"] == begun[1]["file"]
    assert await used(api, ada) == len(b"first" + b"second")
    await files.finish(ada, begun[1], b"second")
    late = await api.good("POST", path, ada, json=promised(b"second"), headers=headers)
    assert (late["upload"], late["file"]["version"]) == (None, 2)
    other = await api.call("POST", path, ada, json=promised(b"another"), headers=headers)
    assert (other.status, other.code) == (409, "idempotency_key_reused")


async def test_a_copy_is_checking_first_and_then_has_bytes_of_its_own(
    api: Api, files: Files, stack: Stack
) -> None:
    ada = await api.user()
    file = await files.available(ada, b"original", "note.txt")
    answer = await copied(api, ada, file["id"])
    assert (answer.status, answer.body["upload"]) == (201, None)
    copy = answer.body["file"]
    assert (copy["state"], copy["name"], copy["id"] != file["id"]) == (
        "checking",
        "note (2).txt",
        True,
    )
    copy = await files.settled(ada, copy["id"])
    assert [copy[each] for each in ("state", "size", "sha256", "content_type", "version")] == [
        "available",
        *(file[each] for each in ("size", "sha256", "content_type", "version")),
    ]
    assert await used(api, ada) == 2 * len(b"original")
    await api.good("DELETE", f"files/{file['id']}", ada)
    await api.good("DELETE", f"bin/{file['id']}", ada)
    await until_no_bytes(stack, file["id"])
    assert (await files.content(ada, copy["id"])).body == b"original"
    assert await used(api, ada) == len(b"original")


async def test_copies_get_numbers_or_the_name_that_was_asked_for(api: Api, files: Files) -> None:
    ada = await api.user()
    file, folder = await files.available(ada, b"x", "note.txt"), await files.folder(ada, "f")
    for _ in range(2):
        assert (await copied(api, ada, file["id"])).status == 201
    assert (await copied(api, ada, file["id"], folder_id=folder["id"])).status == 201
    assert (await copied(api, ada, file["id"], name="other.txt")).status == 201
    taken = await copied(api, ada, file["id"], name="OTHER.txt")
    assert (taken.status, taken.code) == (409, "name_taken")
    inside = await files.names(ada, folder_id=folder["id"])
    top = await files.names(ada)
    assert inside == ["note.txt"]
    assert top == ["f", "note (2).txt", "note (3).txt", "note.txt", "other.txt"]


async def test_a_copy_with_its_key_is_made_once(api: Api, files: Files) -> None:
    ada = await api.user()
    file = await files.available(ada, b"x")
    answers = await asyncio.gather(*(copied(api, ada, file["id"], "c") for _ in range(4)))
    assert [each.status for each in answers] == [201] * 4
    assert len({each.body["file"]["id"] for each in answers}) == 1
    other = await copied(api, ada, file["id"], "c", name="else.txt")
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    assert len(await files.names(ada)) == 2


async def test_what_is_shared_can_be_copied_into_ones_own_drive(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    file = await files.available(ada, b"shared")
    assert (await copied(api, grace, file["id"])).code == "file_not_found"
    await api.good("PUT", f"files/{file['id']}/grants/{grace.id}", ada, json={"role": "viewer"})
    places: list[dict[str, Any]] = [{}, {"name": "mine.txt", "folder_id": None}]
    for fields in places:
        copy = (await copied(api, grace, file["id"], **fields)).body["file"]
        settled = await files.settled(grace, copy["id"])
        assert (settled["drive_id"], settled["state"]) == (grace.id, "available")
    assert (await files.download(ada, copy["id"])).code == "file_not_found"
    assert (await used(api, grace), await used(api, ada)) == (12, 6)
    await api.good("DELETE", f"files/{file['id']}/grants/{grace.id}", ada)
    assert (await files.content(grace, copy["id"])).body == b"shared"


@pytest.mark.parametrize("state", ["pending", "rejected"])
async def test_what_has_no_content_cannot_be_copied(api: Api, files: Files, state: str) -> None:
    ada = await api.user()
    if state == "pending":
        file = (await files.begun(ada, b"x"))["file"]
    else:
        file = await files.upload(ada, b"x", sha256="0" * 64)
    answer = await copied(api, ada, file["id"])
    code = "scan_pending" if state == "pending" else "file_rejected"
    assert (answer.status, answer.code) == (409, code)
    assert (await files.download(ada, file["id"])).code == code


async def test_a_purged_file_takes_all_its_versions_with_it(
    api: Api, files: Files, stack: Stack
) -> None:
    ada = await api.user()
    file = await files.available(ada, b"first")
    await renewed(api, files, ada, file["id"], b"second")
    assert len(await blobs_of(stack, file["id"])) == 2
    await api.good("DELETE", f"files/{file['id']}", ada)
    await api.good("DELETE", f"bin/{file['id']}", ada)
    assert await used(api, ada) == 0
    await until_no_bytes(stack, file["id"])
