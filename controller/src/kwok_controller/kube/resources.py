# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which resource: group, version and plural, and the paths of its objects."""

from __future__ import annotations

from urllib.parse import quote

import msgspec


class Resource(msgspec.Struct, frozen=True):
    """One resource as the apiserver serves it.

    Attributes:
        group: Empty for the core group.
        version: ``v1``.
        plural: ``pods``.
        kind: ``Pod``.
        namespaced: Whether its objects live in namespaces.
        subresources: ``status``, ``scale``, …
        verbs: What the server can do with it: ``get``, ``list``, ``watch``, …
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    subresources: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """``v1`` or ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of an object, of its subresource, or of the collection.

        Args:
            namespace: For a namespaced resource; ``None`` is all namespaces, for collections only.
            name: ``None`` is the collection.
            subresource: ``status``, …

        Raises:
            ValueError: An object of a namespaced resource is asked for without its namespace.
        """
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            path = f"{path}/namespaces/{_quoted(namespace)}/{self.plural}"
        elif self.namespaced and name is not None:
            raise ValueError(f"{self.plural} {name}: no namespace is given, and {self.kind} is namespaced")
        else:
            path = f"{path}/{self.plural}"
        if name is not None:
            path = f"{path}/{_quoted(name)}"
        return f"{path}/{subresource}" if subresource else path

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _quoted(segment: str) -> str:
    # Names that need no escaping are nearly all of them, and quote() takes ten times as long as this test.
    return segment if segment.isascii() and segment.replace("-", "").replace(".", "").isalnum() else quote(segment, safe="")


_NODE_SUBRESOURCES = frozenset({"proxy", "status"})
_POD_SUBRESOURCES = frozenset(
    {"attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "resize", "status"}
)
_ALL_VERBS = frozenset({"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"})

NODES = Resource("", "v1", "nodes", "Node", False, _NODE_SUBRESOURCES, _ALL_VERBS)
PODS = Resource("", "v1", "pods", "Pod", True, _POD_SUBRESOURCES, _ALL_VERBS)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False, frozenset({"finalize", "status"}), _ALL_VERBS - {"deletecollection"})
EVENTS = Resource("", "v1", "events", "Event", True, frozenset(), _ALL_VERBS)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True, frozenset(), _ALL_VERBS)
CUSTOM_RESOURCE_DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False, frozenset({"status"}), _ALL_VERBS
)
