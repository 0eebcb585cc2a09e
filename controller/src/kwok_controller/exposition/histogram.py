# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A histogram's counts from the values of its buckets, as kwok v0.8.0 has them (`pkg/kwok/metrics/histogram.go`).

The value of a bucket is the number of observations that fell into it and into no bucket below. A hidden bucket is not shown: what it has
counts into the next that is. Shown are sums up to each bound. All observations of a bucket count with its bound into the histogram's sum.

In kwok the bucket +Inf is 0 unless a hidden bucket is above all others; here it is always the number of all observations, as
Prometheus demands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kwok_controller.api.metric import MetricBucket

MAX_COUNT = 1 << 63
"""Above this a bucket has no count."""


class Counts(NamedTuple):
    """What a histogram shows.

    Attributes:
        cumulative: For each bucket that is shown, by bound, the observations up to there.
        total: All observations.
        sum: Of the bounds of all observations.
    """

    cumulative: list[int]
    total: int
    sum: float


def in_order(buckets: Sequence[MetricBucket]) -> list[int]:
    """The places of the buckets, by bound."""
    return sorted(range(len(buckets)), key=lambda at: buckets[at].le)


def count(buckets: Sequence[MetricBucket], observations: Sequence[int]) -> Counts:
    """The counts of a histogram.

    Args:
        buckets: By bound.
        observations: How many are in each.
    """
    cumulative = []
    total, weighted = 0, 0.0
    for bucket, observed in zip(buckets, observations, strict=True):
        total += observed
        weighted += bucket.le * observed
        if not bucket.hidden:
            cumulative.append(total)
    return Counts(cumulative, total, weighted)
