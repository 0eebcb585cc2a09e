# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Bounds of one case in time and memory."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

SECONDS: Final = 1.0
"""CPU time of one case. CPU, not wall-clock time: on a busy machine nothing else may count against a case."""

MEMORY: Final = 256 << 20
"""Bytes of address space that all cases of a run may take together, beyond what there was at its beginning."""


class Hang(BaseException):
    """A case took longer than it may. No `Exception`, lest the code under test takes it for one of its own."""


class Watchdog:
    """Ends a case that takes too long.

    Args:
        seconds: CPU time of one case. What sits in C that long is ended when it comes back.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        signal.signal(signal.SIGPROF, self._ended)

    def start(self) -> None:
        """A case begins."""
        signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def stop(self) -> None:
        """It is over."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _ended(self, number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {self._seconds} s of CPU time")


@contextmanager
def bounded_memory(size: int = MEMORY) -> Iterator[None]:
    """The process may take so many bytes more; what wants more gets a `MemoryError`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    present = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (present + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
