"""Requests to files that no honest client sends: of others, out of order, of a size or a shape that is none.

Each is refused with its code, takes nothing of a quota, and tells nobody that a file is there.
"""

import asyncio
import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from shared_code.endpoint import ROUTES, Route
from shared_code.ids import new_id
from tests.harness.api import Answer, User
from tests.harness.blobs import blobs_of
from tests.harness.files import Files, promised
from tests.harness.stack import Stack

import_module("functions.files.api")  # declares the routes
GIB = 1024**3
OF_AN_ITEM = [each for each in ROUTES if each.path.startswith(("files/{", "bin/{"))]
OF_A_FILE = [each for each in OF_AN_ITEM if "{file_id}" in each.path]
IDS = {"subject_id": "usr", "link_id": "lnk"}
BODIES: Mapping[tuple[str, str], Any] = {
    ("POST", "versions"): promised(b"other"),
    ("POST", "copy"): {"name": "copy"},
    ("PATCH", "{item_id}"): {"name": "renamed"},
    ("PUT", "{subject_id}"): {"role": "editor"},
    ("POST", "links"): {},
}
UPLOAD = (("GET", "upload"), ("DELETE", "upload"), ("POST", "complete"))


def is_(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.code) == (status, code), answer


async def ask(files: Files, user: User | None, route: Route, item_id: str) -> Answer:
    """The answer to a request that is right but for who asks, or for what."""
    names = {name: new_id(prefix) for name, prefix in IDS.items()}
    names |= {"file_id": item_id, "item_id": item_id, "number": "1", "size": "256"}
    body = BODIES.get((route.method, route.path.rpartition("/")[2]))
    options = {} if body is None else {"json": body}
    return await files.api.call(route.method, route.path.format(**names), user, **options)


async def used(files: Files, user: User) -> tuple[int, int]:
    drive = await files.api.good("GET", "drive", user)
    return drive["used_bytes"], drive["files"]


async def editors(files: Files) -> tuple[User, User, dict[str, Any]]:
    """Two who may change what is in a folder of the first."""
    ada, grace = await files.api.user(), await files.api.user("Grace")
    folder = await files.folder(ada, "Shared")
    path = f"files/{folder['id']}/grants/{grace.id}"
    await files.api.good("PUT", path, ada, json={"role": "editor"})
    return ada, grace, folder


def test_there_are_such_routes() -> None:
    assert len(OF_AN_ITEM) >= 18
    assert len(OF_A_FILE) >= 9


async def test_no_route_opens_a_file_to_others_nor_tells_that_it_is_there(files: Files) -> None:
    ada, eve = await files.api.user(), await files.api.user("Eve")
    item, begun = await files.available(ada), await files.begun(ada, b"hello", "b.txt")
    for route in OF_AN_ITEM:
        hidden, none = [], await ask(files, eve, route, new_id("fil"))
        for item_id in (item["id"], begun["file"]["id"]):
            hidden.append(await ask(files, eve, route, item_id))
            is_(await ask(files, None, route, item_id), 401, "unauthenticated")
        for answer in hidden:
            is_(answer, 404, "file_not_found")
            shown = [dict(each.body, request_id="") for each in (answer, none)]
            assert shown[0] == shown[1], route.path
    assert (await files.get(ada, item["id"])) == item
    assert (await files.get(ada, begun["file"]["id"])) == begun["file"]


async def test_an_id_of_another_kind_is_no_id(files: Files) -> None:
    ada = await files.api.user()
    item, folder = await files.available(ada), await files.folder(ada, "Folder")
    ids = (ada.id, new_id("rm"), new_id("upl"), "fil_short", f"{item['id']}x", item["id"].upper(),
           "fil_%27%20or%201%20eq%201", "..%2Fauth%2Fme", "fil_" + "0" * 5000)  # fmt: skip
    for route in OF_AN_ITEM:
        for item_id in ids:
            answer = await ask(files, ada, route, item_id)
            assert answer.status in {404, 414}, (route.path, item_id, answer)
    for route in OF_A_FILE:
        is_(await ask(files, ada, route, folder["id"]), 404, "not_found")
    for bad in (item["id"], ada.id, "fld_x", "", 7):
        for path, body in (
            ("files", {"name": "x", **promised(b"x"), "folder_id": bad}),
            ("folders", {"name": "x", "folder_id": bad}),
        ):
            answer = await files.api.call("POST", path, ada, json=body)
            is_(answer, 422, "validation_failed")
        changed = {"folder_id": bad}
        answer = await files.api.call("PATCH", f"files/{item['id']}", ada, json=changed)
        is_(answer, 422, "validation_failed")
    answer = await files.api.call("GET", "files", ada, params={"folder_id": item["id"]})
    is_(answer, 422, "validation_failed")
    looks_right = f"fld_{item['id'].removeprefix('fil_')}"
    answer = await files.begin(ada, b"x", folder_id=looks_right)
    is_(answer, 404, "file_not_found")
    assert await used(files, ada) == (5, 1)


async def test_an_upload_is_completed_once_and_when_its_bytes_are_there(files: Files) -> None:
    ada = await files.api.user()
    begun = await files.begun(ada, b"hello")
    file_id, upload = begun["file"]["id"], begun["upload"]
    is_(await files.complete(ada, file_id), 409, "upload_missing")
    assert (await files.put_block(upload, 0, b"hello")).status == 201
    is_(await files.complete(ada, file_id), 409, "upload_missing")
    assert (await files.get(ada, file_id))["state"] == "pending"
    assert (await files.commit(upload, [0])).status == 201
    answers = await asyncio.gather(*(files.complete(ada, file_id) for _ in range(6)))
    assert sorted(each.status for each in answers) == [202, 409, 409, 409, 409, 409]
    assert {each.code for each in answers if each.status == 409} == {"already_completed"}
    assert (await files.settled(ada, file_id))["state"] == "available"
    for method, action in UPLOAD:
        answer = await files.api.call(method, f"files/{file_id}/{action}", ada)
        is_(answer, 409, "already_completed")
    refused = await files.finish(ada, await files.begun(ada, b"hello", "b.txt"), b"olleh")
    for method, action in UPLOAD:
        answer = await files.api.call(method, f"files/{refused['id']}/{action}", ada)
        is_(answer, 409, "upload_over")


async def test_an_upload_is_finished_by_whoever_began_it(files: Files) -> None:
    ada, grace, folder = await editors(files)
    eve = await files.api.user("Eve")
    for uploader, other in ((ada, grace), (grace, ada)):
        begun = await files.begun(uploader, b"hello", f"{uploader.id}.txt", folder_id=folder["id"])
        file_id = begun["file"]["id"]
        assert (await files.put(begun["upload"], b"hello")).status == 201
        for method, action in UPLOAD:
            path = f"files/{file_id}/{action}"
            is_(await files.api.call(method, path, eve), 404, "file_not_found")
            if (method, other) != ("DELETE", ada):  # who owns the drive may give any upload up
                is_(await files.api.call(method, path, other), 403, "not_the_uploader")
        seen = await files.get(other, file_id)
        assert seen["state"] == "pending"
        assert "sig=" not in json.dumps(seen)
        assert (await files.complete(uploader, file_id)).status == 202
        assert (await files.settled(uploader, file_id))["state"] == "available"


async def test_a_viewer_begins_no_upload_and_who_lost_his_right_finishes_none(
    files: Files, stack: Stack
) -> None:
    ada, grace, folder = await editors(files)
    path = f"files/{folder['id']}/grants/{grace.id}"
    begun = await files.begun(grace, b"hello", folder_id=folder["id"])
    assert (await files.put(begun["upload"], b"hello")).status == 201
    await files.api.good("PUT", path, ada, json={"role": "viewer"})
    is_(await files.begin(grace, b"x", "b.txt", folder_id=folder["id"]), 403, "file_role_required")
    is_(await files.complete(grace, begun["file"]["id"]), 403, "file_role_required")
    await files.api.good("DELETE", path, ada)
    is_(await files.complete(grace, begun["file"]["id"]), 404, "file_not_found")
    is_(await files.begin(grace, b"x", "b.txt", folder_id=folder["id"]), 404, "file_not_found")
    assert (await files.get(ada, begun["file"]["id"]))["state"] == "pending"
    assert await used(files, grace) == (0, 0)
    assert len(await blobs_of(stack, begun["file"]["id"])) == 1


async def test_what_is_larger_than_the_room_that_is_left_takes_none(files: Files) -> None:
    ada = await files.api.user()
    room = (await files.api.good("GET", "drive", ada))["quota_bytes"]
    assert room == 10 * GIB  # what tests of a shared stack can count on
    is_(await files.begin(ada, b"", size=2 * GIB), 409, "file_too_large")
    assert await used(files, ada) == (0, 0)
    for number in range(8):
        await files.begun(ada, b"", f"{number}", size=room // 8 - (2 if number == 0 else 0))
    before = await used(files, ada)
    assert before == (room - 2, 8)
    answer = await files.begin(ada, b"abc")
    is_(answer, 409, "quota_exceeded")
    assert "2 of" in answer.body["detail"]
    assert await used(files, ada) == before
    assert await files.names(ada) == [str(number) for number in range(8)]
    many = [files.begin(ada, b"x", f"one {number}") for number in range(5)]
    answers = await asyncio.gather(*many)
    assert sorted(each.status for each in answers) == [201, 201, 409, 409, 409]
    assert await used(files, ada) == (room, 10)
    item_id = next(each.body["file"]["id"] for each in answers if each.status == 201)
    assert (await files.api.call("DELETE", f"files/{item_id}/upload", ada)).status == 204
    item = await files.available(ada, b"y", "y.txt")
    path = f"files/{item['id']}/versions"
    answer = await files.api.call("POST", path, ada, json=promised(b"z"))
    is_(answer, 409, "quota_exceeded")
    answer = await files.api.call("POST", f"files/{item['id']}/copy", ada, json={"name": "c"})
    is_(answer, 409, "quota_exceeded")
    assert await files.get(ada, item["id"]) == item


@pytest.mark.parametrize(
    "field",
    [{"size": 0}, {"size": -1}, {"size": 2**63}, {"size": 2**40 + 1}, {"size": 10**400},
     {"size": 1.5}, {"size": "5"}, {"size": True}, {"size": None}, {"size": [5]},
     {"sha256": "A" * 64}, {"sha256": "a" * 63}, {"sha256": "a" * 65}, {"sha256": "g" * 64},
     {"sha256": ""}, {"sha256": None}, {"sha256": "a" * 64 + "\n"}, {"sha256": "\uff10" * 64},
     {"content_type": ""}, {"content_type": "text"}, {"content_type": "text/html; charset=x"},
     {"content_type": "text/html\r\nA: b"}, {"content_type": "a/" + "b" * 200},
     {"content_type": "text/\N{KELVIN SIGN}"}, {"content_type": None},
     {"workspace_id": "me"}, {"workspace_id": ""}, {"folder_id": "../x"},
     {"state": "available"}, {"drive_id": f"usr_{'0' * 26}"}, {"created_by": f"usr_{'0' * 26}"},
     {"id": f"fil_{'0' * 26}"}, {"blob": "x"}, {"upload": {}}],
    ids=lambda each: str(each)[:40],
)  # fmt: skip
async def test_a_body_that_is_none_takes_nothing(files: Files, field: dict[str, Any]) -> None:
    ada = await files.api.user()
    is_(await files.begin(ada, b"hello", **field), 422, "validation_failed")
    assert await used(files, ada) == (0, 0)
    is_(
        await files.begin(ada, b"hello", workspace_id="ws_00000000000000000000000000"),
        404,
        "workspace_not_found",
    )


async def test_a_field_that_is_missing_is_not_made_up(files: Files) -> None:
    ada = await files.api.user()
    whole = {"name": "a.txt", **promised(b"hello")}
    for name in whole:
        body = {each: value for each, value in whole.items() if each != name}
        answer = await files.api.call("POST", "files", ada, json=body)
        is_(answer, 422, "validation_failed")
    assert await used(files, ada) == (0, 0)
