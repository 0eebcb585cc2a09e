# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Traces of WorkloadTraces as they come and go, of pods as they come and go; and what is said of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest
from fake_clock import FakeClock, settle
from memory_cluster import MemoryCluster
from workloads import Object, decoded, operation, pod, trace

from kwok_controller.api.workload_trace import WorkloadTrace
from kwok_controller.emission import emitter as module
from kwok_controller.emission.emitter import Emitter
from kwok_controller.emission.ready import ReadyPods
from kwok_controller.emission.sources import WINDOW_S, Sources
from kwok_controller.kube import errors
from kwok_controller.kube.client import Client
from kwok_controller.kubelet import following
from kwok_controller.kubelet.store import Store
from kwok_controller.workload_traces.slots import Slot, Trace
from kwok_controller.workload_traces.walk import Span

ACCEPTED = ("True", "Accepted", "The object is valid and in use.")


def web(rate: float = 20, name: str = "shop", **spec: Object) -> Object:
    return trace({"web": [operation("home")]}, ("web home", {"value": rate}), name=name, **spec)


class Counted:
    """What counts, and takes spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.traced = self.left_out = self.calls = self.lost = self.late = 0
        self.failures: Counter[tuple[str, str]] = Counter()

    def put(self, spans: Sequence[Span]) -> None:
        self.spans += spans

    def second(self, namespace: str, name: str, *, traced: int, left_out: int, calls_left_out: int) -> None:
        self.seconds[namespace, name] += 1
        self.traced += traced
        self.left_out += left_out
        self.calls += calls_left_out

    def dropped(self, spans: int) -> None:
        self.lost += spans

    def missed(self, seconds: int) -> None:
        self.late += seconds

    def evaluation_failed(self, kind: str, namespace: str, name: str, count: int) -> None:
        self.failures[kind, name] += count

    def watch_restarted(self, resource: str, reason: str) -> None:
        raise AssertionError(f"{resource}: {reason}")


class World:
    """What sends traces, without an apiserver and without a receiver."""

    def __init__(self, cluster: MemoryCluster | None, local: Sequence[WorkloadTrace], owns: Callable[[str], bool]) -> None:
        self.clock = FakeClock()
        self.store = Store()
        self.counted = Counted()
        ready = ReadyPods(self.store)
        self.sources = Sources(
            clock=self.clock,
            seed=1,
            metrics=self.counted,
            ready=ready,
            client=cast(Client, cluster) if cluster is not None else None,
            follow=cluster is not None,
            local=local,
        )
        self.emitter = Emitter(self.sources, ready, self.counted, self.clock, seed=1, metrics=self.counted, owns=owns)

    def pod(self, made: Object) -> None:
        metadata = made["metadata"]
        self.store.observed("Pod", (metadata["namespace"], metadata["name"]), made)

    def gone(self, name: str) -> None:
        self.store.vanished("Pod", ("shop", name))

    async def spans(self, seconds: float) -> list[Span]:
        """Those that are handed on within so many seconds."""
        before = len(self.counted.spans)
        await self.clock.advance(seconds)
        return self.counted.spans[before:]


@asynccontextmanager
async def emitting(
    monkeypatch: pytest.MonkeyPatch, *objects: Object, local: Sequence[Object] = (), owns: Callable[[str], bool] = lambda node: True
) -> AsyncIterator[tuple[World, MemoryCluster]]:
    cluster = MemoryCluster()
    for obj in objects:
        cluster.apply(obj)
    monkeypatch.setattr(following, "watch", cluster.watch)
    world = World(None if local else cluster, [decoded(each) for each in local], owns)
    running = [asyncio.create_task(work()) for work in (world.sources.run, world.emitter.run)]
    try:
        await settle()
        yield world, cluster
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def pods_of(spans: Sequence[Span]) -> set[str]:
    return {dict(span.instance.resource)["k8s.pod.name"] for span in spans}


def test_traces_come_and_go_with_their_object(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with emitting(monkeypatch) as (world, cluster):
            world.pod(pod("web-1", "web"))
            assert await world.spans(3) == []
            # Nothing happens at all while there is no object.
            assert world.counted.seconds == {}
            cluster.apply(web())
            await settle()
            assert cluster.condition("WorkloadTrace", "shop", "shop") == ACCEPTED
            spans = await world.spans(10.5)
            assert len(spans) == pytest.approx(200, abs=60)
            assert pods_of(spans) == {"web-1"}
            # They are handed on when they have ended.
            assert all(span.end_ns <= world.clock.now_ns() for span in spans)
            cluster.apply(web(rate=0))
            assert await world.spans(2) == []
            cluster.delete("WorkloadTrace", "shop", "shop")
            await world.spans(1)
            before = world.counted.seconds.total()
            assert await world.spans(3) == []
            assert world.counted.seconds.total() == before

    asyncio.run(main())


def test_pods_are_followed_as_they_get_ready_and_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with emitting(monkeypatch, web()) as (world, _):
            world.pod(pod("web-1", "web", ready=False))
            world.pod(pod("db-1", "db"))
            world.pod(pod("web-x", "web", namespace="other"))
            assert await world.spans(2) == []
            world.pod(pod("web-1", "web"))
            world.pod(pod("web-2", "web"))
            await world.spans(1)
            assert pods_of(await world.spans(2)) == {"web-1", "web-2"}
            world.gone("web-1")
            await world.spans(1)
            assert pods_of(await world.spans(2)) == {"web-2"}
            world.pod(pod("web-2", "web", ready=False))
            await world.spans(1)
            assert await world.spans(2) == []

    asyncio.run(main())


def test_what_a_file_has_is_for_the_default_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        obj = web()
        del obj["metadata"]["namespace"]
        async with emitting(monkeypatch, local=[obj]) as (world, _):
            assert world.sources.synced
            world.pod(pod("web-1", "web"))
            world.pod(pod("web-2", "web", namespace="default"))
            assert pods_of(await world.spans(3)) == {"web-2"}
            assert set(world.counted.seconds) == {("default", "shop")}

    asyncio.run(main())


def test_traces_that_take_long_are_handed_on_late_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        slow = operation("home", "db read", latency={"distribution": "constant", "median": "3s"})
        obj = trace({"web": [slow], "db": [operation("read")]}, ("web home", {"value": 5}))
        async with emitting(monkeypatch, obj) as (world, cluster):
            world.pod(pod("web-1", "web"))
            world.pod(pod("db-1", "db"))
            assert await world.spans(3) == []
            cluster.delete("WorkloadTrace", "shop", "shop")
            spans = await world.spans(5)
            assert spans
            assert set(Counter(span.trace_id for span in spans).values()) == {3}

    asyncio.run(main())


def test_the_ceiling_of_all_objects_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(module, "MOST_SPANS", 40)
        objects = [web(rate=200, name=name, limits={"spansPerSecond": 100}) for name in ("a", "b")]
        async with emitting(monkeypatch, *objects) as (world, _):
            world.pod(pod("web-1", "web"))
            spans = await world.spans(10.5)
            assert 200 < len(spans) <= 400
            assert world.counted.left_out == pytest.approx(4000 - len(spans), abs=400)
            assert world.counted.traced == len(spans)

    asyncio.run(main())


def test_there_is_a_bound_to_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(module, "MOST_HELD", 30)
        slow = operation("home", latency={"distribution": "constant", "median": "50s"})
        async with emitting(monkeypatch, trace({"web": [slow]}, ("web home", {"value": 20}))) as (world, _):
            world.pod(pod("web-1", "web"))
            assert await world.spans(10) == []
            assert world.counted.lost == world.counted.traced - 30

    asyncio.run(main())


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        chain = trace({"web": [operation("home", "web more"), operation("more")]}, ("web home", {"value": 100}))
        chain["spec"]["limits"] = {"spansPerSecond": 50, "depth": 1}
        async with emitting(monkeypatch, chain) as (world, cluster):
            world.pod(pod("web-1", "web"))
            await world.spans(WINDOW_S + 1)
            # Each would make three spans, of which one is made.
            assert cluster.condition("WorkloadTrace", "shop", "shop") == (
                "True",
                "Limited",
                "About 80 % of the requests are left out, as spec.limits.spansPerSecond is 50; calls are left out, "
                "as spec.limits.spansPerTrace is 200 and spec.limits.depth 1.",
            )
            assert world.counted.calls == world.counted.traced > 0
            world.gone("web-1")
            await world.spans(2 * WINDOW_S)
            assert cluster.condition("WorkloadTrace", "shop", "shop") == ("True", "NoPods", "No pod is ready of these services: web.")

    asyncio.run(main())


def test_what_is_wrong_is_said_and_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        circle = trace({"web": [operation("home", "web home")]}, ("web home", {"value": 1}))
        odd = trace({"web": [operation("home")]}, ("web home", {"expression": "1 / 0"}), name="odd")
        none = {**web(name="none"), "spec": {"services": 1}}
        async with emitting(monkeypatch, circle, odd, none) as (world, cluster):
            world.pod(pod("web-1", "web"))
            assert await world.spans(2) == []
            said = {name: cluster.condition("WorkloadTrace", name, "shop") for name in ("shop", "odd", "none")}
            assert said["shop"] is not None
            assert said["shop"][:2] == ("False", "InvalidTrace")
            assert said["shop"][2].startswith("spec.services[0].operations[0].calls[0]: closes a circle")
            assert said["none"] == ("False", "InvalidSpec", "spec.services: expected a list, got 1")
            await world.spans(WINDOW_S)
            failing = cluster.condition("WorkloadTrace", "odd", "shop")
            assert failing == ("False", "EvaluationFailed", "spec.traffic[0].rate: division by zero")
            assert world.counted.failures["WorkloadTrace", "odd"] > 10
            cluster.apply(web())
            await settle()
            assert cluster.condition("WorkloadTrace", "shop", "shop") == ACCEPTED
            assert await world.spans(3)

    asyncio.run(main())


def test_a_status_is_written_again_after_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with emitting(monkeypatch) as (world, cluster):
            cluster.failures.append(errors.Conflict("conflict", status=409))
            cluster.apply(web())
            await world.spans(WINDOW_S + 2)
            assert cluster.condition("WorkloadTrace", "shop", "shop") is not None

    asyncio.run(main())


def test_only_traces_of_nodes_of_ones_own_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with emitting(monkeypatch, web(), owns=lambda node: node == "n1") as (world, _):
            world.pod(pod("web-1", "web", node="n1"))
            world.pod(pod("web-2", "web", node="n2"))
            spans = await world.spans(20.5)
            assert pods_of(spans) == {"web-1"}
            assert len(spans) == pytest.approx(200, abs=60)

    asyncio.run(main())


def test_seconds_that_come_too_late_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with emitting(monkeypatch, web()) as (world, _):
            world.pod(pod("web-1", "web"))
            await world.spans(2)
            made = world.counted.seconds.total()
            world.clock.step_wall(60)
            await world.spans(1)
            assert world.counted.seconds.total() - made <= module.LATEST + 1
            assert world.counted.late == pytest.approx(60 - module.LATEST, abs=2)

    asyncio.run(main())


def test_a_fault_of_ours_costs_one_object_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        class Broken(Slot):
            def traces(self, most: int) -> Iterator[Trace]:
                if "shop/bad" in self._key:
                    raise ZeroDivisionError("by zero")
                return super().traces(most)

        monkeypatch.setattr(module, "Slot", Broken)
        async with emitting(monkeypatch, web(name="bad"), web(name="good")) as (world, cluster):
            world.pod(pod("web-1", "web"))
            assert await world.spans(3)
            said = ("False", "Failed", "no traces can be made: ZeroDivisionError: by zero")
            await world.spans(WINDOW_S)
            assert cluster.condition("WorkloadTrace", "bad", "shop") == said
            assert ("shop", "bad") not in world.counted.seconds

    asyncio.run(main())
