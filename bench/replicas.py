# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several kwok-controllers that share the nodes of a cluster by Leases: throughput, take-over when one is killed, nothing played twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import LEASES, NODES, PODS
from kwok_controller.kube.watch import Change, watch

from .audit import POLICY, Writes, read
from .controller import Bed, Controller, Report, bed, telling
from .load import LEASE_NAMESPACE, Object, Stopwatch, clear, create, node, pods_on, ready_nodes, running_pods, warm_up

Figures = dict[str, Any]

TIMEOUT_S = 1200.0
NODES_APART = 10_000
"""Each round has nodes and pods of other names, so that the audit log tells them apart."""

KILLED_AT = 0.2
"""Of the second load of pods: when so many run, one controller is killed."""


class Holders:
    """Who holds the Leases, as of now."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self.changed = asyncio.Event()

    def shares(self) -> dict[str, int]:
        """How many each holds."""
        return {holder: list(self.of.values()).count(holder) for holder in sorted(set(self.of.values()))}

    async def until_without(self, holder: str) -> None:
        """Wait until none is held by ``holder``."""
        while holder in self.of.values():
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def holders(client: Client) -> AsyncIterator[Holders]:
    """Follow who holds Leases by a watch of them, which is under way when this begins."""
    found, synced = Holders(), asyncio.Event()

    async def follow() -> None:
        async with aclosing(watch(client, LEASES, namespace=LEASE_NAMESPACE)) as events:
            async for event in events:
                if event.change is Change.SYNCED:
                    synced.set()
                elif event.change is Change.DELETED:
                    found.of.pop(event.key[1], None)
                else:
                    found.of[event.key[1]] = event.object["spec"].get("holderIdentity") or ""
                found.changed.set()

    following = asyncio.create_task(follow())
    try:
        await synced.wait()
        yield found
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def run(
    work: Path, executables: Mapping[str, str], counts: Sequence[int], nodes: int, pods: int, report: Report
) -> tuple[dict[int, Figures], dict[str, list[str]]]:
    """The figures for each number of replicas; and what was not played exactly once, with when its status was written.

    Args:
        work: An empty directory.
        executables: Of the control plane, by component.
        counts: Numbers of replicas.
        nodes: That they share.
        pods: That are made on them; twice, where one of the replicas is killed.
        report: Takes lines of progress.
    """
    return asyncio.run(_run(work, executables, counts, nodes, pods, report))


async def _run(
    work: Path, executables: Mapping[str, str], counts: Sequence[int], nodes: int, pods: int, report: Report
) -> tuple[dict[int, Figures], dict[str, list[str]]]:
    figures: dict[int, Figures] = {}
    node_names: list[str] = []
    pod_names: list[str] = []
    async with bed(work, executables, kube_audit_policy=POLICY) as ground:
        for round_number, count in enumerate(counts):
            machines = [node(round_number * NODES_APART + number) for number in range(nodes)]
            loads = [pods_on(_names(machines), pods, f"round{round_number}-{part}") for part in range(2 if count > 1 else 1)]
            figures[count] = await measure(ground, count, machines, loads, report)
            node_names += _names(machines)
            pod_names += [name for load in loads for name in _names(load)]
        writes = Writes(read(ground.cluster.directory / "logs"))
    report(f"audit log: {writes.leases} writes of Leases")
    return figures, {**writes.nodes_not_once(node_names), **writes.pods_not_once(pod_names)}


def _names(items: Iterable[Object]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


async def measure(ground: Bed, count: int, machines: Sequence[Object], loads: Sequence[Sequence[Object]], report: Report) -> Figures:
    """One round: all nodes, the first load of pods; a second one, if there is one, during which a replica is killed."""
    figures: Figures = {}
    report(f"{count} replicas")
    with ground.controllers(count) as replicas:
        for replica in replicas:
            replica.start()
            await replica.until_ready(TIMEOUT_S)
        await warm_up(ground.client, TIMEOUT_S)
        async with holders(ground.client) as held, running_pods(ground.client) as running:
            async with ready_nodes(ground.client) as ready:
                watch = Stopwatch()
                await create(ground.client, NODES, machines)
                await ready.until(lambda number: number >= len(machines), TIMEOUT_S)
                figures["nodes_per_s"] = len(machines) / watch.seconds
            figures["shares"] = sorted(held.shares().values())
            report(f"  {figures['nodes_per_s']:.0f} nodes/s, shared as {figures['shares']}")
            before = [replica.process.cpu() for replica in replicas]
            watch = Stopwatch()
            async with telling(running, len(loads[0]), "pods run", report):
                await create(ground.client, PODS, loads[0])
                await running.until(lambda number: number >= len(loads[0]), TIMEOUT_S)
            figures["pods_per_s"] = len(loads[0]) / watch.seconds
            figures["cpu_per_pod"] = [
                (replica.process.cpu() - cpu) / len(loads[0]) * 1000 for replica, cpu in zip(replicas, before, strict=True)
            ]
            figures["peak_rss_mib"] = [replica.process.peak_rss() for replica in replicas]
            report(f"  {figures['pods_per_s']:.0f} pods/s")
            for load in loads[1:]:
                async with telling(running, len(loads[0]) + len(load), "pods run", report):
                    await _take_over(ground, replicas, held, running, load, figures, report)
    await clear(ground.client)
    return figures


async def _take_over(
    ground: Bed, replicas: Sequence[Controller], held: Holders, running: Any, load: Sequence[Object], figures: Figures, report: Report
) -> None:
    """Kill a replica while pods are made, and wait until the others hold its nodes and all pods run."""
    victim = replicas[0]
    total = len(running.names) + len(load)
    creating = asyncio.create_task(create(ground.client, PODS, load))
    await running.until(lambda number: number >= total - len(load) * (1 - KILLED_AT), TIMEOUT_S)
    identity = victim.identity()
    orphans = held.shares().get(identity, 0)
    victim.kill()
    watch = Stopwatch()
    report(f"  killed one with {orphans} nodes, {total - len(running.names)} pods to go")

    async def until_held() -> float:
        await held.until_without(identity)
        return watch.seconds

    taking_over = asyncio.create_task(until_held())
    await creating
    await running.until(lambda number: number >= total, TIMEOUT_S)
    figures["all_run_after_s"] = watch.seconds
    async with asyncio.timeout(TIMEOUT_S):
        figures["held_after_s"] = await taking_over
    figures["orphans"] = orphans
    report(f"  its nodes were held by others after {figures['held_after_s']:.1f} s, all pods ran after {figures['all_run_after_s']:.1f} s")


def table(figures: Mapping[int, Figures]) -> str:
    """The figures by number of replicas as text."""
    head = ("replicas", "nodes/s", "pods/s", "held after", "all run after")
    lines = ["{:>8} {:>8} {:>8} {:>11} {:>14}   of each: nodes; CPU per pod, ms; peak RSS, MiB".format(*head)]
    for count, found in figures.items():
        after = (f"{found[key]:.1f} s" if key in found else "" for key in ("held_after_s", "all_run_after_s"))
        each = "; ".join(", ".join(f"{value:.3g}" for value in found[key]) for key in ("shares", "cpu_per_pod", "peak_rss_mib"))
        rates = (f"{found[key]:.0f}" for key in ("nodes_per_s", "pods_per_s"))
        lines.append("{:>8} {:>8} {:>8} {:>11} {:>14}   {}".format(count, *rates, *after, each))
    return "\n".join(lines)
