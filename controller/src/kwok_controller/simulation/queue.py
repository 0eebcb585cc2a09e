# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""One queue for everything that waits: a heap for what has a time to come, and lanes for what is due."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from itertools import count
from typing import Final, Generic, TypeVar

from kwok_controller.simulation.clock import Clock, Timer


class Lane(IntEnum):
    """What is due is taken from the first lane that has something."""

    NODES = 0
    """First attempts on nodes: few, and everything else depends on them."""
    FRESH = 1
    """First attempts on all the rest."""
    RETRY = 2
    """What failed before: it must not hold up the others."""


FAIRNESS: Final = 16
"""Every so many times the last lane that has something is served first, so that a flood in one never stops another for good."""

BURST: Final = 1_000
"""So many items at most go from the heap to the lanes before others get the event loop."""

SPARE: Final = 256
"""Cancelled items that the heap may hold, beside as many as there are live ones, before it is cleared of them."""

_NEW, _WAITING, _READY, _TAKEN, _CANCELLED = range(5)


class Item:
    """What can wait in a queue: once, and again after it was taken. One that was cancelled is at its end.

    Attributes:
        due: when, in the clock's monotonic seconds. The queue's while it waits there.
        lane: where it goes when it is due.
    """

    __slots__ = ("_state", "due", "lane")

    def __init__(self, due: float, lane: Lane) -> None:
        self.due = due
        self.lane = lane
        self._state = _NEW


ItemT = TypeVar("ItemT", bound=Item)


class Closed(Exception):
    """The queue gives no more."""


class DelayQueue(Generic[ItemT]):
    """Items, each from its own time on, by lane and then first come, first served. For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, ItemT]] = []
        self._order = count()
        self._waiting = 0
        self._lanes: tuple[deque[ItemT], ...] = tuple(deque() for _ in Lane)
        self._ready = [0 for _ in Lane]
        self._takers: deque[asyncio.Future[None]] = deque()
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._taken = 0
        self._closed = False

    def __len__(self) -> int:
        """All that wait, due or not."""
        return self._waiting + sum(self._ready)

    @property
    def waiting(self) -> int:
        """Items whose time has not come."""
        return self._waiting

    def ready(self, lane: Lane) -> int:
        """Items of a lane that are due and not taken."""
        return self._ready[lane]

    def oldest_age(self) -> float:
        """Seconds that the longest waiting of those that are due has waited; 0.0 when there is none."""
        heads = [head.due for head in self._heads()]
        return max(0.0, self._clock.monotonic() - min(heads)) if heads else 0.0

    def add(self, item: ItemT) -> None:
        """Take an item that is new, or was taken before."""
        if item._state not in (_NEW, _TAKEN):
            raise ValueError("the item waits already, or was cancelled")
        if item.due <= self._clock.monotonic():
            self._make_ready(item)
            return
        item._state = _WAITING
        self._waiting += 1
        heapq.heappush(self._heap, (item.due, next(self._order), item))
        if self._timer is None or item.due < self._timer_at:
            self._arm(item.due)

    def cancel(self, item: ItemT) -> bool:
        """Let an item not come; whether it still waited."""
        state, item._state = item._state, _CANCELLED
        if state == _READY:
            self._ready[item.lane] -= 1
            return True
        if state == _WAITING:
            self._waiting -= 1
            if len(self._heap) > 2 * self._waiting + SPARE:
                self._heap = [entry for entry in self._heap if entry[2]._state == _WAITING]
                heapq.heapify(self._heap)
            return True
        return False

    def take(self) -> ItemT | None:
        """The next that is due, without waiting; None when there is none."""
        self._taken += 1
        order = self._lanes if self._taken % FAIRNESS else reversed(self._lanes)
        for lane in order:
            while lane:
                item = lane.popleft()
                if item._state == _READY:
                    item._state = _TAKEN
                    self._ready[item.lane] -= 1
                    return item
        return None

    async def get(self) -> ItemT:
        """The next that is due, as soon as there is one.

        Raises:
            Closed: the queue was closed; what is due is not waited for any more.
        """
        while not self._closed:
            item = self.take()
            if item is not None:
                return item
            taker = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            try:
                await taker
            except BaseException:
                # Whoever was to wake this one must wake another instead.
                if taker.done() and not taker.cancelled():
                    self._wake()
                raise
        raise Closed

    def close(self) -> None:
        """Give no more: all who wait for an item get `Closed`."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._takers:
            self._wake()

    def _heads(self) -> Iterator[ItemT]:
        for lane in self._lanes:
            while lane and lane[0]._state != _READY:
                lane.popleft()
            if lane:
                yield lane[0]

    def _make_ready(self, item: ItemT) -> None:
        item._state = _READY
        self._lanes[item.lane].append(item)
        self._ready[item.lane] += 1
        self._wake()

    def _wake(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._advance)

    def _advance(self) -> None:
        """Move what has become due from the heap to the lanes."""
        self._timer = None
        if self._closed:
            return
        now, moved, heap = self._clock.monotonic(), 0, self._heap
        while heap and moved < BURST:
            due, _, item = heap[0]
            if item._state == _WAITING:
                if due > now:
                    break
                self._waiting -= 1
                moved += 1
                self._make_ready(item)
            heapq.heappop(heap)
        if heap:
            self._arm(max(now, heap[0][0]))
