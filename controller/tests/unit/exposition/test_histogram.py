# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.api.metric import MetricBucket
from kwok_controller.exposition.histogram import count, in_order


def bucket(le: float, *, hidden: bool = False) -> MetricBucket:
    return MetricBucket(le=le, value="0", hidden=hidden)


def test_hidden_buckets_count_into_the_next_that_is_shown() -> None:
    # As kwok's TestHistogramObserve: what is not among its buckets is hidden.
    shown = (0.5, 1.0, 2.5, 5.0, 10.0)
    values = {0.5: 0, 0.9: 1, 1.0: 2, 1.1: 4, 2.4: 8, 2.5: 0, 5.0: 0, 10.0: 16, 11.0: 32}
    counts = count([bucket(le, hidden=le not in shown) for le in values], list(values.values()))
    assert counts.cumulative == [0, 3, 15, 15, 31]
    assert counts.total == 63
    assert counts.sum == pytest.approx(0.9 + 2 + 4.4 + 19.2 + 160 + 352)


def test_all_observations_count_where_no_bucket_is_above_the_last() -> None:
    assert count([bucket(1), bucket(2)], [3, 4]) == ([3, 7], 7, 11.0)


def test_a_histogram_of_hidden_buckets_has_a_total_only() -> None:
    assert count([bucket(1, hidden=True)], [3]) == ([], 3, 3.0)


def test_buckets_are_taken_by_their_bounds() -> None:
    assert in_order([bucket(5), bucket(0.1), bucket(1)]) == [1, 2, 0]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans(), st.integers(0, 1 << 62)), min_size=1, unique_by=lambda item: item[0]))
def test_counts_never_fall_and_never_exceed_the_total(items: list[tuple[float, bool, int]]) -> None:
    items.sort()
    counts = count([bucket(le, hidden=hidden) for le, hidden, _ in items], [value for *_, value in items])
    assert counts.cumulative == sorted(counts.cumulative)
    assert counts.total == sum(value for *_, value in items)
    assert all(0 <= cumulative <= counts.total for cumulative in counts.cumulative)
    assert len(counts.cumulative) == sum(not hidden for _, hidden, _ in items)
