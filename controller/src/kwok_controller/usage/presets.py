# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Ready ClusterResourceUsages, one for each pattern, and kwok's own, which follows annotations.

All of them are for every pod and all its containers: give one a selector, or another name, to have several.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from kwok_controller.api.meta import API_VERSION

# By name: what it is, and the expressions of cpu and memory.
_EXPRESSIONS: Final = {
    "constant": ('Constant("100m")', 'Constant("128Mi")'),
    "ramp": (
        'Ramp("50m", "1", pod.metadata.creationTimestamp, "10m")',
        'Ramp("64Mi", "512Mi", pod.metadata.creationTimestamp, "10m")',
    ),
    # Lowest at 03:00 UTC, highest at 15:00.
    "daily-wave": ('Wave("300m", "250m", "24h", "9h")', 'Wave("256Mi", "128Mi", "24h", "9h")'),
    "spike": ('Spike("50m", "1", "30m", "3m")', 'Spike("128Mi", "384Mi", "30m", "3m")'),
    "noise": ('Noise("250m", "50m")', 'Noise("256Mi", "16Mi", "30s")'),
    # kwok v0.8.0, kustomize/metrics/usage/usage-from-annotation.yaml.
    "from-annotation": tuple(
        f'"kwok.x-k8s.io/usage-{resource}" in pod.metadata.annotations'
        f' ? Quantity(pod.metadata.annotations["kwok.x-k8s.io/usage-{resource}"]) : Quantity("{least}")'
        for resource, least in (("cpu", "1m"), ("memory", "1Mi"))
    ),
}

_PRESETS: Final[dict[str, dict[str, Any]]] = {
    name: {
        "apiVersion": API_VERSION,
        "kind": "ClusterResourceUsage",
        "metadata": {"name": f"usage-{name}"},
        "spec": {"usages": [{"usage": {"cpu": {"expression": cpu}, "memory": {"expression": memory}}}]},
    }
    for name, (cpu, memory) in _EXPRESSIONS.items()
}

NAMES: Final = tuple(_PRESETS)
"""The presets there are."""


def preset(name: str) -> dict[str, Any]:
    """A preset as a manifest, which the caller may change.

    Raises:
        KeyError: there is none of that name.
    """
    return deepcopy(_PRESETS[name])
