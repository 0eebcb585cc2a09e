# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How cost grows with size: least squares, and from these, on paper, what larger clusters would need. Computed from values alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kwok_controller.simulation.leases import RENEW_FRACTION

from .players import LEASE_SECONDS

RENEWAL_S = LEASE_SECONDS * RENEW_FRACTION
"""Seconds between two renewals of a Lease."""

RSS_LIMIT_MIB = 300.0
"""What a controller may have at 5,000 nodes and 50,000 pods, and so what a shard is cut for."""


class NoFit(ValueError):
    """The points do not say what was asked."""


@dataclass(frozen=True)
class Line:
    """cost = a + b * x."""

    a: float
    b: float

    def at(self, x: float) -> float:
        """The cost there."""
        return self.a + self.b * x

    def __str__(self) -> str:
        return f"{self.a:.4g} {self.b:+.3g}*nodes"


@dataclass(frozen=True)
class Plane:
    """cost = a + b * nodes + c * pods."""

    a: float
    b: float
    c: float

    def at(self, nodes: float, pods: float) -> float:
        """The cost there."""
        return self.a + self.b * nodes + self.c * pods

    def __str__(self) -> str:
        return f"{self.a:.4g} {self.b:+.3g}*nodes {self.c:+.3g}*pods"


def line(points: Sequence[tuple[float, float]]) -> Line:
    """Of (x, cost).

    Raises:
        NoFit: There are not two different x.
    """
    try:
        slope, intercept = statistics.linear_regression([point[0] for point in points], [point[1] for point in points])
    except statistics.StatisticsError as error:
        raise NoFit(f"a line needs two sizes: {error}") from error
    return Line(intercept, slope)


def plane(points: Sequence[tuple[float, float, float]]) -> Plane:
    """Of (nodes, pods, cost).

    Raises:
        NoFit: There are not three sizes, or pods are so many per node in all of them.
    """
    if len(points) < 3:
        raise NoFit("a plane needs three sizes")
    nodes, pods, cost = ([point[axis] for point in points] for axis in range(3))
    # About the means, where the normal equations of two unknowns are left.
    by_nodes, by_pods, together = _product(nodes, nodes), _product(pods, pods), _product(nodes, pods)
    determinant = by_nodes * by_pods - together * together
    if determinant <= 1e-9 * by_nodes * by_pods:
        raise NoFit("nodes and pods grow together in all sizes: which of them costs what cannot be told")
    to_nodes, to_pods = _product(nodes, cost), _product(pods, cost)
    b = (to_nodes * by_pods - to_pods * together) / determinant
    c = (to_pods * by_nodes - to_nodes * together) / determinant
    return Plane(statistics.fmean(cost) - b * statistics.fmean(nodes) - c * statistics.fmean(pods), b, c)


def _product(left: Sequence[float], right: Sequence[float]) -> float:
    left_mean, right_mean = statistics.fmean(left), statistics.fmean(right)
    return math.fsum((x - left_mean) * (y - right_mean) for x, y in zip(left, right, strict=True))


@dataclass(frozen=True)
class Costs:
    """Of one controller and its apiserver.

    Attributes:
        controller_rss: MiB at rest.
        apiserver_rss: MiB at rest.
        controller_idle: Cores while Leases are renewed and nothing else happens, by nodes.
        apiserver_idle: Cores meanwhile, by nodes.
        controller_node: ms of CPU per node that is made, beyond `controller_idle`, by nodes.
        apiserver_node: ms of CPU per node that is made, beyond `apiserver_idle`, by nodes.
        controller_pod: ms of CPU per pod that is made, beyond `controller_idle`, by nodes.
        apiserver_pod: ms of CPU per pod that is made, beyond `apiserver_idle`, by nodes.
        leases_per_s: That one controller has written at least: each node that it takes on has its Lease written, and its status.
        largest: Nodes of the largest cluster that was measured.
    """

    controller_rss: Plane
    apiserver_rss: Plane
    controller_idle: Line
    apiserver_idle: Line
    controller_node: Line
    apiserver_node: Line
    controller_pod: Line
    apiserver_pod: Line
    leases_per_s: float
    largest: float


def costs(figures: Sequence[Mapping[str, float]]) -> Costs:
    """The costs of sizes that were measured (`sizes.FIGURES`).

    Raises:
        NoFit: The sizes are too few, or too alike.
    """

    def rss(name: str) -> Plane:
        return plane([(each["nodes"], each["pods"], each[name]) for each in figures])

    def idle(name: str) -> Line:
        return line([(each["nodes"], each[name] / 100) for each in figures])

    def made(what: str, who: str) -> Line:
        return line([(each["nodes"], beyond_idle(each, who, what)) for each in figures])

    return Costs(
        controller_rss=rss("controller_rss_mib"),
        apiserver_rss=rss("apiserver_rss_mib"),
        controller_idle=idle("controller_idle_cpu"),
        apiserver_idle=idle("apiserver_idle_cpu"),
        controller_node=made("node", "controller"),
        apiserver_node=made("node", "apiserver"),
        controller_pod=made("pod", "controller"),
        apiserver_pod=made("pod", "apiserver"),
        leases_per_s=max(each["nodes_per_s"] for each in figures),
        largest=max(each["nodes"] for each in figures),
    )


def beyond_idle(figures: Mapping[str, float], who: str, what: str) -> float:
    """ms of CPU per node or pod, without what the renewals of the Leases cost while all were made (of nodes: half of them, on average)."""
    share = {"node": 0.5, "pod": 1.0}[what]
    idle = share * figures[f"{who}_idle_cpu"] * 10 / figures[f"{what}s_per_s"]
    return max(0.0, figures[f"{who}_cpu_per_{what}"] - idle)


@dataclass(frozen=True)
class Estimate:
    """What a cluster of a size needs, on paper.

    Attributes:
        nodes: Of the cluster.
        pods: Of the cluster.
        pods_per_s: That are made and run.
        renewals_per_s: Of Leases.
        controller_cores: Of all controllers, for pods and Leases; what each of several spends on events of others' pods is not in it.
        replicas_by_cpu: So that each has a core.
        replicas_by_leases: So that each renews no more Leases than one has been seen to write.
        replicas: The larger of the two.
        controller_rss_mib: Of each replica, which all watch everything.
        shards: Groups of nodes, by label, with replicas of their own, so that none of these has more than `RSS_LIMIT_MIB`.
        apiserver_cores: For pods and Leases.
        apiserver_rss_mib: Of the apiserver.
    """

    nodes: int
    pods: int
    pods_per_s: float
    renewals_per_s: float
    controller_cores: float
    replicas_by_cpu: int
    replicas_by_leases: int
    replicas: int
    controller_rss_mib: float
    shards: int
    apiserver_cores: float
    apiserver_rss_mib: float


def estimate(costs: Costs, nodes: int, pods: int, pods_per_s: float) -> Estimate:
    """What so large a cluster needs, if costs go on as they have."""
    renewals = nodes / RENEWAL_S
    cores = _grown(costs.controller_idle, nodes, costs.largest) + pods_per_s * _grown(costs.controller_pod, nodes, costs.largest) / 1000
    apiserver = _grown(costs.apiserver_idle, nodes, costs.largest) + pods_per_s * _grown(costs.apiserver_pod, nodes, costs.largest) / 1000
    by_cpu, by_leases = max(1, math.ceil(cores)), max(1, math.ceil(renewals / costs.leases_per_s))
    rss = costs.controller_rss.at(nodes, pods)
    room = RSS_LIMIT_MIB - costs.controller_rss.a
    return Estimate(
        nodes=nodes,
        pods=pods,
        pods_per_s=pods_per_s,
        renewals_per_s=renewals,
        controller_cores=cores,
        replicas_by_cpu=by_cpu,
        replicas_by_leases=by_leases,
        replicas=max(by_cpu, by_leases),
        controller_rss_mib=rss,
        shards=max(1, math.ceil((rss - costs.controller_rss.a) / room)) if room > 0 else 0,
        apiserver_cores=apiserver,
        apiserver_rss_mib=costs.apiserver_rss.at(nodes, pods),
    )


def _grown(cost: Line, nodes: float, largest: float) -> float:
    """Beyond what was measured a cost that seems to fall stays as it was: that it falls is noise there."""
    return cost.at(nodes if cost.b > 0 else min(nodes, largest))
