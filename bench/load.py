# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load of the bench: nodes and pods made and removed over some connections, and counted as the apiserver tells of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import Any

import orjson

from kwok_controller.kube.client import METADATA_ONLY, Client
from kwok_controller.kube.errors import NotFound
from kwok_controller.kube.resources import LEASES, NODES, PODS, Resource
from kwok_controller.kube.watch import Change, watch

Object = dict[str, Any]

NAMESPACE = "bench"
LEASE_NAMESPACE = "kube-node-lease"
REQUESTS = 16
"""In flight, of the load."""


def node(number: int) -> Object:
    """A node as users of kwok write it."""
    name = node_name(number)
    resources = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0", "kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "type": "kwok"},
        },
        "status": {"allocatable": resources, "capacity": resources},
    }


def node_name(number: int) -> str:
    """Name of a node."""
    return f"bench-{number:06d}"


def pod(number: int, nodes: int, prefix: str = "pod") -> Object:
    """A pod that is bound already: what is measured is no scheduler."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{prefix}-{number:06d}", "namespace": NAMESPACE, "labels": {"app": "bench"}},
        "spec": {
            "nodeName": node_name(number % nodes),
            "containers": [{"name": "main", "image": "registry.example.com/main:1"}],
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
        },
    }


def pods_on(nodes: Sequence[str], count: int, prefix: str) -> list[Object]:
    """Pods that are bound to these nodes, evenly."""
    made = [pod(number, len(nodes), prefix) for number in range(count)]
    for number, item in enumerate(made):
        item["spec"]["nodeName"] = nodes[number % len(nodes)]
    return made


async def each(work: Iterable[Callable[[], Any]], requests: int = REQUESTS) -> None:
    """Do all, so many at a time."""
    rest = iter(work)

    async def some() -> None:
        for call in rest:
            await call()

    async with asyncio.TaskGroup() as tasks:
        for _number in range(requests):
            tasks.create_task(some())


async def create(client: Client, resource: Resource, objects: Iterable[Object]) -> None:
    """Create all of them."""
    await each(partial(client.create, resource, item["metadata"].get("namespace"), item, accept=METADATA_ONLY) for item in objects)


async def delete_pods(client: Client, names: Iterable[str]) -> None:
    """Ask for their deletion, with the grace period that they have."""
    await each(partial(client.delete, PODS, NAMESPACE, name) for name in names)


async def clear(client: Client) -> None:
    """Remove all pods, nodes and Leases of nodes at once, without anybody's help."""
    at_once = orjson.dumps({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})

    async def remove(resource: Resource, namespace: str | None, name: str) -> None:
        with suppress(NotFound):
            await client.request("DELETE", resource.path(namespace, name), body=at_once)

    for resource, namespace in ((PODS, NAMESPACE), (NODES, None), (LEASES, LEASE_NAMESPACE)):
        names = [item["metadata"]["name"] async for item in client.list(resource, namespace, timeout=120)]

        await each(partial(remove, resource, namespace, name) for name in names)


class Count:
    """Objects of which something holds, as of now."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._changed = asyncio.Event()

    def take(self, name: str, holds: bool) -> None:
        """Take note of one."""
        (self.names.add if holds else self.names.discard)(name)
        self._changed.set()

    async def until(self, condition: Callable[[int], bool], timeout_s: float) -> None:
        """Wait until their number is like this.

        Raises:
            RuntimeError: It is not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(len(self.names)):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise RuntimeError(f"after {timeout_s:.0f} s it is {len(self.names)}") from None


@asynccontextmanager
async def counting(
    client: Client, resource: Resource, namespace: str | None, holds: Callable[[Object], bool], field_selector: str = ""
) -> AsyncIterator[Count]:
    """Count objects by a watch of them, which is under way when this begins."""
    count = Count()
    synced = asyncio.Event()

    async def follow() -> None:
        async with aclosing(watch(client, resource, namespace=namespace, field_selector=field_selector)) as events:
            async for event in events:
                if event.change is Change.SYNCED:
                    synced.set()
                else:
                    count.take(event.key[1], event.change is not Change.DELETED and holds(event.object))

    following = asyncio.create_task(follow())
    try:
        await synced.wait()
        yield count
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def running_pods(client: Client) -> Any:
    """A count of the pods that run: the apiserver sends them once they do, and nothing else."""
    return counting(client, PODS, NAMESPACE, lambda item: True, "status.phase=Running")


def ready_nodes(client: Client) -> Any:
    """A count of the nodes that are Ready."""
    return counting(client, NODES, None, is_ready)


def is_ready(item: Object) -> bool:
    """Whether a node is Ready."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall clock."""
        return time.perf_counter() - self._began


async def warm_up(client: Client, timeout_s: float) -> None:
    """Wait until somebody plays: a node and a pod of their own."""
    item, guest = node(999_999), pod(0, 1, "warm-up")
    guest["spec"]["nodeName"] = item["metadata"]["name"]
    async with ready_nodes(client) as ready, running_pods(client) as running:
        await create(client, NODES, [item])
        await ready.until(bool, timeout_s)
        await create(client, PODS, [guest])
        await running.until(bool, timeout_s)
    await clear(client)
