# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is decided about the versions of an object, and what becomes of decisions."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from engine import WIDGETS, Engine, event, stage, status
from fake_clock import settle

from kwok_controller.kube.errors import ApiError, ServiceUnavailable, Timeout
from kwok_controller.simulation.policy import Disregard, Policy
from kwok_controller.simulation.resources import PARK_SECONDS
from kwok_controller.simulation.tracked import Object

A_TO_B = stage("a-to-b", event("B"), status("phase: B"), when={".status.phase": "A"})
B_TO_C = stage("b-to-c", event("C"), status("phase: C"), when={".status.phase": "B"})
LATE = stage("late", status("phase: Done"), when={".status.phase": None}, delay={"durationMilliseconds": 10_000})


class OnNodes(Policy):
    """Objects that belong to the node that `spec.node` names."""

    def __init__(self) -> None:
        super().__init__(Disregard())
        self.ours: set[str] = set()

    def node_of(self, obj: Object) -> str:
        return str((obj.get("spec") or {}).get("node") or "")

    def may_play(self, node: str) -> bool:
        return node in self.ours


class AllFirst(Policy):
    waits_for_first_list = True


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def test_an_object_goes_from_stage_to_stage_and_each_is_played_once() -> None:
    async def scenario() -> None:
        engine = Engine([A_TO_B, B_TO_C])
        async with engine.running():
            engine.widget(status={"phase": "A"})
            await settle()
        assert engine.get()["status"] == {"phase": "C"}
        assert engine.events.sent == [("w", "B"), ("w", "C")]
        assert engine.controller.objects["default", "w"].plays == 2

    run(scenario)


@pytest.mark.parametrize("watched", [True, False])
def test_the_next_stage_follows_from_the_answer_where_the_stage_says_so(watched: bool) -> None:
    async def scenario() -> None:
        at_once = stage("a-to-b", event("B"), status("phase: B"), when={".status.phase": "A"}, immediateNextStage=True)
        engine = Engine([at_once, B_TO_C])
        async with engine.running():
            engine.widget(status={"phase": "A"})
            engine.api.told = watched
            await settle()
            assert engine.get()["status"] == {"phase": "C"}
            engine.api.tell()
            await settle()
        assert engine.events.sent == [("w", "B"), ("w", "C")]

    run(scenario)


def test_the_newest_version_wins() -> None:
    async def scenario() -> None:
        engine = Engine([LATE])
        async with engine.running():
            engine.widget()
            await engine.clock.advance(5)
            engine.api.edit(WIDGETS, "w", {"status": {"phase": "Else"}})
            await engine.clock.advance(60)
        assert engine.api.requests == []

    run(scenario)


def test_a_deleted_object_is_not_played() -> None:
    async def scenario() -> None:
        engine = Engine([LATE])
        async with engine.running():
            engine.widget()
            engine.api.remove(WIDGETS, "w")
            await engine.clock.advance(60)
            assert len(engine.queue) == 0
        assert engine.api.requests == []
        assert not engine.controller.objects

    run(scenario)


def test_an_object_of_the_same_name_starts_anew() -> None:
    async def scenario() -> None:
        engine = Engine([LATE])
        async with engine.running():
            engine.widget()
            await engine.clock.advance(9)
            # Its deletion was not seen.
            engine.api.told = False
            engine.api.remove(WIDGETS, "w")
            replaced = engine.widget()
            engine.controller.observe(dict(replaced))
            await engine.clock.advance(9)
            assert engine.api.requests == []
            await engine.clock.advance(1)
        assert engine.get()["status"] == {"phase": "Done"}

    run(scenario)


def test_a_delay_goes_on_while_the_object_is_touched() -> None:
    async def scenario() -> None:
        engine = Engine([LATE])
        async with engine.running():
            engine.widget()
            for count in range(9):
                await engine.clock.advance(1)
                engine.api.edit(WIDGETS, "w", {"metadata": {"labels": {"count": str(count)}}})
            await engine.clock.advance(1)
        assert engine.get()["status"] == {"phase": "Done"}
        assert engine.api.requests == [("update", "w/status")]

    run(scenario)


def test_another_delay_counts_from_now() -> None:
    async def scenario() -> None:
        delay = {"durationFrom": {"jq": {"expression": ".spec.wait"}}}
        engine = Engine([stage("late", status("phase: Done"), when={".status.phase": None}, delay=delay)])
        async with engine.running():
            engine.widget(spec={"wait": "10s"})
            await engine.clock.advance(9)
            engine.api.edit(WIDGETS, "w", {"spec": {"wait": "5s"}})
            await engine.clock.advance(4)
            assert engine.api.requests == []
            await engine.clock.advance(1)
            assert len(engine.api.requests) == 1

    run(scenario)


def test_a_delay_until_a_time_ends_then_however_often_the_object_is_touched() -> None:
    async def scenario() -> None:
        delay = {"durationFrom": {"jq": {"expression": ".spec.until"}}}
        engine = Engine([stage("late", status("phase: Done"), when={".status.phase": None}, delay=delay)])
        async with engine.running():
            # The clock starts at 2023-11-14T22:13:20Z.
            engine.widget(spec={"until": "2023-11-14T22:13:30Z"})
            for count in range(9):
                await engine.clock.advance(1)
                engine.api.edit(WIDGETS, "w", {"metadata": {"labels": {"count": str(count)}}})
            assert engine.api.requests == []
            await engine.clock.advance(1)
            assert len(engine.api.requests) == 1

    run(scenario)


def test_a_version_older_than_what_was_written_is_not_decided_about() -> None:
    async def scenario() -> None:
        engine = Engine([A_TO_B, B_TO_C])
        engine.api.told = False
        meddled: list[Object] = []

        def meddle(verb: str, target: str) -> None:
            engine.api.before = lambda verb, target: None
            meddled.append(engine.api.edit(WIDGETS, "w", {"metadata": {"labels": {"a": "b"}}}))

        engine.api.before = meddle
        async with engine.running():
            engine.controller.observe(dict(engine.widget(status={"phase": "A"})))
            await settle()
            assert engine.get()["status"] == {"phase": "B"}
            # What somebody else made of it in between is told only now.
            engine.controller.observe(dict(meddled[0]))
            await settle()
            assert engine.events.sent == [("w", "B")]
            engine.controller.observe(dict(engine.get()))
            await settle()
        assert engine.events.sent == [("w", "B"), ("w", "C")]

    run(scenario)


def test_after_a_restore_of_etcd_older_versions_count() -> None:
    async def scenario() -> None:
        engine = Engine([A_TO_B])
        first = engine.widget(status={"phase": "A"})
        async with engine.running():
            await settle()
            assert engine.get()["status"] == {"phase": "B"}
            engine.api.objects["widgets", "default", "w"] = first
            engine.controller.observe(dict(first))
            await settle()
            assert engine.get()["status"] == {"phase": "A"}
            engine.controller.list_done()
            await settle()
        assert engine.get()["status"] == {"phase": "B"}

    run(scenario)


def test_what_a_stage_has_overtaken_is_not_gone_back_to_once_its_result_was_told() -> None:
    async def scenario() -> None:
        engine = Engine(
            [stage("a-to-b", {"patch": {"root": "spec", "template": "state: B"}}, when={".spec.state": "A"}, immediateNextStage=True)]
        )

        def edit(verb: str, target: str) -> None:
            engine.api.told = False
            engine.api.edit(WIDGETS, "w", {"spec": {"by": "somebody else"}})

        engine.api.before = edit
        async with engine.running():
            engine.widget(spec={"state": "A"})
            await settle()
            engine.api.tell()
            # As after a watch that had to be begun anew, in which nothing was missed.
            engine.controller.list_done()
            await settle()
        assert engine.api.requests == [("patch", "w")]

    run(scenario)


def test_what_was_begun_is_finished_whatever_comes_meanwhile() -> None:
    async def scenario() -> None:
        label = {"patch": {"root": "metadata", "template": "labels: {seen: 'yes'}"}}
        once = stage("once", event("Once"), label, status("phase: B"), when={".metadata.labels.seen": None})
        engine = Engine([once, B_TO_C])
        down = ServiceUnavailable("down", status=503)
        engine.api.failure = lambda verb, target: down if target == "w/status" and engine.clock.monotonic() < 1005 else None
        async with engine.running():
            engine.widget()
            await settle()
            # The first patch has made a version that the stage does not match.
            assert engine.get()["metadata"]["labels"] == {"seen": "yes"}
            engine.api.edit(WIDGETS, "w", {"spec": {"size": 2}})
            await engine.clock.advance(20)
        assert engine.events.sent == [("w", "Once"), ("w", "C")]
        assert engine.get()["status"] == {"phase": "C"}
        assert engine.get()["spec"] == {"size": 2}
        # At 0, 1, 3 and 7 seconds, the last with the version that has come meanwhile; then the next stage.
        assert engine.api.requests == [("patch", "w"), *[("update", "w/status")] * 5]

    run(scenario)


def test_what_was_begun_is_finished_by_a_patch_where_its_own_change_was_not_seen() -> None:
    async def scenario() -> None:
        label = {"patch": {"root": "metadata", "template": "labels: {seen: 'yes'}"}}
        engine = Engine([stage("once", label, status("phase: B"), when={".status.phase": None})])
        down = ServiceUnavailable("down", status=503)
        engine.api.failure = lambda verb, target: down if target == "w/status" and engine.clock.monotonic() < 1001 else None
        async with engine.running():
            engine.widget()
            engine.api.told = False
            await engine.clock.advance(20)
        assert engine.api.requests == [("patch", "w"), ("update", "w/status"), ("patch", "w/status")]

    run(scenario)


def test_a_version_that_was_decided_about_is_not_decided_about_again() -> None:
    async def scenario() -> None:
        engine = Engine([stage("same", event("Same"))])
        async with engine.running():
            widget = engine.widget()
            await settle()
            engine.controller.observe(dict(widget))
            await settle()
            assert engine.events.sent == [("w", "Same")]
            engine.controller.observe(dict(widget), forced=True)
            await settle()
        assert engine.events.sent == [("w", "Same")] * 2

    run(scenario)


def gadget_stage(reason: str) -> Object:
    """Sends an Event, and a request that leaves the object as it is."""
    template = "{apiVersion: example.com/v1, kind: Gadget, metadata: {name: g}}"
    return stage("gadget", event(reason), {"apply": {"template": template}})


def test_a_list_does_not_begin_anew_what_is_being_played() -> None:
    async def scenario() -> None:
        engine = Engine([gadget_stage("Once")])
        engine.api.latency = lambda: 30
        async with engine.running():
            widget = engine.widget()
            await settle(3)
            engine.controller.observe(dict(widget), forced=True)
            await settle(100)
        assert engine.events.sent == [("w", "Once")]

    run(scenario)


def test_a_stage_that_changed_while_it_changed_nothing_is_decided_about_anew() -> None:
    async def scenario() -> None:
        engine = Engine([gadget_stage("Old")])
        engine.api.latency = lambda: 500
        async with engine.running():
            engine.widget()
            await settle(3)
            engine.use([gadget_stage("New")])
            engine.api.latency = lambda: 1
            await engine.clock.advance(1)
            assert ("list", "widgets") in engine.api.requests
            assert engine.events.sent == [("w", "Old")]
            await settle(1000)
        assert engine.events.sent == [("w", "Old"), ("w", "New")]

    run(scenario)


def test_an_object_is_not_deleted_again_while_its_end_is_still_to_be_told() -> None:
    async def scenario() -> None:
        engine = Engine([stage("end", {"delete": True}, when={".spec.size": "1"})])

        def mark(verb: str, target: str) -> None:
            # As the apiserver does it: the object is changed, which is told, and then gone.
            engine.api.before = lambda verb, target: None
            engine.api.edit(WIDGETS, "w", {"metadata": {"deletionGracePeriodSeconds": 0}})
            engine.api.told = False

        engine.widget(spec={"size": "1"})
        engine.api.before = mark
        async with engine.running():
            await settle()
            tracked = engine.controller.objects["default", "w"]
            assert engine.api.requests == [("delete", "w")]
            assert tracked.job is None
            engine.api.tell()
        assert not engine.controller.objects

    run(scenario)


def test_an_object_that_stays_for_its_finalizers_goes_on() -> None:
    async def scenario() -> None:
        free = stage("free", {"finalizers": {"empty": True}}, when={".metadata.deletionTimestamp": "2026-01-01T00:00:00Z"})
        engine = Engine([stage("end", {"delete": True}, when={".metadata.deletionTimestamp": None}), free])
        async with engine.running():
            engine.widget(metadata={"finalizers": ["x.io/y"]})
            await settle()
        assert engine.api.requests == [("delete", "w"), ("patch", "w")]
        assert not engine.api.objects

    run(scenario)


def test_objects_that_are_to_be_disregarded_are_left_alone_until_they_are_not() -> None:
    async def scenario() -> None:
        engine = Engine([LATE], policy=Policy(Disregard(annotations="off=yes", labels="off=yes")))
        async with engine.running():
            engine.widget("a", metadata={"annotations": {"off": "yes"}})
            engine.widget("b", metadata={"labels": {"off": "yes"}})
            engine.widget("c", metadata={"labels": {"off": "no"}})
            await engine.clock.advance(5)
            engine.api.edit(WIDGETS, "c", {"metadata": {"labels": {"off": "yes"}}})
            await engine.clock.advance(10)
            assert engine.api.requests == []
            assert engine.controller.managed() == 0
            engine.api.edit(WIDGETS, "a", {"metadata": {"annotations": None}})
            await engine.clock.advance(10)
        assert engine.api.requests == [("update", "a/status")]

    run(scenario)


# Objects whose nodes are not ours.


def test_objects_wait_for_their_node() -> None:
    async def scenario() -> None:
        policy = OnNodes()
        engine = Engine([A_TO_B], policy=policy)
        async with engine.running():
            engine.widget("w1", spec={"node": "n1"}, status={"phase": "A"})
            engine.widget("w2", spec={"node": "n2"}, status={"phase": "A"})
            await settle()
            assert engine.api.requests == []
            policy.ours.add("n1")
            engine.controller.acquired(["n1"])
            await settle()
            assert engine.api.requests == [("update", "w1/status")]
            assert engine.controller.managed() == 1

    run(scenario)


def test_objects_of_others_are_not_kept_and_asked_for_when_they_become_ours() -> None:
    async def scenario() -> None:
        policy = OnNodes()
        engine = Engine([A_TO_B], policy=policy)
        async with engine.running():
            engine.widget("w1", spec={"node": "n"}, status={"phase": "A"})
            await engine.clock.advance(PARK_SECONDS + 1)
            engine.controller.sweep()
            assert engine.controller.objects["default", "w1"].job is None
            engine.widget("w2", spec={"node": "n"}, status={"phase": "A"})
            assert engine.controller.objects["default", "w2"].job is None
            policy.ours.add("n")
            engine.controller.acquired(["n"])
            await engine.clock.advance(1)
        assert engine.api.requests.count(("list", "widgets")) == 1
        assert [engine.get(name)["status"] for name in ("w1", "w2")] == [{"phase": "B"}] * 2

    run(scenario)


def test_a_node_that_is_lost_and_found_again_loses_nothing() -> None:
    async def scenario() -> None:
        policy = OnNodes()
        policy.ours.add("n")
        engine = Engine([LATE], policy=policy)
        async with engine.running():
            engine.widget(spec={"node": "n"})
            await engine.clock.advance(5)
            policy.ours.clear()
            engine.controller.lost(["n"])
            assert len(engine.queue) == 0
            await engine.clock.advance(20)
            assert engine.api.requests == []
            policy.ours.add("n")
            engine.controller.acquired(["n"])
            await engine.clock.advance(20)
        assert engine.get()["status"] == {"phase": "Done"}

    run(scenario)


def test_a_list_that_fails_is_made_again() -> None:
    async def scenario() -> None:
        policy = OnNodes()
        policy.ours.add("n")
        engine = Engine([A_TO_B], policy=policy)
        engine.controller.lost(["n"])
        engine.widget(spec={"node": "n"}, status={"phase": "A"})
        engine.controller.lost(["n"])
        engine.api.failure = lambda verb, target: ServiceUnavailable("down", status=503) if engine.clock.monotonic() < 1003 else None
        async with engine.running():
            engine.controller.acquired(["n"])
            await engine.clock.advance(20)
        assert engine.get()["status"] == {"phase": "B"}

    run(scenario)


def test_nothing_more_is_sent_once_the_node_is_lost() -> None:
    async def scenario() -> None:
        policy = OnNodes()
        policy.ours.add("n")
        label = {"patch": {"root": "metadata", "template": "labels: {seen: 'yes'}"}}
        engine = Engine([stage("two", label, status("phase: B"), when={".status.phase": None})], policy=policy)

        def lose(verb: str, target: str) -> None:
            engine.api.before = lambda verb, target: None
            policy.ours.clear()
            engine.controller.lost(["n"])

        engine.api.before = lose
        async with engine.running():
            engine.widget(spec={"node": "n"})
            await engine.clock.advance(10)
            assert engine.api.requests == [("patch", "w")]
            policy.ours.add("n")
            engine.controller.acquired(["n"])
            await engine.clock.advance(10)
        assert engine.get()["status"] == {"phase": "B"}

    run(scenario)


def test_a_lease_that_runs_out_before_that_is_told_stops_the_stage() -> None:
    async def scenario() -> None:
        policy = OnNodes()
        policy.ours.add("n")
        engine = Engine([A_TO_B], policy=policy)
        engine.widget(spec={"node": "n"}, status={"phase": "A"})
        policy.ours.clear()
        async with engine.running():
            await settle()
            assert engine.api.requests == []
            policy.ours.add("n")
            engine.controller.acquired(["n"])
            await engine.clock.advance(1)
        assert engine.get()["status"] == {"phase": "B"}

    run(scenario)


def test_nothing_is_played_before_all_was_seen_where_that_matters() -> None:
    async def scenario() -> None:
        engine = Engine([A_TO_B], policy=AllFirst(Disregard()))
        async with engine.running():
            engine.widget(status={"phase": "A"})
            await engine.clock.advance(10)
            assert engine.api.requests == []
            engine.controller.list_done()
            await settle()
        assert engine.get()["status"] == {"phase": "B"}

    run(scenario)


# Stages that change.


def test_new_stages_are_played_on_objects_that_are_there() -> None:
    async def scenario() -> None:
        engine = Engine([A_TO_B])
        async with engine.running():
            engine.widget(status={"phase": "B"})
            await engine.clock.advance(100)
            engine.use([A_TO_B, B_TO_C])
            await engine.clock.advance(1)
        assert engine.get()["status"] == {"phase": "C"}

    run(scenario)


def test_a_delay_goes_on_when_other_stages_change_and_ends_with_its_own() -> None:
    async def scenario() -> None:
        engine = Engine([LATE])
        async with engine.running():
            engine.widget()
            await engine.clock.advance(9)
            engine.use([LATE, A_TO_B])
            await engine.clock.advance(1)
            assert engine.api.requests.count(("update", "w/status")) == 1
            engine.widget("w2")
            await engine.clock.advance(5)
            engine.use([A_TO_B])
            assert len(engine.queue) == 0
            await engine.clock.advance(100)
            assert "status" not in engine.get("w2")
            engine.use([stage("soon", status("phase: Soon"), when={".status.phase": None}, delay={"durationMilliseconds": 1000})])
            await engine.clock.advance(2)
        assert engine.get("w2")["status"] == {"phase": "Soon"}

    run(scenario)


def test_a_stage_that_changes_while_it_is_played_is_decided_about_anew() -> None:
    async def scenario() -> None:
        engine = Engine([stage("same", status("phase: A"))])

        class Slow:
            rounds = 30

        engine.api.latency = lambda: Slow.rounds
        async with engine.running():
            engine.widget(status={"phase": "Z"})
            await settle(3)
            engine.use([B_TO_C, stage("same", status("phase: B"), when={".status.phase": "A"})])
            await settle(200)
            await engine.clock.advance(1)
            await settle(200)
        assert engine.get()["status"] == {"phase": "C"}

    run(scenario)


# What is left to chance.


def picks(seed: int, names: list[str]) -> dict[str, Any]:
    """Which of two stages each object gets, and after what delay, with the objects in that order."""
    chosen: dict[str, Any] = {}

    async def scenario() -> None:
        jitter = {"durationMilliseconds": 0, "jitterDurationMilliseconds": 1000}
        both = [stage(name, status(f"phase: {name}"), when={".status.phase": None}, weight=1, delay=jitter) for name in ("x", "y")]
        engine = Engine(both, seed=seed)
        async with engine.running():
            for name in names:
                engine.widget(name)
                await settle()
            for tracked in engine.controller.objects.values():
                assert tracked.job is not None
                chosen[tracked.key[1]] = (tracked.job.stage.name, tracked.job.delay)

    asyncio.run(scenario())
    return chosen


def test_chance_is_the_same_for_the_same_seed_whatever_the_order() -> None:
    names = [f"w{count}" for count in range(20)]
    shuffled = random.Random(1).sample(names, len(names))
    assert picks(7, names) == picks(7, shuffled)
    assert picks(7, names) != picks(8, names)
    assert {name for name, _ in picks(7, names).values()} == {"x", "y"}


# All of it at once.


@pytest.mark.parametrize("seed", range(8))
def test_whatever_fails_every_object_comes_to_its_end_and_no_event_is_sent_twice(seed: int) -> None:
    """Requests fail, answers are lost, changes are told late and in lumps, others change the objects: the end state is whole."""

    async def scenario() -> None:
        chance = random.Random(seed)
        engine = Engine([A_TO_B, B_TO_C], policy=AllFirst(Disregard()))
        engine.api.told = False
        calm = False

        def fail(verb: str, target: str) -> ApiError | None:
            return None if calm or chance.random() < 0.7 else ServiceUnavailable("down", status=503)

        def lose(verb: str, target: str) -> ApiError | None:
            return None if calm or chance.random() < 0.8 else Timeout("no answer")

        def meddle(verb: str, target: str) -> None:
            name = target.partition("/")[0]
            if not calm and chance.random() < 0.3 and ("widgets", "default", name) in engine.api.objects:
                engine.api.edit(WIDGETS, name, {"metadata": {"labels": {"meddled": str(chance.random())}}})

        engine.api.failure, engine.api.lost, engine.api.before = fail, lose, meddle
        engine.api.latency = lambda: chance.randrange(1, 6)
        async with engine.running(workers=8):
            for count in range(60):
                engine.widget(f"w{count}", status={"phase": "A"})
            engine.controller.list_done()
            for _ in range(120):
                if chance.random() < 0.5:
                    engine.api.tell()
                await engine.clock.advance(chance.random())
            calm = True
            engine.api.told = True
            engine.api.tell()
            await engine.clock.advance(400)
        assert Counter(widget["status"]["phase"] for widget in engine.api.of(WIDGETS)) == {"C": 60}
        assert not engine.reports
        assert all(tracked.job is None for tracked in engine.controller.objects.values())
        twice = [sent for sent, times in Counter(engine.events.sent).items() if times > 1]
        assert not twice

    run(scenario)
