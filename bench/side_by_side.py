# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kwok-controller, the Go kwok and the merge-patch loop, in turn, on one apiserver: rates, CPU and memory, as ratios."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kwok_controller.kube import connection
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import NODES, PODS

from . import players
from .cluster import Cluster, prepare, running_cluster, settle, token
from .load import NAMESPACE, Stopwatch, clear, counting, create, delete_pods, node, pod, ready_nodes, running_pods, warm_up
from .peer import build
from .players import CONTROLLER, GO_KWOK, LOOP, Player
from .ports import free_port

Figures = dict[str, float]
Report = Callable[[str], None]

TIMEOUT_S = 1200.0


@dataclass(frozen=True)
class Size:
    """Of the load.

    Attributes:
        nodes: created live.
        pods: created live on them.
        restart_nodes: there are when the player is started again.
        restart_pods: wait for it then.
        idle_s: seconds for which the player is watched while nothing happens.
    """

    nodes: int = 1000
    pods: int = 5000
    restart_nodes: int = 500
    restart_pods: int = 2000
    idle_s: float = 60.0


@dataclass(frozen=True)
class Goal:
    """A ratio to be reached.

    Attributes:
        title: What it says of kwok-controller.
        figure: Which figure.
        to: Of which other player.
        inverted: The figure is a time or a cost per piece: the ratio is that of its inverse.
        least: To be at least this.
        most: To be at most this.
    """

    title: str
    figure: str
    to: str
    inverted: bool = False
    least: float | None = None
    most: float | None = None

    def ratio(self, figures: Mapping[str, Figures]) -> float:
        """Of the figures of the players."""
        ratio = figures[CONTROLLER][self.figure] / figures[self.to][self.figure]
        return 1 / ratio if self.inverted else ratio

    def met(self, ratio: float) -> bool:
        """Whether it is reached."""
        return (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)

    def __str__(self) -> str:
        return f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"


GOALS: Sequence[Goal] = (
    Goal("nodes Ready per second", "nodes_per_s", GO_KWOK, least=3.0),
    Goal("pods Running per second", "pods_per_s", GO_KWOK, least=1.7),
    Goal("pods deleted per second", "deleted_per_s", GO_KWOK, least=1.6),
    Goal("restart: pods Running per second", "restart_s", GO_KWOK, inverted=True, least=25.0),
    Goal("CPU of the controller", "cpu_s", GO_KWOK, most=0.25),
    Goal("memory of the controller (peak RSS)", "peak_rss_mib", GO_KWOK, most=1 / 3),
    Goal("CPU of the controller when idle", "idle_cpu", GO_KWOK, most=0.2),
    Goal("pods Running per second", "pods_per_s", LOOP, least=1.1),
    Goal("apiserver's CPU per pod", "apiserver_cpu_per_pod", LOOP, most=0.75),
)

FIGURES: Mapping[str, str] = {
    "nodes_per_s": "nodes Ready per second",
    "pods_per_s": "pods Running per second",
    "deleted_per_s": "pods deleted per second",
    "restart_s": "restart: seconds until all pods run",
    "cpu_s": "CPU of the player, nodes, pods and deletion, s",
    "cpu_per_node": "CPU of the player per node, ms",
    "cpu_per_pod": "CPU of the player per pod, ms",
    "peak_rss_mib": "memory of the player, peak RSS, MiB",
    "idle_cpu": "CPU of the player when idle, % of a core",
    "idle_apiserver_cpu": "CPU of the apiserver meanwhile, % of a core",
    "apiserver_cpu_per_node": "CPU of the apiserver per node, ms",
    "apiserver_cpu_per_pod": "CPU of the apiserver per pod, ms",
    "apiserver_cpu_per_deletion": "CPU of the apiserver per pod deleted, ms",
}


def run(
    work: Path, executables: Mapping[str, str], cache: Path, names: Sequence[str], size: Size, rounds: int, report: Report
) -> dict[str, Figures]:
    """Each player's figures: the medians of its rounds.

    Args:
        work: An empty directory.
        executables: Of the control plane, by component.
        cache: Where the peer is built.
        names: Which players.
        size: Of the load.
        rounds: So many times each, in turn.
        report: Takes lines of progress.
    """
    return asyncio.run(_run(work, executables, cache, names, size, rounds, report))


async def _run(
    work: Path, executables: Mapping[str, str], cache: Path, names: Sequence[str], size: Size, rounds: int, report: Report
) -> dict[str, Figures]:
    peer = build("kwok", cache) if GO_KWOK in names else Path()
    stages = work / "stages.yaml"
    players.write_stages(stages)
    taken: dict[str, list[Figures]] = {name: [] for name in names}
    with running_cluster(work / "cluster", executables) as cluster:
        async with cluster.client() as administrator:
            await prepare(administrator)
            ours = cluster.kubeconfig_with("token", {"token": await token(administrator)})
        port = free_port()
        known = {
            GO_KWOK: players.go_kwok(peer, cluster.kubeconfig, stages, port),
            CONTROLLER: players.kwok_controller(ours, stages, port),
            LOOP: players.merge_patch_loop(cluster.kubeconfig),
        }
        # The load is the same for all, and to cost as little as it can.
        async with Client(connection.load(ours)) as client:
            for number in range(rounds):
                for name in names:
                    figures = await measure(cluster, client, known[name], size, work / f"{name}.log".replace(" ", "-"), report)
                    taken[name].append(figures)
                    report(f"{name}, round {number + 1}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))
    return {name: {key: statistics.median(each[key] for each in found) for key in found[0]} for name, found in taken.items() if found}


async def measure(cluster: Cluster, client: Client, player: Player, size: Size, log: Path, report: Report) -> Figures:
    """One round of one player, from an empty cluster to an empty cluster."""
    figures: Figures = {}
    await settle(cluster)
    with player.playing(log) as process:
        await warm_up(client, TIMEOUT_S)
        before, apiserver_before = process.cpu(), cluster.cpu()
        async with ready_nodes(client) as ready:
            watch = Stopwatch()
            await create(client, NODES, map(node, range(size.nodes)))
            await ready.until(lambda count: count >= size.nodes, TIMEOUT_S)
            figures["nodes_per_s"] = size.nodes / watch.seconds
        report(f"{player.name}: {figures['nodes_per_s']:.0f} nodes/s")
        cpu, apiserver = process.cpu(), cluster.cpu()
        figures["cpu_per_node"] = (cpu - before) / size.nodes * 1000
        figures["apiserver_cpu_per_node"] = (apiserver - apiserver_before) / size.nodes * 1000
        async with running_pods(client) as running:
            watch = Stopwatch()
            await create(client, PODS, (pod(number, size.nodes) for number in range(size.pods)))
            await running.until(lambda count: count >= size.pods, TIMEOUT_S)
            figures["pods_per_s"] = size.pods / watch.seconds
        report(f"{player.name}: {figures['pods_per_s']:.0f} pods/s")
        figures["cpu_per_pod"] = (process.cpu() - cpu) / size.pods * 1000
        figures["apiserver_cpu_per_pod"] = (cluster.cpu() - apiserver) / size.pods * 1000
        if size.idle_s:
            # What the load left behind is to be over.
            await asyncio.sleep(5)
            cpu, apiserver, watch = process.cpu(), cluster.cpu(), Stopwatch()
            await asyncio.sleep(size.idle_s)
            figures["idle_cpu"] = (process.cpu() - cpu) / watch.seconds * 100
            figures["idle_apiserver_cpu"] = (cluster.cpu() - apiserver) / watch.seconds * 100
            before += process.cpu() - cpu
        apiserver = cluster.cpu()
        async with counting(client, PODS, NAMESPACE, lambda item: True) as there:
            watch = Stopwatch()
            await delete_pods(client, list(there.names))
            await there.until(lambda count: not count, TIMEOUT_S)
            figures["deleted_per_s"] = size.pods / watch.seconds
        report(f"{player.name}: {figures['deleted_per_s']:.0f} pods deleted/s")
        figures["apiserver_cpu_per_deletion"] = (cluster.cpu() - apiserver) / size.pods * 1000
        figures["cpu_s"] = process.cpu() - before
        figures["peak_rss_mib"] = process.peak_rss()
    await clear(client)
    if size.restart_pods:
        await settle(cluster)
        figures["restart_s"] = await _restart(client, player, size, log)
        report(f"{player.name}: all pods run {figures['restart_s']:.1f} s after a restart")
        await clear(client)
    return figures


async def _restart(client: Client, player: Player, size: Size, log: Path) -> float:
    with player.playing(log):
        async with ready_nodes(client) as ready:
            await create(client, NODES, map(node, range(size.restart_nodes)))
            await ready.until(lambda count: count >= size.restart_nodes, TIMEOUT_S)
    await create(client, PODS, (pod(number, size.restart_nodes) for number in range(size.restart_pods)))
    async with running_pods(client) as running:
        watch = Stopwatch()
        with player.playing(log):
            await running.until(lambda count: count >= size.restart_pods, TIMEOUT_S)
            return watch.seconds


def table(figures: Mapping[str, Figures]) -> str:
    """The figures of the players, and the ratios with their goals, as text."""
    lines = [f"{'':52}" + "".join(f"{name:>18}" for name in figures)]
    for key, title in FIGURES.items():
        if any(key in found for found in figures.values()):
            lines.append(f"{title:52}" + "".join(f"{found[key]:18.4g}" if key in found else f"{'':18}" for found in figures.values()))
    lines += ["", f"{'kwok-controller':40} {'to':>18} {'ratio':>8} {'goal':>9}"]
    for goal, ratio in ratios(figures):
        lines.append(f"{goal.title:40} {goal.to:>18} {ratio:8.2f} {goal!s:>9}{'' if goal.met(ratio) else '   MISSED'}")
    return "\n".join(lines)


def ratios(figures: Mapping[str, Figures], goals: Sequence[Goal] = GOALS) -> list[tuple[Goal, float]]:
    """Each goal with what is reached, of those players that were measured; a figure of 0 is too small to have a ratio."""
    return [
        (goal, goal.ratio(figures))
        for goal in goals
        if figures.get(CONTROLLER, {}).get(goal.figure) and figures.get(goal.to, {}).get(goal.figure)
    ]
