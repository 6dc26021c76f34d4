"""Any batch on any room: one verdict each, no gap, no row twice."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from functions.chat.errors import NotAMember, OwnerCannotLeave
from functions.chat.store.head import SLOT_BYTES, Head, slot_of
from functions.chat.store.plan import Plan, key_of
from tests.unit.functions.chat.building import (
    Members,
    Pending,
    empty_head,
    join,
    leave,
    member,
    message,
    plan,
    request,
    send,
)

USERS = ("ann", "bob", "cid", "dot")
IDS = ("c1", "c2", "c3")

sends = st.builds(
    send,
    st.sampled_from(USERS),
    st.sampled_from((*IDS, None)),
    st.sampled_from(("hi", "ho", "🜁" * 4_000)),
    st.sampled_from((None, 0, 3, 50)),
)
requests = st.builds(
    request, st.sampled_from(USERS), st.sampled_from(IDS), st.sampled_from(("hi", "ho"))
)
changes = st.one_of(
    sends,
    sends,
    requests,
    st.builds(join, st.sampled_from(USERS)),
    st.builds(leave, st.sampled_from(USERS)),
)
rows = st.sampled_from(("owner", "member", "left", "none"))


@dataclass
class Case:
    """One room, its members, and a batch that waits on it."""

    head: Head
    members: Members
    batch: list[Pending]
    fresh: bool

    def plan(self) -> Plan[None]:
        return plan(self.head, self.members, *self.batch, fresh=self.fresh)


def a_member(user_id: str, row: str) -> tuple[str, object]:
    if row == "none":
        return user_id, None
    return user_id, member(user_id, "owner" if row == "owner" else "member", left=row == "left")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    known = draw(st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from(IDS)), max_size=12))
    entries = [message(seq, author, name) for seq, (author, name) in enumerate(known, 1)]
    slots = [slot_of(author, name) for author, name in known]
    head = empty_head().after(entries, slots, access_changed=False)
    forgotten = draw(st.integers(0, len(known)))
    head = Head(**{**vars(head), "ring": head.ring[forgotten * SLOT_BYTES :]})
    members = dict(a_member(user, draw(rows)) for user in USERS)
    batch = draw(st.lists(changes, max_size=40))
    for waiting in batch:
        waiting.free_to = draw(st.integers(-1, head.last_seq))
    return Case(head, members, batch, draw(st.booleans()))  # type: ignore[arg-type]  # as a_member makes them


def verdicts(made: Plan[None]) -> list[Pending]:
    found = [each for each, _ in made.taken]
    found += [each for each, _ in made.refused]
    found += [each for each, _ in made.to_recall]
    found += [each for each, _, _ in made.to_search]
    found += [each for each, _ in made.to_name]
    return found + made.done + made.later


@given(cases())
def test_every_change_gets_exactly_one_verdict(case: Case) -> None:
    found = verdicts(case.plan())
    assert sorted(map(id, found)) == sorted(map(id, case.batch))


@given(cases())
def test_seqs_have_no_gap_and_the_head_follows(case: Case) -> None:
    made = case.plan()
    start = case.head.last_seq
    assert [entry.seq for entry in made.entries] == list(
        range(start + 1, start + 1 + len(made.entries))
    )
    assert made.next_head.last_seq == start + len(made.entries)
    assert len(made.slots) == len(made.entries)
    assert len(made.next_head.ring) == len(case.head.ring) + len(made.entries) * SLOT_BYTES


@given(cases())
def test_every_entry_answers_the_changes_that_were_taken_for_it(case: Case) -> None:
    made = case.plan()
    assert {index for _, index in made.taken} == set(range(len(made.entries)))
    for waiting, index in made.taken:
        entry = made.entries[index]
        if waiting.change.client_id is not None:
            assert waiting.change.is_named_by(entry)
            assert waiting.change.is_repeated_by(entry)


@given(cases())
def test_no_client_id_is_written_twice_and_none_that_the_ring_knows(case: Case) -> None:
    made = case.plan()
    named = [slot for slot in made.slots if any(slot)]
    assert len(set(named)) == len(named)
    assert all(case.head.seqs_of(slot) == [] for slot in named)


@given(cases())
def test_a_user_s_row_is_written_once_and_by_its_own_entry(case: Case) -> None:
    made = case.plan()
    moves = [entry for entry in made.entries if entry.type.startswith("member.")]
    assert sorted(entry.data["user_id"] for entry in moves) == sorted(made.members)
    assert all(made.members[entry.data["user_id"]].seq == entry.seq for entry in moves)


@given(cases())
def test_only_members_speak_and_no_owner_leaves(case: Case) -> None:
    made = case.plan()
    for entry in made.entries:
        author = case.members[str(entry.data.get("author_id", entry.data.get("user_id")))]
        if entry.type == "message.sent":
            assert author
            assert not author.left
        if entry.type == "member.left":
            assert author
            assert author.role != "owner" or author.left


@given(cases())
def test_a_plan_on_a_cache_asks_again_before_it_says_no_or_done(case: Case) -> None:
    made = case.plan()
    assert made.stale is (not case.fresh and bool(made.refused or made.done))
    assert all(
        isinstance(error, NotAMember | OwnerCannotLeave) or error.status in {409, 422}
        for _, error in made.refused
    )


@given(cases())
def test_a_name_is_kept_for_exactly_the_entries_that_answer_a_request(case: Case) -> None:
    made = case.plan()
    asked = [(each, index) for each, index in made.taken if each.change.is_requested]
    assert made.names == {key_of(each.change): made.entries[index].seq for each, index in asked}
    assert all(each.free_to >= case.head.ring_start for each, _ in asked)
