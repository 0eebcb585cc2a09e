# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kwok-controller alone, on clusters of several sizes: rates, costs per node and per pod, Leases, restarts, and how all of it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kwok_controller.kube.resources import NODES, PODS

from . import fit, metrics
from .controller import Bed, Controller, Report, bed, oldest_lease, telling
from .load import Stopwatch, create, node, pod, ready_nodes, running_pods, warm_up
from .players import LEASE_SECONDS

Figures = dict[str, float]

TIMEOUT_S = 3600.0
SAMPLE_S = 2.0
SETTLE_S = 5.0
"""Until what a load leaves behind is over."""

PENDING_SHARE = 0.1
"""Of the pods: so many more wait when the controller is started for the last time."""

PROCESSES = {
    "controller": "controller",
    "apiserver": "kube-apiserver",
    "etcd": "etcd",
    "controller_manager": "kube-controller-manager",
}
"""Whose CPU is counted, and what they are called."""

SIZES = ("500:5000", "1000:5000", "2000:10000", "5000:50000")
ON_PAPER = ((15_000, 100.0), (15_000, 1000.0), (130_000, 100.0), (130_000, 1000.0))
"""Nodes, and pods made per second."""
PODS_PER_NODE = 10


@dataclass(frozen=True)
class Size:
    """Of a cluster."""

    nodes: int
    pods: int


def parse_size(text: str) -> Size:
    """``NODES:PODS``.

    Raises:
        ValueError: It is not that.
    """
    nodes, colon, pods = text.partition(":")
    if not colon or not nodes.isdecimal() or not pods.isdecimal() or not int(nodes) or not int(pods):
        raise ValueError(f"{text!r} is no size: give NODES:PODS, such as 1000:5000")
    return Size(int(nodes), int(pods))


FIGURES: Mapping[str, str] = {
    "nodes": "nodes",
    "pods": "pods",
    "nodes_per_s": "nodes Ready per second",
    "pods_per_s": "pods Running per second",
    **{f"{key}_cpu_per_node": f"CPU of {name} per node, ms" for key, name in PROCESSES.items()},
    **{f"{key}_cpu_per_pod": f"CPU of {name} per pod, ms" for key, name in PROCESSES.items()},
    "received_per_node": "received by the controller per node, KiB",
    "sent_per_node": "sent by the controller per node, KiB",
    "received_per_pod": "received by the controller per pod, KiB",
    "sent_per_pod": "sent by the controller per pod, KiB",
    **{f"{key}_idle_cpu": f"CPU of {name} when idle, % of a core" for key, name in PROCESSES.items()},
    "controller_rss_mib": "memory of the controller at rest, RSS, MiB",
    "controller_peak_rss_mib": "memory of the controller, peak RSS, MiB",
    "apiserver_rss_mib": "memory of kube-apiserver at rest, RSS, MiB",
    "restart_answers_s": "started again after SIGKILL: seconds until its server answers",
    "restart_ready_s": "seconds until /readyz says ok",
    "restart_list_s": "seconds between the two: all is listed",
    "restart_cpu_s": "CPU of the controller until then, s",
    "restart_peak_rss_mib": "memory of the controller by then, peak RSS, MiB",
    "takeover_s": "seconds after SIGKILL until all Leases are held again",
    "pending": "stopped, and started with so many pods pending",
    "recovery_ready_s": "seconds until /readyz says ok",
    "recovery_s": "seconds until all pods run",
    "recovery_pods_per_s": "pods Running per second meanwhile",
    "lease_lag_s": f"oldest renewal of a Lease that is held, at any time, s of {LEASE_SECONDS}",
    "lease_age_nodes_s": "oldest renewal as the apiserver has it: after the nodes, s",
    "lease_age_pods_s": "after the pods, s",
    "lease_age_idle_s": "after the idle time, s",
    "lease_age_takeover_s": "after the take-over, s",
    "lease_age_recovery_s": "after the recovery, s",
}


def run(work: Path, executables: Mapping[str, str], sizes: Sequence[Size], idle_s: float, report: Report, found: list[Figures]) -> None:
    """Measure each size.

    Args:
        work: An empty directory.
        executables: Of the control plane, by component.
        sizes: Of the clusters, one after the other.
        idle_s: Seconds for which each is watched while nothing happens.
        report: Takes lines of progress.
        found: Takes the figures of each size as soon as they are there.
    """

    async def measure_all() -> None:
        for size in sizes:
            report(f"{size.nodes} nodes, {size.pods} pods")
            async with bed(work / f"{size.nodes}-{size.pods}", executables) as ground:
                found.append(await measure(ground, size, idle_s, report))

    asyncio.run(measure_all())


async def measure(ground: Bed, size: Size, idle_s: float, report: Report) -> Figures:
    """All figures of one size, on an empty cluster."""
    figures: Figures = {"nodes": size.nodes, "pods": size.pods, "lease_lag_s": 0.0}

    def note_lag(found: metrics.Metrics) -> None:
        figures["lease_lag_s"] = max(figures["lease_lag_s"], found.get(metrics.LEASE_LAG, 0.0))

    async def note_age(phase: str) -> None:
        age = figures[f"lease_age_{phase}_s"] = await oldest_lease(ground.client)
        report(f"  oldest Lease {age:.1f} s, oldest seen so far by the controller {figures['lease_lag_s']:.1f} s")

    with ground.controllers() as (controller,):
        controller.start()
        await controller.until_ready(TIMEOUT_S)
        await warm_up(ground.client, TIMEOUT_S)
        async with metrics.sampling(controller.port, SAMPLE_S, note_lag):
            await _live(ground, controller, size, figures, report, note_age)
            await _idle(ground, controller, idle_s, figures, report)
            await note_age("idle")
            await _restart(controller, size, figures, report)
            await note_age("takeover")
            await _recover(ground, controller, size, figures, report)
            await note_age("recovery")
    return figures


async def _live(ground: Bed, controller: Controller, size: Size, figures: Figures, report: Report, note_age: Any) -> None:
    """Make all nodes, and then all pods."""
    async with ready_nodes(ground.client) as ready, _costs(ground, controller, "node", size.nodes, figures):
        watch = Stopwatch()
        async with telling(ready, size.nodes, "nodes are Ready", report):
            await create(ground.client, NODES, map(node, range(size.nodes)))
            await ready.until(lambda count: count >= size.nodes, TIMEOUT_S)
        figures["nodes_per_s"] = size.nodes / watch.seconds
    report(f"  {figures['nodes_per_s']:.0f} nodes/s")
    await note_age("nodes")
    async with running_pods(ground.client) as running, _costs(ground, controller, "pod", size.pods, figures):
        watch = Stopwatch()
        async with telling(running, size.pods, "pods run", report):
            await create(ground.client, PODS, (pod(number, size.nodes) for number in range(size.pods)))
            await running.until(lambda count: count >= size.pods, TIMEOUT_S)
        figures["pods_per_s"] = size.pods / watch.seconds
    report(f"  {figures['pods_per_s']:.0f} pods/s")
    await note_age("pods")


async def _idle(ground: Bed, controller: Controller, idle_s: float, figures: Figures, report: Report) -> None:
    await asyncio.sleep(SETTLE_S)
    before, watch = _usage(ground, controller), Stopwatch()
    await asyncio.sleep(idle_s)
    after = _usage(ground, controller)
    for key in PROCESSES:
        figures[f"{key}_idle_cpu"] = (after[key] - before[key]) / watch.seconds * 100
    figures["controller_rss_mib"] = controller.process.rss()
    figures["controller_peak_rss_mib"] = controller.process.peak_rss()
    figures["apiserver_rss_mib"] = ground.cluster.rss()
    report(
        f"  idle: controller {figures['controller_idle_cpu']:.1f} %, apiserver {figures['apiserver_idle_cpu']:.1f} % of a core; "
        f"RSS {figures['controller_rss_mib']:.0f} and {figures['apiserver_rss_mib']:.0f} MiB"
    )


async def _restart(controller: Controller, size: Size, figures: Figures, report: Report) -> None:
    """Kill it and start it with all that there is: its Leases have to run out before they are held again."""
    watch = Stopwatch()
    controller.kill()
    controller.start()
    answers, ready = await controller.until_ready(TIMEOUT_S)
    figures |= {
        "restart_answers_s": answers,
        "restart_ready_s": ready,
        "restart_list_s": ready - answers,
        "restart_cpu_s": controller.process.cpu(),
        "restart_peak_rss_mib": controller.process.peak_rss(),
    }
    report(f"  ready {ready:.1f} s after a restart, {figures['restart_peak_rss_mib']:.0f} MiB")
    async with asyncio.timeout(TIMEOUT_S):
        while (await metrics.scrape(controller.port)).get(metrics.LEASES_HELD, 0.0) < size.nodes:
            await asyncio.sleep(0.25)
    figures["takeover_s"] = watch.seconds
    report(f"  all Leases held {figures['takeover_s']:.1f} s after SIGKILL")


async def _recover(ground: Bed, controller: Controller, size: Size, figures: Figures, report: Report) -> None:
    """Stop it, and start it when pods have been made meanwhile."""
    pending = max(1, int(size.pods * PENDING_SHARE))
    figures["pending"] = pending
    controller.stop()
    await create(ground.client, PODS, (pod(number, size.nodes, "late") for number in range(pending)))
    async with running_pods(ground.client) as running:
        watch = Stopwatch()
        controller.start()
        _answers, figures["recovery_ready_s"] = await controller.until_ready(TIMEOUT_S)
        async with telling(running, size.pods + pending, "pods run", report):
            await running.until(lambda count: count >= size.pods + pending, TIMEOUT_S)
        figures["recovery_s"] = watch.seconds
    figures["recovery_pods_per_s"] = pending / figures["recovery_s"]
    report(f"  {pending} pending pods run {figures['recovery_s']:.1f} s after a restart")


@asynccontextmanager
async def _costs(ground: Bed, controller: Controller, what: str, count: int, figures: Figures) -> AsyncIterator[None]:
    """Note what each of ``count`` nodes or pods cost that are made meanwhile."""
    before = _usage(ground, controller)
    yield
    after = _usage(ground, controller)
    for key in PROCESSES:
        figures[f"{key}_cpu_per_{what}"] = (after[key] - before[key]) / count * 1000
    for key in ("received", "sent"):
        figures[f"{key}_per_{what}"] = (after[key] - before[key]) / count / 1024


def _usage(ground: Bed, controller: Controller) -> dict[str, float]:
    """Seconds of CPU of all, and bytes that the controller has read and written: of its connections, and little else (proc(5), io)."""
    used = {key: ground.cluster.cpu(name) for key, name in PROCESSES.items() if key != "controller"}
    pid = controller.process.pid
    io = dict(entry.split(": ") for entry in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines())
    return {**used, "controller": controller.process.cpu(), "received": float(io["rchar"]), "sent": float(io["wchar"])}


def met(found: Sequence[Figures]) -> bool:
    """Whether no Lease was ever older than its duration."""
    ages = [value for figures in found for key, value in figures.items() if key.startswith("lease_")]
    return max(ages) < LEASE_SECONDS


def on_paper(found: Sequence[Figures]) -> tuple[fit.Costs, list[fit.Estimate]]:
    """How costs grow, and what larger clusters need.

    Raises:
        fit.NoFit: The sizes that were measured are too few, or too alike.
    """
    costs = fit.costs(found)
    return costs, [fit.estimate(costs, nodes, nodes * PODS_PER_NODE, rate) for nodes, rate in ON_PAPER]


def table(found: Sequence[Figures]) -> str:
    """The figures of all sizes as text."""
    return "\n".join(f"{title:75}" + "".join(f"{figures[key]:>10.4g}" for figures in found) for key, title in FIGURES.items())


def paper_table(costs: fit.Costs, estimates: Sequence[fit.Estimate]) -> str:
    """The fits and the estimates as text."""
    titles = {
        "controller_rss": "memory of the controller, MiB",
        "apiserver_rss": "memory of kube-apiserver, MiB",
        "controller_idle": "controller when idle, cores",
        "apiserver_idle": "kube-apiserver when idle, cores",
        "controller_node": "controller per node, ms",
        "apiserver_node": "kube-apiserver per node, ms",
        "controller_pod": "controller per pod, ms",
        "apiserver_pod": "kube-apiserver per pod, ms",
    }
    rows = {
        "nodes": "on paper: nodes",
        "pods": "pods",
        "pods_per_s": "pods made per second",
        "renewals_per_s": "renewals of Leases per second",
        "controller_cores": "cores of all controllers",
        "replicas_by_cpu": "replicas with a core each",
        "replicas_by_leases": "replicas by renewals of Leases",
        "controller_rss_mib": "memory of each, MiB",
        "shards": f"shards of at most {fit.RSS_LIMIT_MIB:g} MiB each",
        "apiserver_cores": "cores of kube-apiserver",
        "apiserver_rss_mib": "memory of kube-apiserver, MiB",
    }
    lines = [f"{title:40} {getattr(costs, name)}" for name, title in titles.items()]
    lines += ["", *(f"{title:40}" + "".join(f"{getattr(each, name):>12,.6g}" for each in estimates) for name, title in rows.items())]
    return "\n".join(lines)
