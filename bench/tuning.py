# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the settings made by default for simulation pay: each against its opposite, on the same load."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.kwok.sim.plugins.module_utils._cluster.engine import Mode, ensure, remove
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import CLUSTER_ARGUMENTS

from .apiserver import Apiserver, cpu_seconds
from .players import memory

CONFIG_MAPS = 3000
PODS = 600
NODES = 20
TIMEOUT_SECONDS = 180.0

SETTINGS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "etcd_fsync: false / true": ({"etcd_fsync": False}, {"etcd_fsync": True}),
    "disable_qps_limits: true / false": ({"disable_qps_limits": True}, {"disable_qps_limits": False}),
    "priority_and_fairness: false / true": ({"priority_and_fairness": False}, {"priority_and_fairness": True}),
    "go_gc: 200 / 100": ({"go_gc": 200}, {"go_gc": 100}),
}


@dataclass(frozen=True)
class Load:
    """What one run of the load took, in seconds of wall clock, and of CPU for the apiserver; memory in MiB."""

    start: float
    config_maps: float
    pods: float
    apiserver_cpu: float
    apiserver_rss: float


MEASURES = ("start", "config_maps", "pods", "apiserver_cpu", "apiserver_rss")


def run(work: Path, executables: Mapping[str, str], rounds: int, report: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Setting to measure to the ratio of the medians, default to opposite; the two take turns.

    Args:
        work: An empty directory.
        executables: Component to its program.
    """
    results: dict[str, dict[str, float]] = {}
    for name, pair in SETTINGS.items():
        loads: tuple[list[Load], list[Load]] = ([], [])
        for number in range(rounds):
            for side, options in enumerate(pair):
                loads[side].append(_load(work / f"{number}{side}", executables, options))
                report(f"  {name}, round {number + 1}, {'BA'[1 - side]}: {loads[side][-1]}")
        results[name] = {
            measure: statistics.median(getattr(load, measure) for load in loads[0])
            / statistics.median(getattr(load, measure) for load in loads[1])
            for measure in MEASURES
        }
    return results


def _load(base_dir: Path, executables: Mapping[str, str], options: Mapping[str, Any]) -> Load:
    defaults = {name: argument.get("default") for name, argument in CLUSTER_ARGUMENTS.items()}
    params = {**defaults, "name": "tuning", "base_dir": str(base_dir), "executables": dict(executables), **options}
    layout = layout_of(str(base_dir), "tuning")
    mode = Mode(wait_timeout=TIMEOUT_SECONDS)
    try:
        begun = time.perf_counter()
        cluster = ensure(layout, params, mode).cluster
        start = time.perf_counter() - begun
        assert cluster is not None
        server = Apiserver(cluster)
        pid = next(item["pid"] for item in cluster["components"] if item["name"] == "kube-apiserver")
        before = cpu_seconds(pid)
        config_maps = server.create_all("/api/v1/namespaces/default/configmaps", (_config_map(number) for number in range(CONFIG_MAPS)))
        pods = _run_pods(server)
        return Load(start, config_maps, pods, cpu_seconds(pid) - before, memory(pid, "VmRSS"))
    finally:
        remove(layout, mode)


def _run_pods(server: Apiserver) -> float:
    """Seconds from a new Deployment until the real controller manager and scheduler have made and bound all its pods."""
    server.create_all("/api/v1/nodes", (_node(number) for number in range(NODES)))
    connection = server.connect()
    server.request(connection, "POST", "/apis/apps/v1/namespaces/default/deployments", _deployment())
    connection.close()
    return server.await_count("/api/v1/namespaces/default/pods?resourceVersion=0&fieldSelector=spec.nodeName!=", PODS, TIMEOUT_SECONDS)


def _config_map(number: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"load-{number}"}, "data": {"text": "x" * 500}}


def _node(number: int) -> dict[str, Any]:
    resources = {"cpu": "64", "memory": "256Gi", "pods": "110"}
    ready = {"type": "Ready", "status": "True", "reason": "Bench", "message": "made ready by the benchmark"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"node-{number}"},
        "status": {"capacity": resources, "allocatable": resources, "conditions": [ready]},
    }


def _deployment() -> dict[str, Any]:
    labels = {"app": "load"}
    # The node lifecycle controller takes the taint "not ready" away only after a look of its own.
    tolerations = [{"operator": "Exists"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "load"},
        "spec": {
            "replicas": PODS,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"tolerations": tolerations, "containers": [{"name": "main", "image": "none"}]},
            },
        },
    }
