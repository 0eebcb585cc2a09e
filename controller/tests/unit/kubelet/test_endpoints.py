# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from kwok_controller.exposition.endpoint import Endpoint
from kwok_controller.exposition.memory import Memory
from kwok_controller.kubelet.endpoints import Endpoints, Served
from kwok_controller.kubelet.sources import RESOURCES
from kwok_controller.kubelet.statuses import Followed

NOTHING = Endpoint([], Memory({}, with_containers=False, with_node=False))


def served(name: str, path: str) -> Served:
    return Served(name, path, NOTHING, Followed(RESOURCES["Metric"], "", name, in_cluster=False))


@pytest.fixture
def endpoints() -> Endpoints:
    made = Endpoints()
    for each in (
        served("resource", "/metrics/nodes/{nodeName}/metrics/resource"),
        served("plain", "/metrics/nodes/{nodeName}/metrics"),
        served("infix", "/metrics/{nodeName}/more"),
        served("fixed", "/metrics/fixed"),
    ):
        made.put(each)
    return made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/metrics/nodes/n1/metrics/resource", ("resource", "n1")),
        ("/metrics/nodes/n1/metrics", ("plain", "n1")),
        ("/metrics/n1/more", ("infix", "n1")),
        ("/metrics/fixed", ("fixed", "fixed")),
        ("/metrics/nodes//metrics", None),
        ("/metrics/nodes/a/b/metrics", None),
        ("/metrics/nodes/n1/metrics/", None),
        ("/metrics/nodes/metrics/resource", None),
        ("/metrics", None),
    ],
)
def test_a_path_means_a_metric_and_a_node(endpoints: Endpoints, path: str, expected: tuple[str, str] | None) -> None:
    found = endpoints.find(path)
    assert (None if found is None else (found[0].name, found[1])) == expected


def test_the_name_of_a_parameter_is_no_node_of_a_fixed_path(endpoints: Endpoints) -> None:
    found = endpoints.find("/metrics/nodes/{nodeName}/metrics")
    assert found is not None
    assert found[1] == "{nodeName}"


def test_a_kubelet_of_its_own_has_what_stands_under_nodes(endpoints: Endpoints) -> None:
    names = {path: endpoints.of_kubelet(path) for path in ("/metrics", "/metrics/resource", "/metrics/cadvisor", "/metrics/fixed")}
    assert {path: each and each.name for path, each in names.items()} == {
        "/metrics": "plain",
        "/metrics/resource": "resource",
        "/metrics/cadvisor": None,
        "/metrics/fixed": None,
    }


def test_of_two_with_one_path_the_first_by_name_is_served(endpoints: Endpoints) -> None:
    other = served("also-fixed", "/metrics/fixed")
    endpoints.put(other)
    assert [each.name for each in endpoints] == ["also-fixed", "infix", "plain", "resource"]
    fixed = next(each for each in endpoints.all() if each.name == "fixed")
    assert (endpoints.taken(fixed), endpoints.taken(other)) == ("also-fixed", "")
    endpoints.remove("also-fixed")
    endpoints.remove("also-fixed")
    assert endpoints.taken(fixed) == ""
