# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A small world to use things in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import pytest

from kwok_controller.api import decode
from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, GoTime
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.rates import Problem
from kwok_controller.usage.selection import Selection

SECOND: Final = 10**9
START: Final = 1_700_000_003 * SECOND

Object: TypeAlias = dict[str, Any]
Usage: TypeAlias = ResourceUsage | ClusterResourceUsage
MakeUsage: TypeAlias = Callable[..., Usage]
MakePod: TypeAlias = Callable[..., Object]


def text_of(time_ns: int) -> str:
    return GoTime(time_ns).format(RFC3339_NANO)


class Small:
    """A world of nodes and pods that tests fill, and what was reported."""

    start = START

    def __init__(self) -> None:
        self.nodes: dict[str, Object] = {"n": {"metadata": {"name": "n", "labels": {"zone": "z"}}, "status": {"capacity": {"cpu": "4"}}}}
        self.present: list[Object] = []
        self.selection = Selection()
        self.problems: list[Problem] = []

    def node(self, name: str) -> Object | None:
        return self.nodes.get(name)

    def pods(self, node: str) -> Iterable[Object]:
        return [pod for pod in self.present if pod["spec"].get("nodeName") == node]

    def started(self, node: str) -> int:
        return 7

    def started_pods(self, node: str) -> int:
        return 5

    def evaluator(self, **more: Any) -> Evaluator:
        return Evaluator(self.selection, self, report=self.problems.append, **more)


@pytest.fixture
def world() -> Small:
    return Small()


@pytest.fixture
def usage() -> MakeUsage:
    """Makes a ResourceUsage where there is a namespace, else a ClusterResourceUsage."""

    def make(name: str, *usages: Object, namespace: str = "", selector: Object | None = None) -> Usage:
        kind = "ResourceUsage" if namespace else "ClusterResourceUsage"
        spec: Object = {"usages": list(usages)}
        if selector is not None:
            spec["selector"] = selector
        made = decode({"kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
        assert isinstance(made, ResourceUsage | ClusterResourceUsage)
        return made

    return make


@pytest.fixture
def pod() -> MakePod:
    """Makes a running pod."""

    def make(name: str = "p", *, containers: tuple[str, ...] = ("main",), uid: str = "", started: int = START, restarts: int = 0) -> Object:
        running = {"running": {"startedAt": text_of(started)}}
        return {
            "metadata": {"name": name, "namespace": "default", "uid": uid or f"uid-{name}", "creationTimestamp": text_of(START)},
            "spec": {"nodeName": "n", "containers": [{"name": each} for each in containers]},
            "status": {
                "phase": "Running",
                "startTime": text_of(START),
                "containerStatuses": [{"name": each, "restartCount": restarts, "state": running} for each in containers],
            },
        }

    return make
