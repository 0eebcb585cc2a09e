# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""The time that the simulation lives by, handed in so that tests need not wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

# Counts the time that the machine was suspended, too (clock_gettime(2)): other replicas have lived through it.
# Not on macOS and Windows, whose monotonic clock has to do.
_BOOT_TIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Let it not come."""
        ...


class Clock(Protocol):
    """Two times: one that only goes forward, for spans, and the one on the wall, for what others read."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never steps."""
        ...

    def now_ns(self) -> int:
        """Nanoseconds since the epoch; steps when the clock of the machine is set."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Have it called once `monotonic()` is `when`, from the event loop."""
        ...


class SystemClock:
    """The machine's clocks."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Seconds since boot, with the time of suspension where the system tells it."""
        return time.monotonic() if _BOOT_TIME is None else time.clock_gettime(_BOOT_TIME)

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of the event loop."""
        await asyncio.sleep(seconds)

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Have it called once `monotonic()` is `when`; later by as much as the machine was suspended meanwhile."""
        return asyncio.get_running_loop().call_later(max(0.0, when - self.monotonic()), callback)
