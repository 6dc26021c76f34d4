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
        (r"a\?*", ["a?bc"], ["abc"]),
        ("ab**", ["ab", "ab.cd.ef"], ["b"]),
        ("**ab", ["cd.ef.ab"], ["cd.ef.abc"]),
        ("a.**.b", ["a..b"], ["a.b"]),
        ("a*.**.*b", ["ab.cd.ef.ab"], ["b.cd.ef.b"]),
        (r"a\*.***b", ["a*.ab"], ["aa.ab"]),
        ("Room**", ["Room.1"], ["room.nested"]),
        ("Ä?", ["Äb"], ["äb"]),
        ("a\nb*", ["a\nbc"], ["ab"]),
        ("a**b*c?d\\*", ["axxbyycZd*"], ["axxbyy.cZd*"]),
        ("[a]+$", ["[a]+$"], ["a"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    compiled = Pattern(pattern)
    assert [name for name in matching if not compiled.matches(name)] == []
    assert [name for name in other if compiled.matches(name)] == []


def test_a_pattern_has_at_most_five_stars() -> None:
    assert Pattern("*.*.*.*.*").matches("a.b.c.d.e")
    with pytest.raises(InvalidPatternError):
        Pattern("*a*a*a*a*a**")


@pytest.mark.parametrize("pattern", ["**", "******"])
def test_consecutive_stars_count_as_one(pattern: str) -> None:
    assert Pattern(pattern).matches_all
    assert Pattern(pattern).matches("room.nested")


@pytest.mark.parametrize("pattern", ["a\\", r"a\b"])
def test_invalid_escapes_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidPatternError):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [("room", "room"), (r"room\*", "room*"), (r"room\?", "room?"), (r"room\\", "room\\")],
)
def test_an_escaped_pattern_is_the_literal_that_it_spells(pattern: str, literal: str) -> None:
    assert Pattern(pattern).literal == literal
    permissions = Permissions([f"webpubsub.sendToGroups.{pattern}"])
    assert permissions.allows(SEND, literal)
    assert not permissions.allows(SEND, f"{literal}extra")
    permissions.revoke(SEND, literal)
    assert not permissions.allows(SEND, literal)


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


def test_roles_beyond_the_limits_or_invalid_mean_nothing() -> None:
    nine = [f"webpubsub.sendToGroups.{number}*" for number in range(9)]
    permissions = Permissions([*nine, "webpubsub.sendToGroups.x*", "webpubsub.sendToGroups.lit"])
    assert permissions.allows(SEND, "8a")
    assert permissions.allows(SEND, "lit"), "a pattern without wildcards takes no place of the nine"
    assert not permissions.allows(SEND, "xa")
    assert not Permissions(["webpubsub.sendToGroups.*.*.*.*.*.*"]).allows(SEND, "a.b.c.d.e.f")
    assert not Permissions([r"webpubsub.sendToGroups.\a*"]).allows(SEND, "a")
    assert not Permissions(["webpubsub.sendToGroup."]).allows(SEND, "")


def test_the_ninth_pattern_counts_even_if_it_says_nothing_new() -> None:
    same = ["webpubsub.sendToGroups.a*"] * 9
    assert not Permissions([*same, "webpubsub.sendToGroups.b*"]).allows(SEND, "b")


@pytest.mark.parametrize("role", ["webpubsub.sendToGroup", "webpubsub.sendToGroups.room*"])
def test_revoking_a_group_denies_it_whatever_allowed_it(role: str) -> None:
    permissions = Permissions([role])
    permissions.revoke(SEND, "room")
    permissions.revoke(SEND, "never granted")
    assert not permissions.allows(SEND, "room")
    assert permissions.allows(SEND, "room-other")
    permissions.grant(SEND, "room")
    assert permissions.allows(SEND, "room")


def test_revocations_stop_at_a_thousand_and_undoing_one_makes_room() -> None:
    permissions = Permissions(["webpubsub.sendToGroup"])
    for number in range(1000):
        permissions.revoke(SEND, f"g{number}")
    with pytest.raises(PermissionLimitError):
        permissions.revoke(SEND, "one more")
    assert permissions.allows(SEND, "one more")
    permissions.revoke(SEND, "g0")
    permissions.grant(SEND, "g0")
    permissions.revoke(SEND, "one more")
    assert not permissions.allows(SEND, "one more")


def test_allowing_every_group_clears_exceptions_and_patterns() -> None:
    permissions = Permissions([f"webpubsub.sendToGroups.{number}*" for number in range(9)])
    permissions.revoke(SEND, "1a")
    permissions.grant(SEND, None)
    assert permissions.allows(SEND, "1a")
    permissions.revoke(SEND, None)
    assert not permissions.allows(SEND, "2a")


def test_a_pattern_takes_over_the_grants_that_it_matches() -> None:
    roles = [f"webpubsub.sendToGroup.room{number}" for number in range(1000)]
    permissions = Permissions([*roles, "webpubsub.sendToGroups.room*"])
    permissions.revoke(SEND, "room0")
    assert not permissions.allows(SEND, "room0")
    permissions.grant(SEND, "room was made for more")
