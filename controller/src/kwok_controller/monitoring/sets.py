# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The sets that ship with the controller: Metrics in `sets/metric/NAME.yaml`, and the usages of `usage.presets`."""

from __future__ import annotations

from typing import Any, Final

from kwok_controller.api.load import Document
from kwok_controller.api.sets import ShippedSet, UnknownSet
from kwok_controller.monitoring.set_files import SetFiles, describe
from kwok_controller.usage import presets

_ABOUT_METRICS: Final = {
    "kubelet-metrics-resource": "What a kubelet has at /metrics/resource, for metrics-server: CPU and memory of node, pods and containers.",
    "kubelet-metrics-cadvisor": "What a kubelet has at /metrics/cadvisor: containers in detail, and the machine.",
    "kubelet-metrics": "What a kubelet has at /metrics: itself, its requests, and the pods that it starts.",
    "kubelet-metrics-probes": "What a kubelet has at /metrics/probes: the probes of containers.",
}
_USAGES: Final = {
    "constant": "Each container uses 100m of CPU and 128Mi of memory.",
    "ramp": "Each container rises from 50m to 1 core, and from 64Mi to 512Mi, within ten minutes of its pod's creation.",
    "daily-wave": "Each container goes up and down once a day, lowest at 03:00 UTC and highest at 15:00.",
    "spike": "Each container uses far more for 3 of every 30 minutes.",
    "noise": "Each container uses about 250m of CPU and 256Mi of memory, now more, now less.",
    "from-annotation": "Each container uses what the annotations kwok.x-k8s.io/usage-cpu and -memory of its pod say.",
}
_PREFIX: Final = "usage-"
_METRICS: Final = SetFiles("metric", _ABOUT_METRICS)


def names() -> list[str]:
    """What the sets are called."""
    return [*_ABOUT_METRICS, *(f"{_PREFIX}{preset}" for preset in presets.NAMES)]


def list_sets() -> list[ShippedSet]:
    """All sets."""
    usages = names()[len(_ABOUT_METRICS) :]
    return [*_METRICS.list_sets(), *(describe(name, _USAGES[name.removeprefix(_PREFIX)], objects(name)) for name in usages)]


def documents(name: str) -> list[Document]:
    """The objects of a set, as they stand in its file.

    Raises:
        UnknownSet: There is none of this name.
    """
    if name in _ABOUT_METRICS:
        return _METRICS.documents(name)
    if name in names():
        return [Document(presets.preset(name.removeprefix(_PREFIX)), name, 1)]
    raise UnknownSet(name, names())


def objects(name: str) -> list[dict[str, Any]]:
    """The objects of a set, as the API has them.

    Raises:
        UnknownSet: There is none of this name.
    """
    return [document.obj for document in documents(name)]
