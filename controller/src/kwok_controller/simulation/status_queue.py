# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Objects whose status is to be written: each not before its time, and again when it could not be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from kwok_controller.kube import errors
from kwok_controller.simulation.clock import Clock


class Postponed(Protocol):
    """What waits.

    Attributes:
        not_before: Monotonic seconds: it is not written earlier.
    """

    not_before: float


W = TypeVar("W", bound=Postponed)


class StatusQueue(Generic[W]):
    """What waits to be written.

    Args:
        clock: The time.
        write: Writes one, and puts its `not_before` off first; raises a `KubeError` if it could not.
        failed: Told of failures, but for conflicts and of what is gone.
    """

    def __init__(self, clock: Clock, write: Callable[[W], Awaitable[None]], failed: Callable[[W, errors.KubeError], None]) -> None:
        self._clock = clock
        self._write = write
        self._failed = failed
        self._waiting: dict[W, None] = {}
        self._work = asyncio.Event()

    def add(self, each: W) -> None:
        """Have it written."""
        self._waiting[each] = None
        self._work.set()

    def discard(self, each: W) -> None:
        """It is gone."""
        self._waiting.pop(each, None)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            now = self._clock.monotonic()
            due = [each for each in self._waiting if each.not_before <= now]
            for each in due:
                if each in self._waiting:
                    del self._waiting[each]
                    if not await self._settled(each):
                        self._waiting[each] = None
            if not due:
                self._work.clear()
                await self._pause(min((each.not_before - now for each in self._waiting), default=None))

    async def _settled(self, each: W) -> bool:
        """Whether nothing is left to do, after an attempt."""
        try:
            await self._write(each)
        except errors.NotFound:
            # It is gone, or the CRD has no status.
            return True
        except errors.Conflict:
            # A newer version comes by the watch; if it should not, the old one is tried again.
            return False
        except errors.KubeError as error:
            self._failed(each, error)
            return isinstance(error, errors.ApiError) and not errors.retryable(error)
        return True

    async def _pause(self, seconds: float | None) -> None:
        """Until there is something new, or for so long."""
        timer = self._clock.call_at(self._clock.monotonic() + seconds, self._work.set) if seconds is not None else None
        try:
            await self._work.wait()
        finally:
            if timer is not None:
                timer.cancel()
