# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Quantiles of a histogram, as Prometheus' `histogram_quantile` estimates them from cumulative buckets.

Within a bucket observations count as evenly spread; the lowest begins at 0, and of the one without a bound the lower end is taken
(https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile).
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float:
    """The value below which a share of the observations is; NaN where there are none, or only a bucket without a bound.

    Args:
        share: From above 0 to below 1.
        buckets: Upper bounds, rising, the last of which is infinite, and the number of observations up to each.
    """
    if len(buckets) < 2 or not buckets[-1][1]:
        return math.nan
    rank = share * buckets[-1][1]
    at = next((place for place, (_, count) in enumerate(buckets[:-1]) if count >= rank), None)
    if at is None:
        return buckets[-2][0]
    end, up_to = buckets[at]
    start, below = buckets[at - 1] if at else (0.0, 0.0)
    if not at and end <= 0:
        return end
    return start + (end - start) * (rank - below) / (up_to - below)
