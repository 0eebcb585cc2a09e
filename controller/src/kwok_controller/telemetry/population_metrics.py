# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What there is in the cluster, as the controller sees it anyway. Only there where kubelets are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kwok_controller.telemetry.metrics import PREFIX


class Population(Protocol):
    """Nodes and the pods that are bound to them, counted."""

    def ready(self) -> Mapping[str, int]:
        """Nodes by their condition Ready."""

    def phases(self) -> Mapping[str, int]:
        """Pods by phase."""

    def room(self) -> Mapping[str, float]:
        """What pods can have of all nodes together, by resource."""


class PopulationMetrics(Collector):
    """Further metrics of the controller, made when somebody scrapes.

    Every controller of a cluster sees all of it: of several, take the greatest value and not the sum.

    Args:
        registry: that of the others.
        population: what is counted.
    """

    def __init__(self, registry: CollectorRegistry, population: Population) -> None:
        self._population = population
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        yield _family("nodes", "Nodes that there are, by their condition Ready.", "ready", self._population.ready())
        yield _family("pods", "Pods that are bound to them, by phase.", "phase", self._population.phases())
        room = "What pods can have of all nodes together: cpu in cores, memory in bytes, pods."
        yield _family("nodes_allocatable", room, "resource", self._population.room())


def _family(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
