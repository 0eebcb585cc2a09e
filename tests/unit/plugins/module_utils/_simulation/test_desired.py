# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._simulation.desired import wanted_objects
from ansible_collections.kwok.sim.plugins.module_utils._simulation.kinds import METRICS, STAGES, TRACES, USAGES, Family, key_of


def stage(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"resourceRef": {"kind": "Pod"}, **spec}}


def usage(name: str, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"metadata": metadata, "spec": {"usages": []}, **fields}


@pytest.mark.parametrize(("family", "kind"), [(STAGES, "Stage"), (METRICS, "Metric"), (USAGES, "ClusterResourceUsage")])
def test_objects_are_whole_and_in_the_order_of_their_names(family: Family, kind: str) -> None:
    wanted = wanted_objects(family, [("b", stage("two")), ("a", stage("one", weight=3))])
    assert [each["metadata"]["name"] for each in wanted] == ["one", "two"]
    assert {(each["apiVersion"], each["kind"]) for each in wanted} == {("kwok.x-k8s.io/v1alpha1", kind)}
    assert wanted[0]["spec"] == {"resourceRef": {"kind": "Pod"}, "weight": 3}


def test_a_usage_with_a_namespace_is_that_of_a_pod() -> None:
    given = [usage("web", "shop"), usage("web", "bar"), usage("web"), usage("all", kind="ClusterResourceUsage")]
    wanted = wanted_objects(USAGES, [(f"usages[{index}]", each) for index, each in enumerate(given)])
    assert [str(key_of(each)) for each in wanted] == [
        "ClusterResourceUsage all",
        "ClusterResourceUsage web",
        "ResourceUsage bar/web",
        "ResourceUsage shop/web",
    ]
    assert wanted[3]["metadata"] == {"name": "web", "namespace": "shop"}


def test_a_trace_that_does_not_say_its_namespace_is_put_into_one() -> None:
    given = [{"metadata": {"name": "books", "namespace": ""}}, {"metadata": {"name": "shop", "namespace": "shop"}}]
    wanted = wanted_objects(TRACES, [("traces", each) for each in given], namespace="books")
    assert [str(key_of(each)) for each in wanted] == ["WorkloadTrace books/books", "WorkloadTrace shop/shop"]
    assert {each["apiVersion"] for each in wanted} == {"kwok-sim.dev/v1alpha1"}


def test_what_a_server_added_is_left_out() -> None:
    given = {
        **stage("one"),
        "metadata": {"name": "one", "labels": {"a": "b"}, "uid": "7", "resourceVersion": "9", "managedFields": []},
        "status": {"conditions": []},
    }
    assert wanted_objects(STAGES, [("x", given)]) == [
        {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": "one", "labels": {"a": "b"}}, "spec": given["spec"]}
    ]


def test_the_same_object_twice_is_one() -> None:
    assert len(wanted_objects(STAGES, [("a", stage("one")), ("b", stage("one"))])) == 1


@pytest.mark.parametrize(
    ("family", "sources", "message"),
    [
        (
            STAGES,
            [("the set a", stage("one")), ("the set b", stage("one", weight=1))],
            "Stage one is given twice, by the set a and by the set b",
        ),
        (
            USAGES,
            [("usages[0]", usage("a", "n")), ("usages[1]", usage("a", "n", spec={}))],
            "ResourceUsage n/a is given twice, by usages[0] and by usages[1]",
        ),
        (STAGES, [("stages[0]", {"spec": {}})], "stages[0] has no metadata.name"),
        (METRICS, [("metrics[1]", {"metadata": {"name": ""}})], "metrics[1] has no metadata.name"),
        (STAGES, [("x.yaml", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}})], "x.yaml is a Pod of v1, no Stage of kwok"),
        (METRICS, [("metrics[0]", {**stage("one"), "kind": "Stage"})], "metrics[0] is a Stage of kwok.x-k8s.io/v1alpha1, no Metric of"),
        (USAGES, [("u.yaml", {**stage("one"), "kind": "Metric"})], "no ClusterResourceUsage or ResourceUsage of kwok.x-k8s.io/v1alpha1"),
        (STAGES, [("s.yaml", {**stage("one"), "apiVersion": "kwok.x-k8s.io/v1"})], "s.yaml is a Stage of kwok.x-k8s.io/v1, no Stage of"),
        (TRACES, [("t.yaml", {**stage("a"), "apiVersion": "kwok.x-k8s.io/v1alpha1"})], "no WorkloadTrace of kwok-sim.dev/v1alpha1"),
        (TRACES, [("traces[0]", stage("a"))], "traces[0] has no metadata.namespace, though it is a WorkloadTrace"),
        (USAGES, [("usages[0]", usage("a", kind="ResourceUsage"))], "usages[0] has no metadata.namespace, though it is a ResourceUsage"),
        (
            USAGES,
            [("usages[0]", usage("a", "n", kind="ClusterResourceUsage"))],
            "usages[0] has a metadata.namespace, though it is a ClusterResourceUsage, which is in none",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_source(family: Family, sources: list[tuple[str, dict[str, Any]]], message: str) -> None:
    with pytest.raises(SimError) as caught:
        wanted_objects(family, sources)
    assert message in str(caught.value)
