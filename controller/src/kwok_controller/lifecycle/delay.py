# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""How long an object waits before a stage is played on it. Semantics of kwok v0.8.0 (`pkg/utils/lifecycle/lifecycle.go`).

One difference: the Go kwok reads over a `cel` in `jitterDurationFrom`; here it counts, as its documentation has it.
"""

from __future__ import annotations

from typing import Any, Final

from kwok_controller.api.stage import StageDelay
from kwok_controller.lifecycle.context import Context
from kwok_controller.lifecycle.draw import Draw
from kwok_controller.lifecycle.values import DurationOf, duration_from

_MILLISECOND: Final = 1_000_000


class Delay:
    """A compiled delay. Everything is in nanoseconds."""

    __slots__ = ("_duration", "_jitter")

    def __init__(self, duration: DurationOf, jitter: DurationOf | None) -> None:
        self._duration = duration
        self._jitter = jitter

    def bounds(self, obj: dict[str, Any], now_ns: int) -> list[int] | None:
        """`[delay]`, or `[least, most]` where it is drawn from a range; None where there is no delay. Times in the past are negative.

        Raises:
            StageError: an expression failed.
        """
        duration = self._duration(obj, now_ns)
        if duration is None:
            return None
        jitter = self._jitter(obj, now_ns) if self._jitter is not None else None
        if jitter is None:
            return [duration]
        return [jitter] if jitter <= duration else [duration, jitter]

    def drawn(self, obj: dict[str, Any], now_ns: int, draw: Draw) -> int | None:
        """The delay; None where there is none.

        Raises:
            StageError: an expression failed.
        """
        bounds = self.bounds(obj, now_ns)
        if bounds is None:
            return None
        least = bounds[0]
        return least if len(bounds) == 1 else least + draw.jitter(bounds[1] - least)


def compile_delay(context: Context, delay: StageDelay) -> Delay:
    """Compiles the delay of a stage.

    Raises:
        StageError: an expression is wrong.
    """
    least = (delay.duration_milliseconds or 0) * _MILLISECOND
    duration = duration_from(context, "spec.delay.durationFrom", least, delay.duration_from)
    if delay.jitter_duration_milliseconds is None and delay.jitter_duration_from is None:
        return Delay(duration, None)
    most = None if delay.jitter_duration_milliseconds is None else delay.jitter_duration_milliseconds * _MILLISECOND
    return Delay(duration, duration_from(context, "spec.delay.jitterDurationFrom", most, delay.jitter_duration_from))
