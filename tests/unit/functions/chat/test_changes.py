"""The changes: what each writes, what it is a repeat of, and whom its rule lets through."""

import pytest

from functions.chat.changes import JoinRoom, LeaveRoom, SendMessage, joined_entry, left_entry
from functions.chat.errors import NotAMember, OwnerCannotLeave, RoomIsPrivate
from functions.chat.models import Member, Message, NewMessage, RoomKind
from functions.chat.policy import check_join, check_leave, check_member, is_member
from functions.chat.store.plan import Change
from shared_code.errors import AtriumError, ValidationFailed
from shared_code.ids import new_id, number_of
from tests.unit.functions.chat.building import AT, ROOM, empty_head, member, message

IN, OUT, OWNER = member("ann"), member("ann", left=True), member("ann", "owner")


def said(
    text: str = "hi",
    client_id: str | None = "c1",
    reply_to: str | None = None,
    files: tuple[str, ...] = (),
) -> SendMessage:
    body = NewMessage(text=text, client_id=client_id, reply_to=reply_to, files=list(files))
    return SendMessage("ann", body)


def test_a_message_s_entry_carries_the_message_as_it_will_be_given_ever_after() -> None:
    entry = said().entry(ROOM, 7, AT)
    given = Message.model_validate(entry.data)
    assert given.model_dump(mode="json") == entry.data
    assert (given.seq, given.text, given.author_id, given.client_id) == (7, "hi", "ann", "c1")
    assert (entry.type, entry.room_id, entry.at, given.created_at) == ("message.sent", ROOM, AT, AT)


def test_a_message_id_tells_its_seq_and_is_new_each_time() -> None:
    ids = {said().entry(ROOM, 7, AT).data["id"] for _ in range(3)}
    assert len(ids) == 3
    assert {number_of(each) for each in ids} == {7}


def test_a_client_id_that_is_missing_is_made_here_and_stays() -> None:
    change = said(client_id=None)
    assert change.client_id.startswith("cli_")
    assert change.client_id == change.client_id != said(client_id=None).client_id


def test_a_message_is_named_by_its_author_and_client_id() -> None:
    assert said().is_named_by(message(1, "ann", "c1"))
    assert not said().is_named_by(message(1, "bob", "c1"))
    assert not said().is_named_by(message(1, "ann", "c2"))
    assert not said().is_named_by(joined_entry(ROOM, IN))


def test_a_message_is_repeated_by_one_that_says_the_same_in_answer_to_the_same() -> None:
    reply_to = new_id("msg")
    entry = said(reply_to=reply_to).entry(ROOM, 1, AT)
    assert said(reply_to=reply_to).is_repeated_by(entry)
    assert not said().is_repeated_by(entry)
    assert not said("ho", reply_to=reply_to).is_repeated_by(entry)


def test_a_message_is_repeated_by_one_that_carries_the_same_files_in_their_order() -> None:
    one, other = new_id("fil"), new_id("fil")
    entry = said(files=(one, other)).entry(ROOM, 1, AT)
    assert entry.data["files"] == [one, other]
    assert said(files=(one, other)).is_repeated_by(entry)
    for files in ((), (one,), (other, one), (one, new_id("fil"))):
        assert not said(files=files).is_repeated_by(entry)


def test_an_entry_of_before_there_were_files_is_a_message_without_any() -> None:
    entry = said().entry(ROOM, 1, AT)
    del entry.data["files"]
    assert Message.model_validate(entry.data).files == []
    assert said().is_repeated_by(entry)
    assert not said(files=(new_id("fil"),)).is_repeated_by(entry)


def test_a_reply_to_what_is_not_there_is_refused_by_its_field_but_only_for_members() -> None:
    change = SendMessage("ann", NewMessage(text="hi"), reply_missing=True)
    with pytest.raises(ValidationFailed) as refused:
        change.check(empty_head(), IN)
    assert refused.value.fields[0]["field"] == "reply_to"
    with pytest.raises(NotAMember):
        change.check(empty_head(), None)


def test_a_message_changes_no_membership_and_is_never_done_before() -> None:
    change: Change = said()
    assert change.member_after(IN, 1, AT) is None
    assert not said().is_done(IN)


def test_joining_writes_the_member_that_its_entry_tells_of() -> None:
    change = JoinRoom("ann")
    row, entry = change.member_after(OUT, 9, AT), change.entry(ROOM, 9, AT)
    assert entry == joined_entry(ROOM, row)
    assert (row.seq, row.left, row.role) == (9, False, "member")
    assert (entry.type, entry.data) == ("member.joined", {"user_id": "ann", "role": "member"})


def test_leaving_keeps_the_row_so_that_a_repeat_knows_what_it_repeats() -> None:
    change = LeaveRoom("ann")
    row = change.member_after(IN, 9, AT)
    assert (row.left, row.seq, row.joined_at) == (True, 9, IN.joined_at)
    assert change.entry(ROOM, 9, AT) == left_entry(ROOM, "ann", 9, AT)


def test_membership_repeats_by_its_state_and_not_by_a_name() -> None:
    for change in (JoinRoom("ann"), LeaveRoom("ann")):
        assert change.client_id is None
        assert change.after_seq is None
        assert not change.is_named_by(message(1))
        assert not change.is_repeated_by(message(1))
    assert JoinRoom("ann").is_done(IN)
    assert not JoinRoom("ann").is_done(OUT)
    assert not JoinRoom("ann").is_done(None)
    assert LeaveRoom("ann").is_done(OUT)
    assert not LeaveRoom("ann").is_done(IN)


@pytest.mark.parametrize(
    ("row", "inside"), [(None, False), (OUT, False), (IN, True), (OWNER, True)]
)
def test_a_member_is_who_has_a_row_that_does_not_say_left(row: Member | None, inside: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_member(row) is inside
    if inside:
        check_member(row)
    else:
        with pytest.raises(NotAMember):
            check_member(row)


@pytest.mark.parametrize(
    ("kind", "row", "error"),
    [
        ("public", None, None),
        ("public", OUT, None),
        ("public", IN, None),
        ("private", None, RoomIsPrivate),
        ("private", OUT, RoomIsPrivate),
        ("private", IN, None),
    ],
)
def test_who_may_join(kind: RoomKind, row: Member | None, error: type[AtriumError] | None) -> None:
    if error:
        with pytest.raises(error):
            check_join(kind, row)
    else:
        check_join(kind, row)


@pytest.mark.parametrize(
    ("row", "error"), [(None, NotAMember), (OWNER, OwnerCannotLeave), (IN, None), (OUT, None)]
)
def test_who_may_leave(row: Member | None, error: type[AtriumError] | None) -> None:
    if error:
        with pytest.raises(error):
            check_leave(row)
    else:
        check_leave(row)
