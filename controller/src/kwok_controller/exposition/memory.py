# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Labels and values that stay as long as their objects do, remembered from scrape to scrape.

What is remembered of a pod goes with its UID and resourceVersion, so that it is made anew when the pod changes, and forgotten when the pod
is gone by the next scrape of its node. Objects without a resourceVersion, as in a preview, are not remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from kwok_controller.exposition.failures import SeriesFailed
from kwok_controller.exposition.language import Dimension, Object
from kwok_controller.exposition.series import Labels, Target, Value

DEFAULT_PODS: Final = 200_000
"""Of so many pods an endpoint remembers something, at some 750 bytes each with one container and two sets of labels."""

_Facts: TypeAlias = tuple[tuple[str | None, ...], tuple[float | None, ...]]
_Version: TypeAlias = tuple[str, str] | None


class Recipe(NamedTuple):
    """What is remembered of a node, pod or container, in the order of the slots."""

    labels: Sequence[Labels]
    values: Sequence[Value]

    def facts(self, node: Object, pod: Object | None, container: Object | None) -> _Facts:
        """The blocks of labels, and the values. What fails is None, so that it is tried again, and reported, by whoever needs it."""
        return (
            tuple(_block(labels, node, pod, container) for labels in self.labels),
            tuple(_number(value, node, pod, container) for value in self.values),
        )


def _block(labels: Labels, node: Object, pod: Object | None, container: Object | None) -> str | None:
    try:
        return labels.block(node, pod, container)
    except SeriesFailed:
        return None


def _number(value: Value, node: Object, pod: Object | None, container: Object | None) -> float | None:
    try:
        return value.number(node, pod, container)
    except SeriesFailed:
        return None


class _Pod(NamedTuple):
    version: _Version
    facts: _Facts
    containers: list[_Facts]


class _Node(NamedTuple):
    version: _Version
    facts: _Facts
    pods: dict[tuple[str, str], _Pod]


class Memory:
    """What an endpoint remembers, by node."""

    def __init__(self, recipes: Mapping[Dimension, Recipe], *, with_containers: bool, with_node: bool, pods: int = DEFAULT_PODS) -> None:
        """How to remember.

        Args:
            recipes: What of nodes, pods and containers.
            with_containers: Whether there are metrics of containers.
            with_node: Whether something of pods or containers depends on the node, too, and is made anew when that changes.
            pods: Of how many pods; beyond that, nodes that were not scraped for the longest time are forgotten.
        """
        self._recipes = recipes
        self._with_containers = with_containers
        self._with_node = with_node
        self._limit = pods
        self._nodes: dict[str, _Node] = {}
        self._count = 0

    def __len__(self) -> int:
        """Of how many pods something is remembered."""
        return self._count

    def forget(self, node: str) -> None:
        """A node is gone."""
        gone = self._nodes.pop(node, None)
        if gone is not None:
            self._count -= len(gone.pods)

    def targets(self, node: Object, pods: Sequence[Object]) -> dict[Dimension, list[Target]]:
        """What there are series for, in the order of the pods and of their containers."""
        metadata = node.get("metadata", {})
        name = metadata.get("name", "")
        known = self._nodes.get(name)
        version = _version(metadata)
        facts = known.facts if known is not None and version is not None and known.version == version else None
        if facts is None:
            facts = self._recipes["node"].facts(node, None, None)
        old = known.pods if known is not None else {}
        new: dict[tuple[str, str], _Pod] = {}
        of_pods: list[Target] = []
        of_containers: list[Target] = []
        for pod in pods:
            remembered = self._pod(node, pod, version, old, new)
            of_pods.append((node, pod, None, *remembered.facts))
            if self._with_containers:
                for container, of_container in zip(_containers(pod), remembered.containers, strict=True):
                    of_containers.append((node, pod, container, *of_container))
        self._keep(name, _Node(version, facts, new))
        return {"node": [(node, None, None, *facts)], "pod": of_pods, "container": of_containers}

    def _pod(
        self, node: Object, pod: Object, node_version: _Version, old: dict[tuple[str, str], _Pod], new: dict[tuple[str, str], _Pod]
    ) -> _Pod:
        metadata = pod.get("metadata", {})
        own = metadata.get("resourceVersion")
        version = (own, node_version[1] if node_version is not None and self._with_node else "") if own else None
        if self._with_node and node_version is None:
            version = None
        key = (metadata.get("namespace", ""), metadata.get("uid") or metadata.get("name", ""))
        found = old.get(key) if version is not None else None
        if found is None or found.version != version:
            recipe = self._recipes["container"]
            containers = [recipe.facts(node, pod, container) for container in _containers(pod)] if self._with_containers else []
            found = _Pod(version, self._recipes["pod"].facts(node, pod, None), containers)
        if version is not None:
            new[key] = found
        return found

    def _keep(self, name: str, node: _Node) -> None:
        self.forget(name)
        self._nodes[name] = node
        self._count += len(node.pods)
        while self._count > self._limit and len(self._nodes) > 1:
            self.forget(next(iter(self._nodes)))


def _version(metadata: Object) -> _Version:
    version = metadata.get("resourceVersion")
    return (str(metadata.get("uid", "")), version) if version else None


def _containers(pod: Object) -> Sequence[Object]:
    found: Sequence[Object] | None = pod.get("spec", {}).get("containers")
    return found or ()
