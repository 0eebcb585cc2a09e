# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a kubelet says of itself beside metrics: its Summary API (k8s.io/kubelet v0.36, pkg/apis/stats/v1alpha1) and its configuration.

Of what a kubelet measures there is here only what usages say: CPU and memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from kwok_controller.expressions.cel import CelError
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, GoTime
from kwok_controller.kubelet.packing import Object
from kwok_controller.usage.amounts import amount
from kwok_controller.usage.functions import Usages
from kwok_controller.usage.pods import containers_of, is_running, run_of

_NANO: Final = 10**9
_MOST: Final = 2**64 - 1
_OVER: Final = ("Succeeded", "Failed")


class Summaries:
    """Makes summaries.

    Args:
        usages: at a moment.
        cumulative: since the start.
    """

    def __init__(self, usages: Usages, cumulative: Usages) -> None:
        self._usages = usages
        self._cumulative = cumulative

    def summary(self, node: Object, pods: Iterable[Object], now_ns: int) -> bytes:
        """The summary of a node and its pods, as JSON."""
        name = node["metadata"]["name"]
        time = _time(now_ns)
        memory = self._usages.node("memory", name, now_ns)
        of_node = {
            "nodeName": name,
            "startTime": node["metadata"].get("creationTimestamp"),
            "cpu": _cpu(time, self._usages.node("cpu", name, now_ns), self._cumulative.node("cpu", name, now_ns)),
            "memory": _memory(time, memory, _capacity(node)),
        }
        running = [self._pod(pod, time, now_ns) for pod in pods if (pod.get("status") or {}).get("phase") not in (*_OVER, "Pending", None)]
        return orjson.dumps({"node": of_node, "pods": running})

    def _pod(self, pod: Object, time: str, now_ns: int) -> dict[str, Any]:
        metadata, usages, cumulative = pod["metadata"], self._usages, self._cumulative
        return {
            "podRef": {"name": metadata["name"], "namespace": metadata.get("namespace", ""), "uid": metadata.get("uid", "")},
            "startTime": (pod.get("status") or {}).get("startTime"),
            "containers": [
                self._container(pod, container["name"], time, now_ns)
                for container in containers_of(pod)
                if is_running(pod, container["name"])
            ],
            "cpu": _cpu(time, usages.pod("cpu", pod, now_ns), cumulative.pod("cpu", pod, now_ns)),
            "memory": _memory(time, usages.pod("memory", pod, now_ns)),
        }

    def _container(self, pod: Object, name: str, time: str, now_ns: int) -> dict[str, Any]:
        start_ns = run_of(pod, name).start_ns
        usages = self._usages
        return {
            "name": name,
            "startTime": _time(start_ns) if start_ns is not None else None,
            "cpu": _cpu(time, usages.container("cpu", pod, name, now_ns), self._cumulative.container("cpu", pod, name, now_ns)),
            "memory": _memory(time, usages.container("memory", pod, name, now_ns)),
        }


def configuration_of(node: Object, authenticates: bool) -> bytes:
    """What `/configz` answers: as much of a KubeletConfiguration as is known of a node."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    endpoint = (status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}
    pods = str((status.get("capacity") or {}).get("pods") or "110")
    configuration = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "port": endpoint.get("Port") or 10250,
        "authentication": {"anonymous": {"enabled": not authenticates}, "webhook": {"enabled": authenticates}},
        "authorization": {"mode": "Webhook" if authenticates else "AlwaysAllow"},
        "maxPods": int(pods) if pods.isdigit() else 110,
        "podCIDR": spec.get("podCIDR") or "",
        "registerNode": True,
    }
    return orjson.dumps({"kubeletconfig": configuration})


def pod_list(texts: Iterable[bytes]) -> bytes:
    """What `/pods` answers."""
    return b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[' + b",".join(texts) + b"]}"


def _cpu(time: str, cores: float, seconds: float) -> dict[str, Any]:
    return {"time": time, "usageNanoCores": _uint64(cores * _NANO), "usageCoreNanoSeconds": _uint64(seconds * _NANO)}


def _memory(time: str, used: float, capacity: float | None = None) -> dict[str, Any]:
    stats = {"time": time, "usageBytes": _uint64(used), "workingSetBytes": _uint64(used)}
    if capacity is not None:
        stats["availableBytes"] = _uint64(capacity - used)
    return stats


def _uint64(number: float) -> int:
    """As the numbers of the Summary API are; 2⁶⁴-1 nanoseconds of CPU are a million cores for five hours."""
    return _MOST if number >= _MOST else max(0, round(number))


def _capacity(node: Object) -> float | None:
    memory = ((node.get("status") or {}).get("capacity") or {}).get("memory")
    try:
        return None if memory is None else amount(memory)
    except CelError:
        return None


def _time(time_ns: int) -> str:
    """As metav1.Time is written."""
    return GoTime(time_ns // _NANO * _NANO).format(RFC3339_NANO)
