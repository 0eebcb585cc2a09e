# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kwok-controller under churn for a long time: pods made and deleted at a part of the greatest rate, and what grows meanwhile."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kwok_controller.kube.client import METADATA_ONLY
from kwok_controller.kube.resources import NODES, PODS

from . import fit, metrics
from .controller import Bed, Controller, Report, bed
from .load import NAMESPACE, REQUESTS, Stopwatch, counting, create, delete_pods, each, node, pod, ready_nodes, running_pods
from .players import LEASE_SECONDS

TIMEOUT_S = 1200.0
SAMPLE_S = 10.0
SAMPLES_LEAST = 20
"""Short runs are sampled more often, so that there are tenths of them."""

BURST = 2000
"""Pods at most, of which the greatest rate is found; no more than there are all the time."""

HALF = "half"
RSS_GROWTH = 1.05
"""Of the mean of the last tenth to that of the second one, at most."""

QUEUE_RISE_S = 1.0
"""By which the age of the oldest job may seem to rise from the beginning to the end, along the line of least squares."""

Sample = Mapping[str, float]
"""Of one moment: ``at_s`` since the churn began, ``rss_mib``, ``cpu`` (% of a core since the sample before), ``queue_age_s``,
``queue_due``, ``lease_lag_s``, ``behind_s`` (how late the load is), ``requests_s`` (what its last two requests took: how slow the
apiserver is) and ``apiserver_rss_mib``."""


@dataclass(frozen=True)
class Verdict:
    """What the samples say.

    Attributes:
        rss_slope: MiB per hour, of all samples.
        rss_slope_late: MiB per hour, of the second half.
        rss_growth: Mean of the last tenth to that of the second.
        queue_rise_s: From the beginning to the end, along the line of least squares.
        most: The greatest value of each series.
        met: Whether memory and queue are flat, and no Lease ever ran out.
    """

    rss_slope: float
    rss_slope_late: float
    rss_growth: float
    queue_rise_s: float
    most: Mapping[str, float]

    @property
    def met(self) -> bool:
        return self.rss_growth <= RSS_GROWTH and self.queue_rise_s <= QUEUE_RISE_S and self.most["lease_lag_s"] < LEASE_SECONDS


def judge(samples: Sequence[Sample]) -> Verdict:
    """The verdict on a run.

    Raises:
        ValueError: There are too few samples for tenths of them.
    """
    if len(samples) < 10:
        raise ValueError(f"{len(samples)} samples are too few for tenths: 10 are needed")
    rss = [(sample["at_s"], sample["rss_mib"]) for sample in samples]
    tenth = len(samples) // 10
    queue = fit.line([(sample["at_s"], sample["queue_age_s"]) for sample in samples])
    return Verdict(
        rss_slope=fit.line(rss).b * 3600,
        rss_slope_late=fit.line(rss[len(rss) // 2 :]).b * 3600,
        rss_growth=statistics.fmean(value for _time, value in rss[-tenth:])
        / statistics.fmean(value for _time, value in rss[tenth : 2 * tenth]),
        queue_rise_s=queue.b * (samples[-1]["at_s"] - samples[0]["at_s"]),
        most={series: max(sample[series] for sample in samples) for series in samples[0]},
    )


def parse_rate(text: str) -> float | None:
    """Pods per second; None: half of the greatest rate.

    Raises:
        ValueError: It is neither.
    """
    if text == HALF:
        return None
    rate = float(text)
    if not 0 < rate < 100_000:
        raise ValueError(f"{text} pods per second cannot be: give a number above 0, or {HALF}")
    return rate


def run(
    work: Path, executables: Mapping[str, str], nodes: int, pods: int, minutes: float, rate: float | None, report: Report
) -> tuple[list[Sample], dict[str, float]]:
    """The samples, and the rates: the greatest one, if it was looked for, and that of the churn.

    Args:
        work: An empty directory.
        executables: Of the control plane, by component.
        nodes: On which pods run.
        pods: That there are all the time.
        minutes: How long.
        rate: So many pods are made, and as many deleted, per second; None: half of what is possible.
        report: Takes lines of progress.
    """
    return asyncio.run(_run(work, executables, nodes, pods, minutes, rate, report))


async def _run(
    work: Path, executables: Mapping[str, str], nodes: int, pods: int, minutes: float, rate: float | None, report: Report
) -> tuple[list[Sample], dict[str, float]]:
    rates: dict[str, float] = {}
    async with bed(work, executables) as ground:
        with ground.controllers() as (controller,):
            controller.start()
            await controller.until_ready(TIMEOUT_S)
            async with ready_nodes(ground.client) as ready:
                await create(ground.client, NODES, map(node, range(nodes)))
                await ready.until(lambda count: count >= nodes, TIMEOUT_S)
            report(f"{nodes} nodes are Ready")
            async with running_pods(ground.client) as running:
                await create(ground.client, PODS, (pod(number, nodes, "churn") for number in range(pods)))
                await running.until(lambda count: count >= pods, TIMEOUT_S)
            report(f"{pods} pods run")
            if rate is None:
                rates["greatest"] = await greatest_rate(ground, nodes, pods)
                rate = rates["greatest"] / 2
            rates["churn"] = rate
            report(f"{rate:.1f} pods made and deleted per second for {minutes:g} min")
            samples = await churn(ground, controller, nodes, pods, minutes * 60, rate, report)
    return samples, rates


async def greatest_rate(ground: Bed, nodes: int, pods: int) -> float:
    """Pods that can be made, run and be deleted in a second, while there are ``pods`` others."""
    burst = [pod(number, nodes, "burst") for number in range(min(BURST, pods))]
    async with counting(ground.client, PODS, NAMESPACE, lambda item: True) as there, running_pods(ground.client) as running:
        watch = Stopwatch()
        await create(ground.client, PODS, burst)
        await running.until(lambda count: count >= pods + len(burst), TIMEOUT_S)
        await delete_pods(ground.client, [item["metadata"]["name"] for item in burst])
        await there.until(lambda count: count <= pods, TIMEOUT_S)
        return len(burst) / watch.seconds


async def churn(ground: Bed, controller: Controller, nodes: int, pods: int, seconds: float, rate: float, report: Report) -> list[Sample]:
    """Make a pod and delete the oldest one, again and again; the samples of that time."""
    watch = Stopwatch()
    samples: list[Sample] = []
    behind = requests = 0.0

    async def exchange(number: int) -> None:
        nonlocal behind, requests
        due = number / rate
        await asyncio.sleep(max(0.0, due - watch.seconds))
        behind = watch.seconds - due
        controller.check()
        if watch.seconds > seconds:
            return
        await ground.client.create(PODS, NAMESPACE, pod(number + pods, nodes, "churn"), accept=METADATA_ONLY)
        await ground.client.delete(PODS, NAMESPACE, pod(number, nodes, "churn")["metadata"]["name"])
        requests = watch.seconds - due - behind

    def sample(found: metrics.Metrics) -> None:
        at, used = watch.seconds, controller.process.cpu()
        before, used_before = (samples[-1]["at_s"], samples[-1]["cpu_s"]) if samples else (0.0, cpu)
        samples.append(
            {
                "at_s": at,
                "rss_mib": controller.process.rss(),
                "cpu_s": used,
                "cpu": (used - used_before) / (at - before) * 100,
                "queue_age_s": found[metrics.QUEUE_AGE],
                "queue_due": sum(found[series] for series in metrics.QUEUE_DUE),
                "lease_lag_s": found[metrics.LEASE_LAG],
                "behind_s": behind,
                "requests_s": requests,
                "apiserver_rss_mib": ground.cluster.rss(),
            }
        )
        report("  " + ", ".join(f"{series} {value:.4g}" for series, value in samples[-1].items()))

    cpu = controller.process.cpu()
    async with metrics.sampling(controller.port, min(SAMPLE_S, seconds / SAMPLES_LEAST), sample):
        await each((partial(exchange, number) for number in range(int(seconds * rate))), REQUESTS)
    return samples


def table(verdict: Verdict) -> str:
    """The verdict as text."""
    lines = [
        f"RSS of the controller, MiB per hour: {verdict.rss_slope:+.2f}; in the second half {verdict.rss_slope_late:+.2f}",
        f"RSS, last tenth to second tenth: {verdict.rss_growth:.3f} (goal <= {RSS_GROWTH})",
        f"age of the oldest job that is due: {verdict.queue_rise_s:+.2f} s from beginning to end (goal <= {QUEUE_RISE_S:g})",
        f"oldest renewal of a Lease: {verdict.most['lease_lag_s']:.1f} s (goal < {LEASE_SECONDS})",
        "at most: " + ", ".join(f"{series} {value:.4g}" for series, value in verdict.most.items() if series not in ("at_s", "cpu_s")),
    ]
    return "\n".join([*lines, "met" if verdict.met else "MISSED"])
