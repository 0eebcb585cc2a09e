# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The twelve kinds of kwok's group and those of our own: their names in the API, their scope, their types."""

from __future__ import annotations

from typing import Final, NamedTuple, get_args

from kwok_controller.api.attach import Attach, ClusterAttach
from kwok_controller.api.execute import ClusterExec, Exec
from kwok_controller.api.logs import ClusterLogs, Logs
from kwok_controller.api.meta import GROUP, OWN_GROUP, VERSION
from kwok_controller.api.metric import Metric
from kwok_controller.api.portforward import ClusterPortForward, PortForward
from kwok_controller.api.stage import Stage
from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage
from kwok_controller.api.workload_trace import WorkloadTrace

Resource = (
    Stage
    | Metric
    | ResourceUsage
    | ClusterResourceUsage
    | Logs
    | ClusterLogs
    | Exec
    | ClusterExec
    | Attach
    | ClusterAttach
    | PortForward
    | ClusterPortForward
    | WorkloadTrace
)

Shown = Metric | ResourceUsage | ClusterResourceUsage
"""What says what a node's kubelet shows."""

SHOWN: Final = tuple(kind.__name__ for kind in get_args(Shown))
"""The kinds of `Shown`."""

TRACED: Final = WorkloadTrace.__name__
"""The kind that traces of workloads come from."""


class Kind(NamedTuple):
    """A kind.

    Attributes:
        name: The kind.
        plural: The resource's name in paths of the API.
        singular: What people may type for one of them.
        namespaced: Whether its objects live in namespaces.
        type: What its objects are decoded to.
        group: That it is of.
    """

    name: str
    plural: str
    singular: str
    namespaced: bool
    type: type[Resource]
    group: str = GROUP

    @property
    def api_version(self) -> str:
        """As objects name it."""
        return f"{self.group}/{VERSION}"


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Attach", "attaches", "attach", True, Attach),
        Kind("ClusterAttach", "clusterattaches", "clusterattach", False, ClusterAttach),
        Kind("ClusterExec", "clusterexecs", "clusterexec", False, ClusterExec),
        Kind("ClusterLogs", "clusterlogs", "clusterlogs", False, ClusterLogs),
        Kind("ClusterPortForward", "clusterportforwards", "clusterportforward", False, ClusterPortForward),
        Kind("ClusterResourceUsage", "clusterresourceusages", "clusterresourceusage", False, ClusterResourceUsage),
        Kind("Exec", "execs", "exec", True, Exec),
        Kind("Logs", "logs", "logs", True, Logs),
        Kind("Metric", "metrics", "metric", False, Metric),
        Kind("PortForward", "portforwards", "portforward", True, PortForward),
        Kind("ResourceUsage", "resourceusages", "resourceusage", True, ResourceUsage),
        Kind("Stage", "stages", "stage", False, Stage),
        Kind("WorkloadTrace", "workloadtraces", "workloadtrace", True, WorkloadTrace, OWN_GROUP),
    )
}

GROUPS: Final = frozenset(kind.group for kind in KINDS.values())
"""Those of all kinds."""
