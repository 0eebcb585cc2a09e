# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is made of Metrics and usages, and said of them. That the requests mean what they should is tested against a real apiserver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from fake_clock import FakeClock, settle
from kubelet_objects import Metrics, Object, metric, node, pod, scrapes, usage
from memory_cluster import MemoryCluster

from kwok_controller.exposition import Format
from kwok_controller.kube import errors
from kwok_controller.kube.client import Client
from kwok_controller.kubelet import following
from kwok_controller.kubelet.scrapes import Scrapes
from kwok_controller.kubelet.sources import RESOURCES

GAUGE = {"name": "node_x", "kind": "gauge", "value": "1"}
BROKEN = {"name": "node_y", "kind": "gauge", "value": "nothing.there"}
FAILING = {"name": "node_z", "kind": "gauge", "value": 'Quantity(node.metadata.labels["cpus"])'}


class Following:
    """What is followed in a cluster, with one node and one pod."""

    def __init__(self, cluster: MemoryCluster, clock: FakeClock) -> None:
        self.cluster = cluster
        self.clock = clock
        self.metrics = Metrics()
        self.scrapes = Scrapes(clock, seed=1, metrics=self.metrics, client=cast(Client, cluster), follow=list(RESOURCES))
        self.scrapes.store.observed("Node", ("", "n1"), node("n1"))
        self.scrapes.store.observed("Pod", ("default", "web"), pod("web", "n1"))

    def scrape(self, path: str = "/metrics/nodes/n1/metrics/resource") -> str | None:
        """What is answered, without comments; None where there is nothing."""
        found = self.scrapes.endpoints.find(path)
        if found is None:
            return None
        body = self.scrapes.metric(*found, Format.TEXT)
        assert body is not None
        return "\n".join(line for line in body.decode().splitlines() if not line.startswith("#"))


@asynccontextmanager
async def followed(monkeypatch: pytest.MonkeyPatch, *objects: Object, absent: tuple[str, ...] = ()) -> AsyncIterator[Following]:
    cluster = MemoryCluster()
    cluster.absent = set(absent)
    for obj in objects:
        cluster.apply(obj)
    monkeypatch.setattr(following, "watch", cluster.watch)
    made = Following(cluster, FakeClock())
    running = asyncio.create_task(made.scrapes.sources.run())
    try:
        await settle()
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_what_is_in_the_cluster_is_served_as_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric(), usage()) as world:
            assert world.scrapes.sources.synced
            assert world.scrape() == "node_memory_working_set_bytes 6.7108864e+07"
            assert world.cluster.condition("Metric", "resource") == ("True", "Accepted", "The object is valid and in use.")
            assert world.cluster.condition("ClusterResourceUsage", "all") == ("True", "Accepted", "The object is valid and in use.")
            world.cluster.apply(usage("web", memory='Quantity("1Mi")', namespace="default"))
            await settle()
            assert world.scrape() == "node_memory_working_set_bytes 1.048576e+06"
            assert world.cluster.condition("ResourceUsage", "web", "default") is not None
            world.cluster.delete("ResourceUsage", "web", "default")
            world.cluster.apply(metric("resource", GAUGE))
            await settle()
            assert world.scrape() == "node_x 1"
            world.cluster.delete("Metric", "resource")
            await settle()
            assert world.scrape() is None

    asyncio.run(main())


def test_a_kind_whose_crd_comes_later_is_followed_then(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", GAUGE), absent=("Metric", "ResourceUsage")) as world:
            assert world.scrapes.sources.synced
            assert world.scrape() is None
            world.cluster.absent.clear()
            await world.clock.advance(following.RETRY_S)
            assert world.scrape() == "node_x 1"

    asyncio.run(main())


def test_a_kind_whose_crd_goes_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", GAUGE), usage()) as world:
            world.cluster.absent.add("Metric")
            world.cluster.end_watches("Metric", errors.NotFound("gone", status=404))
            await settle()
            await world.clock.advance(following.RETRY_S)
            assert world.scrape() is None

    asyncio.run(main())


def test_what_went_while_nobody_watched_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", GAUGE), metric("other", GAUGE, path="/metrics/o")) as world:
            world.cluster.end_watches("Metric", errors.Forbidden("no", status=403))
            world.cluster.delete("Metric", "other")
            await settle()
            assert world.scrapes.endpoints.find("/metrics/o") is not None
            await world.clock.advance(following.RETRY_S)
            assert (world.scrape(), world.scrapes.endpoints.find("/metrics/o")) == ("node_x 1", None)

    asyncio.run(main())


def test_a_bad_metric_spoils_its_own_series_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", BROKEN, GAUGE)) as world:
            assert world.scrape() == "node_x 1"
            condition = world.cluster.condition("Metric", "resource")
            assert condition is not None
            assert condition[:2] == ("False", "InvalidMetric")
            assert condition[2].startswith("spec.metrics[0].value: ")
            world.cluster.apply(metric("resource", GAUGE))
            await settle()
            assert world.cluster.condition("Metric", "resource") == ("True", "Accepted", "The object is valid and in use.")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("bad", "reason", "words"),
    [
        (metric("resource", {"kind": "gauge", "value": "1"}), "InvalidSpec", "spec.metrics[0].name: is required"),
        (metric("resource", GAUGE, path="/other"), "InvalidPath", "spec.path: '/other' is not under /metrics"),
        (metric("resource", GAUGE, path="/metrics"), "InvalidPath", "spec.path: /metrics is the controller's own"),
    ],
)
def test_what_cannot_be_served_at_all_takes_the_place_of_what_could(
    monkeypatch: pytest.MonkeyPatch, bad: Object, reason: str, words: str
) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", GAUGE)) as world:
            world.cluster.apply(bad)
            await settle()
            assert world.scrape() is None
            condition = world.cluster.condition("Metric", "resource")
            assert condition is not None
            assert condition[:2] == ("False", reason)
            assert condition[2].startswith(words)

    asyncio.run(main())


def test_a_bad_usage_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric(), usage(memory="nothing.there")) as world:
            assert world.scrape() == "node_memory_working_set_bytes 0"
            condition = world.cluster.condition("ClusterResourceUsage", "all")
            assert condition is not None
            assert condition[:2] == ("False", "InvalidUsage")
            assert condition[2].startswith("spec.usages[0].usage.memory.expression: ")
            world.cluster.apply({**usage(), "spec": {"usages": [{"usage": {"memory": {"value": "a lot"}}}]}})
            await settle()
            condition = world.cluster.condition("ClusterResourceUsage", "all")
            assert condition is not None
            assert condition[1] == "InvalidSpec"

    asyncio.run(main())


def test_of_two_metrics_with_one_path_the_second_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("b", GAUGE), metric("c", BROKEN, GAUGE)) as world:
            assert world.cluster.condition("Metric", "b") == ("True", "Accepted", "The object is valid and in use.")
            condition = world.cluster.condition("Metric", "c")
            assert condition is not None
            assert condition[1] == "PathTaken"
            assert "the Metric b already" in condition[2]
            world.cluster.delete("Metric", "b")
            await settle()
            await world.clock.advance(31)
            condition = world.cluster.condition("Metric", "c")
            assert condition is not None
            assert condition[1] == "InvalidMetric"

    asyncio.run(main())


def test_what_is_mended_while_another_has_its_path_is_well_when_it_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("b", GAUGE), metric("c", BROKEN, GAUGE)) as world:
            world.cluster.apply(metric("c", GAUGE))
            await settle()
            condition = world.cluster.condition("Metric", "c")
            assert condition is not None
            assert condition[1] == "PathTaken"
            world.cluster.delete("Metric", "b")
            await settle()
            await world.clock.advance(31)
            assert world.cluster.condition("Metric", "c") == ("True", "Accepted", "The object is valid and in use.")

    asyncio.run(main())


def test_an_evaluation_that_fails_is_counted_and_said_until_it_has_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", GAUGE, FAILING)) as world:
            assert world.scrape() == "node_x 1"
            assert world.scrape() == "node_x 1"
            assert world.metrics.errors == {("Metric", "", "resource"): 2}
            await settle()
            assert world.cluster.condition("Metric", "resource") == ("True", "Accepted", "The object is valid and in use.")
            await world.clock.advance(30)
            condition = world.cluster.condition("Metric", "resource")
            assert condition is not None
            assert condition[:2] == ("False", "EvaluationFailed")
            assert condition[2].startswith("spec.metrics[1].value: ")
            written = len(world.cluster.writes)
            for _ in range(10):
                world.scrape()
                await world.clock.advance(30)
            assert len(world.cluster.writes) == written
            world.scrapes.store.observed("Node", ("", "n1"), node("n1", labels={"cpus": "4"}))
            assert world.scrape() == "node_x 1\nnode_z 4"
            await world.clock.advance(61)
            world.scrape()
            await world.clock.advance(1)
            assert world.cluster.condition("Metric", "resource") == ("True", "Accepted", "The object is valid and in use.")

    asyncio.run(main())


def test_a_usage_that_fails_is_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric(), usage(memory='Quantity(pod.metadata.annotations["m"])')) as world:
            await world.clock.advance(31)
            assert world.scrape() == "node_memory_working_set_bytes 0"
            assert world.metrics.errors == {("ClusterResourceUsage", "", "all"): 1}
            await settle()
            condition = world.cluster.condition("ClusterResourceUsage", "all")
            assert condition is not None
            assert condition[:2] == ("False", "EvaluationFailed")
            assert condition[2].startswith("spec.usages[0].usage.memory.expression: ")

    asyncio.run(main())


def test_failures_of_usages_with_one_name_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        failing = 'Quantity(pod.metadata.annotations["m"])'
        usages = [usage("web", memory=failing, namespace=namespace) for namespace in ("default", "other")]
        async with followed(monkeypatch, metric(), *usages) as world:
            other = pod("web", "n1", uid="uid-other")
            other["metadata"]["namespace"] = "other"
            world.scrapes.store.observed("Pod", ("other", "web"), other)
            world.scrape()
            assert world.metrics.errors == {("ResourceUsage", "default", "web"): 1, ("ResourceUsage", "other", "web"): 1}

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["usage", "metric"])
@pytest.mark.parametrize("gone", [True, False])
def test_what_has_not_failed_for_a_minute_is_well_again_whether_it_is_asked_for_or_not(
    monkeypatch: pytest.MonkeyPatch, kind: str, gone: bool
) -> None:
    accepted = ("True", "Accepted", "The object is valid and in use.")
    objects = [metric(), usage(memory='Quantity(pod.metadata.annotations["m"])')] if kind == "usage" else [metric("resource", FAILING)]
    of = ("ClusterResourceUsage", "all") if kind == "usage" else ("Metric", "resource")

    async def main() -> None:
        async with followed(monkeypatch, *objects) as world:
            await world.clock.advance(31)
            world.scrape()
            await world.clock.advance(55)
            condition = world.cluster.condition(*of)
            assert condition is not None
            assert condition[1] == "EvaluationFailed"
            if gone:
                world.scrapes.store.vanished("Pod", ("default", "web"))
                world.scrapes.store.observed("Node", ("", "n1"), node("n1", labels={"cpus": "4"}))
                world.scrape()
            await world.clock.advance(10)
            assert world.cluster.condition(*of) == accepted
            written = len(world.cluster.writes)
            await world.clock.advance(100)
            assert len(world.cluster.writes) == written

    asyncio.run(main())


def test_what_is_gone_is_not_said_to_be_well_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", FAILING)) as world:
            await world.clock.advance(31)
            world.scrape()
            await settle()
            world.cluster.delete("Metric", "resource")
            await settle()
            updates: list[str] = []
            monkeypatch.setattr(world.cluster, "update", lambda *args, **options: updates.append("written"))
            await world.clock.advance(100)
            assert updates == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("failure", "again"),
    [(errors.Unreachable("away"), True), (errors.Conflict("newer", status=409), True), (errors.Forbidden("no", status=403), False)],
)
def test_a_status_that_could_not_be_written_is_tried_again_where_that_may_help(
    monkeypatch: pytest.MonkeyPatch, failure: errors.ApiError, again: bool
) -> None:
    async def main() -> None:
        async with followed(monkeypatch) as world:
            world.cluster.failures.append(failure)
            world.cluster.apply(metric("resource", GAUGE))
            await settle()
            assert world.cluster.condition("Metric", "resource") is None
            await world.clock.advance(31)
            assert (world.cluster.condition("Metric", "resource") is not None) == again

    asyncio.run(main())


def test_what_is_right_in_the_status_already_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with followed(monkeypatch, metric("resource", GAUGE)) as world:
            assert [name for name, _ in world.cluster.writes] == ["resource"]
            world.cluster.end_watches("Metric", errors.Forbidden("no", status=403))
            await settle()
            await world.clock.advance(100)
            assert len(world.cluster.writes) == 1

    asyncio.run(main())


def test_objects_of_files_need_no_cluster() -> None:
    made = scrapes(FakeClock(), metric("resource", BROKEN, GAUGE), usage(), nodes=(node("n1"),))
    asyncio.run(made.sources.run())
    assert made.sources.synced
    found = made.endpoints.find("/metrics/nodes/n1/metrics/resource")
    assert found is not None
    assert made.metric(*found, Format.TEXT) == b"# TYPE node_x gauge\nnode_x 1\n"
    assert made.metric(found[0], "n2", Format.TEXT) is None
