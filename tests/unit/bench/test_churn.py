# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verdict on a run of churn, and what is read of /metrics for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.kwok.sim.bench import metrics
from ansible_collections.kwok.sim.bench.churn import Sample, judge, parse_rate


def samples(rss: Callable[[int], float] = lambda at: 60.0, queue: float = 0.0, lag: float = 21.0, count: int = 360) -> list[Sample]:
    """One every 10 s. ``queue``: by how much its age grows per hour."""
    times = [10 * number for number in range(1, count + 1)]
    return [{"at_s": at, "rss_mib": rss(at), "queue_age_s": queue * at / 3600, "lease_lag_s": lag} for at in times]


def test_flat_is_well() -> None:
    verdict = judge(samples())
    assert verdict.met
    assert verdict.rss_growth == 1
    assert verdict.most["lease_lag_s"] == 21


def test_growth_is_not() -> None:
    verdict = judge(samples(rss=lambda at: 60 + at / 600))
    assert verdict.rss_slope == pytest.approx(6)
    assert verdict.rss_slope_late == pytest.approx(6)
    assert verdict.rss_growth == pytest.approx((60 + 3425 / 600) / (60 + 545 / 600))
    assert not verdict.met


def test_what_grows_at_first_only_is_well() -> None:
    verdict = judge(samples(rss=lambda at: 60 + min(at, 300) / 10))
    assert verdict.rss_slope > 0
    assert verdict.rss_slope_late == pytest.approx(0, abs=1e-9)
    assert verdict.met


def test_neither_a_queue_that_ages_nor_a_lease_that_runs_out_is_well() -> None:
    assert judge(samples(queue=0.5)).met
    assert not judge(samples(queue=2.0)).met
    assert not judge(samples(lag=40.0)).met


def test_too_few_samples() -> None:
    with pytest.raises(ValueError, match="10 are needed"):
        judge(samples(count=9))


def test_rates() -> None:
    assert parse_rate("half") is None
    assert parse_rate("12.5") == 12.5


@pytest.mark.parametrize("text", ["0", "-1", "quarter", "nan", "inf"])
def test_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match=r"half|could not convert"):
        parse_rate(text)


def test_series_of_a_document() -> None:
    text = '# HELP q Jobs.\n# TYPE q gauge\nq{priority="fresh"} 3.0\nq{priority="a b"} 1e+03\n\nlag 0.5\n'
    assert metrics.parse(text) == {'q{priority="fresh"}': 3.0, 'q{priority="a b"}': 1000.0, "lag": 0.5}
