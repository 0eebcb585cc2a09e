# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking up the resource of a kind."""

from __future__ import annotations

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._kube.client import ApiError, Client
from ansible_collections.kwok.sim.plugins.module_utils._kube.discovery import NODES, Resource, find_resource
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver


def test_kinds(client: Client) -> None:
    assert find_resource(client, "v1", "Node") == NODES
    assert find_resource(client, "v1", "Pod") == Resource("v1", "Pod", "pods", namespaced=True, has_status=True)
    assert find_resource(client, "apps/v1", "Deployment") == Resource(
        "apps/v1", "Deployment", "deployments", namespaced=True, has_status=False
    )


def test_unknown_kinds(cluster: Apiserver, client: Client) -> None:
    assert find_resource(client, "v1", "Nothing") is None
    # That of a subresource is no kind of objects.
    assert find_resource(client, "v1", "Binding") is None
    assert find_resource(client, "example.org/v1", "Widget") is None
    cluster.faults = [("", 403, {})]
    with pytest.raises(ApiError):
        find_resource(client, "v1", "Node")


def test_paths() -> None:
    deployments = Resource("apps/v1", "Deployment", "deployments", namespaced=True, has_status=True)
    assert deployments.collection() == "/apis/apps/v1/deployments"
    assert deployments.path("a", "b", "status") == "/apis/apps/v1/namespaces/a/deployments/b/status"
    assert NODES.path("", "a") == "/api/v1/nodes/a"
