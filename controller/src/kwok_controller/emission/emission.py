# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The traces of simulated workloads, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from kwok_controller.api.workload_trace import WorkloadTrace
from kwok_controller.emission.emitter import Emitter
from kwok_controller.emission.export import Exporter
from kwok_controller.emission.ready import ReadyPods
from kwok_controller.emission.sources import Sources
from kwok_controller.kube.client import Client
from kwok_controller.kubelet.store import Store
from kwok_controller.simulation.clock import Clock
from kwok_controller.telemetry.metrics import Metrics
from kwok_controller.telemetry.workload_metrics import WorkloadMetrics
from kwok_controller.usage.traces import Trace


class Emission:
    """WorkloadTraces, pods that are ready, and where traces go.

    Args:
        clock: the time.
        endpoint: of the OTLP gRPC receiver, HOST:PORT.
        store: the pods; what the simulation tells of them goes there.
        seed: of what looks like chance.
        metrics: counts, and has the registry.
        owns: whether the traces that begin on a node are made here.
        client: to the apiserver; None: nothing is followed.
        follow: whether WorkloadTraces are read from the cluster.
        local: those of files.
        traces: of usages, by name, for rates.

    Attributes:
        sources: the WorkloadTraces.
    """

    def __init__(
        self,
        clock: Clock,
        endpoint: str,
        store: Store,
        *,
        seed: int,
        metrics: Metrics,
        owns: Callable[[str], bool],
        client: Client | None = None,
        follow: bool = False,
        local: Sequence[WorkloadTrace] = (),
        traces: Mapping[str, Trace] | None = None,
    ) -> None:
        counted = WorkloadMetrics(metrics.registry, lambda: self._exporter.queued())
        ready = ReadyPods(store)
        self.sources = Sources(
            clock=clock, seed=seed, metrics=metrics, ready=ready, client=client, follow=follow, local=local, traces=traces
        )
        self._exporter = Exporter(endpoint, clock, counted)
        self._emitter = Emitter(self.sources, ready, self._exporter, clock, seed=seed, metrics=counted, owns=owns)

    async def run(self) -> None:
        """Follow, make and send until cancelled; what is left is sent then, within a bound of time."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (self.sources.run, self._emitter.run, self._exporter.run):
                    tasks.create_task(work())
        finally:
            await self._exporter.close()
