# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable


class FakeTimer:
    """A call that comes when the clock is moved there."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class FakeClock:
    """Time passes only in `advance`, which wakes the sleepers and makes the calls in their order."""

    def __init__(self, start_ns: int = 1_700_000_000_000_000_000) -> None:
        self._monotonic = 1000.0
        self._wall_ns = start_ns
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._count = 0

    def monotonic(self) -> float:
        return self._monotonic

    def now_ns(self) -> int:
        return self._wall_ns

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_at(self._monotonic + seconds, lambda: None if future.done() else future.set_result(None))
        try:
            await future
        finally:
            timer.cancel()

    def call_at(self, when: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, timer))
        return timer

    def step_wall(self, seconds: float) -> None:
        """Set the clock on the wall, as NTP would: no time passes."""
        self._wall_ns += int(seconds * 1e9)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due meanwhile."""
        await settle()
        end = self._monotonic + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _count, timer = heapq.heappop(self._timers)
            self._move(due)
            timer.fire()
            await settle()
        self._move(end)
        await settle()

    def _move(self, to: float) -> None:
        if to > self._monotonic:
            self._wall_ns += round((to - self._monotonic) * 1e9)
            self._monotonic = to


async def settle(rounds: int = 20) -> None:
    """Let every task that can go on do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)
