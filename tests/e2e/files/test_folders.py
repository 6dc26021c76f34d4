"""Folders over HTTP: made, nested, renamed and moved; what would break the tree, or a name, is refused."""

import asyncio
from typing import Any

import pytest

from tests.harness.api import Answer, Api, User
from tests.harness.files import Files

DEPTH = 20
"""How deep folders can be (functions/files/policy.py)."""


async def change(api: Api, user: User, item: dict[str, Any], **fields: Any) -> Answer:
    """The answer to a change of an item; `etag` goes as If-Match."""
    headers = {"If-Match": fields.pop("etag")} if "etag" in fields else {}
    return await api.call("PATCH", f"files/{item['id']}", user, json=fields, headers=headers)


async def chain(files: Files, user: User, length: int) -> list[dict[str, Any]]:
    """Folders in each other, the topmost first."""
    found: list[dict[str, Any]] = []
    for n in range(length):
        over = found[-1]["id"] if found else None
        found.append(await files.folder(user, f"level {n}", folder_id=over))
    return found


async def test_a_folder_is_made_with_all_that_an_item_has(api: Api, files: Files) -> None:
    ada = await api.user()
    outer = await files.folder(ada, "Letters")
    inner = await files.folder(ada, "1843", folder_id=outer["id"])
    assert (outer["kind"], outer["folder_id"], outer["drive_id"]) == ("folder", None, ada.id)
    assert (inner["folder_id"], inner["created_by"]) == (outer["id"], ada.id)
    assert {inner[each] for each in ("state", "size", "sha256", "version", "upload")} == {None}
    assert await files.get(ada, inner["id"]) == inner
    assert await files.names(ada) == ["Letters"]
    assert await files.names(ada, folder_id=outer["id"]) == ["1843"]


async def test_a_repeat_with_its_key_makes_no_second_folder(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    headers = {"Idempotency-Key": "once"}
    bodies = [{"name": "Letters"}] * 3
    made = await asyncio.gather(
        *(api.good("POST", "folders", ada, json=each, headers=headers) for each in bodies)
    )
    assert [each["id"] for each in made] == [made[0]["id"]] * 3
    assert await files.names(ada) == ["Letters"]
    other = await api.call("POST", "folders", ada, json={"name": "Notes"}, headers=headers)
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    hers = await api.good("POST", "folders", grace, json={"name": "Letters"}, headers=headers)
    assert hers["id"] != made[0]["id"], "a key is its user's own"


async def test_an_item_is_renamed_and_moved_within_its_drive(api: Api, files: Files) -> None:
    ada = await api.user()
    outer, note = await files.folder(ada, "Letters"), await files.available(ada, b"dear")
    moved = (await change(api, ada, note, folder_id=outer["id"])).body
    assert (moved["folder_id"], moved["name"]) == (outer["id"], "note.txt")
    assert (await files.names(ada), await files.names(ada, folder_id=outer["id"])) == (
        ["Letters"],
        ["note.txt"],
    )
    both = (await change(api, ada, note, folder_id=None, name="dear.txt")).body
    assert (both["folder_id"], both["name"], both["revision"]) == (
        None,
        "dear.txt",
        moved["revision"] + 1,
    )
    assert await files.names(ada) == ["dear.txt", "Letters"]
    assert (await files.content(ada, note["id"])).body == b"dear"
    renamed = await change(api, ada, outer, name="Old letters")
    assert renamed.body["name"] == "Old letters"


async def test_what_is_in_a_folder_goes_with_it(api: Api, files: Files) -> None:
    ada = await api.user()
    top, middle, low = await chain(files, ada, 3)
    note = await files.available(ada, b"deep", folder_id=low["id"])
    elsewhere = await files.folder(ada, "Elsewhere")
    assert (await change(api, ada, middle, folder_id=elsewhere["id"])).status == 200
    assert await files.names(ada, folder_id=top["id"]) == []
    assert await files.names(ada, folder_id=elsewhere["id"]) == [middle["name"]]
    assert (await files.get(ada, note["id"]))["folder_id"] == low["id"]
    assert (await files.content(ada, note["id"])).body == b"deep"


@pytest.mark.parametrize("into", [0, 1, 3])
async def test_a_folder_does_not_go_into_itself_or_below(api: Api, files: Files, into: int) -> None:
    ada = await api.user()
    folders = await chain(files, ada, 4)
    answer = await change(api, ada, folders[0], folder_id=folders[into]["id"])
    assert (answer.status, answer.code) == (409, "folder_into_itself")
    assert (await files.get(ada, folders[0]["id"]))["folder_id"] is None


async def test_two_moves_at_once_make_no_ring(api: Api, files: Files) -> None:
    ada = await api.user()
    for n in range(5):
        one, two = await files.folder(ada, f"one {n}"), await files.folder(ada, f"two {n}")
        answers = await asyncio.gather(
            change(api, ada, one, folder_id=two["id"]), change(api, ada, two, folder_id=one["id"])
        )
        assert sorted(each.status for each in answers) == [200, 409]


async def test_folders_are_twenty_deep_at_most(api: Api, files: Files) -> None:
    ada = await api.user()
    folders = await chain(files, ada, DEPTH)
    body = {"name": "too deep", "folder_id": folders[-1]["id"]}
    answer = await api.call("POST", "folders", ada, json=body)
    assert (answer.status, answer.code) == (409, "drive_full")
    await files.begun(ada, b"a file is no folder", folder_id=folders[-1]["id"])
    loose = await files.folder(ada, "loose")
    answer = await change(api, ada, loose, folder_id=folders[-1]["id"])
    assert (answer.status, answer.code) == (409, "drive_full")
    assert (await change(api, ada, loose, folder_id=folders[-2]["id"])).status == 200


async def test_a_move_of_a_whole_tree_keeps_to_the_depth_too(api: Api, files: Files) -> None:
    ada = await api.user()
    deep = await chain(files, ada, DEPTH - 1)
    outer = await files.folder(ada, "outer")
    inner = await files.folder(ada, "inner", folder_id=outer["id"])
    answer = await change(api, ada, outer, folder_id=deep[-1]["id"])
    assert (answer.status, answer.code) == (409, "drive_full"), "inner would be the 21st"
    assert (await change(api, ada, inner, folder_id=deep[-1]["id"])).status == 200


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ("note.txt", "note.txt"),
        ("Note.TXT", "nOTE.txt"),
        ("ﬁle.txt", "file.txt"),  # a ligature, of which NFKC makes two letters
        ("café", "cafe\u0301"),  # composed, and decomposed
        ("Straße", "STRASSE"),
        ("two words", "two\u00a0 words"),
        ("a.txt", "\uff41.txt"),
    ],
)
async def test_a_name_that_looks_like_one_that_is_there_is_taken(
    api: Api, files: Files, taken: str, wanted: str
) -> None:
    ada = await api.user()
    await files.folder(ada, taken)
    refused = [
        await api.call("POST", "folders", ada, json={"name": wanted}),
        await files.begin(ada, b"x", wanted),
        await change(api, ada, await files.folder(ada, "other"), name=wanted),
    ]
    for answer in refused:
        assert (answer.status, answer.code) == (409, "name_taken")
    assert len(await files.names(ada)) == 2
    inside = await files.folder(ada, wanted, folder_id=(await files.folder(ada, "f"))["id"])
    assert inside["folder_id"], "elsewhere it is free"


async def test_a_name_that_was_given_up_is_free_and_one_may_change_its_case(
    api: Api, files: Files
) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "letters")
    assert (await change(api, ada, folder, name="Letters")).body["name"] == "Letters"
    assert await files.names(ada) == ["Letters"]
    await change(api, ada, folder, name="Notes")
    await files.folder(ada, "letters")
    assert await files.names(ada) == ["letters", "Notes"]


async def test_of_many_who_want_one_name_at_once_one_gets_it(api: Api, files: Files) -> None:
    ada = await api.user()
    body = {"name": "Letters"}
    answers = await asyncio.gather(*(api.call("POST", "folders", ada, json=body) for _ in range(8)))
    assert sorted(each.status for each in answers) == [201] + [409] * 7
    assert (await api.good("GET", "drive", ada))["folders"] == 1
    assert await files.names(ada) == ["Letters"]


async def test_a_change_of_what_was_not_read_last_is_refused(api: Api, files: Files) -> None:
    ada = await api.user()
    first = await files.folder(ada, "one")
    second = (await change(api, ada, first, name="two", etag=first["etag"])).body
    stale = await change(api, ada, first, name="three", etag=first["etag"])
    assert (stale.status, stale.code) == (412, "precondition_failed")
    headers = {"If-Match": first["etag"]}
    deleted = await api.call("DELETE", f"files/{first['id']}", ada, headers=headers)
    assert (deleted.status, deleted.code) == (412, "precondition_failed")
    assert await files.names(ada) == ["two"]
    assert (await change(api, ada, first, name="three", etag=second["etag"])).status == 200
    assert (await change(api, ada, first, name="four", etag="*")).status == 200
    unread = await change(api, ada, first, name="five", etag="no tag")
    assert (unread.status, unread.code) == (422, "validation_failed")


@pytest.mark.parametrize(
    "body", [{}, {"name": None, "colour": "red"}, {"name": ""}, {"folder_id": "fil_x"}]
)
async def test_a_change_that_says_nothing_or_nonsense_is_refused(
    api: Api, files: Files, body: dict[str, Any]
) -> None:
    ada = await api.user()
    folder = await files.folder(ada, "one")
    answer = await api.call("PATCH", f"files/{folder['id']}", ada, json=body)
    assert (answer.status, answer.code) == (422, "validation_failed")


async def test_nothing_goes_into_another_drive_a_file_or_a_folder_that_is_not_there(
    api: Api, files: Files
) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    mine, note = await files.folder(ada, "mine"), await files.available(ada)
    hers = await files.folder(grace, "hers")
    grant = {"role": "editor"}
    await api.good("PUT", f"files/{hers['id']}/grants/{ada.id}", grace, json=grant)
    unseen = await files.folder(grace, "unseen")
    gone = f"fld_{'0' * 26}"
    for folder_id in (hers["id"], unseen["id"], gone):
        for item in (mine, note):
            answer = await change(api, ada, item, folder_id=folder_id)
            assert (answer.status, answer.code) == (404, "file_not_found")
    answer = await change(api, ada, mine, folder_id=note["id"])
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert await files.names(ada) == ["mine", "note.txt"]


async def test_a_stranger_sees_and_changes_nothing(api: Api, files: Files) -> None:
    ada, eve = await api.user(), await api.user("Eve")
    folder = await files.folder(ada, "mine")
    assert (await api.call("GET", f"files/{folder['id']}", eve)).code == "file_not_found"
    assert (await api.call("GET", "files", eve, params={"folder_id": folder["id"]})).status == 404
    assert (await change(api, eve, folder, name="hers")).code == "file_not_found"
    assert (await api.call("DELETE", f"files/{folder['id']}", eve)).code == "file_not_found"
    inside = {"name": "x", "folder_id": folder["id"]}
    assert (await api.call("POST", "folders", eve, json=inside)).code == "file_not_found"
    assert (await files.begin(eve, b"x", folder_id=folder["id"])).code == "file_not_found"
    assert (await api.call("GET", f"files/{folder['id']}")).code == "unauthenticated"


async def test_between_shared_folders_one_must_be_editor_of_both(api: Api, files: Files) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    source, target, seen = [await files.folder(ada, name) for name in ("from", "to", "seen")]
    for folder, role in ((source, "editor"), (target, "editor"), (seen, "viewer")):
        path = f"files/{folder['id']}/grants/{grace.id}"
        await api.good("PUT", path, ada, json={"role": role})
    note = await files.available(ada, folder_id=source["id"])
    shown = await files.available(ada, folder_id=seen["id"])
    assert (await change(api, grace, note, folder_id=seen["id"])).code == "file_role_required"
    assert (await change(api, grace, shown, folder_id=target["id"])).code == "file_role_required"
    assert (await change(api, grace, note, folder_id=None)).code == "file_not_found"
    moved = await change(api, grace, note, folder_id=target["id"])
    assert (moved.status, moved.body["folder_id"]) == (200, target["id"])
    # Out of what is shared with her, by its owner: and she has no access any more.
    assert (await change(api, ada, note, folder_id=None)).status == 200
    assert (await files.download(grace, note["id"])).code == "file_not_found"
