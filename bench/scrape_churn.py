# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kwok-controller scraped as Prometheus does, every node once per interval, while pods are made and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kwok_controller.kube.resources import NODES, PODS

from .churn import Sample, churn, greatest_rate
from .controller import Bed, Controller, Report, bed
from .load import create, node, pod, ready_nodes, running_pods
from .players import CONTROLLER, LEASE_SECONDS
from .scrape import Figures, checked, cost_of_a_scrape, headers, paths, pods_by_node, scraped, write_config
from .scrape_answers import RISING
from .scrape_client import LATE_S, TIMEOUT_S, Job

WAIT_S = 3600.0
BEFORE_S = 60.0
"""For which pods churn at most before the first scrape: what that takes is not the scrapes'."""

CONNECTIONS = 32
LATE_SHARE = 0.01
"""Of the scrapes may be late."""

FIGURES: Mapping[str, str] = {
    "scrapes": "scrapes answered",
    "scrapes_per_s": "scrapes per second",
    "failed": f"scrapes that failed, or took {TIMEOUT_S:g} s (goal 0)",
    "late": f"scrapes that came {LATE_S:g} s or more after they were due (goal <= {LATE_SHARE:.0%})",
    "bytes": "bytes per answer",
    "p50_ms": "latency, median, ms",
    "p99_ms": "latency, 99th percentile, ms",
    "max_ms": "latency, greatest, ms",
    "cpu_before": "CPU of the controller before the first scrape, % of a core",
    "cpu_scraped": "CPU of the controller while it is scraped, % of a core",
    "cpu_scrapes": "of this the scrapes' share, by difference, % of a core",
    "cpu_per_scrape_ms": "CPU of the controller per scrape, ms",
    "client_cpu": "CPU of the client, % of a core",
    "rss_mib": "memory of the controller, greatest RSS, MiB",
    "lease_lag_s": f"oldest renewal of a Lease that is held, s (goal < {LEASE_SECONDS})",
    "queue_age_s": "age of the oldest job that was due, greatest, s",
    "behind_s": "how late the churn was, greatest, s",
}


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        nodes: Each is scraped.
        pods: That there are all the time.
        every_s: Between two scrapes of a node.
        minutes: For which nodes are scraped.
        rate: So many pods are made, and as many deleted, per second; None: half of what is possible.
    """

    nodes: int
    pods: int
    every_s: float
    minutes: float
    rate: float | None


@dataclass(frozen=True)
class Found:
    """What was measured.

    Attributes:
        rate: Pods made, and deleted, per second.
        cpu_per_pod_ms: Of the controller, for a pod from its creation until it runs.
        figures: See `FIGURES`.
        errors: What scrapes failed of, and how often.
        samples: Of the churn.
    """

    rate: float
    cpu_per_pod_ms: float
    figures: Figures
    errors: Mapping[str, int]
    samples: Sequence[Sample]


def run(work: Path, executables: Mapping[str, str], plan: Plan, report: Report) -> Found:
    """Measure.

    Args:
        work: An empty directory.
        executables: Of the control plane, by component.
        plan: Sizes and times.
        report: Takes lines of progress.

    Raises:
        RuntimeError: The controller answers something wrong, or does not answer.
    """
    return asyncio.run(_run(work, executables, plan, report))


async def _run(work: Path, executables: Mapping[str, str], plan: Plan, report: Report) -> Found:
    async with bed(work, executables) as ground:
        config = work / "scraped.yaml"
        write_config(config, ground.stages, RISING)
        controller = Controller(ground.kubeconfig, config, work / "controller.log", "--insecure")
        controller.start()
        try:
            await controller.until_ready(WAIT_S)
            cost = await _populate(ground, controller, plan, report)
            created = await pods_by_node(ground.client)
            await checked(_job(controller, plan), RISING, plan.nodes, created, CONTROLLER)
            report("all answers are there, and those that were compared are right")
            rate = plan.rate or await greatest_rate(ground, plan.nodes, plan.pods) / 2
            return await _scrape(ground, controller, plan, rate, cost, report)
        finally:
            controller.stop()


async def _populate(ground: Bed, controller: Controller, plan: Plan, report: Report) -> float:
    """All nodes and pods; what a pod took of the controller's CPU, in ms."""
    async with ready_nodes(ground.client) as ready:
        await create(ground.client, NODES, map(node, range(plan.nodes)))
        await ready.until(lambda count: count >= plan.nodes, WAIT_S)
    report(f"{plan.nodes} nodes are Ready")
    cpu = controller.process.cpu()
    async with running_pods(ground.client) as running:
        await create(ground.client, PODS, (pod(number, plan.nodes, "churn") for number in range(plan.pods)))
        await running.until(lambda count: count >= plan.pods, WAIT_S)
    cost = (controller.process.cpu() - cpu) / plan.pods * 1000
    report(f"{plan.pods} pods run, {cost:.2f} ms of CPU each")
    return cost


async def _scrape(ground: Bed, controller: Controller, plan: Plan, rate: float, cost: float, report: Report) -> Found:
    seconds = plan.minutes * 60
    before_s = min(BEFORE_S, seconds / 4)
    report(f"{rate:g} pods made and deleted per second; after {before_s:g} s {plan.nodes / plan.every_s:.4g} scrapes per second")
    async with asyncio.TaskGroup() as tasks:
        churning = tasks.create_task(churn(ground, controller, plan.nodes, plan.pods, before_s + seconds, rate, report))
        cpu = controller.process.cpu()
        await asyncio.sleep(before_s)
        before = (controller.process.cpu() - cpu) / before_s
        cpu = controller.process.cpu()
        seen = await scraped(_job(controller, plan))
        during = (controller.process.cpu() - cpu) / seen["seconds"]
    samples = churning.result()
    answered = max(1, seen["scrapes"])
    figures = {
        "scrapes": seen["scrapes"],
        "scrapes_per_s": seen["scrapes"] / seen["seconds"],
        "failed": seen["failed"],
        "late": seen["late"],
        "bytes": seen["bytes"] / answered,
        **{key: seen[key] for key in ("p50_ms", "p99_ms", "max_ms")},
        "cpu_before": before * 100,
        "cpu_scraped": during * 100,
        "cpu_scrapes": (during - before) * 100,
        "cpu_per_scrape_ms": (during - before) * seen["seconds"] / answered * 1000,
        "client_cpu": seen["cpu_s"] / seen["seconds"] * 100,
        **{series: max(sample[series] for sample in samples) for series in ("rss_mib", "lease_lag_s", "queue_age_s", "behind_s")},
    }
    return Found(rate, cost, figures, seen["errors"], samples)


def _job(controller: Controller, plan: Plan) -> Job:
    return Job("127.0.0.1", controller.port, paths(plan.nodes), headers(gzip=True), CONNECTIONS, plan.minutes * 60, plan.every_s)


def met(found: Found) -> bool:
    """Whether every scrape was answered, nearly all in time, and no Lease ever ran out."""
    figures = found.figures
    late = figures["late"] > LATE_SHARE * figures["scrapes"]
    return bool(figures["scrapes"]) and not figures["failed"] and not late and figures["lease_lag_s"] < LEASE_SECONDS


def table(found: Found, plan: Plan) -> str:
    """The figures as text."""
    lines = [f"{plan.nodes} nodes, {plan.pods} pods, {found.rate:g} made and deleted per second, usage: {RISING.name}"]
    lines += [f"{title:75}{found.figures[key]:>12.4g}" for key, title in FIGURES.items()]
    lines += [f"failed: {times} times {reason}" for reason, times in found.errors.items()]
    lines.append(cost_of_a_scrape(found.figures["cpu_per_scrape_ms"], plan.pods / plan.nodes, found.cpu_per_pod_ms))
    return "\n".join([*lines, "met" if met(found) else "MISSED"])
