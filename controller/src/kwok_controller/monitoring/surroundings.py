# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What expressions of Metrics are compiled for: one node with its pods, the usages there are, and a time that is set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage
from kwok_controller.exposition import Compile, compiler
from kwok_controller.usage.cumulative import Cumulative
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.functions import metric_functions
from kwok_controller.usage.pods import Object, containers_of
from kwok_controller.usage.rates import Problem
from kwok_controller.usage.selection import Selection
from kwok_controller.usage.traces import Trace


class Surroundings:
    """A node with its pods; the world that usages are taken from.

    Attributes:
        own: The node.
        on_node: Its pods.
        now_ns: The time, in nanoseconds since 1970; to be set.
        compile: Compiles the expressions of Metrics.
        evaluator: Gives usages, and compiles their expressions.
    """

    def __init__(
        self,
        node: Object,
        pods: Sequence[Object],
        usages: Iterable[ResourceUsage | ClusterResourceUsage] = (),
        *,
        now_ns: int,
        seed: int = 0,
        traces: Mapping[str, Trace] | None = None,
        report: Callable[[Problem], None] = lambda problem: None,
    ) -> None:
        """The seed is that of all chance, traces come by name; `report` is told of each usage that counts 0 because it is wrong."""
        self.own = node
        self.on_node = pods
        self.now_ns = now_ns
        self.evaluator = Evaluator(Selection(usages), self, seed=seed, traces=traces, report=report)
        functions = metric_functions(self.evaluator, Cumulative(self.evaluator), self, self._now)
        self.compile: Compile = compiler(functions, now=self._now, random=Random(seed).random)

    def node(self, name: str) -> Object | None:
        """The node, if it has this name."""
        return self.own if name == self.own["metadata"]["name"] else None

    def pods(self, node: str) -> Sequence[Object]:
        """The pods on the node of a name."""
        return self.on_node if self.node(node) is not None else ()

    def started(self, node: str) -> int:
        """How many containers its pods have."""
        return sum(len(containers_of(pod)) for pod in self.pods(node))

    def started_pods(self, node: str) -> int:
        """How many pods it has."""
        return len(self.pods(node))

    def _now(self) -> int:
        return self.now_ns
