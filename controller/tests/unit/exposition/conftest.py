# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from kwok_controller.api.decode import decode_as
from kwok_controller.api.metric import Metric
from kwok_controller.exposition import Compile, compiler
from kwok_controller.expressions.cel import Overload

Object: TypeAlias = dict[str, Any]
NOW = 1_767_225_900 * 10**9  # 2026-01-01T00:05:00Z


@pytest.fixture
def compile() -> Compile:
    """Usage of a container is 0.5, of a pod 1.5, of a node 2.5; CumulativeUsage 100 times that."""
    forms = [(("Pod", "string", "string"), 0.5), (("Pod", "string"), 1.5), (("Node", "string"), 2.5)]
    functions = {
        "Usage": [Overload(kinds, lambda *_, usage=usage: usage, "double") for kinds, usage in forms],
        "CumulativeUsage": [Overload(kinds, lambda *_, usage=usage: usage * 100, "double") for kinds, usage in forms],
    }
    return compiler(functions, now=lambda: NOW, random=lambda: 0.25)


@pytest.fixture
def metric() -> Callable[..., Metric]:
    """A Metric of what its metrics say."""

    def make(*metrics: Object, path: str = "/metrics/nodes/{nodeName}/metrics") -> Metric:
        return decode_as({"metadata": {"name": "m"}, "spec": {"path": path, "metrics": list(metrics)}}, "Metric", Metric)

    return make


@pytest.fixture
def node() -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "uid": "node-uid", "resourceVersion": "7"}}


@pytest.fixture
def pod() -> Callable[..., Object]:
    """A pod with the given containers."""

    def make(name: str = "web", *containers: str, version: str = "1", **metadata: Any) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": f"uid-{name}",
                "resourceVersion": version,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                **metadata,
            },
            "spec": {"nodeName": "n1", "containers": [{"name": container} for container in containers or ("app",)]},
        }

    return make
