# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A simulation in a process of its own, and the objects for it: `python simulated.py KUBECONFIG RUN`, RUN being a label of the nodes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from kwok_controller.api import Stage, decode_stage
from kwok_controller.api.configuration import Options
from kwok_controller.kube import connection
from kwok_controller.kube.client import METADATA_ONLY, Client
from kwok_controller.kube.resources import NODES, PODS, Resource
from kwok_controller.kube.watch import Change, watch
from kwok_controller.simulation.manager import Manager
from kwok_controller.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from sim_cluster import Cluster

Object = dict[str, Any]

LABEL = "example.com/run"

NODE_TEMPLATE = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
capacity: {cpu: "32", memory: 256Gi, pods: "110"}
"""

POD_TEMPLATE = """
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace | Quote }}
conditions:
- {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
"""


def stage(name: str, ref: tuple[str, str], when: dict[str, str | None], *steps: Object, **spec: Any) -> Object:
    """A Stage: `when` maps jq paths to the value that they must have; `""` is any, None none."""
    operators = {None: "DoesNotExist", "": "Exists"}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": ref[0], "kind": ref[1]},
            "selector": {
                "matchExpressions": [
                    {"jq": {"key": key, "operator": operators.get(value, "In"), "values": [value] if value else []}}
                    for key, value in when.items()
                ]
            },
            "steps": list(steps),
            **spec,
        },
    }


def status(template: str, **more: Any) -> Object:
    """A step that patches the status."""
    return {"patch": {"subresource": "status", "root": "status", "template": template, **more}}


NODE_READY = stage("node-ready", ("v1", "Node"), {".status.addresses": None}, status(NODE_TEMPLATE))
POD_RUNNING = stage("pod-running", ("v1", "Pod"), {".status.podIP": None, ".metadata.deletionTimestamp": None}, status(POD_TEMPLATE))
POD_DELETED = stage("pod-deleted", ("v1", "Pod"), {".metadata.deletionTimestamp": ""}, {"finalizers": {"empty": True}}, {"delete": True})
FAST = [NODE_READY, POD_RUNNING, POD_DELETED]


def options(run: str, **more: Any) -> Options:
    """Those nodes that have the label of the run."""
    chosen: Object = {"manage_nodes_with_label_selector": f"{LABEL}={run}", "node_ip": "192.0.2.1", "cidr": "10.0.0.1/16"}
    return Options(**{**chosen, "node_lease_duration_seconds": 40, **more})


@asynccontextmanager
async def simulation(client: Client, run: str, stages: Iterable[Object] | None = FAST, **more: Any) -> AsyncIterator[Manager]:
    """A simulation in this process, ready; at the end it is stopped in good order."""
    decoded: list[Stage] | None = None if stages is None else [decode_stage(each) for each in stages]
    manager = Manager(options(run, **more), client, metrics=Metrics(process=False), stages=decoded)
    running = asyncio.ensure_future(manager.run())
    try:
        await eventually(manager.ready)
        yield manager
    finally:
        await manager.stop()
        await running


def start(kubeconfig: Path, run: str) -> subprocess.Popen[bytes]:
    """A simulation with the fast stages in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, str(kubeconfig), run])


async def eventually(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for something in this process."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def until(
    client: Client,
    resource: Resource,
    condition: Callable[[Object], bool],
    count: int,
    *,
    timeout_s: float = 120,
    namespace: str | None = None,
    label_selector: str = "",
) -> None:
    """Wait until so many objects are like this."""
    found: set[tuple[str, str]] = set()
    changes = watch(client, resource, namespace=namespace, label_selector=label_selector)
    async with asyncio.timeout(timeout_s), aclosing(changes) as events:
        async for event in events:
            if event.change is Change.SYNCED:
                pass
            elif event.change is not Change.DELETED and condition(event.object):
                found.add(event.key)
            else:
                found.discard(event.key)
            if len(found) >= count:
                return


async def gone(client: Client, resource: Resource, namespace: str, *, timeout_s: float = 120) -> None:
    """Wait until there is none left in a namespace."""
    async with asyncio.timeout(timeout_s):
        while (await client.list_page(resource, namespace, params={"limit": 1}))["items"]:
            await asyncio.sleep(0.1)


def is_ready(node: Object) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in (node.get("status") or {}).get("conditions") or ())


def is_running(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("phase") == "Running")


def node(run: str, number: int) -> Object:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"{run}-{number:04d}", "labels": {LABEL: run}}}


def pod(run: str, number: int, nodes: int, **spec: Any) -> Object:
    """A pod that is bound already."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p-{number:05d}", "labels": {LABEL: run}},
        "spec": {
            "nodeName": f"{run}-{number % nodes:04d}",
            "containers": [{"name": "c", "image": "registry.example.com/c"}],
            "tolerations": [{"operator": "Exists"}],
            **spec,
        },
    }


async def create_all(client: Client, resource: Resource, namespace: str | None, objects: Iterable[Object]) -> None:
    """Create all of them, some at a time."""
    rest = iter(objects)

    async def create_some() -> None:
        for each in rest:
            await client.create(resource, namespace, each, accept=METADATA_ONLY)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(24):
            tasks.create_task(create_some())


async def create_cluster(client: Client, run: str, namespace: str, nodes: int, pods: int) -> None:
    """Nodes and pods that are bound to them."""
    await create_all(client, NODES, None, (node(run, number) for number in range(nodes)))
    await create_all(client, PODS, namespace, (pod(run, number, nodes) for number in range(pods)))


@contextmanager
def running_scenarios(cluster: Cluster, namespace: str) -> Iterator[Callable[[Callable[[Client], Coroutine[Any, Any, None]]], None]]:
    """Runs scenarios; their pods and nodes, which are named after the namespace, are gone afterwards."""

    def play(scenario: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        async def connected() -> None:
            async with cluster.client() as client:
                await scenario(client)

        asyncio.run(connected())

    async def clean(client: Client) -> None:
        at_once = orjson.dumps({"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0})
        await client.request("DELETE", PODS.path(namespace), body=at_once, timeout=120)
        await delete_nodes(client, namespace)

    yield play
    play(clean)


async def delete_nodes(client: Client, run: str) -> None:
    """All nodes of a run."""
    await client.request("DELETE", NODES.path(), params={"labelSelector": f"{LABEL}={run}"})


async def _main(kubeconfig: str, run: str) -> None:
    async with Client(connection.load(kubeconfig)) as client:
        manager = Manager(options(run), client, metrics=Metrics(process=False), stages=[decode_stage(each) for each in FAST])
        await manager.run()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
