# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Metric: what a simulated kubelet or exporter answers when it is scraped (kwok v0.8.0, `metric_types.go`)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from kwok_controller.api.meta import FollowedStatus, ObjectMeta, doc, list_map

NonEmpty = Annotated[str, Meta(min_length=1)]


class MetricLabel(Struct, frozen=True, kw_only=True, rename="camel"):
    """A label of a metric."""

    name: Annotated[NonEmpty, doc("The label's name.")]
    value: Annotated[NonEmpty, doc("A CEL expression of the label's value.")]


class MetricBucket(Struct, frozen=True, kw_only=True, rename="camel"):
    """A bucket of a histogram."""

    le: Annotated[float, Meta(ge=0), doc("The bucket's upper bound, included.")]
    value: Annotated[str, doc("A CEL expression of the number of observations in the bucket.")]
    hidden: Annotated[bool, doc("Whether the bucket is only counted into the next one and not shown itself.")] = False


class MetricConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """A metric."""

    name: Annotated[NonEmpty, doc("The metric's full name.")]
    help: Annotated[str, doc("What the metric tells.")] = ""
    kind: Annotated[Literal["counter", "gauge", "histogram"], doc("What sort of metric it is.")]
    labels: Annotated[list[MetricLabel], list_map("name"), doc("The metric's labels.")] = field(default_factory=list)
    value: Annotated[str, doc("A CEL expression of the metric's value. Not for histograms.")] = ""
    buckets: Annotated[list[MetricBucket], list_map("le"), doc("The buckets of a histogram.")] = field(default_factory=list)
    dimension: Annotated[str, doc("What the metric is shown once for: node, pod or container.")] = "node"


class MetricSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Which metrics are served, and where."""

    path: Annotated[NonEmpty, doc("The path of the HTTP endpoint, such as /metrics/nodes/{nodeName}/metrics/resource.")]
    metrics: Annotated[list[MetricConfig], doc("The metrics that are served there.")]


class Metric(Struct, frozen=True, kw_only=True, rename="camel"):
    """An endpoint of metrics of the simulated nodes, pods and containers."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[MetricSpec, doc("Which metrics are served, and where.")]
    status: Annotated[FollowedStatus, doc("What has become of the object.")] = field(default_factory=FollowedStatus)
