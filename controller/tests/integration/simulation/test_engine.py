# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The whole engine against a real control plane."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sim_cluster import Cluster
from simulated import (
    FAST,
    LABEL,
    create_all,
    create_cluster,
    delete_nodes,
    gone,
    is_ready,
    is_running,
    node,
    pod,
    running_scenarios,
    simulation,
    stage,
    start,
    status,
    until,
)

from kwok_controller.api.crds import crds
from kwok_controller.kube import connection
from kwok_controller.kube.client import Client
from kwok_controller.kube.credentials import FixedToken
from kwok_controller.kube.errors import ApiError, NotFound
from kwok_controller.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, EVENTS, NODES, PODS, Resource

Object = dict[str, Any]
Scenario = Callable[[Client], Coroutine[Any, Any, None]]

WIDGETS = Resource("example.com", "v1", "widgets", "Widget", True)
STAGES = Resource("kwok.x-k8s.io", "v1alpha1", "stages", "Stage", False)


@pytest.fixture
def run(cluster: Cluster, namespace: str) -> Iterator[Callable[[Scenario], None]]:
    """Runs a scenario; its pods and nodes, which are named after the namespace, are gone afterwards."""
    with running_scenarios(cluster, namespace) as play:
        yield play


async def pods_of(client: Client, namespace: str) -> list[Object]:
    return [each async for each in client.list(PODS, namespace)]


def widget_crd(*, subresource: bool = True) -> Object:
    """A kind whose spec is required."""
    schema = {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if subresource:
        version["subresources"] = {"status": {}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }


async def created(client: Client, definition: Object) -> None:
    """Create a CRD and wait until its objects can be had."""
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, None, definition)
    spec = definition["spec"]
    resource = Resource(spec["group"], spec["versions"][0]["name"], spec["names"]["plural"], spec["names"]["kind"], True)
    async with asyncio.timeout(30):
        while True:
            try:
                await client.list_page(resource)
                return
            except ApiError:
                await asyncio.sleep(0.1)


def test_nodes_become_ready_and_pods_run_each_with_an_address_of_its_own(
    run: Callable[[Scenario], None], namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, pods = 200, 1000

    async def scenario(client: Client) -> None:
        async with simulation(client, namespace) as manager:
            began = time.monotonic()
            await create_all(client, NODES, None, (node(namespace, number) for number in range(nodes)))
            await until(client, NODES, is_ready, nodes, label_selector=f"{LABEL}={namespace}")
            ready = time.monotonic()
            await create_all(client, PODS, namespace, (pod(namespace, number, nodes) for number in range(pods)))
            await until(client, PODS, is_running, pods, namespace=namespace)
            running = time.monotonic()
            with capsys.disabled():
                print(f"\n{nodes / (ready - began):.0f} nodes/s, {pods / (running - ready):.0f} pods/s")
            assert len(manager.node_names()) == nodes
            addresses = {each["status"]["podIP"] for each in await pods_of(client, namespace)}
            assert len(addresses) == pods
            await client.request("DELETE", PODS.path(namespace))
            await gone(client, PODS, namespace)

    run(scenario)


def test_a_simulation_that_is_killed_goes_on_where_it_was(run: Callable[[Scenario], None], cluster: Cluster, namespace: str) -> None:
    nodes, pods = 40, 400

    async def scenario(client: Client) -> None:
        first = start(cluster.kubeconfig, namespace)
        try:
            await asyncio.gather(
                create_cluster(client, namespace, namespace, nodes, pods),
                until(client, PODS, is_running, pods // 4, namespace=namespace),
            )
            assert sum(map(is_running, await pods_of(client, namespace))) < pods or first.poll() is None
        finally:
            first.kill()
            first.wait()
        before = {each["metadata"]["name"]: each["status"].get("podIP") for each in await pods_of(client, namespace)}
        async with simulation(client, namespace, node_lease_duration_seconds=0):
            await until(client, NODES, is_ready, nodes, label_selector=f"{LABEL}={namespace}")
            await until(client, PODS, is_running, pods, namespace=namespace)
            after = {each["metadata"]["name"]: each["status"]["podIP"] for each in await pods_of(client, namespace)}
            assert len(set(after.values())) == pods
            assert {name: after[name] for name, ip in before.items() if ip} == {name: ip for name, ip in before.items() if ip}

    run(scenario)


def test_an_apiserver_that_is_killed_costs_no_object(run: Callable[[Scenario], None], cluster: Cluster, namespace: str) -> None:
    nodes, pods = 20, 200

    async def scenario(client: Client) -> None:
        slow = [*FAST, stage("pod-late", ("v1", "Pod"), {".status.phase": "Running", ".status.reason": None}, status("reason: Late"))]
        slow[-1]["spec"]["delay"] = {"durationMilliseconds": 4000, "jitterDurationMilliseconds": 9000}
        async with simulation(client, namespace, slow):
            await create_cluster(client, namespace, namespace, nodes, pods)
            cluster.kill("kube-apiserver")
            cluster.wait_ready()
            await until(client, PODS, lambda each: each["status"].get("reason") == "Late", pods, namespace=namespace)

    run(scenario)


def test_two_simulations_share_the_nodes_and_one_takes_over_from_the_other(
    run: Callable[[Scenario], None], cluster: Cluster, namespace: str
) -> None:
    async def scenario(client: Client) -> None:
        async with cluster.client() as other, simulation(other, namespace):
            async with simulation(client, namespace):
                await create_cluster(client, namespace, namespace, 20, 60)
                await until(client, PODS, is_running, 60, namespace=namespace)
            leases = json.loads(cluster.kubectl("get", "leases", "-n", "kube-node-lease", "-o", "json"))["items"]
            assert len([lease for lease in leases if lease["metadata"]["name"].startswith(namespace)]) == 20
            await create_all(client, PODS, namespace, (pod(namespace, number, 20) for number in range(60, 160)))
            # Long before its Leases would have run out.
            await until(client, PODS, is_running, 160, namespace=namespace, timeout_s=25)
            await client.request("DELETE", PODS.path(namespace))
            await gone(client, PODS, namespace)

    run(scenario)


def test_pods_whose_node_goes_are_left_to_the_garbage_collector_and_played_when_it_comes_back(
    run: Callable[[Scenario], None], namespace: str
) -> None:
    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, node_lease_duration_seconds=0):
            # The pods are there before their node is.
            await create_all(client, PODS, namespace, (pod(namespace, number, 1) for number in range(3)))
            await asyncio.sleep(1)
            assert not any(map(is_running, await pods_of(client, namespace)))
            await create_all(client, NODES, None, [node(namespace, 0)])
            await until(client, PODS, is_running, 3, namespace=namespace)
            await delete_nodes(client, namespace)
            await asyncio.sleep(1)
            await create_all(client, PODS, namespace, [pod(namespace, 3, 1)])
            await asyncio.sleep(1)
            assert not is_running(await client.get(PODS, namespace, "p-00003"))

    run(scenario)


def test_host_network_pods_have_their_nodes_address_and_disregarded_ones_none(run: Callable[[Scenario], None], namespace: str) -> None:
    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, disregard_status_with_annotation_selector="off=yes"):
            off = pod(namespace, 2, 1)
            off["metadata"]["annotations"] = {"off": "yes"}
            await create_all(client, NODES, None, [node(namespace, 0)])
            await until(client, NODES, is_ready, 1, label_selector=f"{LABEL}={namespace}")
            await create_all(client, PODS, namespace, [pod(namespace, 0, 1, hostNetwork=True), off, pod(namespace, 1, 1)])
            await until(client, PODS, is_running, 2, namespace=namespace)
            addresses = {each["metadata"]["name"]: each["status"].get("podIP") for each in await pods_of(client, namespace)}
            assert addresses["p-00000"] == "192.0.2.1"
            assert addresses["p-00002"] is None

    run(scenario)


def test_pods_with_finalizers_are_deleted_by_their_stage(run: Callable[[Scenario], None], namespace: str) -> None:
    async def scenario(client: Client) -> None:
        async with simulation(client, namespace):
            held = pod(namespace, 0, 1)
            held["metadata"]["finalizers"] = ["example.com/held"]
            await create_all(client, NODES, None, [node(namespace, 0)])
            await create_all(client, PODS, namespace, [held])
            await until(client, PODS, is_running, 1, namespace=namespace)
            await client.delete(PODS, namespace, "p-00000")
            await gone(client, PODS, namespace)

    run(scenario)


def test_custom_resources_are_played_as_their_definitions_come_change_and_go(run: Callable[[Scenario], None], namespace: str) -> None:
    ref = ("example.com/v1", "Widget")

    async def scenario(client: Client) -> None:
        stages = [
            stage(
                "widget-ready",
                ref,
                {".status.phase": None},
                {"event": {"type": "Normal", "reason": "Up", "message": "up"}},
                status("phase: Ready"),
            )
        ]
        widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "labels": {"a": "b"}}, "spec": {"size": 1}}

        def ready(each: Object) -> bool:
            return (each.get("status") or {}).get("phase") == "Ready"

        async with simulation(client, namespace, stages):
            await created(client, widget_crd(subresource=False))
            try:
                await client.create(WIDGETS, namespace, widget)
                await asyncio.sleep(3)
                assert not ready(await client.get(WIDGETS, namespace, "w"))
                # The stage wants a subresource, which the kind has not yet.
                definition = {"spec": {"versions": widget_crd()["spec"]["versions"]}}
                await client.patch(CUSTOM_RESOURCE_DEFINITIONS, None, "widgets.example.com", definition, "application/merge-patch+json")
                await client.patch(WIDGETS, namespace, "w", {"metadata": {"labels": {"touched": "yes"}}}, "application/merge-patch+json")
                await until(client, WIDGETS, ready, 1, namespace=namespace)
                found = await client.get(WIDGETS, namespace, "w")
                assert found["spec"] == {"size": 1}
                assert found["metadata"]["labels"] == {"a": "b", "touched": "yes"}
            finally:
                await client.delete(CUSTOM_RESOURCE_DEFINITIONS, None, "widgets.example.com")
            async with asyncio.timeout(60):
                while True:
                    try:
                        await client.list_page(WIDGETS)
                    except NotFound:
                        break
                    await asyncio.sleep(0.2)
            await created(client, widget_crd())
            try:
                await client.create(WIDGETS, namespace, widget)
                await until(client, WIDGETS, ready, 1, namespace=namespace)
            finally:
                await client.delete(CUSTOM_RESOURCE_DEFINITIONS, None, "widgets.example.com")
            events = [each async for each in client.list(EVENTS, namespace) if each["reason"] == "Up"]
            assert len(events) == 2

    run(scenario)


def test_other_objects_are_applied(run: Callable[[Scenario], None], namespace: str) -> None:
    async def scenario(client: Client) -> None:
        template = "{apiVersion: v1, kind: ConfigMap, metadata: {name: 'of-{{ .metadata.name }}'}, data: {node: '{{ .spec.nodeName }}'}}"
        replicas = "{apiVersion: v1, kind: ConfigMap, metadata: {name: shared}, data: {'{{ .metadata.name }}': seen}}"
        steps = [{"apply": {"template": template}}, {"apply": {"template": replicas, "type": "merge"}}]
        extra = stage("pod-noted", ("v1", "Pod"), {".status.phase": "Running", ".metadata.labels.noted": None}, *steps)
        extra["spec"]["steps"].append({"patch": {"root": "metadata", "template": "labels: {noted: 'yes'}"}})
        async with simulation(client, namespace, [*FAST, extra]):
            await create_all(client, NODES, None, [node(namespace, 0)])
            await create_all(client, PODS, namespace, (pod(namespace, number, 1) for number in range(3)))
            await until(client, PODS, lambda each: each["metadata"]["labels"].get("noted") == "yes", 3, namespace=namespace)
            maps = Resource("", "v1", "configmaps", "ConfigMap", True)
            assert (await client.get(maps, namespace, "of-p-00001"))["data"] == {"node": f"{namespace}-0000"}
            assert (await client.get(maps, namespace, "shared"))["data"] == {f"p-0000{number}": "seen" for number in range(3)}

    run(scenario)


def test_stages_of_the_cluster_are_taken_as_they_change_and_wrong_ones_say_what_is_wrong(
    run: Callable[[Scenario], None], cluster: Cluster, namespace: str
) -> None:
    async def scenario(client: Client) -> None:
        for definition in crds():
            cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(definition))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "stages.kwok.x-k8s.io", "--timeout=60s")
        bad = stage("pod-bad", ("v1", "Pod"), {".status.phase": "Running"}, status("reason: {{ .metadata.name | nosuch }}"))
        unknown = stage("unknown", ("example.com/v1", "Nothing"), {}, status("phase: Ready"))
        try:
            for each in (*FAST, bad, unknown):
                await client.create(STAGES, None, each)
            async with simulation(client, namespace, None):
                await create_cluster(client, namespace, namespace, 10, 50)
                await until(client, PODS, is_running, 50, namespace=namespace)
                edited = {
                    "spec": {
                        "steps": [status("reason: Edited")],
                        "selector": stage("", ("", ""), {".status.phase": "Running", ".status.reason": None})["spec"]["selector"],
                    }
                }
                await client.patch(STAGES, None, "pod-running", edited, "application/merge-patch+json")
                await until(client, PODS, lambda each: each["status"].get("reason") == "Edited", 50, namespace=namespace)
                said: dict[str, tuple[str, str]] = {}
                async with asyncio.timeout(30):
                    while len(said) < 5:
                        said = {
                            each["metadata"]["name"]: (condition["status"], condition["reason"])
                            async for each in client.list(STAGES)
                            for condition in (each.get("status") or {}).get("conditions") or ()
                            if condition["type"] == "Ready"
                        }
                        await asyncio.sleep(0.1)
                assert said["pod-running"][0] == said["node-ready"][0] == "True"
                assert said["pod-bad"] == ("False", "InvalidTemplate")
                assert said["unknown"] == ("False", "UnknownKind")
        finally:
            cluster.kubectl("delete", "stages", "--all")

    run(scenario)


def test_a_simulation_without_rights_says_which_it_needs_and_goes_on_once_it_has_them(
    run: Callable[[Scenario], None], cluster: Cluster, namespace: str
) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["update", "patch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": namespace}, "rules": rules}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace},
        "subjects": [{"kind": "ServiceAccount", "name": "limited", "namespace": namespace}],
    }

    async def scenario(client: Client) -> None:
        cluster.kubectl("create", "serviceaccount", "limited", "-n", namespace)
        for each in (role, binding):
            cluster.kubectl("apply", "-f", "-", stdin=json.dumps(each))
        token = cluster.kubectl("create", "token", "limited", "-n", namespace).strip()
        try:
            config = replace(connection.load(cluster.kubeconfig), credentials=FixedToken(f"Bearer {token}", "limited"))
            async with Client(config) as limited, simulation(limited, namespace, node_lease_duration_seconds=0) as manager:
                await create_cluster(client, namespace, namespace, 2, 4)
                await until(client, NODES, is_ready, 2, label_selector=f"{LABEL}={namespace}")
                await asyncio.sleep(1)
                assert not any(map(is_running, await pods_of(client, namespace)))
                rules.append({"apiGroups": [""], "resources": ["pods/status"], "verbs": ["update", "patch"]})
                cluster.kubectl("apply", "-f", "-", stdin=json.dumps(role))
                await until(client, PODS, is_running, 4, namespace=namespace)
                assert manager.ready()
        finally:
            for kind in ("clusterrole", "clusterrolebinding"):
                cluster.kubectl("delete", kind, namespace)

    run(scenario)


def test_nothing_is_sent_for_objects_at_rest(run: Callable[[Scenario], None], cluster: Cluster, namespace: str) -> None:
    async def scenario(client: Client) -> None:
        async with simulation(client, namespace, node_lease_duration_seconds=0):
            await create_cluster(client, namespace, namespace, 5, 20)
            await until(client, PODS, is_running, 20, namespace=namespace)
        sent: list[tuple[str, str]] = []
        async with (
            cluster.client(observer=lambda verb, resource, code, seconds: sent.append((verb, resource))) as other,
            simulation(other, namespace, FAST, node_lease_duration_seconds=0),
        ):
            await asyncio.sleep(2)
        assert {verb for verb, _ in sent} <= {"watch", "list", "get"}

    run(scenario)
