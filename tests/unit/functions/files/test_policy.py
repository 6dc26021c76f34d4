"""Who may do what: every combination of a caller's place, of what he made and of what is shared with him."""

from itertools import product

import pytest

from functions.files import policy
from functions.files.errors import FileNotFound, FileRoleRequired, FileTooLarge
from functions.files.models import Grant, Item
from functions.files.models.api import GrantRole
from functions.files.policy import Right
from shared_code.actor import Actor
from shared_code.errors import InvalidSetting, WorkspaceNotFound, WorkspaceTokenRequired
from shared_code.ids import new_id
from shared_code.roles import WorkspaceRole
from tests.unit.functions.files.building import (
    ANN,
    AT,
    BOB,
    WORKSPACE,
    actor,
    available,
    folder,
    grant,
    pending,
)

OTHER = new_id("ws")
"""A workspace that things are shared with; the drive is another one's."""
ORDER: list[Right | None] = [None, "viewer", "editor", "manager"]
ROLES: tuple[WorkspaceRole | None, ...] = (None, "guest", "member", "admin", "owner")
SHARED: tuple[GrantRole | None, ...] = (None, "viewer", "editor")
OF_DRIVE: dict[WorkspaceRole | None, Right | None] = {
    None: None,
    "guest": "viewer",
    "member": "editor",
    "admin": "manager",
    "owner": "manager",
}


def highest(*rights: Right | None) -> Right | None:
    return max(rights, key=ORDER.index)


def shared_chain(*grants: Grant | None, depth: int, made_by: str = BOB) -> list[Item]:
    """A file and the two folders above it; the grants are on the one at this depth."""
    given = {"grants": tuple(each for each in grants if each)}
    chain: list[Item] = [available(created_by=made_by), folder(), folder()]
    chain[depth] = chain[depth].model_copy(update=given)
    return chain


def caller(role: WorkspaceRole | None, role_elsewhere: WorkspaceRole | None = None) -> Actor:
    roles = {WORKSPACE: role, OTHER: role_elsewhere}
    return actor(**{key: each for key, each in roles.items() if each})


@pytest.mark.parametrize(
    ("role", "made_by", "by_name", "by_workspace", "depth"),
    list(product(ROLES, (ANN, BOB), SHARED, SHARED, range(3))),
)
def test_the_highest_of_all_rights_counts_and_nothing_else_gives_one(
    role: WorkspaceRole | None,
    made_by: str,
    by_name: GrantRole | None,
    by_workspace: GrantRole | None,
    depth: int,
) -> None:
    chain = shared_chain(
        grant(ANN, by_name) if by_name else None,
        grant(OTHER, by_workspace, "guest") if by_workspace else None,
        grant(BOB, "editor"),
        grant(new_id("ws"), "editor", "guest"),
        depth=depth,
        made_by=made_by,
    )
    is_his = made_by == ANN and role in {"member", "admin", "owner"}
    expected = highest(OF_DRIVE[role], "manager" if is_his else None, by_name, by_workspace)
    assert policy.right_on(caller(role, "guest"), WORKSPACE, chain) == expected


@pytest.mark.parametrize(("role", "least"), list(product(ROLES, ROLES[1:])))
def test_what_is_shared_with_a_workspace_is_for_those_of_at_least_the_role(
    role: WorkspaceRole | None, least: WorkspaceRole
) -> None:
    chain = shared_chain(grant(OTHER, "editor", least), depth=1)
    is_for_him = role is not None and ROLES.index(role) >= ROLES.index(least)
    expected = "editor" if is_for_him else None
    assert policy.right_on(caller(None, role), BOB, chain) == expected


def test_a_user_manages_all_of_his_drive_and_nothing_of_another_s() -> None:
    chain = shared_chain(depth=0)
    assert policy.right_on(actor(ANN), ANN, chain) == "manager"
    assert policy.right_on(actor(ANN), BOB, chain) is None
    assert policy.right_in(actor(ANN), ANN) == "manager"
    assert policy.right_in(actor(ANN), BOB) is None
    assert policy.right_in(actor(ANN), WORKSPACE) is None


def test_who_made_a_file_by_a_link_or_as_a_guest_has_no_right_by_that() -> None:
    assert policy.right_on(actor(ANN), BOB, [pending(created_by=ANN)]) is None
    assert policy.right_on(caller("guest"), WORKSPACE, [pending(created_by=ANN)]) == "viewer"


def test_who_made_a_folder_manages_neither_it_nor_what_others_put_into_it() -> None:
    his = folder(created_by=ANN)
    assert policy.right_on(caller("member"), WORKSPACE, [pending(created_by=BOB), his]) == "editor"
    assert policy.right_on(caller("member"), WORKSPACE, [his]) == "editor"


@pytest.mark.parametrize(("right", "least"), list(product(ORDER, ORDER[1:])))
def test_who_may_not_see_it_learns_nothing_and_who_may_see_it_is_told(
    right: Right | None, least: Right
) -> None:
    enough = ORDER.index(right) >= ORDER.index(least)
    assert policy.is_enough(right, least) is enough
    if enough:
        policy.check(right, least)
        return
    with pytest.raises(FileNotFound if right is None else FileRoleRequired):
        policy.check(right, least)


def test_a_request_speaks_of_the_caller_s_drive_or_of_a_workspace_that_he_is_in() -> None:
    assert policy.drive_of(actor(ANN), None) == ANN
    assert policy.drive_of(caller("guest"), WORKSPACE) == WORKSPACE
    with pytest.raises(WorkspaceNotFound):
        policy.drive_of(actor(ANN), WORKSPACE)
    capped = Actor(ANN, new_id("ses"), AT, workspaces_capped=True)
    with pytest.raises(WorkspaceTokenRequired):
        policy.drive_of(capped, WORKSPACE)


def test_a_file_larger_than_the_deployment_takes_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = policy.max_size()
    policy.check_size(most)
    with pytest.raises(FileTooLarge, match=str(most)):
        policy.check_size(most + 1)
    monkeypatch.setenv("FILES_MAX_SIZE", "10")
    with pytest.raises(FileTooLarge, match="10"):
        policy.check_size(11)


def test_a_deployment_sets_its_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert policy.quota_of(ANN) == 10 * policy.GIB
    assert policy.quota_of(WORKSPACE) == 100 * policy.GIB
    for name, value in {
        "FILES_USER_QUOTA": "1",
        "FILES_WORKSPACE_QUOTA": "2",
        "FILES_VERSIONS": "0",
        "FILES_BIN_DAYS": "3",
        "FILES_UPLOAD_SECONDS": "4",
    }.items():
        monkeypatch.setenv(name, value)
    assert (policy.quota_of(ANN), policy.quota_of(WORKSPACE)) == (1, 2)
    assert policy.max_versions() == 1, "the current one is always kept"
    assert (policy.bin_days(), policy.upload_seconds()) == (3, 4)


@pytest.mark.parametrize(
    ("name", "value"), [("FILES_VERSIONS", "51"), ("FILES_UPLOAD_SECONDS", "3601")]
)
def test_numbers_that_cannot_be_kept_are_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting, match=name):
        (policy.max_versions if name == "FILES_VERSIONS" else policy.upload_seconds)()
