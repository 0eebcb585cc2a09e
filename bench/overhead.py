# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it costs to be observed: pods on a cluster as ``site.yml`` makes it, with Prometheus, Jaeger and tracing, and without, in turn."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.kwok.sim.plugins.module_utils._cluster.description import describe
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import load_record
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import NAMESPACES, NODES, PODS

from .cluster import Cluster, settle
from .controller import Report
from .load import NAMESPACE, Stopwatch, create, delete_pods, pods_on, running_pods

WITH, WITHOUT = "with the stack", "without"
NAME = "overhead"
LEAST = 0.85
"""Pods Running per second with the stack, of those without it."""

TIMEOUT_S = 1200.0
_STACK: Mapping[str, Mapping[str, Any]] = {
    WITH: {"prometheus_enabled": True, "jaeger_enabled": True},
    WITHOUT: {"prometheus_enabled": False, "jaeger_enabled": False},
}
# Where Grafana is, nobody looks at it while this runs.
_COMMON = {"grafana_enabled": False, "simulation_deployments": 0, "simulation_pods": 0}


@dataclass(frozen=True)
class Load:
    """What one load of pods took.

    Attributes:
        pods_per_s: From the first one created until the last one runs.
        cpu_ms_per_pod: Of each component, by name, from the pod's creation until it has been deleted.
    """

    pods_per_s: float
    cpu_ms_per_pod: Mapping[str, float]


def run(work: Path, nodes: int, pods: int, rounds: int, report: Report) -> dict[str, list[Load]]:
    """The loads with and without the stack, which take turns, each on a cluster of its own.

    Args:
        work: An empty directory.
        nodes: That the cluster has.
        pods: That are made on them.
        rounds: So many times each.
        report: Takes lines of progress.
    """
    found: dict[str, list[Load]] = {WITHOUT: [], WITH: []}
    for number in range(rounds):
        for stack, loads in found.items():
            with _site(work / f"{number}-{stack.split()[0]}", {**_COMMON, **_STACK[stack], "simulation_nodes": nodes}, report) as cluster:
                loads.append(asyncio.run(_load(cluster, pods)))
            report(f"round {number + 1}, {stack}: {loads[-1].pods_per_s:.1f} pods/s")
    return found


@contextmanager
def _site(base_dir: Path, options: Mapping[str, Any], report: Report) -> Iterator[Cluster]:
    """A cluster as users have it, gone at the end."""
    base_dir.mkdir()
    given = base_dir / "options.json"
    given.write_text(json.dumps({"control_plane_clusters": [{"name": NAME, "base_dir": str(base_dir)}], **options}), encoding="utf-8")
    watch = Stopwatch()
    try:
        _play("site", given)
        report(f"kwok.sim.site took {watch.seconds:.0f} s")
        layout = layout_of(str(base_dir), NAME)
        record = load_record(layout)
        assert record is not None
        made = describe(layout, record)
        yield Cluster(Path(made["directory"]), Path(made["kubeconfig"]), {item["name"]: item["pid"] for item in made["components"]})
    finally:
        _play("teardown", given)


def _play(playbook: str, options: Path) -> None:
    """Run a playbook of the collection.

    Raises:
        RuntimeError: It fails; with the end of what it printed.
    """
    command = ["ansible-playbook", f"kwok.sim.{playbook}", "--extra-vars", f"@{options}"]
    done = subprocess.run(command, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kwok.sim.{playbook} failed:\n{done.stdout[-4000:]}")


async def _load(cluster: Cluster, pods: int) -> Load:
    async with cluster.client() as client:
        await client.create(NAMESPACES, None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        names = [item["metadata"]["name"] async for item in client.list(NODES, None, timeout=120)]
        # Once unmeasured: what is new to a control plane is slower than what it does all day.
        await _pods(client, names, len(names), "warm-up")
        await settle(cluster)
        before = {name: cluster.cpu(name) for name in cluster.pids}
        rate = await _pods(client, names, pods, "pod")
        used = {name: (cluster.cpu(name) - before[name]) / pods * 1000 for name in cluster.pids}
    return Load(rate, used)


async def _pods(client: Client, nodes: Sequence[str], count: int, prefix: str) -> float:
    """Pods Running per second; they are gone at the end."""
    made = pods_on(nodes, count, prefix)
    async with running_pods(client) as running:
        watch = Stopwatch()
        await create(client, PODS, made)
        await running.until(lambda there: there >= count, TIMEOUT_S)
        seconds = watch.seconds
        await delete_pods(client, [item["metadata"]["name"] for item in made])
        await running.until(lambda there: not there, TIMEOUT_S)
    return count / seconds


def median(loads: Sequence[Load]) -> Load:
    """Each figure's median."""
    return Load(
        statistics.median(load.pods_per_s for load in loads),
        {name: statistics.median(load.cpu_ms_per_pod[name] for load in loads) for name in loads[0].cpu_ms_per_pod},
    )


def ratio(found: Mapping[str, Sequence[Load]]) -> float:
    """Pods Running per second with the stack, of those without it."""
    return median(found[WITH]).pods_per_s / median(found[WITHOUT]).pods_per_s


def met(found: Mapping[str, Sequence[Load]]) -> bool:
    """Whether the goal is reached."""
    return ratio(found) >= LEAST


def table(found: Mapping[str, Sequence[Load]]) -> str:
    """The medians and the ratio with its goal, as text."""
    medians = {stack: median(loads) for stack, loads in found.items()}
    lines = [f"{'':40}" + "".join(f"{stack:>18}" for stack in medians)]
    lines.append(f"{'pods Running per second':40}" + "".join(f"{each.pods_per_s:18.1f}" for each in medians.values()))
    for name in sorted({name for each in medians.values() for name in each.cpu_ms_per_pod}):
        values = (each.cpu_ms_per_pod.get(name) for each in medians.values())
        lines.append(f"{f'CPU of {name} per pod, ms':40}" + "".join(f"{'':18}" if value is None else f"{value:18.2f}" for value in values))
    lines += ["", f"pods Running per second, with to without: {ratio(found):.2f}, goal >= {LEAST}{'' if met(found) else '   MISSED'}"]
    return "\n".join(lines)
