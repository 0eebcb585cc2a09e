# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Turns of the event loop, for those who have much to do and nothing to wait for."""

from __future__ import annotations

import asyncio
import time
from typing import Final

SLICE: Final = 0.005
"""Seconds that one may go on before the others get their turn."""


class Pace:
    """Gives the others their turn now and then."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.perf_counter() + SLICE

    async def keep(self) -> None:
        """Let the others go on, if it has been long enough since they could."""
        if time.perf_counter() >= self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + SLICE
