# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from kwok_controller.kube.resources import LEASES, NODES, PODS


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PODS.path(), "/api/v1/pods"),
        (PODS.path("a"), "/api/v1/namespaces/a/pods"),
        (PODS.path("a", "b"), "/api/v1/namespaces/a/pods/b"),
        (PODS.path("a", "b", "status"), "/api/v1/namespaces/a/pods/b/status"),
        (NODES.path(), "/api/v1/nodes"),
        (NODES.path(None, "n"), "/api/v1/nodes/n"),
        # A cluster-scoped object has no namespace, whatever a caller passes on.
        (NODES.path("a", "n"), "/api/v1/nodes/n"),
        (LEASES.path("a", "n.x-1"), "/apis/coordination.k8s.io/v1/namespaces/a/leases/n.x-1"),
        # Names of RBAC objects hold colons; no name leaves its place in the path.
        (NODES.path(None, "system:x"), "/api/v1/nodes/system%3Ax"),
        (NODES.path(None, "../x?y#z z"), "/api/v1/nodes/..%2Fx%3Fy%23z%20z"),
        (NODES.path(None, "ä"), "/api/v1/nodes/%C3%A4"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


def test_names() -> None:
    assert (PODS.api_version, LEASES.api_version) == ("v1", "coordination.k8s.io/v1")
    assert (str(PODS), str(LEASES)) == ("pods", "leases.coordination.k8s.io")


def test_object_without_its_namespace() -> None:
    with pytest.raises(ValueError, match=r"pods b: no namespace is given"):
        PODS.path(None, "b")
