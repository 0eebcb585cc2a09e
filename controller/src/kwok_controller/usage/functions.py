# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions `Usage`, `CumulativeUsage` and `StartedContainersTotal` of CEL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from kwok_controller.expressions.cel import Overload
from kwok_controller.usage.pods import Object


class Usages(Protocol):
    """What gives usages, or cumulative ones."""

    def container(self, resource: str, pod: Object, container: str, now_ns: int) -> float:
        """Of the container of a name."""

    def pod(self, resource: str, pod: Object, now_ns: int) -> float:
        """Of a pod's containers."""

    def node(self, resource: str, name: str, now_ns: int) -> float:
        """Of the pods on a node."""


def usage_forms(usages: Usages, now: Callable[[], int]) -> list[Overload]:
    """`Usage` or `CumulativeUsage`: of pod and resource; of pod, resource and container; of node and resource."""
    return [
        Overload(("Pod", "string"), lambda pod, resource: usages.pod(resource, pod, now()), "double"),
        Overload(("Pod", "string", "string"), lambda pod, resource, name: usages.container(resource, pod, name, now()), "double"),
        Overload(("Node", "string"), lambda node, resource: usages.node(resource, node["metadata"]["name"], now()), "double"),
    ]


def metric_functions(
    evaluator: Usages, cumulative: Usages, started: Callable[[str], int], now: Callable[[], int]
) -> dict[str, Sequence[Overload]]:
    """The functions of the expressions of metrics.

    Args:
        evaluator: for `Usage`.
        cumulative: for `CumulativeUsage`.
        started: how many containers were started on the node of a name, for `StartedContainersTotal` and its old name.
        now: the time, in nanoseconds since 1970.
    """
    total = [
        Overload(("string",), lambda name: float(started(name)), "double"),
        Overload(("Node",), lambda node: float(started(node["metadata"]["name"])), "double"),
    ]
    return {
        "Usage": usage_forms(evaluator, now),
        "CumulativeUsage": usage_forms(cumulative, now),
        "StartedContainersTotal": total,
        "startedContainersTotal": total,
    }
