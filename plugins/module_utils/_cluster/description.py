# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster as the modules return it: plain values, no secrets.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._runtimes.base import Runtime
from .component import ObservedComponent
from .components import CA, bracketed, local_address, tracing_endpoint
from .layout import Layout
from .record import Record
from .runtimes import runtime_of
from .spec import KUBE_APISERVER, ClusterSpec


def describe(
    layout: Layout, record: Record, runtime: Runtime | None = None, seen: Mapping[str, ObservedComponent] | None = None
) -> dict[str, Any]:
    """The cluster as it is now; documented as the return value ``cluster`` of ``kwok_cluster``.

    Args:
        seen: What its runtime has told already.
    """
    runtime = runtime or runtime_of(layout, record)
    spec = ClusterSpec.from_dict(record.spec)
    seen = runtime.observe() if seen is None else seen
    return {
        "name": record.name,
        "runtime": record.runtime,
        "state": record.state,
        "directory": str(layout.root),
        "kubeconfig": str(layout.kubeconfig),
        "context": spec.context,
        "server": f"https://{bracketed(local_address(spec))}:{record.ports.get(KUBE_APISERVER, 0)}",
        "ca_file": str(layout.certificate(CA)),
        "kube_version": spec.kube_version,
        "etcd_version": spec.etcd_version,
        "tracing_endpoint": tracing_endpoint(spec, record.ports),
        "components": [_component(plain, seen.get(name), runtime) for name, plain in record.components.items()],
    }


def _component(plain: Mapping[str, Any], seen: ObservedComponent | None, runtime: Runtime) -> dict[str, Any]:
    name = plain["name"]
    seen = seen or ObservedComponent(name, "absent")
    return {
        "name": name,
        "version": plain.get("version", ""),
        "status": seen.status,
        "pid": seen.pid,
        "container_id": seen.container_id,
        "executable": (plain.get("executable") or {}).get("path"),
        "ports": {port["name"]: port["number"] for port in plain.get("ports", ())},
        "log_path": runtime.log_path(name),
        "metrics": _url(plain.get("metrics")),
        "owner": plain.get("owner", "cluster"),
    }


def _url(endpoint: Mapping[str, Any] | None) -> str | None:
    if not endpoint:
        return None
    return f"{endpoint['scheme']}://{bracketed(endpoint['host'])}:{endpoint['port']}{endpoint['path']}"
