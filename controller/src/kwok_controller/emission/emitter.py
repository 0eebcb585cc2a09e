# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Makes the traces of each second when it is over, and hands them on when they have ended, as services do."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from kwok_controller.emission.ready import ReadyPods
from kwok_controller.emission.sources import Emitted, Sources
from kwok_controller.simulation.clock import Clock
from kwok_controller.simulation.pace import Pace
from kwok_controller.telemetry.logs import get_logger
from kwok_controller.workload_traces.slots import SLOT_NS, Slot
from kwok_controller.workload_traces.walk import Span

_log = get_logger(__name__)

MOST_SPANS: Final = 5000
"""In a second, of all objects together: beyond, each gets its part."""

MOST_HELD: Final = 50_000
"""Spans of traces that have not ended yet."""

LATEST: Final = 5
"""So many seconds are made up for; those before are left out."""


class Exports(Protocol):
    """Takes spans, to be sent."""

    def put(self, spans: Sequence[Span]) -> None:
        """These have ended."""


class Metrics(Protocol):
    """What is needed of `telemetry.workload_metrics.WorkloadMetrics`."""

    def second(self, namespace: str, name: str, *, traced: int, left_out: int, calls_left_out: int) -> None:
        """Count what became of a second of an object."""

    def dropped(self, spans: int) -> None:
        """Count spans that nobody had room for."""

    def missed(self, seconds: int) -> None:
        """Count seconds that no traces were made of."""


class Emitter:
    """Makes traces.

    Args:
        sources: what they are made of.
        ready: the pods.
        exports: where they go.
        clock: the time.
        seed: of what looks like chance.
        metrics: counts.
        owns: whether the traces that begin on a node are made here.
    """

    def __init__(
        self,
        sources: Sources,
        ready: ReadyPods,
        exports: Exports,
        clock: Clock,
        *,
        seed: int,
        metrics: Metrics,
        owns: Callable[[str], bool],
    ) -> None:
        self._sources = sources
        self._ready = ready
        self._exports = exports
        self._clock = clock
        self._seed = seed
        self._metrics = metrics
        self._owns = owns
        # By their end; the number keeps spans from being compared.
        self._held: list[tuple[int, int, list[Span]]] = []
        self._held_spans = 0
        self._made = 0

    async def run(self) -> None:
        """Make traces until cancelled."""
        following: int | None = None
        while True:
            if not self._held and not self._sources.some.is_set():
                await self._sources.some.wait()
                following = None
            current = self._clock.now_ns() // SLOT_NS
            following = self._follow_on(following, current)
            while following < current:
                await self._second(following)
                following += 1
            self._release(self._clock.now_ns())
            await self._clock.sleep(max(0.0, ((current + 1) * SLOT_NS - self._clock.now_ns()) / SLOT_NS))

    def _follow_on(self, following: int | None, current: int) -> int:
        """The next second to make: the one that is going on, where there was none before or the clock was set."""
        if following is None or following > current + 1:
            return current
        if current - following > LATEST:
            missed = current - following - LATEST
            self._metrics.missed(missed)
            _log.warning("workload traces come late: seconds are left out", seconds=missed)
            return current - LATEST
        return following

    async def _second(self, number: int) -> None:
        emitted = self._sources.emitted()
        allowed = sum(each.profile.limits.spans_per_second for each in emitted)
        share = min(1.0, MOST_SPANS / allowed) if allowed else 1.0
        for each in emitted:
            try:
                await self._ready.catch_up(each.pods)
                await self._second_of(each, number, int(each.profile.limits.spans_per_second * share))
            except Exception as error:
                # A fault of ours with one object must stop neither the others nor the simulation.
                logging.getLogger(__name__).exception("%s: no traces can be made", each.followed)
                self._sources.gave_up(each, error)

    async def _second_of(self, emitted: Emitted, number: int, most: int) -> None:
        slot = Slot(emitted.profile, emitted.identity, self._seed, number, emitted.pods.instances(), self._owns)
        pace = Pace()
        for trace in slot.traces(most):
            self._hold(trace.end_ns, trace.spans)
            await pace.keep()
        traced = slot.requests - slot.left_out
        self._metrics.second(
            emitted.namespace, emitted.followed.name, traced=traced, left_out=slot.left_out, calls_left_out=slot.calls_left_out
        )
        if emitted in self._sources:
            self._sources.counted(emitted, slot)

    def _hold(self, end_ns: int, spans: list[Span]) -> None:
        if self._held_spans + len(spans) > MOST_HELD:
            self._metrics.dropped(len(spans))
            return
        self._made += 1
        heapq.heappush(self._held, (end_ns, self._made, spans))
        self._held_spans += len(spans)

    def _release(self, now_ns: int) -> None:
        while self._held and self._held[0][0] <= now_ns:
            _, _, spans = heapq.heappop(self._held)
            self._held_spans -= len(spans)
            self._exports.put(spans)
