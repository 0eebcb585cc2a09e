# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The node and the pods that a preview is of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kwok_controller.api.errors import InvalidFile
from kwok_controller.monitoring.scraped import default_node, default_pod, read_node, read_pods
from kwok_controller.usage.pods import is_running, run_of

CREATED = "2026-01-01T00:00:00Z"
START_NS = 1_767_225_600 * 10**9


def write(tmp_path: Path, *objects: Any) -> str:
    file = tmp_path / "objects.yaml"
    file.write_text("\n---\n".join(map(json.dumps, objects)))
    return str(file)


def pod(name: str = "web", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "app"}]}, **more}


def test_those_that_there_are_anyway() -> None:
    node, made = default_node(CREATED), default_pod("n1", CREATED)
    assert (node["metadata"]["name"], node["metadata"]["creationTimestamp"]) == ("node-0", CREATED)
    assert (made["metadata"]["name"], made["spec"]["nodeName"]) == ("pod-0", "n1")
    (container,) = made["spec"]["containers"]
    assert run_of(made, container["name"])[:2] == (START_NS, None)
    assert "ownerReferences" not in made["metadata"]
    assert default_node(CREATED)["metadata"] is not node["metadata"]


def test_a_node(tmp_path: Path) -> None:
    file = write(tmp_path, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": None}})
    assert read_node(file, CREATED) == {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "creationTimestamp": CREATED}}
    file = write(tmp_path, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "creationTimestamp": "2025-01-01T00:00:00Z"}})
    assert read_node(file, CREATED)["metadata"]["creationTimestamp"] == "2025-01-01T00:00:00Z"


def test_pods_without_a_status_run_since_they_were_created(tmp_path: Path) -> None:
    older = {**pod("old"), "metadata": {"name": "old", "namespace": "x", "creationTimestamp": "2025-12-31T23:00:00Z"}}
    pods, elsewhere = read_pods([write(tmp_path, pod(), older)], "n1", CREATED)
    assert elsewhere == 0
    assert [(each["metadata"]["namespace"], each["spec"]["nodeName"]) for each in pods] == [("default", "n1"), ("x", "n1")]
    assert [run_of(each, "app").start_ns for each in pods] == [START_NS, START_NS - 3600 * 10**9]
    assert pods[0]["status"]["phase"] == "Running"


def test_a_status_is_kept(tmp_path: Path) -> None:
    (made,), _ = read_pods([write(tmp_path, pod(status={"phase": "Succeeded"}))], "n1", CREATED)
    assert made["status"] == {"phase": "Succeeded"}
    assert not is_running(made, "app")


def test_pods_of_other_nodes_are_left_out(tmp_path: Path) -> None:
    placed = [pod(name, spec={"nodeName": node, "containers": [{"name": "app"}]}) for name, node in (("a", "n1"), ("b", "n2"), ("c", "n3"))]
    pods, elsewhere = read_pods([write(tmp_path, {"apiVersion": "v1", "kind": "PodList", "items": placed})], "n1", CREATED)
    assert ([each["metadata"]["name"] for each in pods], elsewhere) == (["a"], 2)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([{"apiVersion": "apps/v1", "kind": "Deployment"}], "document 1: expected a Pod of v1, got Deployment"),
        ([{}, {"apiVersion": "v1"}], "expected a Pod of v1, got an object without kind"),
        ([pod(metadata={})], "metadata.name is missing"),
        ([pod(metadata=[])], "metadata is no mapping"),
        ([pod(metadata={"name": "a", "labels": ["x"]})], "metadata.labels is no mapping"),
        ([pod(spec={})], "spec.containers is missing"),
        ([pod(spec={"containers": []})], "spec.containers is missing"),
        ([pod(spec={"containers": [{"name": "a"}, {"image": "i"}]})], r"spec.containers\[1\].name is missing"),
        ([pod(status="Running")], "status is no mapping"),
        ([pod(), pod()], "document 2: the pod default/web is there twice"),
    ],
)
def test_what_is_no_pod(tmp_path: Path, objects: list[Any], message: str) -> None:
    with pytest.raises(InvalidFile, match=message):
        read_pods([write(tmp_path, *objects)], "n1", CREATED)


def test_what_is_no_node(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="expected a Node of v1, got Pod"):
        read_node(write(tmp_path, pod()), CREATED)
    with pytest.raises(InvalidFile, match="expected one Node, found 2 objects"):
        read_node(write(tmp_path, pod(), pod()), CREATED)
    with pytest.raises(InvalidFile, match="cannot be read: No such file"):
        read_node(str(tmp_path / "none.yaml"), CREATED)
