# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from prometheus_client import CollectorRegistry

from kwok_controller.telemetry.metrics import OTHER, SOURCE_LIMIT
from kwok_controller.telemetry.workload_metrics import WorkloadMetrics


def test_what_becomes_of_requests_and_spans_is_counted() -> None:
    registry = CollectorRegistry()
    metrics = WorkloadMetrics(registry, lambda: 7)

    def value(metric: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"kwok_controller_workload_trace_{metric}", labels)

    metrics.second("shop", "a", traced=5, left_out=2, calls_left_out=1)
    metrics.second("shop", "a", traced=1, left_out=0, calls_left_out=0)
    metrics.sent(100)
    metrics.dropped(20)
    metrics.failed(3)
    metrics.missed(4)
    assert value("requests_total", namespace="shop", name="a", result="traced") == 6
    assert value("requests_total", namespace="shop", name="a", result="left_out") == 2
    assert value("calls_left_out_total", namespace="shop", name="a") == 1
    assert [value("spans_total", result=result) for result in ("sent", "dropped", "failed")] == [100, 20, 3]
    assert (value("missed_seconds_total"), value("queued_spans")) == (4, 7)


def test_objects_beyond_the_bound_are_counted_together() -> None:
    registry = CollectorRegistry()
    metrics = WorkloadMetrics(registry, lambda: 0)
    for number in range(SOURCE_LIMIT + 2):
        metrics.second("shop", f"a{number}", traced=1, left_out=0, calls_left_out=0)

    labels = {"namespace": OTHER, "name": OTHER, "result": "traced"}
    assert registry.get_sample_value("kwok_controller_workload_trace_requests_total", labels) == 2
