# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is made of stages and said of them. That the requests mean what they should is tested against a real apiserver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
import pytest
from fake_clock import FakeClock, settle

from kwok_controller.api import StageResourceRef, decode_stage
from kwok_controller.expressions.gotemplate import kwok_functions
from kwok_controller.kube import errors
from kwok_controller.kube.client import Client
from kwok_controller.kube.resources import Resource
from kwok_controller.kube.watch import Change, WatchEvent
from kwok_controller.lifecycle import Chance, Draw, Environment, Lifecycle, StageError
from kwok_controller.simulation import stages
from kwok_controller.simulation.events import ObjectReference
from kwok_controller.simulation.stages import StageSource

POD = StageResourceRef(api_group="v1", kind="Pod")
NODE = StageResourceRef(api_group="v1", kind="Node")
Change_ = tuple[str, list[str] | None]


def stage(name: str, kind: str = "Pod", *, template: str = "phase: Running", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {},
            "steps": [{"patch": {"subresource": "status", "root": "status", "template": template}}],
            **spec,
        },
    }


class MemoryCluster:
    """Stages as an apiserver keeps them; a replica's client and watch."""

    def __init__(self, clock: FakeClock, *, prunes: bool = False) -> None:
        self.clock = clock
        self.stages: dict[str, dict[str, Any]] = {}
        self.version = 0
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.failure: errors.ApiError | None = None
        self.absent = False
        # The Go kwok's CRD has no observedGeneration.
        self.prunes = prunes
        self._watchers: list[asyncio.Queue[WatchEvent | errors.ApiError]] = []

    def apply(self, obj: dict[str, Any]) -> None:
        name = obj["metadata"]["name"]
        had = self.stages.get(name)
        generation = 1 if had is None else had["metadata"]["generation"] + (had["spec"] != obj["spec"])
        status = had.get("status", {}) if had is not None else {}
        metadata = {**obj["metadata"], "uid": f"uid-{name}", "generation": generation}
        self._store({**obj, "metadata": metadata, "status": status}, Change.ADDED if had is None else Change.MODIFIED)

    def delete(self, name: str) -> None:
        self._tell(WatchEvent(Change.DELETED, ("", name), self.stages.pop(name)))

    def remove_crd(self) -> None:
        self.absent = True
        self._tell(errors.NotFound("gone", status=404))

    async def update(self, resource: Resource, namespace: str | None, name: str, body: dict[str, Any], *, subresource: str) -> bytes:
        assert (resource.plural, namespace, subresource) == ("stages", None, "status")
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        had = self.stages[name]
        if body["metadata"]["resourceVersion"] != had["metadata"]["resourceVersion"]:
            raise errors.Conflict("conflict", status=409)
        status = dict(body["status"])
        if self.prunes:
            status.pop("observedGeneration", None)
        self.writes.append((name, status))
        return orjson.dumps(self._store({**had, "status": status}, Change.MODIFIED))

    async def watch(self, client: object, resource: Resource, **options: Any) -> AsyncGenerator[WatchEvent, None]:
        if self.absent:
            raise errors.NotFound("the server could not find the requested resource", status=404)
        queue: asyncio.Queue[WatchEvent | errors.ApiError] = asyncio.Queue()
        for name, obj in self.stages.items():
            queue.put_nowait(WatchEvent(Change.ADDED, ("", name), obj))
        queue.put_nowait(WatchEvent(Change.SYNCED, ("", ""), {}))
        self._watchers.append(queue)
        while True:
            event = await queue.get()
            if isinstance(event, errors.ApiError):
                raise event
            yield event

    def condition(self, name: str) -> tuple[str, str, str]:
        (ready,) = [found for found in self.stages[name]["status"]["conditions"] if found["type"] == "Ready"]
        return ready["status"], ready["reason"], ready["message"]

    def written(self, name: str) -> int:
        return sum(1 for written, _status in self.writes if written == name)

    def _store(self, obj: dict[str, Any], change: Change) -> dict[str, Any]:
        self.version += 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        name = obj["metadata"]["name"]
        self.stages[name] = obj
        self._tell(WatchEvent(change, ("", name), obj))
        return obj

    def _tell(self, event: WatchEvent | errors.ApiError) -> None:
        for queue in self._watchers:
            queue.put_nowait(event)


class Replica:
    """A source, and what it told."""

    def __init__(self, clock: FakeClock, cluster: MemoryCluster | None, local: list[dict[str, Any]] | None = None) -> None:
        self.changes: list[Change_] = []
        self.events: list[tuple[str, str, str]] = []
        self.errors: list[tuple[str, str]] = []
        self.kinds_are_there = True
        chance = Chance()
        functions = kwok_functions(now=clock.now_ns, start=clock.now_ns(), version="test", random=chance)
        environment = Environment(functions=functions, now=clock.now_ns, chance=chance)
        self.source = StageSource(
            environment_for=lambda ref: environment,
            on_change=self._changed,
            clock=clock,
            client=cast(Client, cluster) if cluster is not None else None,
            local=[decode_stage(obj) for obj in local] if local is not None else None,
            recorder=self,
            metrics=self,
            random=lambda: 0.0,
        )

    def send(self, about: ObjectReference, type_: str, reason: str, message: str) -> bool:
        assert type_ == "Warning"
        self.events.append((about.name, reason, message))
        return True

    def stage_error(self, stage: str, reason: str) -> None:
        self.errors.append((stage, reason))

    def _changed(self, ref: StageResourceRef, lifecycle: Lifecycle | None) -> None:
        self.changes.append((ref.kind, [stage.name for stage in lifecycle.stages] if lifecycle is not None else None))
        if self.kinds_are_there and lifecycle is not None:
            asyncio.get_running_loop().call_soon(self.source.report_kind, ref, "", "")


@asynccontextmanager
async def running(cluster: MemoryCluster, **options: Any) -> AsyncIterator[Replica]:
    replica = Replica(cluster.clock, cluster)
    for option, value in options.items():
        setattr(replica, option, value)
    task = asyncio.create_task(replica.source.run())
    await settle()
    try:
        yield replica
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError), result


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> MemoryCluster:
    cluster = MemoryCluster(FakeClock())
    monkeypatch.setattr(stages, "watch", cluster.watch)
    return cluster


# Local stages


def test_local_stages_are_told_at_once_by_kind() -> None:
    async def scenario() -> None:
        replica = Replica(FakeClock(), None, [stage("b"), stage("node", "Node"), stage("a")])
        assert not replica.source.synced
        await replica.source.run()
        assert replica.source.synced
        assert replica.changes == [("Pod", ["a", "b"]), ("Node", ["node"])]
        assert replica.source.refs() == [POD, NODE]
        assert replica.source.lifecycle(StageResourceRef(api_group="apps/v1", kind="Deployment")) is None

    asyncio.run(scenario())


def test_a_wrong_local_stage_is_left_out() -> None:
    async def scenario() -> None:
        replica = Replica(FakeClock(), None, [stage("bad", template="{{ .metadata"), stage("good")])
        await replica.source.run()
        assert replica.changes == [("Pod", ["good"])]
        assert replica.errors == [("bad", "InvalidTemplate")]
        assert replica.events == []

    asyncio.run(scenario())


def test_stages_come_from_one_place() -> None:
    with pytest.raises(ValueError, match=r"client.*local"):
        Replica(FakeClock(), None)


# Lifecycles


def test_what_there_is_at_the_start_is_told_once(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        for number in range(20):
            cluster.apply(stage(f"stage-{number:02}"))
        async with running(cluster) as replica:
            assert replica.source.synced
            assert replica.changes == [("Pod", [f"stage-{number:02}" for number in range(20)])]

    asyncio.run(scenario())


def test_many_that_are_applied_in_one_go_are_taken_over_together(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        async with running(cluster) as replica:
            for number in range(20):
                cluster.apply(stage(f"stage-{number:02}"))
                await cluster.clock.advance(0.02)
            assert replica.changes == []
            await cluster.clock.advance(0.06)
            assert [(kind, len(names or ())) for kind, names in replica.changes] == [("Pod", 20)]

    asyncio.run(scenario())


def test_stages_that_change_all_the_time_are_taken_over_nevertheless(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        async with running(cluster) as replica:
            for number in range(100):
                cluster.apply(stage("restless", weight=number))
                await cluster.clock.advance(0.03)
            assert len(replica.changes) == 2

    asyncio.run(scenario())


def test_an_edit_is_told_and_a_mere_touch_is_not(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster) as replica:
            await cluster.clock.advance(2)
            touched = stage("a")
            touched["metadata"]["labels"] = {"x": "y"}
            cluster.apply(touched)
            await cluster.clock.advance(2)
            assert len(replica.changes) == 1
            cluster.apply(stage("a", weight=3))
            await cluster.clock.advance(2)
            assert len(replica.changes) == 2

    asyncio.run(scenario())


def test_the_last_stage_of_a_kind_goes(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        cluster.apply(stage("n", "Node"))
        async with running(cluster) as replica:
            cluster.delete("n")
            await cluster.clock.advance(0.1)
            assert replica.changes[-1] == ("Node", None)
            assert replica.source.lifecycle(NODE) is None
            assert replica.source.lifecycle(POD) is not None

    asyncio.run(scenario())


def test_a_stage_moves_to_another_kind(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster) as replica:
            cluster.apply(stage("a", "Node"))
            await cluster.clock.advance(0.1)
            assert replica.changes[1:] == [("Pod", None), ("Node", ["a"])]

    asyncio.run(scenario())


def test_the_crd_comes_later_and_goes_again(cluster: MemoryCluster, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        cluster.absent = True
        async with running(cluster) as replica:
            await cluster.clock.advance(30)
            assert replica.source.synced, "nothing is waited for that may never come"
            assert sum("CRD is not there" in record.message for record in caplog.records) == 1
            cluster.absent = False
            cluster.apply(stage("a"))
            await cluster.clock.advance(5)
            assert replica.changes == [("Pod", ["a"])]
            cluster.remove_crd()
            await cluster.clock.advance(5)
            assert replica.changes[-1] == ("Pod", None)

    asyncio.run(scenario())


def test_stages_that_vanish_while_the_watch_is_refused_are_dropped(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        cluster.apply(stage("b"))
        async with running(cluster) as replica:
            cluster._tell(errors.Forbidden("no", status=403))
            await settle()
            cluster._watchers.clear()
            del cluster.stages["b"]
            await cluster.clock.advance(5)
            assert replica.changes[-1] == ("Pod", ["a"])

    asyncio.run(scenario())


# Statuses


def test_a_good_stage_is_accepted_once_it_is_taken_over(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        async with running(cluster) as replica:
            cluster.apply(stage("a"))
            await settle()
            assert cluster.writes == [], "it is not taken over yet"
            await cluster.clock.advance(0.1)
            assert cluster.condition("a") == ("True", "Accepted", "The stage is valid and is played.")
            assert cluster.stages["a"]["status"]["observedGeneration"] == 1
            cluster.apply(stage("a", weight=1))
            await cluster.clock.advance(2)
            assert cluster.stages["a"]["status"]["observedGeneration"] == 2
            assert cluster.written("a") == 2
            assert replica.events == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("wrong", "reason", "says"),
    [
        (stage("bad", template="{{ .metadata.name "), "InvalidTemplate", "spec.steps[0].patch.template: "),
        (stage("bad", template="{{ Nonsense }}"), "InvalidTemplate", "Nonsense"),
        (stage("bad", weightFrom={"jq": {"expression": ".["}}), "InvalidExpression", "spec.weightFrom"),
        (stage("bad", selector={"matchExpressions": [{"cel": {"expression": "self."}}]}), "InvalidExpression", "spec.selector"),
        (stage("bad", weight=-1), "InvalidSpec", "spec.weight: "),
        (stage("bad", delay={"durationMilliseconds": "soon"}), "InvalidSpec", "spec.delay.durationMilliseconds: "),
    ],
)
def test_a_wrong_stage_is_left_out_and_its_status_says_where(cluster: MemoryCluster, wrong: dict[str, Any], reason: str, says: str) -> None:
    async def scenario() -> None:
        cluster.apply(stage("good"))
        cluster.apply(wrong)
        async with running(cluster) as replica:
            await cluster.clock.advance(2)
            assert replica.changes == [("Pod", ["good"])]
            assert cluster.condition("good")[0] == "True"
            status, why, message = cluster.condition("bad")
            assert (status, why) == ("False", reason)
            assert says in message
            assert replica.events == [("bad", reason, message)]
            assert replica.errors == [("bad", reason)]
            cluster.apply(stage("bad"))
            await cluster.clock.advance(2)
            assert cluster.condition("bad")[0] == "True"
            assert replica.changes[-1] == ("Pod", ["bad", "good"])

    asyncio.run(scenario())


def test_a_stage_without_selector_is_told_that_it_is_for_nothing(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a", selector=None))
        async with running(cluster):
            await cluster.clock.advance(2)
            status, _reason, message = cluster.condition("a")
            assert status == "True"
            assert "no selector" in message

    asyncio.run(scenario())


def test_the_time_of_transition_stays_while_the_status_does(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster):
            await cluster.clock.advance(2)
            (first,) = cluster.stages["a"]["status"]["conditions"]
            await cluster.clock.advance(60)
            cluster.apply(stage("a", weight=1))
            await cluster.clock.advance(2)
            (second,) = cluster.stages["a"]["status"]["conditions"]
            assert second == first
            cluster.apply(stage("a", template="{{"))
            await cluster.clock.advance(2)
            (third,) = cluster.stages["a"]["status"]["conditions"]
            assert third["lastTransitionTime"] > first["lastTransitionTime"]

    asyncio.run(scenario())


def test_conditions_of_others_stay(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        theirs = {"type": "Reviewed", "status": "True", "reason": "X", "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}
        cluster.stages["a"]["status"] = {"conditions": [theirs]}
        async with running(cluster):
            await cluster.clock.advance(2)
            assert theirs in cluster.stages["a"]["status"]["conditions"]
            assert cluster.condition("a")[0] == "True"

    asyncio.run(scenario())


@pytest.mark.parametrize("prunes", [False, True], ids=["our CRD", "the Go kwok's CRD"])
def test_what_is_said_already_is_not_written_again(cluster: MemoryCluster, prunes: bool) -> None:
    async def scenario() -> None:
        cluster.prunes = prunes
        cluster.apply(stage("a"))
        cluster.apply(stage("bad", template="{{"))
        async with running(cluster):
            await cluster.clock.advance(60)
        before = len(cluster.writes)
        assert before == 2
        async with running(cluster), running(cluster):
            await cluster.clock.advance(600)
        assert len(cluster.writes) == before

    asyncio.run(scenario())


def test_replicas_that_disagree_do_not_write_all_the_time(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster):

            async def contradict() -> None:
                while True:
                    await cluster.clock.sleep(0.2)
                    obj = cluster.stages["a"]
                    other = {"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "another version's opinion"}
                    cluster._store({**obj, "status": {"observedGeneration": 1, "conditions": [other]}}, Change.MODIFIED)

            other = asyncio.create_task(contradict())
            await cluster.clock.advance(600)
            other.cancel()
            assert 5 <= cluster.written("a") <= 12

    asyncio.run(scenario())


def test_a_status_that_cannot_be_written_is_tried_again_when_that_may_help(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        cluster.failure = errors.ServiceUnavailable("later", status=503)
        async with running(cluster):
            await cluster.clock.advance(5)
            assert cluster.writes == []
            cluster.failure = None
            await cluster.clock.advance(10)
            assert cluster.condition("a")[0] == "True"

    asyncio.run(scenario())


# Kinds


def test_an_unknown_kind(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        cluster.apply(stage("b"))
        cluster.apply(stage("n", "Node"))
        async with running(cluster, kinds_are_there=False) as replica:
            await cluster.clock.advance(0.3)
            assert cluster.writes == [], "nobody has said yet whether the kinds are there"
            replica.source.report_kind(NODE, "", "")
            replica.source.report_kind(POD, "UnknownKind", "no such kind")
            replica.source.report_kind(POD, "UnknownKind", "no such kind")
            await cluster.clock.advance(0.1)
            assert [cluster.condition(name) for name in "abn"] == [
                ("False", "UnknownKind", "no such kind"),
                ("False", "UnknownKind", "no such kind"),
                ("True", "Accepted", "The stage is valid and is played."),
            ]
            assert sorted(replica.events) == [("a", "UnknownKind", "no such kind"), ("b", "UnknownKind", "no such kind")]
            assert len(cluster.writes) == 3
            replica.source.report_kind(POD, "", "")
            await cluster.clock.advance(2)
            assert cluster.condition("a")[0] == "True"

    asyncio.run(scenario())


def test_a_kind_that_has_come_while_nobody_ran(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster, kinds_are_there=False) as replica:
            replica.source.report_kind(POD, "UnknownKind", "no such kind")
            await cluster.clock.advance(1)
        async with running(cluster):
            await cluster.clock.advance(2)
            assert cluster.condition("a")[0] == "True"

    asyncio.run(scenario())


# Failures in play


def failing(message: str = "no such field") -> StageError:
    return StageError("a", "spec.steps[0].patch.template", message)


def test_a_failure_is_said_once_and_taken_back_when_it_has_healed(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster) as replica:
            await cluster.clock.advance(2)
            for number in range(100):
                replica.source.report("a", failing(f"pod {number}"), reason="TemplateFailed")
                replica.source.report("a", None)
                await cluster.clock.advance(0.1)
            assert cluster.condition("a") == ("False", "TemplateFailed", "spec.steps[0].patch.template: pod 0")
            assert cluster.written("a") == 2
            assert len(replica.events) == 1
            assert replica.errors == [("a", "TemplateFailed")] * 100
            await cluster.clock.advance(29)
            replica.source.report("a", None)
            await cluster.clock.advance(0.1)
            assert cluster.condition("a")[0] == "False", "others of its objects may still fail"
            await cluster.clock.advance(2)
            replica.source.report("a", None)
            await cluster.clock.advance(5)
            assert cluster.condition("a")[0] == "True"

    asyncio.run(scenario())


def test_a_failure_that_goes_on_is_said_again_after_a_while(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster) as replica:
            await cluster.clock.advance(2)
            for number in range(130):
                replica.source.report("a", failing(f"pod {number}"))
                await cluster.clock.advance(1)
            assert [message[-6:] for _name, _reason, message in replica.events] == [" pod 0", "pod 60", "od 120"]

    asyncio.run(scenario())


def test_an_edit_takes_a_failure_back(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster) as replica:
            await cluster.clock.advance(2)
            replica.source.report("a", failing())
            await cluster.clock.advance(2)
            cluster.apply(stage("a", weight=1))
            await cluster.clock.advance(2)
            assert cluster.condition("a")[0] == "True"

    asyncio.run(scenario())


def test_what_another_replica_saw_fail_is_left_standing_for_a_while(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster) as failed, running(cluster) as well:
            await cluster.clock.advance(2)
            for _ in range(200):
                failed.source.report("a", failing())
                well.source.report("a", None)
                await cluster.clock.advance(1)
            assert cluster.condition("a")[0] == "False"
            assert cluster.written("a") <= 3
            for _ in range(400):
                well.source.report("a", None)
                await cluster.clock.advance(1)
            assert cluster.condition("a")[0] == "True"

    asyncio.run(scenario())


def test_a_reason_that_the_crd_refuses_and_a_message_without_end(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a"))
        async with running(cluster) as replica:
            await cluster.clock.advance(2)
            replica.source.report("a", failing("x" * 100_000), reason="no reason")
            replica.source.report("unknown", failing())
            await cluster.clock.advance(2)
            _status, reason, message = cluster.condition("a")
            assert reason == "PlayFailed"
            assert len(message) <= 2048

    asyncio.run(scenario())


def test_an_expression_that_fails_on_an_object_is_reported(cluster: MemoryCluster) -> None:
    async def scenario() -> None:
        cluster.apply(stage("a", selector={"matchExpressions": [{"cel": {"expression": "self.metadata.labels['x'] == 'y'"}}]}))
        async with running(cluster) as replica:
            await cluster.clock.advance(2)
            lifecycle = replica.source.lifecycle(POD)
            assert lifecycle is not None
            assert lifecycle.match({"metadata": {"name": "pod"}}, Draw(0, "pod", 0)) is None
            await cluster.clock.advance(2)
            assert cluster.condition("a")[:2] == ("False", "ExpressionFailed")

    asyncio.run(scenario())
