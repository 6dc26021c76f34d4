"""Limits on a real table: exact over processes, all or nothing, closed when the store fails."""

import asyncio
from collections.abc import Callable

import pytest
from azure.core.exceptions import AzureError, HttpResponseError
from azure.data.tables.aio import TableClient

from shared_code.errors import TooManyRequests
from shared_code.limits import Limit, Limiter, Taken, Window
from shared_code.storage import table
from tests.harness.waiting import until_async
from tests.integration.limits.conftest import SETTING, Clock

TEN = Limit("ten", (Window(10, 300),))
TWO = Limit("two", (Window(2, 60),))
EVERYBODY = Limit("everybody", (Window(3, 300),))

type Process = Callable[[], Limiter]


async def granted(*takes: asyncio.Task[Taken]) -> int:
    results = await asyncio.gather(*takes, return_exceptions=True)
    assert all(isinstance(each, tuple | TooManyRequests) for each in results), results
    return sum(isinstance(each, tuple) for each in results)


def start(limiter: Limiter, *wants: tuple[Limit, str]) -> asyncio.Task[Taken]:
    return asyncio.create_task(limiter.take(*wants))


async def stored(rows: TableClient) -> list[str]:
    return [row["RowKey"] async for row in rows.list_entities()]


async def test_of_forty_at_once_in_four_processes_exactly_ten_pass(process: Process) -> None:
    limiters = [process() for _ in range(4)]
    assert await granted(*[start(limiters[i % 4], (TEN, "k")) for i in range(40)]) == 10
    assert await granted(*[start(each, (TEN, "k")) for each in limiters]) == 0


async def test_exactly_the_freed_places_are_taken_while_others_give_back(process: Process) -> None:
    limiters = [process() for _ in range(3)]
    taken = [await limiters[i % 3].take((TEN, "k")) for i in range(10)]
    gives = [limiters[i % 3].give_back(taken[i]) for i in range(4)]
    await asyncio.gather(*gives)
    assert await granted(*[start(limiters[i % 3], (TEN, "k")) for i in range(20)]) == 4


async def test_the_refusal_says_when_there_is_room_and_then_there_is(
    process: Process, clock: Clock
) -> None:
    limiter, other = process(), process()
    await limiter.take((TWO, "k"))
    clock.pass_seconds(20.5)
    await other.take((TWO, "k"))
    with pytest.raises(TooManyRequests) as caught:
        await limiter.take((TWO, "k"))
    assert caught.value.retry_after == 40
    assert caught.value.quota == ("two", 2, 60, 0, 40)
    clock.pass_seconds(39.4)
    assert await granted(start(other, (TWO, "k"))) == 0
    clock.pass_seconds(0.1)
    assert await granted(*[start(each, (TWO, "k")) for each in (limiter, other)]) == 1


async def test_who_is_over_his_own_limit_takes_nothing_from_everybodys(process: Process) -> None:
    limiter = process()
    await limiter.take((TWO, "a"), (EVERYBODY, ""))
    await limiter.take((TWO, "a"), (EVERYBODY, ""))
    flood = [start(limiter, (TWO, "a"), (EVERYBODY, "")) for _ in range(20)]
    assert await granted(start(limiter, (TWO, "b"), (EVERYBODY, "")), *flood) == 1


async def test_where_a_later_limit_refuses_the_earlier_ones_are_given_back(
    process: Process, rows: TableClient
) -> None:
    limiter = process()
    for key in "abc":
        await limiter.take((TWO, key), (EVERYBODY, ""))
    with pytest.raises(TooManyRequests) as caught:
        await limiter.take((TWO, "d"), (EVERYBODY, ""))
    assert caught.value.quota is not None
    assert caught.value.quota.name == "everybody"
    assert sorted(await stored(rows)) == ["everybody", "two", "two", "two"]


@pytest.mark.parametrize(
    "key", ["", "/\\#?", "\x00\x1f", "a" * 5000, "' or 1 eq 1", "\ud800", "ключ", "a|b"]
)
async def test_a_key_may_be_any_text_and_has_its_own_count(process: Process, key: str) -> None:
    limiter = process()
    await limiter.take((TWO, key))
    await limiter.take((TWO, key))
    assert await granted(start(process(), (TWO, key))) == 0
    assert await granted(start(limiter, (TWO, key + "x"))) == 1


async def test_a_busy_row_costs_one_round_trip_and_what_succeeds_leaves_nothing(
    process: Process, rows: TableClient, round_trips: list[str]
) -> None:
    limiter = process()
    first = await limiter.take((TEN, "k"))
    assert round_trips == ["POST"]
    second = await limiter.take((TEN, "k"))
    assert round_trips == ["POST", "PUT"]
    await limiter.give_back(first)
    await limiter.give_back(second)
    assert round_trips == ["POST", "PUT", "PUT", "DELETE"]
    assert await stored(rows) == []


async def test_of_a_large_limit_what_is_given_back_is_used_again_without_a_write(
    process: Process, clock: Clock, round_trips: list[str]
) -> None:
    limiter, thousand = process(), Limit("thousand", (Window(1000, 300),))
    for _ in range(50):
        await limiter.give_back(await limiter.take((thousand, "")))
    assert round_trips == ["POST"]
    clock.pass_seconds(3)  # its slot is over: another use must be written down
    await limiter.take((thousand, ""))
    assert round_trips == ["POST", "PUT"]


async def test_of_a_large_limit_what_is_left_over_goes_back_when_its_slot_ends(
    rows: TableClient,
) -> None:
    limiter = Limiter(lambda: rows)
    await limiter.give_back(await limiter.take((Limit("hundreds", (Window(200, 10),)), "k")))

    async def is_gone() -> bool:
        return not await stored(rows)

    await until_async(is_gone, "the spare went back")


async def test_of_a_large_limit_exactly_so_many_pass(process: Process) -> None:
    limiters, limit = [process() for _ in range(4)], Limit("hundreds", (Window(200, 300),))
    assert await granted(*[start(limiters[i % 4], (limit, "k")) for i in range(600)]) == 200


async def test_what_comes_together_shares_one_write(
    process: Process, round_trips: list[str]
) -> None:
    limiter = process()
    assert await granted(*[start(limiter, (TEN, "k")) for _ in range(8)]) == 8
    assert round_trips == ["POST"]
    assert await granted(*[start(limiter, (TEN, "k")) for _ in range(500)]) == 2
    assert round_trips == ["POST", "PUT"]


async def test_a_refusal_is_never_by_an_old_copy(process: Process, round_trips: list[str]) -> None:
    limiter, other = process(), process()
    held = [await limiter.take((TWO, "k")) for _ in range(2)]
    assert await granted(start(other, (TWO, "k"))) == 0
    await limiter.give_back(held[0])
    round_trips.clear()
    assert await granted(start(other, (TWO, "k"))) == 1
    assert round_trips == ["GET", "PUT"]


async def test_an_answer_that_was_lost_counts_once(
    process: Process, rows: TableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, update = process(), rows.update_entity

    async def written_twice(*args: object, **options: object) -> object:
        await update(*args, **options)  # type: ignore[arg-type]  # passed on as it came
        return await update(*args, **options)  # type: ignore[arg-type]  # as the SDK's retry does

    await limiter.take((TWO, "k"))
    monkeypatch.setattr(rows, "update_entity", written_twice)
    await limiter.take((TWO, "k"))
    monkeypatch.undo()
    assert await granted(start(process(), (TWO, "k"))) == 0
    (row,) = [row async for row in rows.list_entities()]
    assert row["log"].count("[") == 2  # the list, and one time with two uses


@pytest.mark.usefixtures("rows")
async def test_a_store_that_fails_lets_nobody_pass() -> None:
    limiter = Limiter(lambda: table(SETTING, "nosuchtable"))
    results = await asyncio.gather(
        *[limiter.take((TEN, "k")) for _ in range(3)], return_exceptions=True
    )
    assert all(isinstance(each, AzureError) for each in results)


async def test_a_give_back_that_fails_fails_nobody(
    process: Process, rows: TableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise HttpResponseError("the store is away")

    limiter = process()
    taken = await limiter.take((TWO, "k"))
    monkeypatch.setattr(rows, "delete_entity", fails)
    await limiter.give_back(taken)
    monkeypatch.undo()
    assert await granted(*[start(process(), (TWO, "k")) for _ in range(2)]) == 1


async def test_the_sweep_takes_what_is_over_and_nothing_else(
    process: Process, rows: TableClient, clock: Clock
) -> None:
    limiter = process()
    for key in range(40):
        await limiter.take((TWO, str(key)))
    await limiter.take((TEN, "stays"))
    clock.pass_seconds(60 + 61)
    assert await process().sweep(clock.ms) == 40
    assert await stored(rows) == ["ten"]
    assert await granted(start(limiter, (TWO, "0"))) == 1  # it remembers a row that is gone


async def test_the_sweep_leaves_a_row_that_is_used_in_the_same_moment(
    process: Process, rows: TableClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, delete = process(), rows.delete_entity

    async def too_late(*args: object, **options: object) -> None:
        await limiter.take((TWO, "k"))
        await delete(*args, **options)  # type: ignore[call-overload]  # passed on as it came

    await limiter.take((TWO, "k"))
    clock.pass_seconds(1000)
    monkeypatch.setattr(rows, "delete_entity", too_late)
    assert await process().sweep(clock.ms) == 0
    assert await granted(*[start(process(), (TWO, "k")) for _ in range(2)]) == 1
