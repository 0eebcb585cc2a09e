# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which usage counts for a container (kwok v0.8.0, `getResourceUsage` of `pkg/kwok/server/metrics_resource_usage.go`).

The ResourceUsage of the pod's namespace and name counts alone, even when it has nothing for the container. Without one, it is the first
ClusterResourceUsage, in the order of their names, whose selector takes the pod and which has an entry for the container. In an object an
entry that names the container comes before the first of those that name none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import Final

from kwok_controller.api.meta import ObjectSelector
from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage, ResourceUsageContainer, ResourceUsageValue

# Pods whose entries are remembered. When there are more, all are forgotten, and looked up again.
_REMEMBERED: Final = 1 << 17


def subject_of(usage: ResourceUsage | ClusterResourceUsage) -> str:
    """How messages name an object: `ResourceUsage "default/web"`."""
    metadata = usage.metadata
    name = f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
    return f'{type(usage).__name__} "{name}"'


class Entry:
    """An entry of an object, which is itself and equal to no other.

    Attributes:
        subject: which object, for people: `ClusterResourceUsage "web"`.
        path: where it stands in the object, as `$.spec.usages[0]`.
        usage: the usage by resource.
    """

    __slots__ = ("path", "subject", "usage")

    def __init__(self, subject: str, path: str, usage: Mapping[str, ResourceUsageValue]) -> None:
        self.subject = subject
        self.path = path
        self.usage = usage


class _Entries:
    """The entries of an object, by container."""

    __slots__ = ("_default", "_named")

    def __init__(self, subject: str, usages: Iterable[ResourceUsageContainer]) -> None:
        self._named: dict[str, Entry] = {}
        self._default: Entry | None = None
        for index, usage in enumerate(usages):
            entry = Entry(subject, f"$.spec.usages[{index}]", usage.usage)
            if not usage.containers and self._default is None:
                self._default = entry
            for name in usage.containers:
                self._named.setdefault(name, entry)

    def of(self, container: str) -> Entry | None:
        return self._named.get(container, self._default)


class _Rule:
    """A ClusterResourceUsage."""

    __slots__ = ("_labels", "_namespaces", "entries", "name", "names")

    def __init__(self, usage: ClusterResourceUsage) -> None:
        selector = usage.spec.selector or ObjectSelector()
        self.name = usage.metadata.name
        self.names = frozenset(selector.match_names)
        self._namespaces = frozenset(selector.match_namespaces)
        self._labels = selector.match_labels.items()
        self.entries = _Entries(subject_of(usage), usage.spec.usages)

    def takes(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether the selector takes a pod, whose name is among `names`, or these are none."""
        return (not self._namespaces or namespace in self._namespaces) and self._labels <= labels.items()


class Selection:
    """The objects there are, and what counts for whom. Not for use by several threads.

    Attributes:
        version: another one after each change.
    """

    def __init__(self, objects: Iterable[ResourceUsage | ClusterResourceUsage] = ()) -> None:
        self.version = 0
        self._pods: dict[tuple[str, str], _Entries] = {}
        self._rules: dict[str, _Rule] = {}
        # By the pod's name where the selector has names, and those that have none; in the order of the rules' names.
        self._named: dict[str, list[_Rule]] = {}
        self._unnamed: list[_Rule] = []
        self._indexed = True
        self._found: dict[tuple[str, str], tuple[Mapping[str, str], dict[str, Entry | None]]] = {}
        for usage in objects:
            self.put(usage)

    def put(self, usage: ResourceUsage | ClusterResourceUsage) -> None:
        """Adds an object, or takes it in place of the one of its name."""
        metadata = usage.metadata
        if isinstance(usage, ResourceUsage):
            self._pods[metadata.namespace, metadata.name] = _Entries(subject_of(usage), usage.spec.usages)
        else:
            self._rules[metadata.name] = _Rule(usage)
        self._changed(isinstance(usage, ClusterResourceUsage))

    def remove(self, usage: ResourceUsage | ClusterResourceUsage) -> None:
        """Takes away the object of this one's kind and name, if it is there."""
        metadata = usage.metadata
        if isinstance(usage, ResourceUsage):
            self._pods.pop((metadata.namespace, metadata.name), None)
        else:
            self._rules.pop(metadata.name, None)
        self._changed(isinstance(usage, ClusterResourceUsage))

    def find(self, namespace: str, pod: str, labels: Mapping[str, str], container: str) -> Entry | None:
        """The entry that counts for a container of a pod with these labels."""
        key = (namespace, pod)
        remembered = self._found.get(key)
        if remembered is None or (remembered[0] is not labels and remembered[0] != labels):
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            remembered = self._found[key] = (labels, {})
        entries = remembered[1]
        if container not in entries:
            entries[container] = self._search(namespace, pod, labels, container)
        return entries[container]

    def forget(self, namespace: str, pod: str) -> None:
        """A pod is gone."""
        self._found.pop((namespace, pod), None)

    def _search(self, namespace: str, pod: str, labels: Mapping[str, str], container: str) -> Entry | None:
        own = self._pods.get((namespace, pod))
        if own is not None:
            return own.of(container)
        for rule in self._candidates(pod):
            if rule.takes(namespace, labels):
                entry = rule.entries.of(container)
                if entry is not None:
                    return entry
        return None

    def _candidates(self, pod: str) -> Iterator[_Rule]:
        if not self._indexed:
            self._index()
        return merge(self._named.get(pod, ()), self._unnamed, key=lambda rule: rule.name)

    def _index(self) -> None:
        self._named, self._unnamed = {}, []
        for _, rule in sorted(self._rules.items()):
            if not rule.names:
                self._unnamed.append(rule)
            for name in rule.names:
                self._named.setdefault(name, []).append(rule)
        self._indexed = True

    def _changed(self, rules: bool) -> None:
        self.version += 1
        self._found.clear()
        self._indexed = self._indexed and not rules
