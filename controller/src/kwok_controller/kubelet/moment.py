# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Usages at one moment, each evaluated once: containers, pods and nodes show the same ones, added up.

Those that stay the same as long as the objects do are remembered beyond it, by the versions of pod, node and usages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from kwok_controller.kubelet.packing import Object
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.pods import containers_of

_ALL: Final = ""

_Version = tuple[str, str]


class _Steady(NamedTuple):
    """What is remembered of a pod: for which versions of it and of its node, and the usages by resource and container."""

    pod: _Version
    node: _Version
    values: dict[tuple[str, str], float]


class Momentary:
    """Usages that are remembered for a moment, or longer.

    Args:
        evaluator: where they are from.
        pods: those on the node of a name.
    """

    def __init__(self, evaluator: Evaluator, pods: Callable[[str], Iterable[Object]]) -> None:
        self._evaluator = evaluator
        self._selection = evaluator.selection
        self._pods = pods
        # By resource, namespace, name of the pod and name of the container, which is empty for the whole pod.
        self._values: dict[tuple[str, str, str, str], float] = {}
        self._steady: dict[tuple[str, str], _Steady] = {}
        self._usages = evaluator.selection.version
        self._node: _Version = ("", "")

    def begin(self, node: Object) -> None:
        """A moment of a node begins."""
        self._values = {}
        self._node = _version(node)
        if self._usages != self._selection.version:
            self._usages = self._selection.version
            self._steady.clear()

    def forget(self, pod: Object) -> None:
        """A pod is gone."""
        metadata = pod["metadata"]
        self._steady.pop((metadata.get("namespace", ""), metadata["name"]), None)

    def container(self, resource: str, pod: Object, container: str, now_ns: int) -> float:
        """What the container of a name uses."""
        metadata = pod["metadata"]
        key = (resource, metadata.get("namespace", ""), metadata["name"], container)
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = self._container(resource, pod, container, now_ns)
        return value

    def pod(self, resource: str, pod: Object, now_ns: int) -> float:
        """What a pod's containers use."""
        metadata = pod["metadata"]
        key = (resource, metadata.get("namespace", ""), metadata["name"], _ALL)
        value = self._values.get(key)
        if value is None:
            containers = containers_of(pod)
            value = self._values[key] = sum(self.container(resource, pod, each.get("name", ""), now_ns) for each in containers)
        return value

    def node(self, resource: str, name: str, now_ns: int) -> float:
        """What the pods on a node use."""
        return sum(self.pod(resource, pod, now_ns) for pod in self._pods(name))

    def _container(self, resource: str, pod: Object, container: str, now_ns: int) -> float:
        metadata, of = pod["metadata"], (resource, container)
        version, key = _version(pod), (metadata.get("namespace", ""), metadata["name"])
        known = self._steady.get(key)
        if known is not None and known.pod == version and known.node == self._node:
            value = known.values.get(of)
            if value is not None:
                return value
        else:
            known = None
        failures = self._evaluator.failures
        value = self._evaluator.container(resource, pod, container, now_ns)
        # What fails is tried again, so that it is told again.
        if version[1] and self._node[1] and failures == self._evaluator.failures:
            _, rate = self._evaluator.rate(resource, pod, container)
            if rate.steady:
                if known is None:
                    known = self._steady[key] = _Steady(version, self._node, {})
                known.values[of] = value
        return value


def _version(obj: Object) -> _Version:
    """UID and version; the latter is empty for what is not from an apiserver."""
    metadata = obj["metadata"]
    return metadata.get("uid") or "", metadata.get("resourceVersion") or ""
