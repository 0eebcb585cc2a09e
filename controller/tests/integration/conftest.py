# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""One real control plane for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sim_cluster import Cluster, running_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, in which pods can be created.

    Pods are refused until the controller manager has made the default ServiceAccount, and it may be on its way back after a test
    that killed the apiserver.
    """
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower()).strip("-")[:50].rstrip("-")
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("wait", "--for=create", "serviceaccount/default", "--namespace", name, "--timeout=120s")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
