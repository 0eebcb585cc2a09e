# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shapes of machines for simulated nodes.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PODS = "110"
"""What a kubelet runs at most unless told otherwise (its option C(maxPods))."""

_MIB = 2**20
_GIB = 2**30
_EVICTION_MIB = 100
"""Memory that a kubelet keeps free on Linux unless told otherwise (its option C(evictionHard))."""

# Of each part of a machine's memory (GiB, share) and CPU (cores, share), what GKE keeps for the kubelet and the system; what is above
# the last part has the last share (cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes).
_MEMORY_RESERVED = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06), (float("inf"), 0.02))
_CPU_RESERVED = ((1, 0.06), (1, 0.01), (2, 0.005), (float("inf"), 0.0025))


@dataclass(frozen=True)
class Machine:
    """A shape.

    Attributes:
        cores: CPUs.
        memory_gib: Memory in GiB.
        disk_gib: Ephemeral storage in GiB.
        architecture: As in the label C(kubernetes.io/arch).
        extended: Extended resources, as C(nvidia.com/gpu).
        labels: Labels of its nodes.
    """

    cores: int
    memory_gib: int
    disk_gib: int = 100
    architecture: str = "amd64"
    extended: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def capacity(self) -> dict[str, str]:
        """``status.capacity`` of a node."""
        return {
            "cpu": str(self.cores),
            "memory": f"{self.memory_gib}Gi",
            "ephemeral-storage": f"{self.disk_gib}Gi",
            "pods": PODS,
            **self.extended,
        }

    @property
    def allocatable(self) -> dict[str, str]:
        """``status.allocatable`` of a node: what is left for pods when the system has its share."""
        reserved_millis = round(1000 * _share(self.cores, _CPU_RESERVED))
        reserved_mib = round(_share(self.memory_gib, _MEMORY_RESERVED) * _GIB / _MIB) + _EVICTION_MIB
        return {
            **self.capacity,
            "cpu": f"{1000 * self.cores - reserved_millis}m",
            "memory": f"{self.memory_gib * _GIB // _MIB - reserved_mib}Mi",
            # Eviction begins at a tenth (the kubelet's option evictionHard).
            "ephemeral-storage": f"{self.disk_gib * 9 // 10}Gi",
        }


def _share(amount: float, parts: tuple[tuple[float, float], ...]) -> float:
    total = 0.0
    for size, share in parts:
        total += min(amount, size) * share
        amount -= size
        if amount <= 0:
            break
    return total


MACHINES: Mapping[str, Machine] = {
    "small": Machine(2, 8),
    "medium": Machine(8, 32),
    "large": Machine(32, 128),
    "xlarge": Machine(96, 384, 200),
    "arm": Machine(8, 32, architecture="arm64"),
    "gpu": Machine(96, 768, 500, extended={"nvidia.com/gpu": "8"}, labels={"nvidia.com/gpu.present": "true"}),
}
"""The presets of ``kwok_nodes``; documented there and in docs/guides/nodes.md."""

DEFAULT_MACHINE = "medium"
