# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Whether the controller lives, and whether it is ready: named checks, shown as Kubernetes shows them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from kwok_controller.telemetry.logs import get_logger

log = get_logger(__name__)

Check = Callable[[], str | None]
"""Asked at each request; None when all is well, else the reason why not. Must not block."""


def ping() -> str | None:
    """The check that succeeds by being run."""
    return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of all checks of an endpoint."""

    healthy: bool
    text: str


def judge(endpoint: str, checks: Mapping[str, Check], *, verbose: bool, exclude: Collection[str] = ()) -> Verdict:
    """Run `checks` but those named in `exclude`.

    The text is ``ok``, or a line for each check when `verbose` or when one fails, in the form that Kubernetes' own endpoints have.
    """
    lines: list[str] = []
    failed = False
    for name, check in checks.items():
        if name in exclude:
            lines.append(f"[+]{name} excluded: ok")
            continue
        try:
            reason = check()
        except Exception as err:  # a check that fails to run is a check that fails
            log.error("A health check failed to run", check=name, err=err)
            reason = f"{type(err).__name__}: {err}"
        lines.append(f"[+]{name} ok" if reason is None else f"[-]{name} failed: {reason}")
        failed = failed or reason is not None
    unknown = [name for name in exclude if name not in checks]
    if unknown:
        lines.append(f"warn: some health checks cannot be excluded: no matches for {', '.join(sorted(unknown))}")
    if failed:
        return Verdict(False, "\n".join((*lines, f"{endpoint} check failed", "")))
    return Verdict(True, "\n".join((*lines, f"{endpoint} check passed", "")) if verbose else "ok")


class LoopWatchdog:
    """Measures how late the event loop wakes up who sleeps; late beyond `limit` seconds, it counts as stuck."""

    def __init__(
        self,
        on_lag: Callable[[float], None],
        *,
        limit: float = 10.0,
        interval: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._on_lag = on_lag
        self._limit = limit
        self._interval = interval
        self._clock = clock
        self._sleep = sleep
        self._due = clock() + interval

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self._due = self._clock() + self._interval
            await self._sleep(self._interval)
            lag = max(0.0, self._clock() - self._due)
            self._on_lag(lag)
            if lag > self._limit:
                log.warning("The event loop was stuck", seconds=round(lag, 3))

    def check(self) -> str | None:
        """A `Check`: whether the loop wakes sleepers in time. Fails until the watchdog itself has been woken."""
        late = self._clock() - self._due
        return None if late <= self._limit else f"the event loop is {late:.1f} s late"
