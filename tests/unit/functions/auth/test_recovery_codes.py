"""Recovery codes: eight of 120 bits, kept as digests, each used once."""

from functions.auth import recovery_codes
from shared_code.clock import utcnow


def test_eight_different_codes_of_which_nothing_is_kept_but_digests() -> None:
    kept, codes = recovery_codes.new_codes(utcnow())
    assert len(set(codes)) == len(kept.digests) == 8
    assert all(len(each.replace("-", "")) * 5 == 120 for each in codes)
    assert not any(each in kept.model_dump_json() for each in codes)


def test_a_code_burns_and_the_others_stay() -> None:
    kept, codes = recovery_codes.new_codes(utcnow())
    left = recovery_codes.spent(kept, codes[3])
    assert left
    assert len(left.digests) == 7
    assert recovery_codes.spent(left, codes[3]) is None
    assert recovery_codes.spent(left, codes[4])


def test_however_it_is_typed() -> None:
    kept, codes = recovery_codes.new_codes(utcnow())
    for typed in (codes[0].lower(), codes[0].replace("-", ""), f" {codes[0].replace('-', ' ')} "):
        assert recovery_codes.spent(kept, typed), typed


def test_no_other_text_is_a_code() -> None:
    kept, codes = recovery_codes.new_codes(utcnow())
    for typed in ("", "-", codes[0][:-1], f"{codes[0]}A", kept.digests[0], "\ud800", "ﬀ" * 12):
        assert recovery_codes.spent(kept, typed) is None, typed
