# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kwok-controller shows at /metrics, once or again and again."""

from __future__ import annotations

import asyncio
import http.client
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

Metrics = Mapping[str, float]
"""Each series with its labels as it is shown, and its value."""

LEASE_LAG = "kwok_controller_lease_lag_seconds"
LEASES_HELD = "kwok_controller_leases_held"
QUEUE_AGE = "kwok_controller_queue_oldest_age_seconds"
QUEUE_DUE = tuple(f'kwok_controller_queue_depth{{priority="{priority}"}}' for priority in ("fresh", "retry"))
"""What is due; what waits for its time is not among it."""

TIMEOUT_S = 10.0


def parse(text: str) -> dict[str, float]:
    """The series of a document in Prometheus' text format (without time stamps, as the controller writes it)."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {series: float(value) for series, _space, value in lines}


async def scrape(port: int) -> Metrics:
    """What it shows now.

    Raises:
        OSError: There is nobody, or no answer in time.
    """
    return parse(await get(port, "/metrics"))


async def get(port: int, path: str) -> str:
    """The answer of the controller's server.

    Raises:
        OSError: There is nobody, or no answer in time, or it is no 200 (`urllib.error.HTTPError`).
    """

    def ask() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT_S) as answer:
                return str(answer.read().decode())
        except http.client.HTTPException as error:
            raise OSError(f"half an answer: {error!r}") from error

    return await asyncio.to_thread(ask)


@asynccontextmanager
async def sampling(port: int, interval_s: float, take: Callable[[Metrics], None]) -> AsyncIterator[None]:
    """Meanwhile hand over what it shows every so often; nothing while there is nobody to ask, as in a restart."""

    async def follow() -> None:
        while True:
            await asyncio.sleep(interval_s)
            with suppress(OSError):
                take(await scrape(port))

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
