# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Puts the simulation together, runs it, and ends it in good order."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from kwok_controller.api.configuration import Options
from kwok_controller.api.stage import Stage, StageResourceRef
from kwok_controller.kube.client import Client
from kwok_controller.kube.discovery import Discovery
from kwok_controller.kube.watch import WatchHooks
from kwok_controller.lifecycle.lifecycle import Lifecycle
from kwok_controller.simulation.clock import Clock, SystemClock
from kwok_controller.simulation.events import Recorder
from kwok_controller.simulation.functions import NODE, POD, Environments
from kwok_controller.simulation.ipam import IPAM
from kwok_controller.simulation.kinds import Kind, Selection, Tools
from kwok_controller.simulation.leases import ClusterLeases, LeaseKeeper, Notes
from kwok_controller.simulation.nodes import Nodes
from kwok_controller.simulation.observer import Observer
from kwok_controller.simulation.player import Player
from kwok_controller.simulation.pods import Pods
from kwok_controller.simulation.policy import Disregard, Policy
from kwok_controller.simulation.queue import DelayQueue, Lane
from kwok_controller.simulation.resources import Controller
from kwok_controller.simulation.stages import StageSource
from kwok_controller.simulation.tracked import Job
from kwok_controller.telemetry.logs import get_logger
from kwok_controller.telemetry.metrics import Metrics
from kwok_controller.telemetry.tracing import NO_TRACING, Tracing

_LOG = get_logger(__name__)

SWEEP_S: Final = 5.0
"""How often objects are looked for that have waited too long for their nodes."""

DRAIN_S: Final = 10.0
"""How long requests in flight may take once the end is asked for."""

LEASE_PARALLELISM: Final = 16
"""Requests for Leases in flight, beside those that play stages."""

LATE_FRACTION: Final = 0.75
STEADY_WORKERS: Final = 2
EASE_S: Final = 0.5
"""While a Lease has not been renewed for this part of its duration, only so many workers take jobs; looked at every so many seconds.

An apiserver that has more to do than it can is slow with all that it is asked for, and a Lease that runs out costs more than any stage that
comes late: its node is marked NotReady, and so are its pods.
"""

GC_THRESHOLD: Final = (100_000, 20, 100)
"""Decoding JSON makes objects by the thousand, none of them in a cycle: Python's own threshold of 700 has them searched all the time."""

NO_STAGES: Final = Lifecycle((), lambda error: None)


def new_identity() -> str:
    """What no other process has, on this host or another, as the Go kwok makes it."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


def seed_of(options: Options) -> int:
    """The seed that is given, or else one of chance."""
    return options.seed if options.seed is not None else random.getrandbits(63)


class Manager:
    """The whole controller, but for its command line and its HTTP server.

    Args:
        options: which objects are managed, and how.
        client: to the apiserver, entered already.
        metrics: takes all that is counted.
        stages: these and no others; None: those of the cluster.
        clock: the time.
        seed: of all that is left to chance; the options' one, or one of chance, when None.
        identity: of this process, for Leases; made up when empty.
        tracing: has a span for each play.
        observer: told of all nodes and pods that are looked after.
        notes: what goes with the nodes' Leases.

    Raises:
        SelectorError: a selector of the options is none.
        InvalidCIDR: the options' CIDR is none.
    """

    def __init__(
        self,
        options: Options,
        client: Client,
        *,
        metrics: Metrics,
        stages: Sequence[Stage] | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        identity: str = "",
        tracing: Tracing = NO_TRACING,
        observer: Observer | None = None,
        notes: Notes | None = None,
    ) -> None:
        clock = clock if clock is not None else SystemClock()
        self.identity = identity or new_identity()
        self.seed = seed if seed is not None else seed_of(options)
        self._clock = clock
        self._metrics = metrics
        self._parallelism = options.parallelism
        self._stopping = asyncio.Event()
        self._kinds: dict[StageResourceRef, Kind] = {}
        self._supervisors: dict[StageResourceRef, asyncio.Task[None]] = {}
        self._lifecycles: dict[StageResourceRef, Lifecycle] = {}
        self._full_cidrs: set[str] = set()

        self._disregard = Disregard(options.disregard_status_with_annotation_selector, options.disregard_status_with_label_selector)
        self._queue: DelayQueue[Job] = DelayQueue(clock)
        self._recorder = Recorder(client, host=socket.gethostname(), clock=clock)
        self._discovery = Discovery(client)
        self._player = Player(self._queue, client, self._discovery, self._recorder, clock, seed=self.seed, tracing=tracing)
        hooks = WatchHooks(restarted=lambda reason: metrics.watch_restarted("leases", reason))
        self._keeper = LeaseKeeper(
            ClusterLeases(client, self.identity, single_node=options.manage_single_node, hooks=hooks),
            self.identity,
            options.node_lease_duration_seconds,
            clock=clock,
            on_acquired=self._acquired,
            on_lost=self._lost,
            parallelism=LEASE_PARALLELISM,
            notes=notes,
        )
        self._late = options.node_lease_duration_seconds * LATE_FRACTION
        self._calm = asyncio.Event()
        self._calm.set()
        self._nodes = Nodes(self._keeper, self._disregard, annotations=options.manage_nodes_with_annotation_selector)
        self._pods = Pods(self._nodes, IPAM((options.cidr,), on_exhausted=self._exhausted), self._disregard)
        environments = Environments(self._pods, clock, node_ip=options.node_ip, node_name=options.node_name, node_port=options.node_port)
        self._stages = StageSource(
            environment_for=environments.of,
            on_change=self._take_stages,
            clock=clock,
            client=client if stages is None else None,
            local=stages,
            recorder=self._recorder,
            metrics=metrics,
        )
        self._selections = _selections(options)
        self._tools = Tools(
            client=client,
            discovery=self._discovery,
            queue=self._queue,
            clock=clock,
            seed=self.seed,
            metrics=metrics,
            report=lambda stage, error, reason: self._stages.report(stage, error, reason=reason),
            report_kind=self._stages.report_kind,
            calm=self._calm,
            observer=observer,
            traced=tracing.on,
        )

    async def run(self) -> None:
        """Simulate until `stop` is called, or until cancelled; then end in good order.

        Requests in flight are waited for, Events are sent, and Leases are made free for others to take.
        """
        gc.set_threshold(*GC_THRESHOLD)
        self._bind_metrics()
        following = [asyncio.create_task(self._stages.run()), asyncio.create_task(self._sweep()), asyncio.create_task(self._ease())]
        workers = [
            asyncio.create_task(self._player.work(self._calm if number >= STEADY_WORKERS else None)) for number in range(self._parallelism)
        ]
        recorder = asyncio.create_task(self._recorder.run())
        keeper = asyncio.create_task(self._keeper.run())
        try:
            await self._until_stopped([*following, *workers, recorder, keeper])
        finally:
            self._queue.close()
            self._calm.set()
            await asyncio.wait(workers, timeout=DRAIN_S)
            # Before the nodes are forgotten: those that are, are nobody's to give back.
            await _cancel([*workers, keeper])
            await self._keeper.release_all()
            await _cancel([*following, *self._supervisors.values(), recorder])
            await self._recorder.flush()

    async def _until_stopped(self, tasks: list[asyncio.Task[None]]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        pending: set[asyncio.Task[Any]] = {stopping, *tasks}
        try:
            while stopping in pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            stopping.cancel()

    async def stop(self) -> None:
        """Have `run` come to its end."""
        self._stopping.set()

    def checks(self) -> dict[str, Callable[[], str | None]]:
        """What has to be well before the controller is ready: each gives None, or what it still waits for."""
        return {"stages-synced": self._stages_synced, "objects-synced": self._objects_synced}

    def ready(self) -> bool:
        """Whether all stages and all objects that there were at the start have been seen."""
        return all(check() is None for check in self.checks().values())

    @property
    def leases_synced(self) -> bool:
        """Whether all Leases that there were at the start have been seen."""
        return self._keeper.synced

    def node_names(self) -> list[str]:
        """All nodes that are managed, by this controller or another one."""
        return self._nodes.names()

    def plays(self, node: str) -> bool:
        """Whether a node is managed and its Lease ours."""
        return self._nodes.may_play(node)

    # What others tell.

    def _take_stages(self, ref: StageResourceRef, lifecycle: Lifecycle | None) -> None:
        if lifecycle is None:
            self._lifecycles.pop(ref, None)
        else:
            self._lifecycles[ref] = lifecycle
        # Which pods are played depends on the nodes, with stages or without.
        wanted = [*([NODE] if POD in self._lifecycles else []), *self._lifecycles]
        for gone in self._kinds.keys() - set(wanted):
            del self._kinds[gone]
            self._supervisors.pop(gone).cancel()
        for kind in wanted:
            if kind not in self._kinds:
                self._start(kind)
            elif kind == ref:
                self._kinds[kind].use(self._lifecycles.get(kind, NO_STAGES))

    def _start(self, ref: StageResourceRef) -> None:
        policy: Policy = {NODE: self._nodes, POD: self._pods}.get(ref) or Policy(self._disregard)
        selection = self._selections.get(ref, Selection())
        kind = self._kinds[ref] = Kind(ref, policy, selection, self._tools, after=self._kinds[NODE] if ref == POD else None)
        kind.use(self._lifecycles.get(ref, NO_STAGES))
        self._supervisors[ref] = asyncio.create_task(kind.run())

    def _acquired(self, names: list[str]) -> None:
        for controller in self._with_nodes():
            controller.acquired(names)

    def _lost(self, names: list[str]) -> None:
        _LOG.warning("nodes are played by others from now on, or by nobody", nodes=len(names), first=names[0] if names else "")
        for controller in self._with_nodes():
            controller.lost(names)

    def _with_nodes(self) -> Iterator[Controller]:
        for ref in (NODE, POD):
            kind = self._kinds.get(ref)
            if kind is not None and kind.controller is not None:
                yield kind.controller

    def _exhausted(self, cidr: str) -> None:
        if cidr not in self._full_cidrs:
            self._full_cidrs.add(cidr)
            _LOG.warning(
                "all addresses of a CIDR are taken: further pods get others. Give nodes larger pod CIDRs, or a larger --cidr", cidr=cidr
            )

    # What goes on beside.

    async def _ease(self) -> None:
        while self._late:
            if self._keeper.lag() > self._late:
                self._calm.clear()
            else:
                self._calm.set()
            await self._clock.sleep(EASE_S)
        await asyncio.Event().wait()

    async def _sweep(self) -> None:
        frozen = False
        while True:
            await self._clock.sleep(SWEEP_S)
            for kind in self._kinds.values():
                if kind.controller is not None:
                    kind.controller.sweep()
            if not frozen and self.ready():
                # What is there now stays: modules, templates, what is known of the objects. It need not be searched again and again.
                gc.collect()
                gc.freeze()
                frozen = True

    def _bind_metrics(self) -> None:
        queue = self._queue
        depths: dict[str, Callable[[], float]] = {
            "fresh": lambda: queue.ready(Lane.NODES) + queue.ready(Lane.FRESH),
            "retry": lambda: queue.ready(Lane.RETRY),
            "delayed": lambda: queue.waiting,
        }
        self._metrics.bind_queue(depths, queue.oldest_age)
        self._metrics.bind_leases(self._keeper.count, self._keeper.lag)

    def _stages_synced(self) -> str | None:
        return None if self._stages.synced else "the stages have not been read yet"

    def _objects_synced(self) -> str | None:
        pending = [f"{ref.kind} of {ref.api_group}" for ref, kind in self._kinds.items() if kind.pending()]
        return f"not all objects have been seen yet: {', '.join(pending)}" if pending else None


def _selections(options: Options) -> dict[StageResourceRef, Selection]:
    name = options.manage_single_node
    return {
        NODE: Selection(labels=options.manage_nodes_with_label_selector, fields=f"metadata.name={name}" if name else ""),
        POD: Selection(fields=f"spec.nodeName={name}" if name else "spec.nodeName!="),
    }


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
