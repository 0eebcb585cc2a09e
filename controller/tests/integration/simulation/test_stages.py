# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stages of a real apiserver: the CRD that comes late, statuses, Events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sim_cluster import Cluster

from kwok_controller.api import StageResourceRef
from kwok_controller.api.crds import crds
from kwok_controller.expressions.gotemplate import kwok_functions
from kwok_controller.kube.client import APPLY_PATCH, Client
from kwok_controller.kube.errors import NotFound, TooManyRequests
from kwok_controller.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, EVENTS
from kwok_controller.lifecycle import Chance, Environment, Lifecycle, StageError
from kwok_controller.simulation.clock import SystemClock
from kwok_controller.simulation.events import Recorder
from kwok_controller.simulation.stages import STAGES, StageSource

CLOCK = SystemClock()
CRD = "stages.kwok.x-k8s.io"


class Replica:
    """A source with a recorder, and what it told."""

    def __init__(self, client: Client) -> None:
        self.changes: list[tuple[str, list[str] | None]] = []
        self.status_writes = 0
        client.observer = self._count
        chance = Chance()
        functions = kwok_functions(now=CLOCK.now_ns, start=CLOCK.now_ns(), version="test", random=chance)
        environment = Environment(functions=functions, now=CLOCK.now_ns, chance=chance)
        self.recorder = Recorder(client, clock=CLOCK)
        self.source = StageSource(
            environment_for=lambda ref: environment, on_change=self._changed, clock=CLOCK, client=client, recorder=self.recorder
        )

    def _count(self, verb: str, resource: str, status: int, seconds: float) -> None:
        self.status_writes += (verb, resource) == ("update", "stages")

    def _changed(self, ref: StageResourceRef, lifecycle: Lifecycle | None) -> None:
        self.changes.append((ref.kind, [stage.name for stage in lifecycle.stages] if lifecycle is not None else None))
        if lifecycle is not None:
            asyncio.get_running_loop().call_soon(self.source.report_kind, ref, "", "")


@asynccontextmanager
async def running(cluster: Cluster) -> AsyncIterator[Replica]:
    async with cluster.client() as client:
        replica = Replica(client)
        tasks = [asyncio.create_task(replica.source.run()), asyncio.create_task(replica.recorder.run())]
        try:
            yield replica
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results), results


@pytest.fixture
def definition(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """The CRD of Stage, which the test creates; gone at the end, with all stages."""

    async def remove() -> None:
        async with cluster.client() as admin:
            try:
                await admin.delete(CUSTOM_RESOURCE_DEFINITIONS, None, CRD)
            except NotFound:
                return
            await until(lambda: CRD not in cluster.kubectl("get", "crd", "-o", "name"), "the CRD is gone", pause_s=0.5)

    asyncio.run(remove())
    yield next(found for found in crds() if found["metadata"]["name"] == CRD)
    asyncio.run(remove())


async def until(condition: Callable[[], bool], what: str, *, timeout_s: float = 20, pause_s: float = 0.02) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(pause_s)


async def create_crd(admin: Client, definition: dict[str, Any]) -> None:
    await admin.create(CUSTOM_RESOURCE_DEFINITIONS, None, definition)
    for _ in range(200):
        try:
            await admin.list_page(STAGES)
        except (NotFound, TooManyRequests):
            # It is on its way.
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the CRD is not served")


async def apply(admin: Client, name: str, *, template: str = "phase: Running", **spec: Any) -> None:
    steps = [{"patch": {"subresource": "status", "root": "status", "template": template}}]
    stage = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {"resourceRef": {"apiGroup": "v1", "kind": "Pod"}, "selector": {}, "steps": steps, **spec},
    }
    await admin.patch(STAGES, None, name, stage, APPLY_PATCH, params={"fieldManager": "test", "force": True})


async def ready(admin: Client, name: str, status: str, *, generation: int | None = None) -> dict[str, Any]:
    """Wait until the condition has this status, and give it."""
    for _ in range(500):
        stage = await admin.get(STAGES, None, name)
        of = stage.get("status", {})
        for condition in of.get("conditions", ()):
            if (condition["type"], condition["status"]) == ("Ready", status) and of["observedGeneration"] == stage["metadata"][
                "generation"
            ]:
                return dict(condition)
        await asyncio.sleep(0.02)
    raise AssertionError(f"Ready does not become {status}: {json.dumps(stage.get('status'))}")


def test_from_a_crd_that_comes_late_to_one_that_goes(cluster: Cluster, definition: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with cluster.client() as admin, running(cluster) as replica:
            await asyncio.sleep(1)
            assert replica.source.synced
            await create_crd(admin, definition)
            await asyncio.gather(*(apply(admin, f"stage-{number:02}") for number in range(20)))
            await ready(admin, "stage-19", "True")
            names = [f"stage-{number:02}" for number in range(20)]
            await until(lambda: replica.changes[-1:] == [("Pod", names)], "all stages are told")
            assert len(replica.changes) <= 3, "they are taken over together"
            for name in names:
                await ready(admin, name, "True")
            assert replica.status_writes <= 25
            before = replica.status_writes
            await asyncio.sleep(3)
            assert replica.status_writes == before
            assert len(replica.changes) <= 3
            await admin.delete(CUSTOM_RESOURCE_DEFINITIONS, None, CRD)
            await until(lambda: replica.changes[-1] == ("Pod", None), "the stages are gone")

    asyncio.run(scenario())


def test_a_wrong_stage_says_so_in_its_status_and_by_an_event(cluster: Cluster, definition: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with cluster.client() as admin, running(cluster) as replica:
            await create_crd(admin, definition)
            await apply(admin, "good")
            await apply(admin, "bad", template="phase: {{ .metadata.name")
            wrong = await ready(admin, "bad", "False")
            assert wrong["reason"] == "InvalidTemplate"
            assert "spec.steps[0].patch.template" in wrong["message"]
            await ready(admin, "good", "True")
            await until(lambda: replica.changes[-1:] == [("Pod", ["good"])], "the good one is told alone")
            found: list[dict[str, Any]] = []
            for _ in range(100):
                events = [event async for event in admin.list(EVENTS, "default", field_selector="involvedObject.name=bad")]
                found = [event for event in events if event["reason"] == "InvalidTemplate"]
                if found:
                    break
                await asyncio.sleep(0.05)
            assert [(event["type"], event["message"], event["count"]) for event in found] == [("Warning", wrong["message"], 1)]
            described = await asyncio.to_thread(cluster.kubectl, "describe", "stages.kwok.x-k8s.io", "bad")
            assert "InvalidTemplate" in described.partition("Events:")[2]

            await apply(admin, "bad")
            right = await ready(admin, "bad", "True")
            assert right["reason"] == "Accepted"
            await until(lambda: replica.changes[-1] == ("Pod", ["bad", "good"]), "both are told")

            replica.source.report("bad", StageError("bad", "spec.steps[0].patch.template", "pod default/x: boom"), reason="TemplateFailed")
            failed = await ready(admin, "bad", "False")
            assert (failed["reason"], failed["message"]) == ("TemplateFailed", "spec.steps[0].patch.template: pod default/x: boom")

    asyncio.run(scenario())


def test_two_replicas_agree(cluster: Cluster, definition: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with cluster.client() as admin, running(cluster) as one, running(cluster) as other:
            await create_crd(admin, definition)
            for number in range(10):
                await apply(admin, f"stage-{number}")
            await apply(admin, "bad", weightFrom={"jq": {"expression": "]"}})
            for number in range(10):
                await ready(admin, f"stage-{number}", "True")
            await ready(admin, "bad", "False")
            await asyncio.sleep(4)
            before = one.status_writes + other.status_writes
            versions = {stage["metadata"]["name"]: stage["metadata"]["resourceVersion"] async for stage in admin.list(STAGES)}
            await asyncio.sleep(6)
            assert one.status_writes + other.status_writes == before
            assert versions == {stage["metadata"]["name"]: stage["metadata"]["resourceVersion"] async for stage in admin.list(STAGES)}
            # Each at most once, and once more for whoever came second.
            assert before <= 3 * 11

    asyncio.run(scenario())
