# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Sums of usages that go with Leases."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest

from kwok_controller.api import decode
from kwok_controller.api.usage import ClusterResourceUsage
from kwok_controller.kubelet.checkpoints import MAX_NOTE, Checkpoints
from kwok_controller.usage.cumulative import EMPTY, Cumulative
from kwok_controller.usage.evaluate import Evaluator
from kwok_controller.usage.selection import Selection

SECOND: Final = 10**9
START: Final = 1_700_000_000 * SECOND


class World:
    """One node with pods, and what they use."""

    def __init__(self, pods: int) -> None:
        self.selection = Selection()
        self.use("1")
        self.all = [_pod(number) for number in range(pods)]

    def use(self, cores: str) -> None:
        spec = {"usages": [{"usage": {"cpu": {"value": cores}}}]}
        made = decode({"kind": "ClusterResourceUsage", "metadata": {"name": "all"}, "spec": spec})
        assert isinstance(made, ClusterResourceUsage)
        self.selection.put(made)

    def node(self, name: str) -> dict[str, Any] | None:
        return {"metadata": {"name": name}} if name == "n" else None

    def pods(self, node: str) -> list[dict[str, Any]]:
        return self.all

    def cumulative(self) -> Cumulative:
        return Cumulative(Evaluator(self.selection, self))


class Counts:
    """What was started."""

    def __init__(self, counts: list[int] | None = None) -> None:
        self.counts = counts

    def starts(self, node: str) -> list[int] | None:
        return self.counts

    def restore_starts(self, node: str, kept: list[int]) -> None:
        self.counts = kept


def checkpoints_of(cumulative: Cumulative, counts: list[int] | None = None) -> Checkpoints:
    return Checkpoints(cumulative, Counts(counts))


def _pod(number: int) -> dict[str, Any]:
    # Names of 200 characters: few of these pods make much to tell.
    name = f"{number:0200}"
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1"},
        "spec": {"nodeName": "n", "containers": [{"name": "main"}]},
        "status": {"phase": "Running", "startTime": "2023-11-14T22:13:20Z"},
    }


def test_sums_go_on_where_another_controller_was() -> None:
    world = World(2)
    first, second = world.cumulative(), world.cumulative()
    assert first.node("cpu", "n", START + 100 * SECOND) == 200.0
    # What both pods used can be come to again: only what the node showed is kept.
    assert orjson.loads(checkpoints_of(first).write("n", last=False)) == {
        "version": 1,
        "used": {},
        "shown": {"cpu": f"{200 * 10**18:x}"},
        "pods": {},
    }
    world.use("100m")
    assert first.node("cpu", "n", START + 200 * SECOND) == 220.0
    checkpoints_of(second).read("n", checkpoints_of(first).write("n", last=False))
    assert second.node("cpu", "n", START + 300 * SECOND) == 240.0
    assert world.cumulative().node("cpu", "n", START + 300 * SECOND) == 60.0


def test_a_node_that_is_taken_without_a_note_goes_on() -> None:
    world = World(1)
    cumulative = world.cumulative()
    cumulative.node("cpu", "n", START + 100 * SECOND)
    world.use("100m")
    checkpoints_of(cumulative).read("n", "")
    assert cumulative.node("cpu", "n", START + 200 * SECOND) == 110.0


def test_the_notes_of_others_are_read_when_their_nodes_are_asked_for() -> None:
    world = World(2)
    holder, other = world.cumulative(), world.cumulative()
    notes, others = checkpoints_of(holder), Counts()
    reader = Checkpoints(other, others)
    holder.node("cpu", "n", START + 100 * SECOND)
    holder.forget_pod(world.all.pop())
    reader.seen("n", "")
    reader.catch_up("n")
    assert other.node("cpu", "n", START + 100 * SECOND) == 100.0
    reader.seen("n", notes.write("n", last=False))
    assert other.node("cpu", "n", START + 100 * SECOND) == 100.0
    reader.catch_up("n")
    assert other.node("cpu", "n", START + 100 * SECOND) == 200.0

    # The same note again, of a renewal or as the node becomes ours, is nothing new.
    world.use("3")
    assert other.node("cpu", "n", START + 200 * SECOND) == 500.0
    note = notes.write("n", last=False)
    for tell in (reader.seen, reader.read):
        tell("n", note)
        reader.catch_up("n")
        assert other.node("cpu", "n", START + 200 * SECOND) == 500.0
    reader.seen("n", note)
    reader.forget("n")
    reader.catch_up("n")
    assert other.node("cpu", "n", START + 200 * SECOND) == 500.0


def test_counts_of_what_was_started_go_with_a_node() -> None:
    world = World(1)
    note = checkpoints_of(world.cumulative(), [5, 7, 4, 6]).write("n", last=False)
    counts = Counts()
    Checkpoints(world.cumulative(), counts).read("n", note)
    assert counts.counts == [5, 7, 4, 6]


def test_a_note_is_bounded_and_what_pods_used_that_are_gone_is_kept_first(caplog: pytest.LogCaptureFixture) -> None:
    world = World(400)
    cumulative = world.cumulative()
    checkpoints = checkpoints_of(cumulative)
    cumulative.node("cpu", "n", START + 100 * SECOND)
    # Nothing of this is needed, and all of it is too much.
    assert orjson.loads(checkpoints.write("n", last=True))["pods"] == {}
    cumulative.forget_pod(world.all.pop())
    world.use("2")
    cumulative.node("cpu", "n", START + 200 * SECOND)
    note = checkpoints.write("n", last=True)
    assert len(note) <= MAX_NOTE
    assert orjson.loads(note)["used"] == {"cpu": f"{100 * 10**18:x}"}
    assert orjson.loads(note)["pods"] == {}
    assert "there are too many" in caplog.text


STARTED: Final = [orjson.dumps({**EMPTY, "started": started}).decode() for started in (3, [1], [1, 2, 3, -1], [1, 2, 3, True])]


@pytest.mark.parametrize("note", ["{", "[]", '{"version":3}', "[" * 100_000, f'"{"x" * MAX_NOTE}"', *STARTED])
def test_a_note_that_cannot_be_read_is_left_out_and_said(note: str, caplog: pytest.LogCaptureFixture) -> None:
    world = World(1)
    cumulative = world.cumulative()
    checkpoints_of(cumulative).read("n", note)
    assert cumulative.node("cpu", "n", START + 100 * SECOND) == 100.0
    assert "sums of usages cannot be taken over" in caplog.text
