# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The controller's own metrics.

What is counted on a hot path is bound to its labels once (`play`) and then costs one addition; what is a fact of some structure
(the depth of a queue) is a function that is asked when somebody scrapes. Users choose the names of stages and of resources, so the
number of label values is bounded: those beyond the bound are counted together as ``other``.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector

from kwok_controller import __version__

PREFIX = "kwok_controller"
OTHER = "other"

PlayResult = Literal["played", "unchanged", "dropped", "retried", "failed"]
"""How a play of a stage ended: sent; sent nothing as nothing would change; superseded by a newer version of the object; put back
to be tried again; refused for good."""

STAGE_LIMIT = 200
KIND_LIMIT = 200
RESOURCE_LIMIT = 200
REASON_LIMIT = 50
SOURCE_LIMIT = 200

# From an answer at once to a play that waited behind a restart with thousands of objects.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
REQUEST_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class BoundedLabel:
    """Lets the first `limit` values of a label pass; later ones become ``other``."""

    __slots__ = ("_limit", "_seen")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        """`value`, or ``other`` when there are too many."""
        if value in self._seen:
            return value
        if len(self._seen) >= self._limit:
            return OTHER
        self._seen.add(value)
        return value


class PlayMetrics:
    """What is counted about one stage, bound to its labels."""

    __slots__ = ("_observe", "_plays")

    def __init__(self, plays: dict[PlayResult, Callable[[], None]], observe: Callable[..., None]) -> None:
        self._plays = plays
        self._observe = observe

    def done(self, result: PlayResult, seconds: float, trace: str | None = None) -> None:
        """Count a play that has ended, `seconds` after it was due. `trace`: the id of its trace, which OpenMetrics shows as an exemplar."""
        self._plays[result]()
        if trace is None:
            self._observe(seconds)
        else:
            self._observe(seconds, {"trace_id": trace})

    def count(self, result: PlayResult) -> None:
        """Count a play that has no latency of its own: it was dropped, or goes back into the queue."""
        self._plays[result]()


class Metrics:
    """Every metric of the controller, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry | None = None, *, process: bool = True) -> None:
        """`process=False` leaves out what is measured of the process itself."""
        self.registry = registry if registry is not None else CollectorRegistry()
        reg = self.registry

        self._plays = Counter(
            f"{PREFIX}_stage_plays", "Plays of stages, by how they ended.", ("api_group", "kind", "stage", "result"), registry=reg
        )
        self._latency = Histogram(
            f"{PREFIX}_stage_latency_seconds",
            "Time from when a stage was due until all of its steps were done.",
            ("api_group", "kind", "stage"),
            buckets=LATENCY_BUCKETS,
            registry=reg,
        )
        self._stage_errors = Counter(
            f"{PREFIX}_stage_errors", "Errors that are the fault of a stage, by reason.", ("stage", "reason"), registry=reg
        )
        self._queue_depth = Gauge(f"{PREFIX}_queue_depth", "Jobs that wait, by priority.", ("priority",), registry=reg)
        self._queue_age = Gauge(f"{PREFIX}_queue_oldest_age_seconds", "How long the oldest job that is due has waited.", registry=reg)
        self._lease_lag = Gauge(f"{PREFIX}_lease_lag_seconds", "Greatest age of the last renewal of a Lease that is held.", registry=reg)
        self._leases_held = Gauge(f"{PREFIX}_leases_held", "Leases of nodes that this controller holds.", registry=reg)
        self._watch_restarts = Counter(
            f"{PREFIX}_watch_restarts", "Watches that had to be started again.", ("resource", "reason"), registry=reg
        )
        self._requests = Histogram(
            f"{PREFIX}_request_duration_seconds",
            "Time that the apiserver took to answer; the code is that of HTTP, 0 where no answer came.",
            ("verb", "resource", "code"),
            buckets=REQUEST_BUCKETS,
            registry=reg,
        )
        self._managed = Gauge(f"{PREFIX}_managed_objects", "Objects that this controller looks after.", ("api_group", "kind"), registry=reg)
        self._evaluation_errors = Counter(
            f"{PREFIX}_metric_evaluation_errors",
            "Series of Metrics, and usages, that could not be evaluated, by the object whose expression it was.",
            ("kind", "namespace", "name"),
            registry=reg,
        )
        self.event_loop_lag = Gauge(f"{PREFIX}_event_loop_lag_seconds", "How late the event loop was when it was last asked.", registry=reg)
        build = Gauge(f"{PREFIX}_build_info", "Always 1; the labels say what runs.", ("version", "python"), registry=reg)
        build.labels(__version__, platform.python_version()).set(1)
        if process:
            ProcessCollector(registry=reg)

        self._stage_label = BoundedLabel(STAGE_LIMIT)
        self._kind_label = BoundedLabel(KIND_LIMIT)
        self._resource_label = BoundedLabel(RESOURCE_LIMIT)
        self._reason_label = BoundedLabel(REASON_LIMIT)
        self._source_label = BoundedLabel(SOURCE_LIMIT)
        self._play_cache: dict[tuple[str, str, str], PlayMetrics] = {}
        self._request_cache: dict[tuple[str, str, str], Callable[[float], None]] = {}

    def play(self, api_group: str, kind: str, stage: str) -> PlayMetrics:
        """What is counted about `stage`; hold on to it, the lookup is not for each play."""
        api_group, kind = self._kind(api_group, kind)
        labels = (api_group, kind, self._stage_label(stage))
        found = self._play_cache.get(labels)
        if found is None:
            plays: dict[PlayResult, Callable[[], None]] = {r: self._plays.labels(*labels, r).inc for r in get_args(PlayResult)}
            found = self._play_cache[labels] = PlayMetrics(plays, self._latency.labels(*labels).observe)
        return found

    def stage_error(self, stage: str, reason: str) -> None:
        """Count an error of `stage`; `reason` is a CamelCase word such as ``TemplateFailed``."""
        self._stage_errors.labels(self._stage_label(stage), self._reason_label(reason)).inc()

    def observe_request(self, verb: str, resource: str, code: str | int, seconds: float) -> None:
        """Count a request to the apiserver: what `kube.Client` takes as its observer."""
        key = (verb, resource, str(code))
        observe = self._request_cache.get(key)
        if observe is None:
            resource = self._resource_label(resource)
            observe = self._requests.labels(verb, resource, key[2]).observe
            if resource != OTHER:
                self._request_cache[key] = observe
        observe(seconds)

    def watch_restarted(self, resource: str, reason: str) -> None:
        """Count a watch of `resource` that is started again."""
        self._watch_restarts.labels(self._resource_label(resource), self._reason_label(reason)).inc()

    def evaluation_failed(self, kind: str, namespace: str, name: str, count: int) -> None:
        """Count series, or usages, of an object that could not be evaluated; `namespace` is empty for one that has none."""
        if self._source_label(f"{kind}/{namespace}/{name}") == OTHER:
            namespace, name = "", OTHER
        self._evaluation_errors.labels(kind, namespace, name).inc(count)

    def bind_queue(self, depths: dict[str, Callable[[], float]], oldest_age: Callable[[], float]) -> None:
        """Take the depth of the queue of each priority, and the age of the oldest job that is due, from functions."""
        for priority, depth in depths.items():
            self._queue_depth.labels(priority).set_function(depth)
        self._queue_age.set_function(oldest_age)

    def bind_leases(self, held: Callable[[], float], lag: Callable[[], float]) -> None:
        """Take the number of held Leases, and the age of the stalest renewal, from functions."""
        self._leases_held.set_function(held)
        self._lease_lag.set_function(lag)

    def bind_managed(self, api_group: str, kind: str, count: Callable[[], float]) -> None:
        """Take the number of managed objects of a kind from a function. Kinds beyond the bound are not shown."""
        labels = self._kind(api_group, kind)
        if OTHER not in labels:
            self._managed.labels(*labels).set_function(count)

    def unbind_managed(self, api_group: str, kind: str) -> None:
        """Show a kind no longer: it is not played any more."""
        self._managed.remove(api_group, kind)

    def _kind(self, api_group: str, kind: str) -> tuple[str, str]:
        return (api_group, kind) if self._kind_label(f"{api_group}/{kind}") != OTHER else (OTHER, OTHER)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics as a document and its content type: OpenMetrics or Prometheus' text, as `accept` prefers."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type
