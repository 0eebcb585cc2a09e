# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of C(kwok.x-k8s.io) and C(kwok-sim.dev) that modules look after, and how their objects are told apart. Pure.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._errors import SimError

API_VERSION = "kwok.x-k8s.io/v1alpha1"
OWN_API_VERSION = "kwok-sim.dev/v1alpha1"
"""Of the kinds that the Go C(kwok) does not have."""


@dataclass(frozen=True)
class Kind:
    """A kind, and whether its objects live in namespaces."""

    name: str
    namespaced: bool = False


class Key(NamedTuple):
    """Which object: its kind, its namespace (empty for kinds without), its name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Family:
    """The kinds that one module looks after together.

    Attributes:
        module: The module's name.
        option: Its option for objects inline, and its result for what became of them.
        plural: What messages call several objects.
        command: The command of C(kwok-controller) that knows them.
        kinds: The kinds.
        api_version: What they are of.
        flags: What C(kwok-controller) needs beside C(--enable-crds) to take their objects.
    """

    module: str
    option: str
    plural: str
    command: str
    kinds: tuple[Kind, ...]
    api_version: str = API_VERSION
    flags: str = ""

    def field_manager(self, owner: str = "") -> str:
        """Owns the fields that the module applies for an owner; by it, purging tells its own objects from others."""
        return f"kwok.sim.{self.module}.{owner}" if owner else f"kwok.sim.{self.module}"

    @property
    def namespaced(self) -> bool:
        """Whether all objects live in namespaces."""
        return all(kind.namespaced for kind in self.kinds)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the kinds."""
        return tuple(kind.name for kind in self.kinds)

    def kind_of(self, source: str, given: Mapping[str, Any]) -> Kind:
        """The kind of an object, which need not say it: of several, whether it has a namespace tells.

        Raises:
            SimError: It is of another kind.
        """
        version = given.get("apiVersion", self.api_version)
        if "kind" in given:
            found = [kind for kind in self.kinds if kind.name == given["kind"]]
        else:
            found = [kind for kind in self.kinds if kind.namespaced == _has_namespace(given)] or list(self.kinds)
        if version != self.api_version or not found:
            raise SimError(
                f"{source} is a {given.get('kind', found[0].name if found else '')} of {version}, "
                f"no {' or '.join(self.names)} of {self.api_version}",
                remedy="Leave it out",
            )
        return found[0]


def key_of(obj: Mapping[str, Any]) -> Key:
    """Which object a whole one is."""
    metadata = obj["metadata"]
    return Key(obj["kind"], metadata.get("namespace") or "", metadata["name"])


def _has_namespace(given: Mapping[str, Any]) -> bool:
    metadata = given.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("namespace"))


STAGES = Family("kwok_stage", "stages", "Stages", "stage", (Kind("Stage"),))
METRICS = Family("kwok_metric", "metrics", "Metrics", "metric", (Kind("Metric"),))
USAGES = Family("kwok_resource_usage", "usages", "usages", "metric", (Kind("ClusterResourceUsage"), Kind("ResourceUsage", namespaced=True)))
TRACES = Family(
    "kwok_trace",
    "traces",
    "WorkloadTraces",
    "trace",
    (Kind("WorkloadTrace", namespaced=True),),
    api_version=OWN_API_VERSION,
    flags="--tracing-endpoint",
)

FAMILIES = (STAGES, METRICS, USAGES, TRACES)
