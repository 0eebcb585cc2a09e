# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which Metric answers which path, and for which node (kwok v0.8.0, `pkg/kwok/server/metrics.go`).

In a path `{nodeName}` stands for a node; of a Metric whose path is without it, its own name is the node's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from kwok_controller.exposition import Endpoint
from kwok_controller.kubelet.statuses import ACCEPTED, Followed
from kwok_controller.simulation.stage_status import Verdict

NODE_NAME: Final = "{nodeName}"
ROOT: Final = "/metrics"
OF_NODES: Final = f"/metrics/nodes/{NODE_NAME}"
"""What a Metric's path begins with whose rest a node's own kubelet has."""


class Served(NamedTuple):
    """A Metric that is compiled.

    Attributes:
        name: of the Metric.
        path: where it is served.
        endpoint: what is served.
        followed: the object that it is from.
        verdict: on the object itself, whoever has its path.
    """

    name: str
    path: str
    endpoint: Endpoint
    followed: Followed
    verdict: Verdict = ACCEPTED


class Endpoints:
    """The Metrics by path. Of two with one path, the first by name is served."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        self._by_path: dict[str, Served] = {}
        # What stands before and after the node's name.
        self._templates: list[tuple[str, str, Served]] = []

    def put(self, served: Served) -> None:
        """A Metric is new, or another one by now."""
        self._served[served.name] = served
        self._changed()

    def remove(self, name: str) -> None:
        """A Metric is gone."""
        if self._served.pop(name, None) is not None:
            self._changed()

    def __iter__(self) -> Iterator[Served]:
        """Those that are served, by name."""
        return iter(sorted(self._by_path.values()))

    def all(self) -> Iterable[Served]:
        """Those that are served, and those whose path is taken."""
        return self._served.values()

    def taken(self, served: Served) -> str:
        """The name of the Metric that has its path; empty where it has it itself."""
        name = self._by_path[served.path].name
        return name if name != served.name else ""

    def find(self, path: str) -> tuple[Served, str] | None:
        """The Metric for the path of a request, and the node's name."""
        fixed = self._by_path.get(path)
        if fixed is not None and NODE_NAME not in path:
            return fixed, fixed.name
        for before, after, served in self._templates:
            if path.startswith(before) and path.endswith(after):
                node = path[len(before) : len(path) - len(after)]
                if node and "/" not in node:
                    return served, node
        return None

    def of_kubelet(self, path: str) -> Served | None:
        """The Metric for the path of a request to a node's own kubelet."""
        return self._by_path.get(f"{OF_NODES}{path}")

    def _changed(self) -> None:
        self._by_path = {}
        for _, served in sorted(self._served.items()):
            self._by_path.setdefault(served.path, served)
        self._templates = [
            (before, after, served)
            for before, there, after, served in ((*path.partition(NODE_NAME), served) for path, served in self._by_path.items())
            if there
        ]
