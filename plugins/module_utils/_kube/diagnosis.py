# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why nodes do not get ready.

Private to the collection C(kwok.sim): no stable interface.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .client import ApiError, Client

_STAGES = "/apis/kwok.x-k8s.io/v1alpha1/stages"


def why_not_ready(client: Client, node: str) -> str:
    """A sentence about what keeps a node from getting ready, as far as it can be told; without its full stop."""
    holder = _holder(client, node)
    if holder is None:
        return f"nobody keeps the Lease of {node}: no controller runs that manages this node"
    stages = _stages(client)
    if stages is None:
        return f"{holder} keeps the Lease of {node}, so no Stage in its configuration makes it Ready"
    if not any((stage.get("spec") or {}).get("resourceRef", {}).get("kind") == "Node" for stage in stages):
        return f"{holder} keeps the Lease of {node}, and the cluster has no Stage for nodes; kwok.sim.kwok_stage can put one there"
    return f"{holder} keeps the Lease of {node}, and no Stage of the cluster has made it Ready so far"


def _holder(client: Client, node: str) -> str | None:
    """Who keeps a node's Lease, if anybody does."""
    try:
        spec = client.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{node}").get("spec") or {}
    except ApiError:
        return None
    holder, renewed = spec.get("holderIdentity"), _time(spec.get("renewTime"))
    if not holder or renewed is None:
        return None
    age = (datetime.now(UTC) - renewed).total_seconds()
    return str(holder) if age < (spec.get("leaseDurationSeconds") or 40) else None


def _stages(client: Client) -> list[dict[str, Any]] | None:
    """The cluster's Stages; ``None`` if it knows no such objects."""
    try:
        return client.list(_STAGES)[0]
    except ApiError:
        return None


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
