# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is counted of the traces of simulated workloads. Only there where traces are sent."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from kwok_controller.telemetry.metrics import OTHER, PREFIX, SOURCE_LIMIT, BoundedLabel


class WorkloadMetrics:
    """Further metrics of the controller.

    Args:
        registry: that of the others.
        queued: gives the spans that wait to be sent.
    """

    def __init__(self, registry: CollectorRegistry, queued: Callable[[], float]) -> None:
        prefix = f"{PREFIX}_workload_trace"
        self._requests = Counter(
            f"{prefix}_requests",
            "Requests of simulated workloads, by their WorkloadTrace: traced, or left_out to keep within its limits.",
            ("namespace", "name", "result"),
            registry=registry,
        )
        self._calls = Counter(
            f"{prefix}_calls_left_out",
            "Calls of simulated workloads that were left out to keep a trace within its limits.",
            ("namespace", "name"),
            registry=registry,
        )
        spans = Counter(
            f"{prefix}_spans",
            "Spans of simulated workloads: sent, dropped as there was no room for them, or failed to be sent.",
            ("result",),
            registry=registry,
        )
        self._sent, self._dropped, self._failed = (spans.labels(result).inc for result in ("sent", "dropped", "failed"))
        self._missed = Counter(f"{prefix}_missed_seconds", "Seconds of which no traces were made, as it was too late.", registry=registry)
        waiting = Gauge(f"{prefix}_queued_spans", "Spans of simulated workloads that wait to be sent.", registry=registry)
        waiting.set_function(queued)
        self._label = BoundedLabel(SOURCE_LIMIT)

    def second(self, namespace: str, name: str, *, traced: int, left_out: int, calls_left_out: int) -> None:
        """Count what became of a second of a WorkloadTrace."""
        if self._label(f"{namespace}/{name}") == OTHER:
            namespace = name = OTHER
        self._requests.labels(namespace, name, "traced").inc(traced)
        self._requests.labels(namespace, name, "left_out").inc(left_out)
        self._calls.labels(namespace, name).inc(calls_left_out)

    def sent(self, spans: int) -> None:
        """Count spans that a receiver took."""
        self._sent(spans)

    def dropped(self, spans: int) -> None:
        """Count spans that there was no room for."""
        self._dropped(spans)

    def failed(self, spans: int) -> None:
        """Count spans that no receiver took."""
        self._failed(spans)

    def missed(self, seconds: int) -> None:
        """Count seconds of which no traces were made."""
        self._missed.inc(seconds)
