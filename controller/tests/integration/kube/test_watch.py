# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from relay import Relay
from sim_cluster import Cluster

from kwok_controller.kube import connection
from kwok_controller.kube.client import Client
from kwok_controller.kube.errors import ApiError, Forbidden, NotFound, TooManyRequests
from kwok_controller.kube.resources import NODES, Resource
from kwok_controller.kube.watch import Change, Key, WatchEvent, WatchHooks, watch

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)


class Follower:
    """Keeps what a watch tells in step with what its events say, and checks that they fit together."""

    def __init__(self, client: Client, namespace: str, *, stream_initial: bool = True) -> None:
        self.present: dict[Key, str] = {}
        self.events: list[tuple[Change, str]] = []
        self.synced = 0
        self.restarts: list[str] = []
        hooks = WatchHooks(restarted=self.restarts.append)
        self._events = watch(client, CONFIG_MAPS, namespace=namespace, label_selector="watched", stream_initial=stream_initial, hooks=hooks)

    async def run(self) -> None:
        async for event in self._events:
            self._take(event)

    def _take(self, event: WatchEvent) -> None:
        self.events.append((event.change, event.key[1]))
        if event.change is Change.SYNCED:
            self.synced += 1
            return
        uid = event.object["metadata"]["uid"]
        known = self.present.get(event.key)
        assert known == (None if event.change is Change.ADDED else uid), event
        if event.change is Change.DELETED:
            del self.present[event.key]
        else:
            self.present[event.key] = uid

    @property
    def names(self) -> set[str]:
        return {name for _, name in self.present}


@asynccontextmanager
async def following(client: Client, namespace: str, *, stream_initial: bool = True) -> AsyncIterator[Follower]:
    follower = Follower(client, namespace, stream_initial=stream_initial)
    task = asyncio.create_task(follower.run())
    try:
        await until(task, lambda: follower.synced > 0)
        yield follower
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(task: asyncio.Task[None] | None, condition: object, timeout_s: float = 60) -> None:
    assert callable(condition)
    async with asyncio.timeout(timeout_s):
        while not condition():
            if task is not None and task.done():
                task.result()
            await asyncio.sleep(0.05)


async def create(client: Client, namespace: str, *names: str, data: dict[str, str] | None = None) -> None:
    limit = asyncio.Semaphore(32)

    async def one(name: str) -> None:
        async with limit:
            while True:
                body = {"metadata": {"name": name, "labels": {"watched": ""}}, "data": data or {}}
                try:
                    await client.create(CONFIG_MAPS, namespace, body)
                    return
                except TooManyRequests as error:
                    await asyncio.sleep(error.retry_after or 1)

    await asyncio.gather(*(one(name) for name in names))


async def ready(client: Client) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(ApiError):
                await client.request("GET", "/readyz", timeout=2)
                return
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("stream_initial", [True, False])
def test_changes(cluster: Cluster, namespace: str, stream_initial: bool) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            await create(client, namespace, "before")
            async with following(client, namespace, stream_initial=stream_initial) as follower:
                await create(client, namespace, "after")
                await client.patch(CONFIG_MAPS, namespace, "after", {"data": {"a": "b"}}, "application/merge-patch+json")
                await client.delete(CONFIG_MAPS, namespace, "after")
                # To a watch with a selector, an object that is no longer selected is gone.
                await client.patch(CONFIG_MAPS, namespace, "before", {"metadata": {"labels": None}}, "application/merge-patch+json")
                await until(None, lambda: not follower.present)
                assert follower.events == [
                    (Change.ADDED, "before"),
                    (Change.SYNCED, ""),
                    (Change.ADDED, "after"),
                    (Change.MODIFIED, "after"),
                    (Change.DELETED, "after"),
                    (Change.DELETED, "before"),
                ]
                assert follower.restarts == []

    asyncio.run(main())


def test_network_that_is_cut(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with cluster.client() as direct, Relay(cluster) as relay, relay.client() as client:
            await create(direct, namespace, "a", "b")
            async with following(client, namespace) as follower:
                relay.cut()
                await direct.delete(CONFIG_MAPS, namespace, "a")
                await create(direct, namespace, "c")
                await asyncio.sleep(0.5)
                assert follower.names == {"a", "b"}
                relay.mend()
                await until(None, lambda: follower.names == {"b", "c"})
                # The server still has what happened in between, so nothing is listed anew.
                assert follower.synced == 1
                assert set(follower.restarts) == {"broken"}

    asyncio.run(main())


@pytest.mark.parametrize("stream_initial", [True, False])
def test_what_happened_is_gone_from_the_server(cluster: Cluster, namespace: str, stream_initial: bool) -> None:
    async def main() -> None:
        async with cluster.client() as direct, Relay(cluster) as relay, relay.client() as client:
            await create(direct, namespace, "kept", "deleted", "replaced")
            async with following(client, namespace, stream_initial=stream_initial) as follower:
                uids = dict(follower.present)
                relay.cut()
                await direct.delete(CONFIG_MAPS, namespace, "deleted")
                await direct.delete(CONFIG_MAPS, namespace, "replaced")
                await create(direct, namespace, "replaced", "fresh")
                latest = str((await direct.get(CONFIG_MAPS, namespace, "fresh"))["metadata"]["resourceVersion"])
                # Neither etcd nor the server's cache knows what was before.
                await asyncio.to_thread(cluster.etcdctl, "compact", latest)
                await asyncio.to_thread(cluster.kill, "kube-apiserver")
                await ready(direct)
                relay.mend()
                await until(None, lambda: follower.synced == 2)
                assert follower.names == {"kept", "replaced", "fresh"}
                assert follower.present[namespace, "replaced"] != uids[namespace, "replaced"]
                # What did not change is not told again.
                assert [name for _, name in follower.events].count("kept") == 1
                assert "expired" in follower.restarts

    asyncio.run(main())


def test_apiserver_that_is_killed(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with cluster.client() as client:
            await create(client, namespace, "before")
            async with following(client, namespace) as follower:
                for round_number in range(2):
                    await asyncio.to_thread(cluster.kill, "kube-apiserver")
                    await asyncio.sleep(0.2)
                    await ready(client)
                    await create(client, namespace, f"after-{round_number}")
                await client.delete(CONFIG_MAPS, namespace, "before")
                await until(None, lambda: follower.names == {"after-0", "after-1"})
                assert "broken" in follower.restarts

    asyncio.run(main())


def test_etcd_that_is_killed(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with cluster.client() as client, following(client, namespace) as follower:
            await asyncio.to_thread(cluster.kill, "etcd")
            await asyncio.sleep(0.2)
            await ready(client)
            await create(client, namespace, "after")
            await until(None, lambda: follower.names == {"after"})

    asyncio.run(main())


def test_many_and_big_objects(cluster: Cluster, namespace: str) -> None:
    many = {f"many-{number}" for number in range(10_000)}
    # Escaped, each byte becomes six: a line of 2.4 MB. An apiserver takes at most 3 MiB.
    big = {"x": "\x01" * 400_000}

    async def main() -> None:
        async with cluster.client() as client:
            await create(client, namespace, *many)
            await create(client, namespace, "big", data=big)
            async with (
                following(client, namespace, stream_initial=True) as streamed,
                following(client, namespace, stream_initial=False) as paged,
            ):
                assert streamed.names == paged.names == {*many, "big"}
                await create(client, namespace, "bigger", data=big)
                await until(None, lambda: "bigger" in streamed.names & paged.names)

    asyncio.run(main())


def test_cancelling_leaves_no_connection(cluster: Cluster, namespace: str) -> None:
    async def main() -> None:
        async with Relay(cluster) as relay, relay.client() as client:
            tasks = len(asyncio.all_tasks())
            async with following(client, namespace):
                assert relay.connections == 1
            await until(None, lambda: relay.connections == 0 and len(asyncio.all_tasks()) == tasks)

    asyncio.run(main())


def test_what_is_not_there_and_what_is_forbidden(cluster: Cluster, namespace: str) -> None:
    async def first(events: AsyncGenerator[WatchEvent, None]) -> None:
        async with contextlib.aclosing(events):
            await anext(events)

    async def main() -> None:
        failures: list[BaseException] = []
        hooks = WatchHooks(failed=lambda error, seconds: failures.append(error))
        async with cluster.client() as client:
            with pytest.raises(NotFound):
                await first(watch(client, Resource("none.example.com", "v1", "things", "Thing", True), hooks=hooks))
        token = cluster.kubectl("create", "token", "default", "--namespace", namespace).strip()
        async with Client(connection.load(cluster.kubeconfig_of("token", {"token": token}))) as client:
            with pytest.raises(Forbidden, match="cannot"):
                await first(watch(client, NODES, hooks=hooks))
        assert [type(failure) for failure in failures] == [NotFound, Forbidden]

    asyncio.run(main())
