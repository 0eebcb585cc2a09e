# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What the kubelets of all nodes have to show, made when it is asked for: all of an answer is of one moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from random import Random

from kwok_controller.api.kinds import Shown
from kwok_controller.exposition import Format, compiler
from kwok_controller.kube.client import Client
from kwok_controller.kubelet.checkpoints import Checkpoints
from kwok_controller.kubelet.endpoints import Served
from kwok_controller.kubelet.moment import Momentary
from kwok_controller.kubelet.packing import Object
from kwok_controller.kubelet.sources import Metrics, Sources
from kwok_controller.kubelet.store import DECODED, Store
from kwok_controller.kubelet.summary import Summaries, configuration_of, pod_list
from kwok_controller.simulation.clock import Clock
from kwok_controller.usage.cumulative import Cumulative
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.functions import metric_functions
from kwok_controller.usage.selection import Selection
from kwok_controller.usage.traces import Trace


class Scrapes:
    """Nodes, pods, Metrics and usages, put together.

    Args:
        clock: the time.
        seed: of what is left to chance.
        metrics: counts what goes wrong.
        client: to the apiserver; None: nothing is followed.
        follow: the kinds of `sources.RESOURCES` that are read from the cluster.
        local: the objects of files.
        traces: of usages, by name.
        decoded: of so many nodes and pods the decoded form is kept.

    Attributes:
        store: the nodes and pods; what the simulation tells of them goes there.
        sources: the Metrics and usages.
        checkpoints: what was used goes with the nodes' Leases.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int,
        metrics: Metrics,
        client: Client | None = None,
        follow: Collection[str] = (),
        local: Sequence[Shown] = (),
        traces: Mapping[str, Trace] | None = None,
        decoded: int = DECODED,
    ) -> None:
        self._clock = clock
        self._now_ns = clock.now_ns()
        self.store = Store(pod_gone=self._pod_gone, node_gone=self._node_gone, decoded=decoded)
        selection = Selection()
        evaluator = Evaluator(selection, self.store, seed=seed, traces=traces, report=lambda problem: self.sources.usage_failed(problem))
        self._cumulative = Cumulative(evaluator)
        self.checkpoints = Checkpoints(self._cumulative, self.store)
        self._momentary = Momentary(evaluator, self.store.pods)
        functions = metric_functions(self._momentary, self._cumulative, self.store, self._now)
        compile = compiler(functions, now=self._now, random=Random(seed).random)
        self.sources = Sources(
            compile=compile, clock=clock, metrics=metrics, client=client, follow=follow, local=local, selection=selection
        )
        self.endpoints = self.sources.endpoints
        self._summaries = Summaries(self._momentary, self._cumulative)

    def metric(self, served: Served, node: str, format: Format) -> bytes | None:
        """A scrape of a node; None where it is not there."""
        obj = self._at_once(node)
        if obj is None:
            return None
        body, failures = served.endpoint.render(obj, self.store.pods(node), format)
        self.sources.rendered(served, failures)
        return body

    def summary(self, node: str) -> bytes | None:
        """The Summary API of a node; None where it is not there."""
        obj = self._at_once(node)
        return None if obj is None else self._summaries.summary(obj, self.store.pods(node), self._now_ns)

    def pods(self, node: str) -> bytes | None:
        """The pods of a node; None where it is not there."""
        return pod_list(self.store.pod_texts(node)) if node in self.store else None

    def configuration(self, node: str, *, authenticates: bool) -> bytes | None:
        """How a node's kubelet is configured; None where the node is not there."""
        obj = self.store.node(node)
        return None if obj is None else configuration_of(obj, authenticates)

    def _at_once(self, node: str) -> Object | None:
        self._now_ns = self._clock.now_ns()
        obj = self.store.node(node)
        if obj is not None:
            self.checkpoints.catch_up(node)
            self._momentary.begin(obj)
        return obj

    def _now(self) -> int:
        return self._now_ns

    def _pod_gone(self, pod: Object) -> None:
        self._cumulative.forget_pod(pod)
        self._momentary.forget(pod)
        self.sources.selection.forget(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _node_gone(self, name: str) -> None:
        self._cumulative.forget_node(name)
        self.checkpoints.forget(name)
        for served in self.endpoints.all():
            served.endpoint.forget(name)
