# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0
"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Random = Callable[[], float]
"""Uniform in [0, 1), as `random.random`."""


def jittered(seconds: float, factor: float, random: Random) -> float:
    """`seconds` lengthened by up to `factor` times itself, as `wait.Jitter` of k8s.io/apimachinery does."""
    return seconds * (1.0 + random() * factor)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential: `initial`·`factor`ⁿ seconds, at most `cap`, each lengthened by up to `jitter`.

    The Go kwok has 1 s, 2, 0.2 and a cap of 32 minutes. Ours is 60 s: after an outage of the apiserver, an object should not
    lie for half an hour before it is looked at again, and one attempt a minute costs next to nothing.
    """

    initial: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: float = 0.2

    def delay(self, failures: int, random: Random) -> float:
        """Seconds to wait after the failure number `failures`, counted from 0."""
        # No power is taken once it is beyond the cap for sure: it would overflow after some days of failing.
        seconds = self.cap if failures >= 64 else min(self.initial * self.factor**failures, self.cap)
        return jittered(seconds, self.jitter, random)


DEFAULT_BACKOFF = Backoff()
