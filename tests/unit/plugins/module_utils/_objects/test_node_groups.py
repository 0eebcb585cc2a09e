# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options of kwok_nodes to nodes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import RECORD_ANNOTATION
from ansible_collections.kwok.sim.plugins.module_utils._objects.node_groups import (
    GROUP_LABEL,
    GROUPS_ARGUMENT,
    NodeGroup,
    by_key,
    foreign_nodes,
    parse_groups,
)
from ansible_collections.kwok.sim.plugins.module_utils._objects.plan import Key


def group(name: str = "pool", template: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """A group as Ansible hands it on: with every option."""
    arguments = GROUPS_ARGUMENT["options"]
    defaults = {key: argument.get("default") for key, argument in arguments.items()}
    full = {key: argument.get("default") for key, argument in arguments["template"]["options"].items()}
    return {**defaults, "name": name, **options, "template": {**full, **(template or {})}}


def parsed(**options: Any) -> NodeGroup:
    (only,) = parse_groups([group(**options)])
    return only


def nodes(**options: Any) -> list[dict[str, Any]]:
    return list(parsed(**options).nodes())


def refusal(*groups: dict[str, Any]) -> str:
    with pytest.raises(SimError) as caught:
        parse_groups(groups)
    assert caught.value.option == "groups"
    assert caught.value.remedy
    return caught.value.message


def test_a_plain_node() -> None:
    (node,) = nodes()
    record = node["metadata"]["annotations"].pop(RECORD_ANNOTATION)
    assert node == {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "pool-0",
            "labels": {
                "kubernetes.io/hostname": "pool-0",
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node-role.kubernetes.io/agent": "",
                "node.kubernetes.io/instance-type": "kwok.medium",
                "type": "kwok",
                GROUP_LABEL: "pool",
            },
            "annotations": {
                "kwok.x-k8s.io/node": "fake",
                "metrics.k8s.io/resource-metrics-path": "/metrics/nodes/pool-0/metrics/resource",
            },
        },
        "spec": {},
        "status": {
            "capacity": {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110"},
            "allocatable": {"cpu": "7910m", "memory": "29023Mi", "ephemeral-storage": "90Gi", "pods": "110"},
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux"},
        },
    }
    # What every node has need not be recorded: it never goes.
    assert json.loads(record)["metadata"] == {"annotations": {}, "labels": {"node.kubernetes.io/instance-type": 1}}


def test_indexes_and_zones() -> None:
    made = nodes(count=5, name_format="n%02d", zones=["a", "b"], regions=["r"])
    assert [node["metadata"]["name"] for node in made] == ["n00", "n01", "n02", "n03", "n04"]
    labels = [node["metadata"]["labels"] for node in made]
    assert [each["topology.kubernetes.io/zone"] for each in labels] == ["a", "b", "a", "b", "a"]
    assert {each["topology.kubernetes.io/region"] for each in labels} == {"r"}
    assert [each["kubernetes.io/hostname"] for each in labels] == ["n00", "n01", "n02", "n03", "n04"]


def test_a_region_for_each_zone() -> None:
    labels = [node["metadata"]["labels"] for node in nodes(count=3, zones=["a", "b"], regions=["r", "s"])]
    assert [each["topology.kubernetes.io/region"] for each in labels] == ["r", "s", "r"]


def test_a_preset() -> None:
    (node,) = nodes(preset="arm")
    assert node["metadata"]["labels"]["kubernetes.io/arch"] == node["status"]["nodeInfo"]["architecture"] == "arm64"
    (node,) = nodes(preset="gpu")
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert node["metadata"]["labels"]["nvidia.com/gpu.present"] == "true"


def test_a_template() -> None:
    template = {
        "labels": {"rack": "r$(INDEX)", "number": 7, "spot": True, "type": None},
        "annotations": {"note": "$(GROUP) $$(X)"},
        "taints": [{"key": "k", "value": None, "effect": "NoExecute"}],
        "capacity": {"cpu": 4},
        "allocatable": {"pods": 50},
        "conditions": [{"type": "Odd", "status": "False", "reason": "Why", "message": None}],
        "addresses": [
            {"type": "InternalIP", "address": "10.0.0.254", "step": 1},
            {"type": "Hostname", "address": "$(NAME).example", "step": 0},
        ],
        "provider_id": "kwok://$(ZONE)/$(NAME)",
        "unschedulable": True,
        "pod_cidr": "10.64.255.0/24",
        "node_info": {"kubeletVersion": "v1.30.0"},
    }
    node = nodes(count=3, zones=["z"], template=template)[2]
    metadata, status = node["metadata"], node["status"]
    assert {key: metadata["labels"][key] for key in ("rack", "number", "spot", "type")} == {
        "rack": "r2",
        "number": "7",
        "spot": "true",
        "type": None,
    }
    assert metadata["annotations"]["note"] == "pool $(X)"
    assert node["spec"] == {
        "taints": [{"key": "k", "effect": "NoExecute"}],
        "unschedulable": True,
        "providerID": "kwok://z/pool-2",
        "podCIDR": "10.65.1.0/24",
        "podCIDRs": ["10.65.1.0/24"],
    }
    assert (status["capacity"]["cpu"], status["allocatable"]["cpu"], status["allocatable"]["pods"]) == ("4", "4", "50")
    assert status["capacity"]["memory"] == "32Gi"
    assert status["conditions"] == [{"type": "Odd", "status": "False", "reason": "Why"}]
    assert status["addresses"] == [{"type": "InternalIP", "address": "10.0.1.0"}, {"type": "Hostname", "address": "pool-2.example"}]
    assert status["nodeInfo"]["kubeletVersion"] == "v1.30.0"


def test_annotations_that_every_node_has_give_way() -> None:
    path, mark = "metrics.k8s.io/resource-metrics-path", "kwok.x-k8s.io/node"
    annotations = [node["metadata"]["annotations"] for node in nodes(count=2, template={"annotations": {path: "/of/$(NAME)", mark: None}})]
    assert [(each[path], each[mark]) for each in annotations] == [("/of/pool-0", None), ("/of/pool-1", None)]


def test_ipv6() -> None:
    template = {"pod_cidr": "fd00::/64", "addresses": [{"type": "InternalIP", "address": "2001:db8::ffff", "step": 1}]}
    node = nodes(count=2, template=template)[1]
    assert node["spec"]["podCIDR"] == "fd00:0:0:1::/64"
    assert node["status"]["addresses"] == [
        {"type": "InternalIP", "address": "2001:db8::1:0"},
        {"type": "Hostname", "address": "pool-1"},
    ]


def test_no_nodes() -> None:
    assert nodes(count=0) == []


def test_the_same_nodes_every_time() -> None:
    assert nodes(count=3, zones=["a", "b"]) == nodes(count=3, zones=["a", "b"])


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([group(""), group()], "a group has an empty name"),
        ([group(), group()], "group pool is there twice"),
        ([group(name_format="n-%d"), group("other", count=2, name_format="n-%d")], "the groups pool and other would both have a node n-0"),
        ([group(count=-1)], "group pool: count is -1"),
        ([group("Pool")], "group Pool: 'Pool-0' cannot be an object's name"),
        ([group("x" * 62)], "group .*name_format: 'x.*' cannot be a label's value"),
        ([group(zones=["a", "b", "c"], regions=["r", "s"])], "group pool: there are 3 zones and 2 regions"),
        ([group(zones=["no zone"])], "group pool: zones and regions: 'no zone' cannot be a label's value"),
        ([group(template={"labels": {"x": "$(NOTHING)"}})], r"\$\(NOTHING\) is not known here"),
        ([group(count=0, template={"labels": {"x": "$(NOTHING)"}})], r"\$\(NOTHING\) is not known here"),
        ([group(template={"capacity": {"cpu": [4]}})], "group pool: capacity: the value of cpu is a list"),
        ([group(template={"allocatable": {"cpu": "many"}})], "group pool: allocatable: 'many' is no amount of cpu"),
        ([group(template={"pod_cidr": "10.0.0.1/24"})], "group pool: pod_cidr '10.0.0.1/24' does not give 1 networks"),
        ([group(count=3, template={"pod_cidr": "255.255.254.0/24"})], "group pool: pod_cidr .* does not give 3 networks"),
        ([group(template={"addresses": [{"type": "Hostname", "address": "name", "step": 1}]})], "'name' with step 1 does not give 1 IP"),
        (
            [group(count=3, template={"addresses": [{"type": "InternalIP", "address": "255.255.255.254", "step": 1}]})],
            "does not give 3 IP addresses",
        ),
    ],
)
def test_bad_groups(groups: list[dict[str, Any]], message: str) -> None:
    assert re.search(message, refusal(*groups))


def live(name: str, owner: str | None, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    labels = {GROUP_LABEL: owner} if owner is not None else {}
    return {"metadata": {"name": name, "labels": labels, "annotations": annotations}}


@pytest.mark.parametrize(
    ("node", "foreign"),
    [
        (live("a", "pool"), []),
        (live("a", None), [(Key("", "a"), None)]),
        (live("a", None, {RECORD_ANNOTATION: "{}"}), []),
        (live("a", "old"), []),
        (live("a", "other"), [(Key("", "a"), "other")]),
        (live("b", None), []),
    ],
)
def test_foreign_nodes(node: dict[str, Any], foreign: list[tuple[Key, str | None]]) -> None:
    assert foreign_nodes({Key("", "a"): "pool"}, by_key([node]), removable=frozenset({"old"})) == foreign
