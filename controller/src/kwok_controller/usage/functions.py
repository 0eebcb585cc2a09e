# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions of CEL that ask for usages (`Usage`, `CumulativeUsage`) and for what there is on a node (`RunningPods`, …)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from kwok_controller.expressions.cel import Overload
from kwok_controller.usage.pods import Object, containers_of, run_of


class Usages(Protocol):
    """What gives usages, or cumulative ones."""

    def container(self, resource: str, pod: Object, container: str, now_ns: int) -> float:
        """Of the container of a name."""

    def pod(self, resource: str, pod: Object, now_ns: int) -> float:
        """Of a pod's containers."""

    def node(self, resource: str, name: str, now_ns: int) -> float:
        """Of the pods on a node."""


class Started(Protocol):
    """What there is and was on nodes, by their names."""

    def pods(self, node: str) -> Iterable[Object]:
        """The pods on a node."""

    def started(self, node: str) -> int:
        """How many containers were started on a node."""

    def started_pods(self, node: str) -> int:
        """How many pods were started on a node."""


def usage_forms(usages: Usages, now: Callable[[], int]) -> list[Overload]:
    """`Usage` or `CumulativeUsage`: of pod and resource; of pod, resource and container; of node and resource."""
    return [
        Overload(("Pod", "string"), lambda pod, resource: usages.pod(resource, pod, now()), "double"),
        Overload(("Pod", "string", "string"), lambda pod, resource, name: usages.container(resource, pod, name, now()), "double"),
        Overload(("Node", "string"), lambda node, resource: usages.node(resource, node["metadata"]["name"], now()), "double"),
    ]


def metric_functions(evaluator: Usages, cumulative: Usages, started: Started, now: Callable[[], int]) -> dict[str, Sequence[Overload]]:
    """The functions of the expressions of metrics.

    Args:
        evaluator: for `Usage`.
        cumulative: for `CumulativeUsage`.
        started: for `StartedContainersTotal` and its old name, `StartedPodsTotal`, `RunningPods` and `RunningContainers`.
        now: the time, in nanoseconds since 1970.
    """
    containers = _of_node(started.started)
    return {
        "Usage": usage_forms(evaluator, now),
        "CumulativeUsage": usage_forms(cumulative, now),
        "StartedContainersTotal": containers,
        "startedContainersTotal": containers,
        "StartedPodsTotal": _of_node(started.started_pods),
        "RunningPods": _of_node(lambda node: sum(map(_runs, started.pods(node)))),
        "RunningContainers": _of_node(lambda node: sum(map(_running, started.pods(node)))),
    }


def _of_node(count: Callable[[str], int]) -> list[Overload]:
    """A number of a node, or of the node of a name."""
    return [
        Overload(("string",), lambda name: float(count(name)), "double"),
        Overload(("Node",), lambda node: float(count(node["metadata"]["name"])), "double"),
    ]


def _runs(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running"


def _running(pod: Object) -> int:
    """How many containers of a pod run."""
    if not _runs(pod):
        return 0
    runs = (run_of(pod, container.get("name", "")) for container in containers_of(pod))
    return sum(run.start_ns is not None and run.end_ns is None for run in runs)
