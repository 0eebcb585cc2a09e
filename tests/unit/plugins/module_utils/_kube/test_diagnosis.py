# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why nodes do not get ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._kube.client import Client
from ansible_collections.kwok.sim.plugins.module_utils._kube.diagnosis import why_not_ready
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n"
STAGE = "/apis/kwok.x-k8s.io/v1alpha1/stages/s"


def put_lease(cluster: Apiserver, age_s: float) -> None:
    renewed = (datetime.now(UTC) - timedelta(seconds=age_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": "ctl-1", "leaseDurationSeconds": 40, "renewTime": renewed}
    cluster.put(LEASE, {"metadata": {"name": "n"}, "spec": spec})


@pytest.mark.parametrize("age_s", [None, 60])
def test_nobody_plays_it(cluster: Apiserver, client: Client, age_s: float | None) -> None:
    if age_s is not None:
        put_lease(cluster, age_s)
    assert why_not_ready(client, "n").startswith("nobody keeps the Lease of n: no controller runs that manages this node")


def test_no_stage(cluster: Apiserver, client: Client) -> None:
    put_lease(cluster, 1)
    assert "ctl-1 keeps the Lease of n, and the cluster has no Stage for nodes" in why_not_ready(client, "n")
    cluster.put(STAGE, {"metadata": {"name": "s"}, "spec": {"resourceRef": {"kind": "Pod"}}})
    assert "has no Stage for nodes" in why_not_ready(client, "n")
    cluster.put(STAGE, {"metadata": {"name": "s"}, "spec": {"resourceRef": {"kind": "Node"}}})
    assert why_not_ready(client, "n") == "ctl-1 keeps the Lease of n, and no Stage of the cluster has made it Ready so far"


def test_no_definition_of_stages(cluster: Apiserver, client: Client) -> None:
    put_lease(cluster, 1)
    cluster.unknown = {"stages"}
    assert why_not_ready(client, "n") == "ctl-1 keeps the Lease of n, so no Stage in its configuration makes it Ready"
