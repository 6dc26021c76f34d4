"""The ack cache and the reliable buffer: what is remembered, and how much."""

import pytest

from emulators.web_pubsub import reliable
from emulators.web_pubsub.acks import AckCache
from emulators.web_pubsub.messages import Rendered
from emulators.web_pubsub.reliable import BufferOverflowError, ReliableBuffer
from emulators.web_pubsub.wire import TEXT

MEBIBYTE = 1024 * 1024


def filled(count: int, size: int = 1) -> ReliableBuffer:
    buffer = ReliableBuffer()
    for _ in range(count):
        buffer.append(Rendered(TEXT, b"x" * size))
    return buffer


def ids(buffer: ReliableBuffer) -> list[int]:
    return [sequence_id for sequence_id, _, _ in buffer]


def test_the_ack_cache_retains_the_most_recent_thousand_ids() -> None:
    cache = AckCache()
    for ack_id in range(1001):
        cache.remember(ack_id)
    assert 0 not in cache
    assert 1 in cache
    assert 1000 in cache


def test_sequence_ids_start_at_one_and_step_by_one() -> None:
    assert ids(filled(3)) == [1, 2, 3]


def test_an_acknowledgement_is_cumulative() -> None:
    buffer = filled(5)
    buffer.acknowledge(3)
    buffer.acknowledge(2)
    assert ids(buffer) == [4, 5]


def test_a_future_acknowledgement_frees_everything_and_numbering_goes_on() -> None:
    buffer = filled(2)
    buffer.acknowledge(99)
    assert len(buffer) == 0
    assert buffer.append(Rendered(TEXT, b"x")) == 3


def test_a_thousand_messages_fit_and_one_more_does_not() -> None:
    buffer = filled(reliable.MAX_MESSAGES)
    with pytest.raises(BufferOverflowError):
        buffer.append(Rendered(TEXT, b""))
    buffer.acknowledge(1)
    buffer.append(Rendered(TEXT, b""))


def test_sixteen_mebibytes_fit_and_acknowledging_gives_them_back() -> None:
    buffer = filled(16, MEBIBYTE)
    with pytest.raises(BufferOverflowError):
        buffer.append(Rendered(TEXT, b"x"))
    buffer.acknowledge(1)
    buffer.append(Rendered(TEXT, b"x" * MEBIBYTE))


def test_an_expired_message_is_not_replayed_and_leaves_a_gap_in_the_numbers() -> None:
    now = 0.0
    buffer = ReliableBuffer(lambda: now)
    for expires_at in (100.0, 5.0, 100.0):
        buffer.append(Rendered(TEXT, b"x"), expires_at)
    now = 5.0
    assert ids(buffer) == [1, 3]
    assert buffer.append(Rendered(TEXT, b"x")) == 4
    buffer.acknowledge(3)
    assert ids(buffer) == [4]


def test_expired_messages_make_room_before_a_client_is_given_up() -> None:
    now = 0.0
    buffer = ReliableBuffer(lambda: now)
    for _ in range(reliable.MAX_MESSAGES):
        buffer.append(Rendered(TEXT, b"x" * 1024), 5.0)
    now = 5.0
    buffer.append(Rendered(TEXT, b"x"))
    assert ids(buffer) == [reliable.MAX_MESSAGES + 1]
    buffer.append(Rendered(TEXT, b"x" * (reliable.MAX_BYTES - 1)))
