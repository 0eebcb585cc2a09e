# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from prometheus_client import CollectorRegistry

from kwok_controller.telemetry.population_metrics import PopulationMetrics


class Counted:
    """A population that changes between two scrapes."""

    def __init__(self) -> None:
        self.running = 1

    def ready(self) -> dict[str, int]:
        return {"True": 2, "False": 1}

    def phases(self) -> dict[str, int]:
        return {"Running": self.running}

    def room(self) -> dict[str, float]:
        return {"cpu": 1.5}


def test_what_there_is_is_counted_when_somebody_scrapes() -> None:
    registry, counted = CollectorRegistry(), Counted()
    PopulationMetrics(registry, counted)
    assert registry.get_sample_value("kwok_controller_nodes", {"ready": "True"}) == 2
    assert registry.get_sample_value("kwok_controller_nodes", {"ready": "False"}) == 1
    assert registry.get_sample_value("kwok_controller_nodes_allocatable", {"resource": "cpu"}) == 1.5
    assert registry.get_sample_value("kwok_controller_pods", {"phase": "Running"}) == 1
    counted.running = 5
    assert registry.get_sample_value("kwok_controller_pods", {"phase": "Running"}) == 5
