# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Leases of a real apiserver, with the garbage collector and the node lifecycle controller beside it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sim_cluster import Cluster

from kwok_controller.kube.client import MERGE_PATCH, Client
from kwok_controller.kube.resources import LEASES, NODES
from kwok_controller.simulation.clock import SystemClock
from kwok_controller.simulation.leases import HOLDER_LABEL, NAMESPACE, ClusterLeases, LeaseKeeper, label_of

CLOCK = SystemClock()


class Keeping:
    """A keeper that runs, what it told, and the requests that it made."""

    def __init__(self, client: Client, identity: str, duration: int) -> None:
        self.requests: list[tuple[str, int]] = []
        client.observer = lambda verb, resource, status, seconds: self.requests.append((verb, status))
        self.acquired: list[str] = []
        self.lost: list[str] = []
        self.keeper = LeaseKeeper(
            ClusterLeases(client, identity),
            identity,
            duration,
            clock=CLOCK,
            on_acquired=self.acquired.extend,
            on_lost=self.lost.extend,
            parallelism=16,
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.keeper.run())

    async def stop(self) -> None:
        """End without releasing anything, as a process that was killed."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None


@asynccontextmanager
async def keeping(cluster: Cluster, identity: str, duration: int) -> AsyncIterator[Keeping]:
    async with cluster.client() as client:
        mine = Keeping(client, identity, duration)
        mine.start()
        try:
            yield mine
        finally:
            await mine.stop()


async def until(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait until it holds; how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture
def prefix(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """For names of this test's own."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:30].strip("-")
    yield name

    async def clean() -> None:
        async with cluster.client() as admin:
            await admin.request("DELETE", LEASES.path(NAMESPACE))

    asyncio.run(clean())


def leases(cluster: Cluster, prefix: str) -> dict[str, dict[str, Any]]:
    items = json.loads(cluster.kubectl("get", "leases", "-n", NAMESPACE, "-o", "json"))["items"]
    return {item["metadata"]["name"]: item for item in items if item["metadata"]["name"].startswith(prefix)}


@pytest.mark.parametrize("end", ["graceful", "killed"])
def test_another_takes_over_and_none_is_ever_held_by_two(cluster: Cluster, prefix: str, end: str) -> None:
    duration = 8
    names = [f"{prefix}-{end}-{number:03}" for number in range(300)]

    async def scenario() -> float:
        doubly: set[str] = set()
        async with keeping(cluster, "first", duration) as first, keeping(cluster, "second", duration) as second:

            async def look() -> None:
                while True:
                    doubly.update(name for name in names if first.keeper.held(name) and second.keeper.held(name))
                    await asyncio.sleep(0.01)

            looking = asyncio.create_task(look())
            for name in names[:200]:
                first.keeper.hold(name, "")
            await until(lambda: first.keeper.count() == 200, 30, "the first has its share")
            for name in names:
                first.keeper.hold(name, "")
                second.keeper.hold(name, "")
            await until(lambda: first.keeper.count() + second.keeper.count() == len(names), 30, "all are held")
            await asyncio.sleep(duration * 1.5)
            assert first.keeper.count() + second.keeper.count() == len(names)
            assert first.lost == second.lost == []
            share = first.keeper.count()
            assert share >= 200
            await first.stop()
            if end == "graceful":
                assert await first.keeper.release_all(timeout=30) == 0
            took = await until(lambda: second.keeper.count() == len(names), 5 * duration, "the second has all")
            looking.cancel()
            assert doubly == set()
            print(f"{end}: {share} of {len(names)} taken over in {took:.2f} s")
            return took

    took = asyncio.run(scenario())
    # What is released has just been renewed: whoever has to wait for its end waits for the whole duration.
    assert took < duration - 1 if end == "graceful" else took > duration / 2
    assert {lease["spec"]["holderIdentity"] for lease in leases(cluster, f"{prefix}-{end}-").values()} == {"second"}


def test_a_thousand_are_renewed_in_time(cluster: Cluster, prefix: str) -> None:
    duration, seconds = 12, 30

    async def scenario() -> None:
        async with keeping(cluster, "only", duration) as only:
            for number in range(1000):
                only.keeper.hold(f"{prefix}-{number:04}", "")
            took = await until(lambda: only.keeper.count() == 1000, 60, "all are held")
            only.requests.clear()
            cpu = time.process_time()
            worst = 0.0
            began = time.monotonic()
            while time.monotonic() - began < seconds:
                worst = max(worst, only.keeper.lag())
                await asyncio.sleep(0.1)
            cpu = time.process_time() - cpu
            statuses = {status for _verb, status in only.requests}
            print(
                f"1000 leases made in {took:.1f} s; {len(only.requests) / seconds:.0f} requests/s for {seconds} s, {statuses}; "
                f"worst lag {worst:.2f} s of {duration} s; {cpu / seconds:.1%} of a CPU"
            )
            assert only.lost == []
            assert worst < duration
            assert {verb for verb, _status in only.requests} <= {"update", "watch"}

    asyncio.run(scenario())


def test_a_deleted_lease_is_made_again_and_strangers_labels_stay(cluster: Cluster, prefix: str) -> None:
    async def scenario() -> None:
        async with keeping(cluster, "me", 8) as mine:
            mine.keeper.hold(prefix, "")
            await until(lambda: mine.keeper.held(prefix), 10, "it is held")
            await asyncio.to_thread(cluster.kubectl, "label", "lease", prefix, "-n", NAMESPACE, "team=a")
            # Longer than half of the duration: it was renewed since.
            await asyncio.sleep(5)
            lease = (await asyncio.to_thread(leases, cluster, prefix))[prefix]
            assert lease["metadata"]["labels"] == {"team": "a", HOLDER_LABEL: label_of("me")}
            uid = lease["metadata"]["uid"]
            await asyncio.to_thread(cluster.kubectl, "delete", "lease", prefix, "-n", NAMESPACE)
            # The renewal that is next shows that it is gone.
            await asyncio.sleep(5)
            assert (await asyncio.to_thread(leases, cluster, prefix))[prefix]["metadata"]["uid"] != uid
            assert mine.lost == []

    asyncio.run(scenario())


def test_nodes_and_their_leases(cluster: Cluster, prefix: str) -> None:
    """The owner, the garbage collector, a node made anew, and the node lifecycle controller after a release."""

    async def scenario() -> None:
        async with cluster.client() as admin, keeping(cluster, "me", 40) as mine:
            uid = await ready_node(admin, prefix)
            mine.keeper.hold(prefix, uid)
            await until(lambda: mine.keeper.held(prefix), 10, "it is held")
            assert await owners(admin, prefix) == [uid]

            await admin.delete(NODES, None, prefix)
            anew = await ready_node(admin, prefix)
            assert anew != uid
            mine.keeper.hold(prefix, anew)
            await asyncio.sleep(2)
            assert await owners(admin, prefix) == [anew]
            assert mine.keeper.held(prefix)

            await mine.stop()
            assert await mine.keeper.release_all() == 0
            lease = await admin.get(LEASES, NAMESPACE, prefix)
            assert "holderIdentity" not in lease["spec"]
            assert lease["spec"]["leaseDurationSeconds"] == 40
            # The node lifecycle controller looks every 5 s (--node-monitor-period).
            await asyncio.sleep(12)
            node = await admin.get(NODES, None, prefix)
            assert [found["status"] for found in node["status"]["conditions"] if found["type"] == "Ready"] == ["True"]
            assert "taints" not in node["spec"]

            await admin.delete(NODES, None, prefix)
            for _ in range(300):
                if prefix not in await asyncio.to_thread(leases, cluster, prefix):
                    break
                await asyncio.sleep(0.1)
            else:
                raise AssertionError("the garbage collector did not remove the lease of the node that is gone")

    asyncio.run(scenario())


async def ready_node(admin: Client, name: str) -> str:
    await admin.create(NODES, None, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    ready = {"type": "Ready", "status": "True", "reason": "Simulated", "message": ""}
    await admin.patch(NODES, None, name, {"status": {"conditions": [ready]}}, MERGE_PATCH, subresource="status")
    for _ in range(100):
        node = await admin.get(NODES, None, name)
        if "taints" not in node["spec"]:
            break
        await asyncio.sleep(0.1)
    uid: str = node["metadata"]["uid"]
    return uid


async def owners(admin: Client, name: str) -> list[str]:
    return [owner["uid"] for owner in (await admin.get(LEASES, NAMESPACE, name))["metadata"]["ownerReferences"]]
