# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How cost grows with size, and what larger clusters need."""

from __future__ import annotations

import pytest

from ansible_collections.kwok.sim.bench import fit
from ansible_collections.kwok.sim.bench.sizes import FIGURES, Size, on_paper, paper_table, parse_size, table

SIZES = ((500, 5_000), (1_000, 5_000), (2_000, 10_000), (5_000, 50_000))


def figures(nodes: int, pods: int) -> dict[str, float]:
    """Of a machine that makes 200 nodes and 100 pods a second, with costs that are known."""
    idle = 1.0 + 0.004 * nodes
    idle_apiserver = 5.0 + 0.02 * nodes
    return {
        **dict.fromkeys(FIGURES, 1.0),
        "nodes": nodes,
        "pods": pods,
        "nodes_per_s": 200.0,
        "pods_per_s": 100.0,
        "controller_idle_cpu": idle,
        "apiserver_idle_cpu": idle_apiserver,
        "controller_cpu_per_node": 2.0 + 0.5 * idle * 10 / 200,
        "apiserver_cpu_per_node": 10.0 + 0.5 * idle_apiserver * 10 / 200,
        "controller_cpu_per_pod": 1.0 + idle * 10 / 100,
        "apiserver_cpu_per_pod": 5.0 + 0.001 * nodes + idle_apiserver * 10 / 100,
        "controller_rss_mib": 50 + 0.01 * nodes + 0.002 * pods,
        "apiserver_rss_mib": 300 + 0.1 * nodes + 0.02 * pods,
    }


COSTS = fit.costs([figures(*size) for size in SIZES])


def test_a_plane_through_points_of_it() -> None:
    found = fit.plane([(nodes, pods, 7 + 0.25 * nodes - 0.001 * pods) for nodes, pods in SIZES])
    assert (found.a, found.b, found.c) == pytest.approx((7, 0.25, -0.001))
    assert found.at(100, 1_000) == pytest.approx(31)


def test_a_plane_is_that_of_least_squares() -> None:
    # Of four corners of a square the residuals of the best plane are equal in size and alternate in sign.
    found = fit.plane([(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
    assert (found.a, found.b, found.c) == pytest.approx((0.5, 0, 0))


@pytest.mark.parametrize("points", [[(1, 2, 3), (2, 2, 3)], [(1, 10, 1), (2, 20, 2), (3, 30, 3)], [(1, 1, 1)] * 3])
def test_no_plane(points: list[tuple[float, float, float]]) -> None:
    with pytest.raises(fit.NoFit):
        fit.plane(points)


def test_a_line() -> None:
    found = fit.line([(0, 1), (1, 4), (2, 4), (3, 7)])
    assert (found.a, found.b) == pytest.approx((1.3, 1.8))


@pytest.mark.parametrize("points", [[(1, 2)], [(1, 2), (1, 3)]])
def test_no_line(points: list[tuple[float, float]]) -> None:
    with pytest.raises(fit.NoFit):
        fit.line(points)


def test_renewals_are_not_counted_with_what_is_made() -> None:
    assert (COSTS.controller_node.a, COSTS.controller_node.b) == pytest.approx((2, 0), abs=1e-9)
    assert (COSTS.apiserver_node.a, COSTS.apiserver_node.b) == pytest.approx((10, 0), abs=1e-9)
    assert (COSTS.controller_pod.a, COSTS.controller_pod.b) == pytest.approx((1, 0), abs=1e-9)
    assert (COSTS.apiserver_pod.a, COSTS.apiserver_pod.b) == pytest.approx((5, 0.001))


def test_an_estimate() -> None:
    found = fit.estimate(COSTS, 130_000, 1_300_000, 1000.0)
    assert found.renewals_per_s == pytest.approx(130_000 / 24)
    assert found.controller_cores == pytest.approx(0.01 + 0.00004 * 130_000 + 1000 * 1 / 1000)
    assert (found.replicas_by_cpu, found.replicas_by_leases, found.replicas) == (7, 28, 28)
    assert found.apiserver_cores == pytest.approx(0.05 + 0.0002 * 130_000 + 1000 * (5 + 130) / 1000)
    assert found.controller_rss_mib == pytest.approx(50 + 1_300 + 2_600)
    assert found.shards == 16  # 3,900 MiB beyond the 50 of each, in parts of 250.


def test_a_small_cluster_needs_one_of_each() -> None:
    found = fit.estimate(COSTS, 500, 5_000, 10.0)
    assert (found.replicas, found.shards) == (1, 1)


def test_a_cost_that_seems_to_fall_stays_beyond_what_was_measured() -> None:
    falling = fit.costs([{**figures(*size), "apiserver_cpu_per_pod": 20 - 0.001 * size[0]} for size in SIZES])
    at_largest = fit.estimate(falling, 5_000, 50_000, 1.0).apiserver_cores
    beyond = fit.estimate(falling, 130_000, 1_300_000, 1.0).apiserver_cores
    assert beyond == pytest.approx(at_largest + 0.0002 * 125_000)


def test_tables_show_all_sizes() -> None:
    measured = [figures(*size) for size in SIZES]
    assert len(table(measured).splitlines()) == len(FIGURES)
    text = paper_table(*on_paper(measured))
    assert "130,000" in text
    assert "15,000" in text


def test_a_size() -> None:
    assert parse_size("500:5000") == Size(500, 5000)


@pytest.mark.parametrize("text", ["500", "500:", ":5", "0:5", "5:0", "a:b", "-1:5"])
def test_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="NODES:PODS"):
        parse_size(text)
