# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Cumulative usage: the same for whoever sums it up, never backwards, and what becomes of it when things end."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwok_controller.api import decode
from kwok_controller.api.usage import ClusterResourceUsage
from kwok_controller.usage.cumulative import Cumulative, InvalidCheckpoint
from kwok_controller.usage.traces import Trace

from .conftest import SECOND, START, MakePod, MakeUsage, Small, text_of

HOUR: Final = 3600 * SECOND
EXPRESSIONS: Final = (
    "0.25",
    'Ramp("0", "2", pod.metadata.creationTimestamp, "20m")',
    'Wave("0", "1", "7m")',
    'Spike("100m", "3", "95s", "12s")',
    'Noise("500m", "300m")',
    "Rand()",
    "pod.SinceSecond() > 300.0 ? 1.0 : -1.0",
    "1 / (int(pod.SinceSecond()) % 7)",
)


def expressed(expression: str) -> dict[str, Any]:
    return {"usage": {"cpu": {"expression": expression}}}


def ruled(expression: str) -> ClusterResourceUsage:
    made = decode({"kind": "ClusterResourceUsage", "metadata": {"name": "all"}, "spec": {"usages": [expressed(expression)]}})
    assert isinstance(made, ClusterResourceUsage)
    return made


def prepared(expression: str, pods: list[dict[str, Any]]) -> Small:
    world = Small()
    world.selection.put(ruled(expression))
    world.present = pods
    return world


def one_pod(name: str = "p", started: int = START) -> dict[str, Any]:
    running = {"running": {"startedAt": text_of(started)}}
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1", "creationTimestamp": text_of(START)},
        "spec": {"nodeName": "n", "containers": [{"name": "main"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "restartCount": 0, "state": running}]},
    }


def needed(cumulative: Cumulative, *, whole: bool = False) -> dict[str, Any] | None:
    """The checkpoint of the node, if there is more in it than what the node showed."""
    kept = cumulative.checkpoint("n", whole=whole)
    return kept if kept and (kept["used"] or kept["pods"]) else None


def summed(cumulative: Cumulative, pod: dict[str, Any]) -> int:
    """The exact sum, as a checkpoint has it; 0 where it has none."""
    kept = cumulative.checkpoint("n", whole=True)
    return int(kept["pods"][pod["metadata"]["uid"]][1]["main"][1]["cpu"][1], 16) if kept else 0


def test_steady_usage_is_its_product_with_time(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", {"usage": {"cpu": {"value": "250m"}, "memory": {"expression": 'Quantity("1Gi")'}}}))
    world.present = [pod("a", containers=("main", "side")), pod("b", started=START + 50 * SECOND)]
    cumulative = Cumulative(world.evaluator())

    assert cumulative.container("cpu", world.present[0], "main", START + 100 * SECOND) == 25.0
    assert cumulative.pod("cpu", world.present[0], START + 100 * SECOND) == 50.0
    assert cumulative.pod("memory", world.present[1], START + 100 * SECOND) == 50.0 * 2**30
    assert cumulative.node("cpu", "n", START + 100 * SECOND) == 62.5
    assert cumulative.node("cpu", "n", START + 100 * SECOND + 1) == 62.5 + 0.75e-9
    # Years are no more work than seconds are.
    assert cumulative.container("cpu", world.present[0], "main", START + 10**9 * SECOND) == 250e6


def test_a_ramp_comes_to_its_triangle() -> None:
    world = prepared('Ramp(0, 1, pod.metadata.creationTimestamp, "1000s")', [one_pod()])
    assert Cumulative(world.evaluator()).pod("cpu", world.present[0], START + 1000 * SECOND) == pytest.approx(500, rel=1e-4)
    assert Cumulative(world.evaluator()).pod("cpu", world.present[0], START + 1100 * SECOND) == pytest.approx(600, rel=1e-3)


def test_a_cell_counts_as_in_its_middle_or_in_that_of_what_is_left_of_it() -> None:
    # START is 3 s into a cell of 10 s.
    world = prepared("double(int(Now()) * 1000 + Now().getMilliseconds()) / 1000.0 - 1700000000.0", [one_pod()])
    cumulative = Cumulative(world.evaluator())
    assert cumulative.pod("cpu", world.present[0], START + SECOND) == pytest.approx(6.5)
    assert cumulative.pod("cpu", world.present[0], START + 7 * SECOND) == pytest.approx(7 * 6.5)
    assert cumulative.pod("cpu", world.present[0], START + 8 * SECOND) == pytest.approx(7 * 6.5 + 15)


@given(
    expression=st.sampled_from(EXPRESSIONS), steps=st.lists(st.integers(0, 200 * SECOND), max_size=8), span=st.integers(0, 1000 * SECOND)
)
@settings(max_examples=60, deadline=None)
def test_the_sum_is_the_same_however_often_it_is_asked_for(expression: str, steps: list[int], span: int) -> None:
    pod = one_pod()
    world = prepared(expression, [pod])
    often, once = Cumulative(world.evaluator(seed=5)), Cumulative(world.evaluator(seed=5))
    now, before = START, 0.0
    for step in steps:
        now += step
        value = often.pod("cpu", pod, now)
        assert value >= before
        before = value
    end = now + span
    assert often.pod("cpu", pod, end) == once.pod("cpu", pod, end)
    assert summed(often, pod) == summed(once, pod)


@given(expression=st.sampled_from(EXPRESSIONS), first=st.integers(0, 900 * SECOND), second=st.integers(0, 900 * SECOND))
@settings(max_examples=40, deadline=None)
def test_a_restored_one_goes_on_as_if_nothing_had_been(expression: str, first: int, second: int) -> None:
    pod = one_pod()
    world = prepared(expression, [pod])
    whole, begun, restored = (Cumulative(world.evaluator(seed=5)) for _ in range(3))
    begun.node("cpu", "n", START + first)
    assert needed(begun) is None
    kept = json.loads(json.dumps(begun.checkpoint("n", whole=True)))
    restored.restore("n", kept)
    assert restored.checkpoint("n", whole=True) == kept
    end = START + first + second
    assert restored.node("cpu", "n", end) == whole.node("cpu", "n", end)
    assert summed(restored, pod) == summed(whole, pod)
    assert needed(restored) is None


def test_time_that_goes_back_changes_nothing() -> None:
    world = prepared(EXPRESSIONS[1], [one_pod()])
    cumulative = Cumulative(world.evaluator())
    value = cumulative.pod("cpu", world.present[0], START + 500 * SECOND)
    assert cumulative.pod("cpu", world.present[0], START - HOUR) == value
    assert cumulative.pod("cpu", world.present[0], START + 500 * SECOND) == value
    assert cumulative.pod("cpu", world.present[0], START + 501 * SECOND) > value


def test_a_change_counts_from_when_it_was_last_asked_for(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    one = pod()
    cumulative = Cumulative(world.evaluator())
    values = []
    for index, expression in enumerate(["1.0", "2.0", "-9.0", "broken", 'Quantity("3")']):
        world.selection.put(usage("all", expressed(expression)))
        values.append(cumulative.pod("cpu", one, START + (index + 1) * 10 * SECOND))
    assert values == [10.0, 30.0, 30.0, 30.0, 60.0]
    assert len(world.problems) == 1


ONE: Final = "size(pod.metadata.name) > 0 ? 1.0 : 0.0"
CHANGES: Final[dict[str, tuple[bool, Callable[[Small, MakeUsage, dict[str, Any]], object]]]] = {
    "usage": (True, lambda world, usage, pod: world.selection.put(usage("all", expressed("2.0")))),
    "usage that is gone": (True, lambda world, usage, pod: world.selection.remove(usage("all"))),
    "usage of another resource": (
        False,
        lambda world, usage, pod: world.selection.put(usage("all", {"usage": {**expressed(ONE)["usage"], "memory": {"value": "1Gi"}}})),
    ),
    "pod": (True, lambda world, usage, pod: pod["metadata"].update(resourceVersion="2")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_summed_up_before_a_change_is_kept_and_nothing_else_is(world: Small, usage: MakeUsage, pod: MakePod, change: str) -> None:
    kept_then, make = CHANGES[change]
    world.selection.put(usage("all", expressed(ONE)))
    changed, same = pod("a"), pod("b")
    for each in (changed, same):
        each["metadata"]["resourceVersion"] = "1"
    world.present = [changed, same]
    cumulative = Cumulative(world.evaluator())
    cumulative.node("cpu", "n", START + 100 * SECOND)
    assert needed(cumulative) is None
    make(world, usage, changed)
    before = cumulative.node("cpu", "n", START + 150 * SECOND)
    kept = json.loads(json.dumps(needed(cumulative)))
    assert (kept is not None) == kept_then
    if kept_then:
        restored = Cumulative(world.evaluator())
        restored.restore("n", kept)
        assert restored.node("cpu", "n", START + 150 * SECOND) == before
        assert restored.checkpoint("n") == kept


@pytest.mark.parametrize("meanwhile", [False, True])
def test_whether_a_sum_can_be_come_to_again_is_known_after_a_restart(world: Small, usage: MakeUsage, pod: MakePod, meanwhile: bool) -> None:
    world.selection.put(usage("all", expressed("1.0")))
    world.present = [pod()]
    world.present[0]["metadata"]["resourceVersion"] = "1"
    first, second = Cumulative(world.evaluator()), Cumulative(world.evaluator())
    first.node("cpu", "n", START + 100 * SECOND)
    second.restore("n", json.loads(json.dumps(first.checkpoint("n", whole=True))))
    if meanwhile:
        world.selection.put(usage("all", expressed("0.1")))
    assert second.node("cpu", "n", START + 200 * SECOND) == (110.0 if meanwhile else 200.0)
    assert (needed(second) is not None) == meanwhile


class Asked(Trace):
    """A half until `since`, then one; notes for which times it was asked."""

    def __init__(self, since: int) -> None:
        super().__init__([since, since + 1], [0.5, 1.0], absolute=True, repeats=False)
        self.times: list[int] = []

    def value(self, time_ns: int) -> float:
        self.times.append(time_ns)
        return super().value(time_ns)


@pytest.mark.parametrize("cells", [2, 3, 7, 100, 360])
@pytest.mark.parametrize("span", [SECOND, 997 * SECOND, 10 * HOUR, 5001 * HOUR])
def test_work_is_bounded(cells: int, span: int) -> None:
    world, trace = prepared('Trace("asked")', [one_pod()]), Asked(0)
    value = Cumulative(world.evaluator(traces={"asked": trace}), max_cells=cells).pod("cpu", world.present[0], START + span)
    assert 1 <= len(trace.times) <= cells
    assert trace.times == sorted(set(trace.times))
    assert value == pytest.approx(span / SECOND)


def test_the_last_half_of_the_cells_is_exact_and_what_is_before_is_coarse() -> None:
    world, trace = prepared('Trace("asked")', [one_pod()]), Asked(START + 900 * HOUR)
    end = START + 900 * HOUR + 400 * SECOND
    value = Cumulative(world.evaluator(traces={"asked": trace}), max_cells=100).pod("cpu", world.present[0], end)
    steps = [later - earlier for earlier, later in pairwise(trace.times)]
    assert steps[-49:] == [10 * SECOND] * 49
    assert max(steps) > HOUR
    assert value == pytest.approx(450 * 3600 + 400, abs=5)


def test_a_container_that_is_started_again_begins_at_nothing_and_its_pod_and_node_go_on(
    world: Small, usage: MakeUsage, pod: MakePod
) -> None:
    world.selection.put(usage("all", expressed("1.0")))
    cumulative = Cumulative(world.evaluator())
    world.present = [pod()]
    assert cumulative.container("cpu", world.present[0], "main", START + 100 * SECOND) == 100.0
    waiting = pod()
    waiting["status"]["containerStatuses"][0]["state"] = {"waiting": {}}
    world.present = [waiting]
    assert cumulative.container("cpu", waiting, "main", START + 150 * SECOND) == 100.0
    waiting = copy.deepcopy(waiting)
    waiting["status"]["containerStatuses"][0]["restartCount"] = 1
    world.present = [waiting]
    assert cumulative.container("cpu", waiting, "main", START + 150 * SECOND) == 0.0
    assert cumulative.pod("cpu", waiting, START + 150 * SECOND) == 100.0
    again = pod(restarts=1, started=START + 200 * SECOND)
    world.present = [again]
    assert cumulative.container("cpu", again, "main", START + 230 * SECOND) == 30.0
    assert cumulative.pod("cpu", again, START + 230 * SECOND) == 130.0
    assert cumulative.node("cpu", "n", START + 230 * SECOND) == 130.0
    restored = Cumulative(world.evaluator())
    restored.restore("n", cumulative.checkpoint("n"))
    assert restored.pod("cpu", again, START + 231 * SECOND) == 131.0


def test_what_has_ended_stays_as_it_was_and_is_the_same_for_who_comes_later() -> None:
    pod = one_pod()
    world = prepared(EXPRESSIONS[3], [pod])
    watching, later = Cumulative(world.evaluator()), Cumulative(world.evaluator())
    watching.pod("cpu", pod, START + 33 * SECOND)
    pod = copy.deepcopy(pod)
    pod["status"]["phase"] = "Succeeded"
    pod["metadata"]["resourceVersion"] = "2"
    pod["status"]["containerStatuses"][0]["state"] = {
        "terminated": {"startedAt": text_of(START), "finishedAt": text_of(START + 101 * SECOND)}
    }
    value = watching.pod("cpu", pod, START + 500 * SECOND)
    assert value == later.pod("cpu", pod, START + 900 * SECOND) > 0
    assert watching.pod("cpu", pod, START + 999 * SECOND) == value


def test_a_node_keeps_what_pods_used_that_are_gone(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", expressed("1.0")))
    cumulative = Cumulative(world.evaluator())
    world.present = [pod("a"), pod("b")]
    assert cumulative.node("cpu", "n", START + 100 * SECOND) == 200.0
    gone = world.present.pop()
    cumulative.forget_pod(gone)
    cumulative.forget_pod(gone)
    assert cumulative.node("cpu", "n", START + 110 * SECOND) == 210.0
    kept = cumulative.checkpoint("n")
    assert kept == {"version": 1, "used": {"cpu": f"{100 * 10**18:x}"}, "shown": {"cpu": f"{210 * 10**18:x}"}, "pods": {}}
    restored = Cumulative(world.evaluator())
    restored.restore("n", kept)
    assert restored.node("cpu", "n", START + 110 * SECOND) == 210.0
    restored.forget_node("n")
    assert restored.checkpoint("n", whole=True) is None
    assert restored.node("cpu", "n", START + 110 * SECOND) == 110.0


def test_a_node_keeps_what_pods_used_that_went_while_nobody_looked(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", expressed("1.0")))
    cumulative, restored = Cumulative(world.evaluator()), Cumulative(world.evaluator())
    gone, stays = pod("a"), pod("b")
    world.present = [gone, stays]
    assert cumulative.node("cpu", "n", START + 100 * SECOND) == 200.0
    world.present = [stays]
    restored.restore("n", cumulative.checkpoint("n", whole=True))
    assert restored.node("cpu", "n", START + 110 * SECOND) == 210.0
    assert restored.pod("cpu", stays, START + 110 * SECOND) == 110.0
    # It is not known whether it will come, so it is kept.
    kept = restored.checkpoint("n")
    assert kept is not None
    assert list(kept["pods"]) == ["uid-a"]
    restored.forget_pod(gone)
    assert restored.node("cpu", "n", START + 110 * SECOND) == 210.0


def test_a_pod_that_is_on_another_node_now_counts_there_alone(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", expressed("1.0")))
    cumulative = Cumulative(world.evaluator())
    world.present = [pod()]
    cumulative.node("cpu", "n", START + 100 * SECOND)
    cumulative.restore("m", cumulative.checkpoint("n", whole=True))
    assert needed(cumulative, whole=True) is None
    cumulative.forget_node("m")
    assert cumulative.node("cpu", "n", START + 110 * SECOND) == 110.0


def test_what_is_not_there_has_used_nothing(world: Small, usage: MakeUsage, pod: MakePod) -> None:
    world.selection.put(usage("all", expressed("1.0")))
    cumulative = Cumulative(world.evaluator())
    pending = pod()
    pending["status"] = {"phase": "Pending"}
    lost = pod("lost")
    lost["spec"]["nodeName"] = "other"
    assert cumulative.pod("cpu", pending, START + HOUR) == 0.0
    assert cumulative.pod("cpu", lost, START + HOUR) == 0.0
    assert cumulative.container("cpu", lost, "main", START + HOUR) == 0.0
    assert cumulative.container("cpu", pod(), "missing", START + HOUR) == 0.0
    assert cumulative.node("cpu", "other", START + HOUR) == 0.0
    assert cumulative.checkpoint("n", whole=True) is None
    started = pod(started=START + HOUR)
    assert cumulative.pod("cpu", started, START + HOUR + SECOND) == 1.0


@pytest.mark.parametrize(
    "checkpoint",
    [
        None,
        [],
        {},
        {"version": 2, "pods": {}, "used": {}},
        {"version": 1, "pods": {}},
        {"version": 1, "used": {}},
        {"version": 1, "pods": [], "used": {}},
        {"version": 1, "pods": {"a": [{}]}, "used": {}},
        {"version": 1, "pods": {"a": [{}, {"main": [0, {"cpu": [1, "x"]}]}]}, "used": {}},
        {"version": 1, "pods": {"a": [{}, {"main": [0, {"cpu": [1.5, "1"]}]}]}, "used": {}},
        {"version": 1, "pods": {"a": [{}, {"main": [0, {"cpu": [1, "1", "b", "c", "d"]}]}]}, "used": {}},
        {"version": 1, "pods": {}, "used": {}, "shown": {"cpu": 3}},
        {"version": 1, "pods": {"a": [{"cpu": "-1"}, {}]}, "used": {}},
        {"version": 1, "pods": {}, "used": {"cpu": 3}},
    ],
)
def test_what_is_no_checkpoint_changes_nothing(checkpoint: Any) -> None:
    world = prepared("1.0", [one_pod()])
    cumulative = Cumulative(world.evaluator())
    cumulative.node("cpu", "n", START + SECOND)
    before = cumulative.checkpoint("n", whole=True)
    assert before is not None
    with pytest.raises(InvalidCheckpoint):
        cumulative.restore("n", checkpoint)
    assert cumulative.checkpoint("n", whole=True) == before


@pytest.mark.parametrize("options", [{"cell_ns": 0}, {"max_cells": 1}])
def test_cells_that_cannot_be(world: Small, options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="take 1 ns or more"):
        Cumulative(world.evaluator(), **options)


def test_a_pod_is_known_by_its_version_however_often_it_is_decoded() -> None:
    first = one_pod()
    first["metadata"]["resourceVersion"] = "1"
    world = prepared("1.0", [first])
    cumulative = Cumulative(world.evaluator())
    assert cumulative.container("cpu", first, "main", START + 10 * SECOND) == 10.0

    again = copy.deepcopy(first)
    assert cumulative.container("cpu", again, "main", START + 20 * SECOND) == 20.0
    again["metadata"]["resourceVersion"] = "2"
    again["status"]["containerStatuses"][0] |= {"restartCount": 1, "state": {"running": {"startedAt": text_of(START + 15 * SECOND)}}}
    assert cumulative.container("cpu", again, "main", START + 30 * SECOND) == 15.0


@settings(max_examples=50)
@given(
    steps=st.lists(st.tuples(st.sampled_from(["nothing", "usage", "pod", "node"]), st.integers(1, 10**11)), max_size=8),
    sources=st.lists(st.sampled_from(["0.5", *(f'Quantity({of}.metadata.labels["share"])' for of in ("node", "pod"))]), min_size=1),
)
def test_a_pace_that_is_known_by_versions_gives_the_same_sums(steps: list[tuple[str, int]], sources: list[str]) -> None:
    sums: dict[bool, list[float]] = {}
    for versions in (True, False):
        pod = one_pod()
        pod["metadata"]["labels"] = {"share": "100m"}
        world = prepared(sources[0], [pod])
        world.nodes["n"]["metadata"]["labels"] = {"share": "2"}
        if versions:
            world.nodes["n"]["metadata"]["resourceVersion"] = "0"
        cumulative, at = Cumulative(world.evaluator()), START
        found = sums[versions] = []
        for number, (change, after) in enumerate(steps):
            if change == "usage":
                world.selection.put(ruled(sources[number % len(sources)]))
            elif change == "pod":
                pod["metadata"] |= {"labels": {"share": str(number)}, "resourceVersion": f"1{number}"}
            elif change == "node":
                world.nodes["n"]["metadata"]["labels"] = {"share": str(number)}
                if versions:
                    world.nodes["n"]["metadata"]["resourceVersion"] = f"1{number}"
            at += after
            found += [cumulative.container("cpu", pod, "main", at), cumulative.node("cpu", "n", at)]
        assert world.problems == []

    assert sums[True] == sums[False]


def test_a_steady_usage_that_fails_is_told_each_time() -> None:
    pod = one_pod()
    world = prepared('Quantity(pod.metadata.labels["share"])', [pod])
    world.nodes["n"]["metadata"]["resourceVersion"] = "1"
    cumulative = Cumulative(world.evaluator())

    for asked in range(1, 4):
        assert cumulative.pod("cpu", pod, START + asked * SECOND) == 0
        assert len(world.problems) == asked


@pytest.mark.parametrize("expression", ['Spike("50m", "1", "30m", "3m")', 'Noise("250m", "50m")', "pod.SinceSecond() > 9000.0 ? 2.0 : 0.5"])
@pytest.mark.parametrize("hours", [2, 10])
def test_sums_of_old_pods_go_on_after_a_crash(expression: str, hours: int) -> None:
    pod = one_pod()
    world = prepared(expression, [pod])
    first = Cumulative(world.evaluator(seed=5))
    for half in range(1, 2 * hours + 1):
        first.node("cpu", "n", START + half * HOUR // 2)
    note = first.checkpoint("n")
    assert note is not None

    second = Cumulative(world.evaluator(seed=5))
    second.restore("n", json.loads(json.dumps(note)))
    for later in (HOUR // 100, HOUR // 2):
        at = START + hours * HOUR + later
        assert second.container("cpu", pod, "main", at) == first.container("cpu", pod, "main", at)
        assert second.node("cpu", "n", at) == first.node("cpu", "n", at)


def test_what_a_node_had_before_its_labels_changed_is_kept() -> None:
    pod = one_pod()
    world = prepared('Quantity(node.metadata.labels["cpus"])', [pod])
    metadata = world.nodes["n"]["metadata"]
    metadata |= {"labels": {"cpus": "4"}, "resourceVersion": "1"}
    first = Cumulative(world.evaluator())
    assert first.container("cpu", pod, "main", START + HOUR) == 4 * 3600
    assert (first.checkpoint("n") or {}).get("pods", {}) == {}
    metadata |= {"labels": {"cpus": "1"}, "resourceVersion": "2"}
    assert first.container("cpu", pod, "main", START + HOUR + 10 * SECOND) == 4 * 3600 + 10

    second = Cumulative(world.evaluator())
    second.restore("n", json.loads(json.dumps(first.checkpoint("n"))))
    assert second.container("cpu", pod, "main", START + HOUR + 20 * SECOND) == 4 * 3600 + 20


def test_another_seed_changes_what_is_to_come_and_nothing_that_was() -> None:
    pod = one_pod()
    world = prepared('Noise("250m", "50m")', [pod])
    first = Cumulative(world.evaluator(seed=5))
    was = first.container("cpu", pod, "main", START + HOUR // 2)
    second = Cumulative(world.evaluator(seed=6))
    second.restore("n", json.loads(json.dumps(first.checkpoint("n", whole=True))))
    second.container("cpu", pod, "main", START + HOUR // 2 + SECOND)
    kept = second.checkpoint("n")
    assert kept is not None
    assert kept["pods"]["p"][1]["main"][1]["cpu"][2:] == []
    assert second.container("cpu", pod, "main", START + HOUR // 2) >= was


def test_a_node_never_shows_less_though_pods_go_while_nobody_looks() -> None:
    pods = [one_pod("a"), one_pod("b")]
    world = prepared("1.0", pods)
    first = Cumulative(world.evaluator())
    assert first.node("cpu", "n", START + 1000 * SECOND) == 2000.0
    second = Cumulative(world.evaluator())
    second.restore("n", json.loads(json.dumps(first.checkpoint("n"))))
    world.present = pods[:1]

    assert second.node("cpu", "n", START + 1010 * SECOND) == 2000.0
    assert second.node("cpu", "n", START + 1020 * SECOND) == 2010.0
