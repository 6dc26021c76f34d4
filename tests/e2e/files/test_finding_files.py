"""Lists and searches over HTTP: in the order of names, page by page, and always as things are."""

from typing import Any

import pytest

from tests.harness.api import Api, User
from tests.harness.files import Files


async def made(files: Files, user: User, *names: str, **fields: Any) -> list[dict[str, Any]]:
    """Folders of these names, which are found as files are, and cost no upload."""
    return [await files.folder(user, each, **fields) for each in names]


async def found(files: Files, user: User, words: str, **params: str) -> list[str]:
    """The names that a search finds, sorted."""
    return sorted(await files.names(user, search=words, **params))


async def test_a_list_is_by_name_whatever_the_case_and_kind(api: Api, files: Files) -> None:
    ada = await api.user()
    await made(files, ada, "beta", "Alpha", "ümlaut", "10")
    await files.available(ada, name="Bat.txt")
    await files.begun(ada, b"not there yet", "azure.txt")
    expected = ["10", "Alpha", "azure.txt", "Bat.txt", "beta", "ümlaut"]
    assert await files.names(ada) == expected


@pytest.mark.parametrize("limit", ["1", "2", "3", "7", "200"])
async def test_pages_hold_each_name_once_and_the_last_has_no_next(
    api: Api, files: Files, limit: str
) -> None:
    ada = await api.user()
    names = [f"n{number}" for number in range(7)]
    await made(files, ada, *reversed(names))
    assert await files.names(ada, limit=limit) == names
    page = await api.good("GET", "files", ada, params={"limit": limit})
    assert len(page["items"]) == min(7, int(limit))
    assert (page["next"] is None) == (int(limit) >= 7)


async def test_a_cursor_stands_when_what_it_named_has_gone(api: Api, files: Files) -> None:
    ada = await api.user()
    items = await made(files, ada, "a", "b", "c", "d")
    first = await api.good("GET", "files", ada, params={"limit": "2"})
    await api.good("DELETE", f"files/{items[1]['id']}", ada)
    await made(files, ada, "a2", "bb")
    assert await files.names(ada, cursor=first["next"]) == ["bb", "c", "d"]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"folder_id": "root"},
        {"workspace_id": "mine"},
        {"search": " "},
        {"search": "x" * 101},
        {"cursor": "x" * 2001},
    ],
)
async def test_a_list_that_cannot_be_is_refused(api: Api, params: dict[str, str]) -> None:
    answer = await api.call("GET", "files", await api.user(), params=params)
    assert (answer.status, answer.code) == (422, "validation_failed")


async def test_odd_cursors_show_nothing_of_others(api: Api, files: Files) -> None:
    ada, eve = await api.user(), await api.user("Eve")
    await made(files, ada, "secret")
    await made(files, eve, "hers")
    for cursor in ("\U0010ffff", "zzz", "' or PartitionKey ne '", "n:-:", "%00", ""):
        names = await files.names(eve, cursor=cursor)
        assert set(names) <= {"hers"}, cursor
        assert set(await files.names(eve, cursor=cursor, search="s")) == set()


async def test_a_list_of_what_is_not_there_is_a_404(api: Api) -> None:
    ada = await api.user()
    answer = await api.call("GET", "files", ada, params={"folder_id": f"fld_{'0' * 26}"})
    assert (answer.status, answer.code) == (404, "file_not_found")
    answer = await api.call("GET", "files", ada, params={"workspace_id": f"ws_{'0' * 26}"})
    assert (answer.status, answer.code) == (404, "workspace_not_found")


async def test_a_folder_of_others_is_listed_for_whom_it_is_shared_with(
    api: Api, files: Files
) -> None:
    ada, grace = await api.user(), await api.user("Grace")
    [shared] = await made(files, ada, "shared")
    [inner] = await made(files, ada, "inner", folder_id=shared["id"])
    await made(files, ada, "a", "b", folder_id=inner["id"])
    path = f"files/{shared['id']}/grants/{grace.id}"
    await api.good("PUT", path, ada, json={"role": "viewer"})
    assert await files.names(grace, folder_id=shared["id"]) == ["inner"]
    assert await files.names(grace, folder_id=inner["id"], limit="1") == ["a", "b"]
    assert await files.names(grace) == [], "her own drive is empty"
    assert (await api.call("GET", "files", grace, params={"workspace_id": ada.id})).status == 422
    await api.good("DELETE", path, ada)
    answer = await api.call("GET", "files", grace, params={"folder_id": inner["id"]})
    assert (answer.status, answer.code) == (404, "file_not_found")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("rep", ["Annual Report 2024.pdf", "report.txt"]),
        ("REPORT", ["Annual Report 2024.pdf", "report.txt"]),
        ("annual rep", ["Annual Report 2024.pdf"]),
        ("2024 ann", ["Annual Report 2024.pdf"]),
        ("rep an 20", ["Annual Report 2024.pdf"]),
        ("  rep   2024  ", ["Annual Report 2024.pdf"]),
        ("eport", []),
        ("report annually", []),
        ("\uff52\uff45port", ["Annual Report 2024.pdf", "report.txt"]),
        ("strasse", ["Straße nach Rom"]),
        ("%", []),
        ("' or '", []),
    ],
)
async def test_a_search_finds_words_by_their_beginnings_in_any_order(
    api: Api, files: Files, words: str, names: list[str]
) -> None:
    ada = await api.user()
    await made(files, ada, "Annual Report 2024.pdf", "report.txt", "Straße nach Rom")
    assert await found(files, ada, words) == names


async def test_a_search_goes_through_all_folders_of_ones_own_drive_alone(
    api: Api, files: Files
) -> None:
    ada, eve = await api.user(), await api.user("Eve")
    [outer] = await made(files, ada, "outer")
    await made(files, ada, "needle one", folder_id=outer["id"])
    await made(files, ada, "needle two")
    await made(files, eve, "needle hers")
    assert await found(files, ada, "needle") == ["needle one", "needle two"]
    assert await found(files, eve, "needle") == ["needle hers"]


async def test_a_search_follows_renames_moves_and_the_bin(api: Api, files: Files) -> None:
    ada = await api.user()
    folder, item = await made(files, ada, "folder", "old name")
    path = f"files/{item['id']}"
    await api.good("PATCH", path, ada, json={"name": "new name"})
    assert await found(files, ada, "old") == []
    assert await found(files, ada, "new") == await found(files, ada, "name") == ["new name"]
    await api.good("PATCH", path, ada, json={"folder_id": folder["id"]})
    assert await found(files, ada, "new") == ["new name"]
    await api.good("DELETE", path, ada)
    assert await found(files, ada, "new") == []
    await api.good("POST", f"bin/{item['id']}/restore", ada)
    assert await found(files, ada, "new") == ["new name"]
    await api.good("DELETE", f"files/{folder['id']}", ada)
    assert await found(files, ada, "new") == [], "its folder is in the bin"
    await api.good("POST", f"bin/{folder['id']}/restore", ada)
    assert await found(files, ada, "new") == ["new name"]


@pytest.mark.parametrize("limit", ["1", "2", "50"])
async def test_pages_of_a_search_hold_each_item_once(api: Api, files: Files, limit: str) -> None:
    ada = await api.user()
    names = [f"alpha alphabet {number}" for number in range(4)]
    await made(files, ada, *names, "alp", "beta")
    assert await found(files, ada, "al", limit=limit) == ["alp", *names]
    assert await found(files, ada, "al alph", limit=limit) == names


async def test_a_name_of_many_words_is_found_by_the_first_eight(api: Api, files: Files) -> None:
    ada = await api.user()
    name = " ".join(f"word{number}" for number in range(1, 11))
    await made(files, ada, name)
    assert await found(files, ada, "word8") == await found(files, ada, "word8 word1") == [name]
    assert await found(files, ada, "word9") == []
    long = "x" * 250
    await made(files, ada, long)
    assert await found(files, ada, "x" * 60) == [long]
