"""A cursor: it only grows, and what is missing is exactly what was never told."""

from hypothesis import given
from hypothesis import strategies as st

from shared_code.outbox import Cursor, Span
from shared_code.outbox.ledger import SHARDS, SLOT_SECONDS, ledger_key

spans = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 5)).map(lambda each: (each[0], each[0] + each[1])),
    max_size=12,
)


def seqs(found: list[Span]) -> set[int]:
    return {seq for first, last in found for seq in range(first, last + 1)}


@given(spans, st.integers(0, 50))
def test_what_is_missing_is_what_was_never_told(told: list[Span], last_seq: int) -> None:
    missing = Cursor().told(told).missing(last_seq)
    assert seqs(missing) == set(range(1, last_seq + 1)) - seqs(told)
    assert all(first <= last for first, last in missing)
    assert missing == sorted(missing)


@given(spans, st.randoms())
def test_the_order_of_telling_makes_no_difference(told: list[Span], chance: object) -> None:
    shuffled = list(told)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis's own Random
    one, other = Cursor(), Cursor()
    for each in told:
        one = one.told([each])
    for each in shuffled:
        other = other.told([each])
    assert one == other == Cursor().told(told)


@given(spans, spans)
def test_a_cursor_only_grows(before: list[Span], more: list[Span]) -> None:
    cursor = Cursor().told(before)
    assert cursor.told(more).seq >= cursor.seq
    assert cursor.told([]) == cursor


def test_too_many_holes_forget_the_latest_spans_and_never_the_order() -> None:
    cursor = Cursor().told([(seq, seq) for seq in range(2, 2_000, 2)])
    assert cursor.seq == 0
    assert cursor.ahead[0] == (2, 2)
    assert 1 in seqs(cursor.missing(2_000))
    assert 1_999 in seqs(cursor.missing(2_000))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_partition_s_slot_changes_once_in_a_slot_s_time(partition: str) -> None:
    keys = [ledger_key(partition, second) for second in range(0, 2 * SLOT_SECONDS, 10)]
    assert len(set(keys)) in {2, 3}
    assert keys == sorted(keys)
    assert {key[-2:] for key in keys} <= {f"{shard:02d}" for shard in range(SHARDS)}
    assert len({key[-2:] for key in keys}) == 1


def test_slots_of_different_partitions_begin_at_different_times() -> None:
    begins = {
        next(
            second
            for second in range(1, SLOT_SECONDS + 1)
            if ledger_key(f"rm_{n}", second) != ledger_key(f"rm_{n}", second - 1)
        )
        for n in range(50)
    }
    assert len(begins) > 20
