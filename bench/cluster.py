# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control plane of the bench's own, gone at the end whatever happens."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.kwok.sim.plugins.module_utils._cluster.engine import Mode, ensure, remove
from ansible_collections.kwok.sim.plugins.module_utils._cluster.place import layout_of
from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import CLUSTER_ARGUMENTS
from kwok_controller.kube import connection
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import NAMESPACES, Resource
from kwok_controller.kube.service_account import SERVICE_ACCOUNTS

from .apiserver import cpu_seconds
from .load import NAMESPACE
from .players import memory

TIMEOUT_SECONDS = 180.0
TOKEN_SECONDS = 24 * 3600
ACCOUNT = "kwok-controller"

HEARTBEAT_FACTOR = 100.0
"""The merge-patch loop renews no Leases. Without this the controller manager would mark its nodes after 50 s, and the load would differ."""

_FLOWS = Resource("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", False)
_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False)


@dataclass(frozen=True)
class Cluster:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback.

    Attributes:
        directory: Where all of it is kept.
        kubeconfig: The administrator's, with a client certificate.
        pids: Of the components, by their names.
    """

    directory: Path
    kubeconfig: Path
    pids: Mapping[str, int]

    def client(self) -> Client:
        """The administrator's; an async context manager."""
        return Client(connection.load(self.kubeconfig))

    def cpu(self, component: str = "kube-apiserver") -> float:
        """Seconds of CPU that a component has used."""
        return cpu_seconds(self.pids[component])

    def rss(self, component: str = "kube-apiserver") -> float:
        """MiB of memory that a component has resident."""
        return memory(self.pids[component], "VmRSS")

    def kubeconfig_with(self, name: str, user: Mapping[str, Any]) -> Path:
        """A kubeconfig for somebody else: ``user`` as it stands in one."""
        document = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        document["users"][0]["user"] = user
        path = self.directory / f"{name}.yaml"
        path.touch(mode=0o600)
        path.write_text(json.dumps(document), encoding="utf-8")
        return path


@contextmanager
def running_cluster(base_dir: Path, executables: Mapping[str, str], **options: Any) -> Iterator[Cluster]:
    """A control plane with the collection's defaults, but for ``options``."""
    defaults = {name: argument.get("default") for name, argument in CLUSTER_ARGUMENTS.items()}
    named = {"name": "bench", "base_dir": str(base_dir), "executables": dict(executables)}
    params = {**defaults, **named, "heartbeat_factor": HEARTBEAT_FACTOR, **options}
    layout = layout_of(str(base_dir), "bench")
    mode = Mode(wait_timeout=TIMEOUT_SECONDS)
    try:
        made = ensure(layout, params, mode).cluster
        assert made is not None
        yield Cluster(Path(made["directory"]), Path(made["kubeconfig"]), {item["name"]: item["pid"] for item in made["components"]})
    finally:
        remove(layout, mode)


QUIET_CORES = 0.1
QUIET_S = 3.0
QUIET_TIMEOUT_S = 90.0


async def settle(cluster: Cluster) -> None:
    """Wait until what the last round left behind is done: the control plane takes next to no CPU; for a while at most."""
    ends = time.monotonic() + QUIET_TIMEOUT_S
    used = sum(map(cluster.cpu, cluster.pids))
    while time.monotonic() < ends:
        await asyncio.sleep(QUIET_S)
        before, used = used, sum(map(cluster.cpu, cluster.pids))
        if used - before < QUIET_CORES * QUIET_S:
            return


async def prepare(client: Client) -> None:
    """The namespace of the load, and the account of kwok-controller."""
    await client.create(NAMESPACES, None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": "kube-system"}}
    await client.create(SERVICE_ACCOUNTS, "kube-system", account)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": "kube-system"}],
    }
    await client.create(_BINDINGS, None, binding)
    await client.create(_FLOWS, None, _flow_schema())


def _flow_schema() -> dict[str, Any]:
    """As the role deploys kwok-controller. The others act as the administrator, who is exempt anyway."""
    account = {"kind": "ServiceAccount", "serviceAccount": {"name": ACCOUNT, "namespace": "kube-system"}}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": ACCOUNT},
        "spec": {
            "priorityLevelConfiguration": {"name": "exempt"},
            "matchingPrecedence": 500,
            "rules": [{"subjects": [account], "resourceRules": [everything]}],
        },
    }


async def token(client: Client) -> str:
    """A token of that account."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": TOKEN_SECONDS}}
    answer = await client.create(SERVICE_ACCOUNTS, "kube-system", request, name=ACCOUNT, subresource="token")
    return str(json.loads(answer)["status"]["token"])
