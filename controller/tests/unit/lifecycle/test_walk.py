# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A pod's whole life, with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kwok_controller.api import decode_stage
from kwok_controller.expressions.gotemplate import kwok_functions
from kwok_controller.lifecycle import Chance, Delete, Draw, Environment, Lifecycle, Patch, SendEvent, StageError, compile_stage

START_NS = 1_136_214_245_000_000_000  # 2006-01-02T15:04:05Z
SECOND = 1_000_000_000

STAGES: list[dict[str, Any]] = [
    {
        "name": "pod-complete",
        "selector": {
            "matchLabels": {"job": "yes"},
            "matchExpressions": [
                {"jq": {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}},
                {"jq": {"key": ".status.phase", "operator": "In", "values": ["Running"]}},
            ],
        },
        "delay": {"durationFrom": {"jq": {"expression": ".metadata.annotations.runs"}}},
        "steps": [
            {"patch": {"root": "status", "subresource": "status", "type": "merge", "template": "{phase: Succeeded, endTime: {{ Now }}}"}}
        ],
    },
    {
        "name": "pod-delete",
        "selector": {"matchExpressions": [{"cel": {"expression": "has(self.metadata.deletionTimestamp)"}}]},
        "delay": {"durationFrom": {"jq": {"expression": ".metadata.deletionTimestamp"}}},
        "steps": [{"event": {"type": "Normal", "reason": "Killing", "message": "Bye"}, "finalizers": {"empty": True}, "delete": True}],
    },
    {
        "name": "pod-start",
        "selector": {
            "matchExpressions": [
                {"jq": {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}},
                {"jq": {"key": ".status.phase", "operator": "In", "values": ["Pending"]}},
            ],
        },
        "delay": {"durationMilliseconds": 1000, "jitterDurationMilliseconds": 3000},
        "steps": [
            {"patch": {"root": "status", "subresource": "status", "type": "merge", "template": "{phase: Running, startTime: {{ Now }}}"}}
        ],
    },
]


class World:
    """A clock, and one object."""

    def __init__(self, obj: dict[str, Any]) -> None:
        self.now_ns = START_NS
        self.obj: Any = obj
        self.count = 0
        chance = Chance()
        environment = Environment(functions=kwok_functions(now=lambda: self.now_ns, random=chance), now=lambda: self.now_ns, chance=chance)
        compiled = [
            compile_stage(
                decode_stage({"kind": "Stage", "metadata": {"name": spec["name"]}, "spec": {"resourceRef": {"kind": "Pod"}, **spec}}),
                environment,
            )
            for spec in STAGES
        ]
        self.lifecycle = Lifecycle(compiled, self.fail)

    def fail(self, error: StageError) -> None:
        raise error

    def play(self) -> Iterator[tuple[str, int]]:
        """Plays until nothing matches: the stages, and how many nanoseconds after the start they were played."""
        while self.obj is not None:
            draw = Draw(42, "v1/Pod/default/web-0", self.count)
            stage = self.lifecycle.match(self.obj, draw)
            if stage is None:
                return
            self.now_ns += max(0, stage.delay(self.obj, self.now_ns, draw) or 0)
            for _, effect in stage.effects(self.obj, 0, draw):
                match effect:
                    case Patch(data={"status": status}):
                        self.obj = {**self.obj, "status": {**self.obj["status"], **status}}
                    case Patch(data=[{"op": "remove", "path": "/metadata/finalizers"}]):
                        self.obj = {**self.obj, "metadata": {**self.obj["metadata"], "finalizers": []}}
                    case Delete():
                        assert not self.obj["metadata"].get("finalizers")
                        self.obj = None
                    case other:
                        assert other == SendEvent("Normal", "Killing", "Bye")
            self.count += 1
            yield stage.name, self.now_ns - START_NS


def pod(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "default", **metadata},
        "status": {"phase": "Pending"},
    }


def test_a_pod_of_a_job_starts_and_completes() -> None:
    world = World(pod(labels={"job": "yes"}, annotations={"runs": "10s"}))
    (started, at), (completed, then) = world.play()
    assert (started, completed) == ("pod-start", "pod-complete")
    assert SECOND <= at < 3 * SECOND
    assert then == at + 10 * SECOND
    assert world.obj["status"]["phase"] == "Succeeded"
    assert world.obj["status"]["endTime"].startswith("2006-01-02T15:04:1")


def test_another_pod_starts_and_stays() -> None:
    world = World(pod())
    assert [name for name, _ in world.play()] == ["pod-start"]
    assert world.obj["status"]["phase"] == "Running"


def test_the_same_seed_plays_at_the_same_time() -> None:
    assert list(World(pod()).play()) == list(World(pod(labels={"other": "one"})).play())


def test_a_deleted_pod_goes_when_its_grace_period_is_over() -> None:
    world = World(pod(deletionTimestamp="2006-01-02T15:04:35Z", finalizers=["example.com/hold"]))
    assert list(world.play()) == [("pod-delete", 30 * SECOND)]
    assert world.obj is None


def test_a_grace_period_that_is_over_is_not_waited_for() -> None:
    world = World(pod(deletionTimestamp="2006-01-02T15:04:00Z"))
    assert list(world.play()) == [("pod-delete", 0)]
