# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio

import pytest
from fake_clock import FakeClock, settle
from hypothesis import given, settings
from hypothesis import strategies as st

from kwok_controller.simulation.queue import BURST, FAIRNESS, SPARE, Closed, DelayQueue, Item, Lane


def item(clock: FakeClock, delay: float = 0.0, lane: Lane = Lane.FRESH) -> Item:
    return Item(clock.monotonic() + delay, lane)


def drained(queue: DelayQueue[Item]) -> list[Item]:
    taken = []
    while (found := queue.take()) is not None:
        taken.append(found)
    return taken


def test_first_come_first_served_within_a_lane() -> None:
    clock = FakeClock()
    queue: DelayQueue[Item] = DelayQueue(clock)
    items = [item(clock) for _ in range(5)]
    for each in items:
        queue.add(each)
    assert drained(queue) == items


def test_nodes_come_before_others_and_retries_last() -> None:
    clock = FakeClock()
    queue: DelayQueue[Item] = DelayQueue(clock)
    lanes = [Lane.RETRY, Lane.FRESH, Lane.NODES]
    for lane in lanes:
        queue.add(item(clock, lane=lane))
    assert [each.lane for each in drained(queue)] == [Lane.NODES, Lane.FRESH, Lane.RETRY]


def test_a_flood_of_fresh_items_does_not_stop_a_retry_for_good() -> None:
    clock = FakeClock()
    queue: DelayQueue[Item] = DelayQueue(clock)
    for _ in range(10 * FAIRNESS):
        queue.add(item(clock))
    retry = item(clock, lane=Lane.RETRY)
    queue.add(retry)
    assert drained(queue).index(retry) < FAIRNESS


def test_items_come_when_they_are_due_in_the_order_of_their_times() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        queue: DelayQueue[Item] = DelayQueue(clock)
        late, soon = item(clock, 20), item(clock, 10)
        queue.add(late)
        queue.add(soon)
        assert queue.waiting == 2
        assert queue.take() is None
        await clock.advance(9.9)
        assert queue.take() is None
        await clock.advance(0.1)
        assert drained(queue) == [soon]
        await clock.advance(10)
        assert drained(queue) == [late]
        assert len(queue) == 0

    asyncio.run(scenario())


def test_more_than_a_burst_that_is_due_at_once_comes_whole() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        queue: DelayQueue[Item] = DelayQueue(clock)
        for _ in range(3 * BURST + 7):
            queue.add(item(clock, 5))
        await clock.advance(5)
        assert len(drained(queue)) == 3 * BURST + 7

    asyncio.run(scenario())


def test_an_item_cancelled_while_it_waits_or_is_due_does_not_come() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        queue: DelayQueue[Item] = DelayQueue(clock)
        waiting, due, kept = item(clock, 5), item(clock), item(clock, 5)
        for each in (waiting, due, kept):
            queue.add(each)
        assert queue.cancel(waiting)
        assert queue.cancel(due)
        assert len(queue) == 1
        await clock.advance(5)
        assert drained(queue) == [kept]

    asyncio.run(scenario())


def test_what_was_taken_can_come_again_but_not_after_it_was_cancelled() -> None:
    clock = FakeClock()
    queue: DelayQueue[Item] = DelayQueue(clock)
    each = item(clock)
    queue.add(each)
    assert queue.take() is each
    each.lane = Lane.RETRY
    queue.add(each)
    with pytest.raises(ValueError, match="waits already"):
        queue.add(each)
    assert queue.take() is each
    assert not queue.cancel(each)
    with pytest.raises(ValueError, match="was cancelled"):
        queue.add(each)


def test_cancelled_items_do_not_pile_up() -> None:
    clock = FakeClock()
    queue: DelayQueue[Item] = DelayQueue(clock)
    for _ in range(10 * SPARE):
        each = item(clock, 3600)
        queue.add(each)
        queue.cancel(each)
    assert len(queue._heap) <= SPARE + 1


def test_who_waits_is_woken_and_only_one_for_each_item() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        queue: DelayQueue[Item] = DelayQueue(clock)
        takers = [asyncio.ensure_future(queue.get()) for _ in range(3)]
        await settle()
        first = item(clock)
        queue.add(first)
        await settle()
        assert [taker.result() for taker in takers if taker.done()] == [first]
        queue.close()
        await settle()
        assert sum(isinstance(taker.exception(), Closed) for taker in takers) == 2

    asyncio.run(scenario())


def test_an_item_is_not_lost_with_the_taker_it_woke() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        queue: DelayQueue[Item] = DelayQueue(clock)
        first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
        await settle()
        each = item(clock)
        queue.add(each)
        first.cancel()
        assert await asyncio.wait_for(second, 1) is each

    asyncio.run(scenario())


def test_the_age_of_the_oldest_that_is_due() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        queue: DelayQueue[Item] = DelayQueue(clock)
        assert queue.oldest_age() == 0.0
        oldest = item(clock)
        queue.add(oldest)
        await clock.advance(3)
        queue.add(item(clock, lane=Lane.NODES))
        queue.add(item(clock, 60))
        assert queue.oldest_age() == 3.0
        queue.cancel(oldest)
        assert queue.oldest_age() == 0.0

    asyncio.run(scenario())


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from(Lane), st.booleans()), max_size=60),
    st.lists(st.integers(0, 20), max_size=20),
)
def test_each_item_comes_once_and_not_early_unless_cancelled(adds: list[tuple[int, Lane, bool]], steps: list[int]) -> None:
    async def scenario() -> None:
        clock = FakeClock()
        queue: DelayQueue[Item] = DelayQueue(clock)
        items = [item(clock, delay, lane) for delay, lane, _ in adds]
        for each in items:
            queue.add(each)
        for each, (_, _, cancelled) in zip(items, adds, strict=True):
            if cancelled:
                queue.cancel(each)
        came = []
        for step in (*steps, 50):
            await clock.advance(step)
            for each in drained(queue):
                assert each.due <= clock.monotonic()
                came.append(each)
        expected = [each for each, (_, _, cancelled) in zip(items, adds, strict=True) if not cancelled]
        assert sorted(map(id, came)) == sorted(map(id, expected))
        assert len(queue) == queue.waiting == 0

    asyncio.run(scenario())
