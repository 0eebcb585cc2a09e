# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Kubelets in front of a real apiserver: it says who may ask, and keeps Metrics, usages and their statuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from sim_cluster import Cluster
from simulated import FAST, create_cluster, delete_nodes, eventually, is_running, options, until

from kwok_controller.api import decode_stage
from kwok_controller.api.crds import crd
from kwok_controller.api.kinds import KINDS
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import PODS, Resource
from kwok_controller.kubelet.application import Kubelets
from kwok_controller.kubelet.authentication import Authenticator
from kwok_controller.kubelet.authorization import Authorizer, Guard
from kwok_controller.kubelet.scrapes import Scrapes
from kwok_controller.kubelet.sources import RESOURCES
from kwok_controller.server.health import ping
from kwok_controller.server.http import Server
from kwok_controller.simulation.clock import SystemClock
from kwok_controller.simulation.manager import Manager
from kwok_controller.telemetry.metrics import Metrics

METRIC = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Metric",
    "metadata": {"name": "resource"},
    "spec": {
        "path": "/metrics/nodes/{nodeName}/metrics/resource",
        "metrics": [
            {
                "name": "pod_memory_working_set_bytes",
                "kind": "gauge",
                "dimension": "pod",
                "labels": [{"name": "pod", "value": "pod.metadata.name"}],
                "value": 'pod.Usage("memory")',
            },
            {"name": "bad", "kind": "gauge", "value": "node.nothing.there"},
        ],
    },
}
USAGE = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "ClusterResourceUsage",
    "metadata": {"name": "all"},
    "spec": {"usages": [{"usage": {"memory": {"value": "1Mi"}}}]},
}


class World:
    """A simulation with a server that plays the kubelets."""

    def __init__(self, client: Client, run: str) -> None:
        clock, metrics = SystemClock(), Metrics(process=False)
        self.scrapes = Scrapes(clock, seed=1, metrics=metrics, client=client, follow=list(RESOURCES))
        stages = [decode_stage(each) for each in FAST]
        observer, notes = self.scrapes.store, self.scrapes.checkpoints
        self.manager = Manager(options(run), client, metrics=metrics, stages=stages, observer=observer, notes=notes)
        self.server = Server("127.0.0.1:0", live={"ping": ping}, ready={"ping": ping}, exposition=metrics.exposition, certificate=None)
        guard = Guard(Authenticator(client, clock), Authorizer(client, clock))
        self.server.application = Kubelets(self.scrapes, self.server.routes, guard=guard, ready=self.ready)

    def ready(self) -> bool:
        return self.scrapes.sources.synced and self.manager.ready()

    async def get(self, path: str, token: str = "") -> tuple[int, str]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{self.server.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            return response.status, await response.text()


@asynccontextmanager
async def playing(client: Client, run: str) -> AsyncIterator[World]:
    world = World(client, run)
    await world.server.start()
    tasks = [asyncio.create_task(world.scrapes.sources.run()), asyncio.create_task(world.manager.run())]
    try:
        await eventually(world.ready)
        yield world
    finally:
        await world.manager.stop()
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await world.server.stop()


@pytest.fixture(scope="module")
def definitions(cluster: Cluster) -> Iterator[None]:
    wanted = json.dumps({"apiVersion": "v1", "kind": "List", "items": [crd(KINDS[kind]) for kind in RESOURCES]})
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=wanted)
    for kind in RESOURCES.values():
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{kind.plural}.{kind.group}", "--timeout=60s")
    yield
    for kind in RESOURCES.values():
        cluster.kubectl("delete", "crd", f"{kind.plural}.{kind.group}")


async def condition(client: Client, resource: Resource, name: str) -> tuple[str, str]:
    """Status and reason, once they are there."""
    async with asyncio.timeout(60):
        while True:
            status: dict[str, Any] = (await client.get(resource, None, name)).get("status") or {}
            for each in status.get("conditions", []):
                return each["status"], each["reason"]
            await asyncio.sleep(0.1)


def test_kubelets_are_asked_by_those_who_may(cluster: Cluster, namespace: str, definitions: None) -> None:
    for name in ("allowed", "refused"):
        cluster.kubectl("create", "serviceaccount", name, "--namespace", namespace)
    cluster.kubectl("create", "clusterrole", namespace, "--verb=get", "--resource=nodes/metrics")
    cluster.kubectl("create", "clusterrolebinding", namespace, f"--clusterrole={namespace}", f"--serviceaccount={namespace}:allowed")
    for manifest in (METRIC, USAGE):
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    tokens = {name: cluster.kubectl("create", "token", name, "--namespace", namespace).strip() for name in ("allowed", "refused")}
    path = f"/metrics/nodes/{namespace}-0000/metrics/resource"

    async def main() -> None:
        async with cluster.client() as client:
            await create_cluster(client, namespace, namespace, 2, 4)
            async with playing(client, namespace) as world:
                await until(client, PODS, is_running, 4, namespace=namespace)
                await eventually(lambda: len(world.scrapes.store.pods(f"{namespace}-0000")) == 2)
                status, text = await world.get(path, tokens["allowed"])
                assert status == 200
                values = [line for line in text.splitlines() if not line.startswith("#")]
                assert values == [f'pod_memory_working_set_bytes{{pod="p-0000{number}"}} 1.048576e+06' for number in (0, 2)]
                status, text = await world.get(path, tokens["refused"])
                assert status == 403
                assert f"system:serviceaccount:{namespace}:refused" in text
                assert (await world.get(path))[0] == (await world.get(path, "made-up"))[0] == 401
                assert (await world.get("/discovery/prometheus", tokens["allowed"]))[0] == 200
                assert (await world.get("/pods", tokens["allowed"]))[0] == 403
                assert (await world.get("/healthz"))[0] == 200
                assert await condition(client, RESOURCES["Metric"], "resource") == ("False", "InvalidMetric")
                assert await condition(client, RESOURCES["ClusterResourceUsage"], "all") == ("True", "Accepted")
                await client.delete(PODS, namespace, "p-00000")
                await eventually(lambda: len(world.scrapes.store.pods(f"{namespace}-0000")) == 1)
                assert 'pod="p-00000"' not in (await world.get(path, tokens["allowed"]))[1]
            await delete_nodes(client, namespace)

    try:
        asyncio.run(main())
    finally:
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", namespace)


COUNTER = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Metric",
    "metadata": {"name": "counter"},
    "spec": {
        "path": "/metrics/nodes/{nodeName}/metrics/counter",
        "metrics": [{"name": "node_cpu_usage_seconds_total", "kind": "counter", "value": 'node.CumulativeUsage("cpu")'}],
    },
}


def using(cores: str) -> str:
    """A manifest by which every container uses so many cores."""
    return json.dumps(
        USAGE | {"metadata": {"name": "a-cores"}, "spec": {"usages": [{"usage": {"cpu": {"value": cores}}}]}},
    )


def test_counters_go_on_after_a_restart_whatever_has_changed(cluster: Cluster, namespace: str, definitions: None) -> None:
    cluster.kubectl("create", "serviceaccount", "prometheus", "--namespace", namespace)
    cluster.kubectl("create", "clusterrole", namespace, "--verb=get", "--resource=nodes/metrics")
    cluster.kubectl("create", "clusterrolebinding", namespace, f"--clusterrole={namespace}", f"--serviceaccount={namespace}:prometheus")
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(COUNTER))
    cluster.kubectl("apply", "-f", "-", stdin=using("1000"))
    token = cluster.kubectl("create", "token", "prometheus", "--namespace", namespace).strip()

    async def used(world: World) -> float:
        status, text = await world.get(f"/metrics/nodes/{namespace}-0000/metrics/counter", token)
        assert status == 200
        [line] = [line for line in text.splitlines() if not line.startswith("#")]
        return float(line.split()[1])

    async def main() -> None:
        async with cluster.client() as client:
            await create_cluster(client, namespace, namespace, 1, 2)
            async with playing(client, namespace) as world:
                await until(client, PODS, is_running, 2, namespace=namespace)
                await eventually(lambda: len(world.scrapes.store.pods(f"{namespace}-0000")) == 2)
                async with asyncio.timeout(30):
                    while await used(world) < 2000:
                        await asyncio.sleep(0.2)
                # What one pod used was before the change, and the other one is gone: neither can be known later from what there is then.
                cluster.kubectl("apply", "-f", "-", stdin=using("1m"))
                await client.delete(PODS, namespace, "p-00000")
                await eventually(lambda: len(world.scrapes.store.pods(f"{namespace}-0000")) == 1)
                await asyncio.sleep(1)
                before = await used(world)
            async with playing(client, namespace) as world:
                await eventually(lambda: len(world.scrapes.store.pods(f"{namespace}-0000")) == 1)
                assert before <= await used(world) < before + 10
            await delete_nodes(client, namespace)

    try:
        asyncio.run(main())
    finally:
        cluster.kubectl("delete", "metrics.kwok.x-k8s.io", "counter")
        cluster.kubectl("delete", "clusterresourceusages", "a-cores")
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", namespace)
