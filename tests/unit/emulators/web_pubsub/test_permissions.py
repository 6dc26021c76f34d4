"""Roles, grants and their wildcard patterns."""

import time

import pytest

from emulators.web_pubsub.patterns import InvalidPatternError, Pattern
from emulators.web_pubsub.permissions import Operation, PermissionLimitError, Permissions

JOIN, SEND = Operation.JOIN_LEAVE_GROUP, Operation.SEND_TO_GROUP


def test_without_a_role_nothing_is_allowed() -> None:
    assert not Permissions().allows(JOIN, "g")
    assert not Permissions().allows(SEND, None)


def test_a_bare_role_allows_every_group_of_its_operation_only() -> None:
    permissions = Permissions(["webpubsub.joinLeaveGroup"])
    assert permissions.allows(JOIN, "any")
    assert permissions.allows(JOIN, None)
    assert not permissions.allows(SEND, "any")


def test_a_role_with_a_group_allows_that_group_only() -> None:
    permissions = Permissions(["webpubsub.sendToGroup.a.b"])
    assert permissions.allows(SEND, "a.b")
    assert not permissions.allows(SEND, "a.c")
    assert not permissions.allows(SEND, None)


def test_a_wildcard_role_allows_what_its_pattern_matches() -> None:
    permissions = Permissions(["webpubsub.joinLeaveGroups.room.*"])
    assert permissions.allows(JOIN, "room.1")
    assert not permissions.allows(JOIN, "room.1.2")


def test_other_roles_mean_nothing() -> None:
    roles = ["admin", "webpubsub", "webpubsub.", "webpubsub.sendToGroups", "WebPubSub.sendToGroup"]
    assert not Permissions(roles).allows(SEND, "sendToGroups")


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("a?c", ["abc"], ["ac", "a.c", "abbc", "ABC"]),
        ("a*c", ["ac", "abbc"], ["a.c", "acd", "xac"]),
        ("a**c", ["ac", "a.b.c"], ["a.b.d"]),
        ("**", ["", "a", "a.b"], []),
        ("*.*", ["a.b", "."], ["a", "a.b.c"]),
        ("*?*", ["a", "abc"], ["", "."]),
        (r"\*\?\\", ["*?\\"], ["ab\\"]),
        (r"\a*", [r"\a", r"\abc"], ["abc"]),
        ("a**b*c?d\\*", ["axxbyycZd*"], ["axxbyy.cZd*"]),
        ("[a]+$", ["[a]+$"], ["a"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    compiled = Pattern(pattern)
    assert [name for name in matching if not compiled.matches(name)] == []
    assert [name for name in other if compiled.matches(name)] == []


def test_a_pattern_has_at_most_five_stars() -> None:
    Pattern("*a*a*a*a*")
    with pytest.raises(InvalidPatternError):
        Pattern("*a*a*a*a*a**")


def test_no_name_makes_matching_slow() -> None:
    pattern = Pattern("**a**a**a**a**ab")
    started = time.perf_counter()
    assert not pattern.matches("a" * 1024)
    assert time.perf_counter() - started < 0.5


def test_literal_grants_stop_at_a_thousand_and_the_refused_one_changes_nothing() -> None:
    permissions = Permissions()
    for number in range(1000):
        permissions.grant(SEND, f"g{number}")
    permissions.grant(SEND, "g0")
    with pytest.raises(PermissionLimitError):
        permissions.grant(SEND, "one more")
    assert permissions.allows(SEND, "g999")
    assert not permissions.allows(SEND, "one more")
    permissions.grant(JOIN, "of the other operation")


def test_roles_beyond_the_limits_are_refused() -> None:
    Permissions([f"webpubsub.sendToGroups.{n}*" for n in range(9)])
    with pytest.raises(PermissionLimitError):
        Permissions([f"webpubsub.sendToGroups.{n}*" for n in range(10)])
    with pytest.raises(PermissionLimitError):
        Permissions(["webpubsub.sendToGroups.******************"])


def test_revoking_takes_back_exactly_one_grant() -> None:
    permissions = Permissions(["webpubsub.sendToGroup.a", "webpubsub.sendToGroups.b*"])
    permissions.grant(SEND, None)
    permissions.revoke(SEND, None)
    assert permissions.allows(SEND, "a")
    permissions.revoke(SEND, "a")
    permissions.revoke(SEND, "never granted")
    assert not permissions.allows(SEND, "a")
    assert permissions.allows(SEND, "b1")
