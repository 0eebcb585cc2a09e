# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Quantiles, by hand and by what Prometheus says of its own."""

from __future__ import annotations

import math

import pytest

from kwok_controller.monitoring.quantiles import quantile

INF = math.inf


@pytest.mark.parametrize(
    ("share", "buckets", "expected"),
    [
        (0.5, [(1, 10), (2, 20), (INF, 20)], 1.0),
        (0.25, [(1, 10), (2, 20), (INF, 20)], 0.5),
        (0.75, [(1, 10), (2, 20), (INF, 20)], 1.5),
        (0.99, [(1, 10), (2, 20), (INF, 20)], 1.98),
        (0.9, [(1, 10), (2, 10), (5, 20), (INF, 20)], 4.4),
        # promql/promqltest/testdata/histograms.test: testhistogram_bucket, start="positive".
        (0.5, [(0.1, 50), (0.2, 70), (1, 110), (INF, 120)], 0.15),
        (0.8, [(0.1, 50), (0.2, 70), (1, 110), (INF, 120)], 0.72),
        # More than the last bound that is one: the last bound.
        (0.99, [(0.1, 50), (0.2, 70), (1, 110), (INF, 120)], 1),
        (0.5, [(0, 10), (1, 12), (INF, 12)], 0),
    ],
)
def test_quantiles(share: float, buckets: list[tuple[float, float]], expected: float) -> None:
    assert quantile(share, buckets) == pytest.approx(expected)


@pytest.mark.parametrize("buckets", [[], [(INF, 5)], [(1, 0), (INF, 0)]])
def test_nothing_is_known(buckets: list[tuple[float, float]]) -> None:
    assert math.isnan(quantile(0.5, buckets))
