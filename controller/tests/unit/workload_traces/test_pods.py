# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which pods spans come from, and what their resource says."""

from __future__ import annotations

from typing import Any

import pytest
from workloads import Object, operation, pod, profile, trace

from kwok_controller.workload_traces.pods import Instance, ready_pod


def owned(kind: str, name: str, *, controller: bool = True) -> list[Object]:
    return [{"kind": "Node", "name": "x", "controller": False}, {"kind": kind, "name": name, "controller": controller}]


def resource(made: Object, **service: Any) -> dict[str, str]:
    obj = trace({"web": [operation("home")]})
    obj["spec"]["services"][0] |= service
    ready = ready_pod(made)
    assert ready is not None
    return dict(Instance(profile(obj).services[0], ready).resource)


def test_the_resource_of_a_pod_of_a_deployment() -> None:
    labels = {"app": "web", "pod-template-hash": "5d9c", "app.kubernetes.io/version": "1.2"}
    made = pod("web-5d9c-x7", "web", node="n7", labels=labels, ownerReferences=owned("ReplicaSet", "web-5d9c"))

    assert resource(made, attributes={"team": "a"}) == {
        "service.name": "web",
        "service.namespace": "shop",
        "service.instance.id": "shop.web-5d9c-x7.main",
        "service.version": "1.2",
        "k8s.namespace.name": "shop",
        "k8s.pod.name": "web-5d9c-x7",
        "k8s.pod.uid": "uid-web-5d9c-x7",
        "k8s.node.name": "n7",
        "k8s.container.name": "main",
        "k8s.deployment.name": "web",
        "k8s.replicaset.name": "web-5d9c",
        "team": "a",
    }


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (owned("ReplicaSet", "web"), {"k8s.replicaset.name": "web"}),
        (owned("StatefulSet", "db"), {"k8s.statefulset.name": "db"}),
        (owned("DaemonSet", "agent"), {"k8s.daemonset.name": "agent"}),
        (owned("Job", "once"), {"k8s.job.name": "once"}),
        (owned("Job", "once", controller=False), {}),
        (owned("Rollout", "web"), {}),
        (None, {}),
    ],
)
def test_owners(owner: list[Object] | None, expected: dict[str, str]) -> None:
    found = resource(pod("web-0", "web", ownerReferences=owner))

    fixed = ("k8s.namespace.name", "k8s.pod.name", "k8s.pod.uid", "k8s.node.name", "k8s.container.name")
    assert {key: value for key, value in found.items() if key.startswith("k8s.") and key not in fixed} == expected


def test_another_container() -> None:
    found = resource(pod("web-0", "web"), container="side")

    assert (found["k8s.container.name"], found["service.instance.id"]) == ("side", "shop.web-0.side")
    assert "service.version" not in found


def test_only_pods_that_run_and_are_ready_and_stay() -> None:
    pending = pod("web-0", "web")
    pending["status"]["phase"] = "Pending"
    new = pod("web-0", "web")
    del new["status"]

    assert ready_pod(pod("web-0", "web")) is not None
    assert [ready_pod(each) for each in (pending, new, pod("web-0", "web", ready=False), pod("web-0", "web", deletionTimestamp="now"))] == [
        None
    ] * 4
