# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Objects and moments that several tests of previews need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from kwok_controller.api.decode import decode_as
from kwok_controller.api.metric import Metric
from kwok_controller.api.usage import ClusterResourceUsage
from kwok_controller.monitoring.lint_usage import Usage
from kwok_controller.monitoring.preview import Preview
from kwok_controller.monitoring.scraped import default_node, default_pod

Object: TypeAlias = dict[str, Any]
MakeMetric: TypeAlias = Callable[..., Metric]
MakeUsage: TypeAlias = Callable[..., Usage]
MakePreview: TypeAlias = Callable[..., Preview]

SECOND = 10**9
CREATED = "2026-01-01T00:00:00Z"
START = 1_767_225_600 * SECOND


def minutes(count: int, step: int = 1) -> list[int]:
    """The moments from the start on, so many minutes apart."""
    return [START + at * step * 60 * SECOND for at in range(count)]


@pytest.fixture
def metric() -> MakeMetric:
    """A Metric of what its metrics say."""

    def make(*metrics: Object, name: str = "m", path: str = "/metrics/nodes/{nodeName}/metrics") -> Metric:
        return decode_as({"metadata": {"name": name}, "spec": {"path": path, "metrics": list(metrics)}}, "Metric", Metric)

    return make


@pytest.fixture
def usage() -> MakeUsage:
    """A usage of cpu by expression, for all pods."""

    def make(expression: str, name: str = "u") -> Usage:
        spec = {"usages": [{"usage": {"cpu": {"expression": expression}}}]}
        return decode_as({"metadata": {"name": name}, "spec": spec}, "ClusterResourceUsage", ClusterResourceUsage)

    return make


@pytest.fixture
def preview() -> MakePreview:
    """A preview of Metrics and usages, for node-0 and the pods of some names."""

    def make(*objects: Metric | Usage, pods: tuple[str, ...] = ("pod-0",), **options: Any) -> Preview:
        made = [default_pod("node-0", CREATED) for _ in pods]
        for pod, name in zip(made, pods, strict=True):
            pod["metadata"] |= {"name": name, "uid": name}
        metrics = [each for each in objects if isinstance(each, Metric)]
        return Preview(metrics, [each for each in objects if not isinstance(each, Metric)], default_node(CREATED), made, **options)

    return make
