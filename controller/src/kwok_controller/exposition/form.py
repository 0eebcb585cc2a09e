# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a metric of each kind has to have. Whatever is wrong here keeps it from being served."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

from kwok_controller.api.metric import MetricConfig
from kwok_controller.exposition.language import DIMENSIONS, Dimension
from kwok_controller.exposition.problems import Problem, error


def dimension_of(metric: MetricConfig) -> Dimension | None:
    """The dimension, if there is such a one."""
    return next((known for known in get_args(Dimension) if known == metric.dimension), None)


def expressions(metric: MetricConfig, field: str) -> list[tuple[str, str]]:
    """The expressions of the values, each with where it is."""
    if metric.kind == "histogram":
        return [(bucket.value, f"{field}.buckets[{at}].value") for at, bucket in enumerate(metric.buckets)]
    return [(metric.value, f"{field}.value")]


def check_form(metric: MetricConfig, field: str) -> Iterator[Problem]:
    """What a metric lacks.

    Args:
        metric: The metric.
        field: Where it is, such as `spec.metrics[2]`.
    """
    if dimension_of(metric) is None:
        message = f"{metric.dimension!r} is no dimension: {', '.join(DIMENSIONS[:-1])} and {DIMENSIONS[-1]} are"
        yield error("dimension", f"{field}.dimension", message)
    if metric.kind != "histogram":
        if not metric.value.strip():
            yield error("form", f"{field}.value", f"is missing: a {metric.kind} has an expression of its value")
        return
    if not metric.buckets:
        yield error("form", f"{field}.buckets", "is missing: a histogram has buckets, each with le and value")
    seen: set[float] = set()
    for at, bucket in enumerate(metric.buckets):
        where = f"{field}.buckets[{at}]"
        if not math.isfinite(bucket.le):
            message = f"{bucket.le} is no bound: leave the bucket out, as +Inf is always there, or hide one with a bound above all others"
            yield error("buckets", f"{where}.le", message)
        if bucket.le in seen:
            yield error("buckets", f"{where}.le", f"{bucket.le:g} is there twice: each bucket has a bound of its own")
        if not bucket.value.strip():
            yield error("form", f"{where}.value", "is missing: a bucket has an expression of its number of observations")
        seen.add(bucket.le)
