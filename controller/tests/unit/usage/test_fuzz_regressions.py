# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fuzzing found in usages."""

from __future__ import annotations

import time
from typing import Any, Final

import orjson
import pytest

from kwok_controller.expressions.cel import CelRuntimeError
from kwok_controller.usage.amounts import span_ns
from kwok_controller.usage.cumulative import Cumulative, InvalidCheckpoint
from kwok_controller.usage.traces import InvalidTrace, parse_trace

from .conftest import SECOND, START, MakePod, MakeUsage, Small

DEEP: Final = orjson.loads("[" * 1000 + "]" * 1000)
"""As deep as JSON from an apiserver may be: too deep to be shown or encoded."""


def checkpoint_of(at: Any = START, total: Any = "ff", restarts: Any = 0, *basis: Any) -> dict[str, Any]:
    return {"version": 1, "used": {}, "pods": {"uid-p": [{}, {"main": [restarts, {"cpu": [at, total, *basis]}]}]}}


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(checkpoint_of(at=DEEP), id="time"),
        pytest.param(checkpoint_of(restarts=DEEP), id="restarts"),
        pytest.param(checkpoint_of(START, "ff", 0, DEEP, ""), id="usage"),
        pytest.param(checkpoint_of(START, "ff", 0, "", 1), id="version"),
        pytest.param(checkpoint_of(total="f" * 400), id="sum"),
        pytest.param({"version": 1, "used": {"cpu": "-" + "f" * 4000}, "pods": {}}, id="less than nothing"),
    ],
)
def test_a_checkpoint_is_refused_for_what_could_not_be_gone_on_with(
    damaged: dict[str, Any], world: Small, usage: MakeUsage, pod: MakePod
) -> None:
    # It was a RecursionError or an OverflowError, at once, when the sums were asked for, or when they were written down.
    world.selection.put(usage("all", {"usage": {"cpu": {"value": "1"}}}))
    world.present = [pod()]
    sums = Cumulative(world.evaluator())
    assert sums.node("cpu", "n", START + SECOND) == 1.0
    kept = sums.checkpoint("n", whole=True)
    with pytest.raises(InvalidCheckpoint, match="damaged") as caught:
        sums.restore("n", damaged)
    assert len(str(caught.value)) < 300
    assert sums.checkpoint("n", whole=True) == kept
    assert sums.node("cpu", "n", START + 2 * SECOND) == 2.0


@pytest.mark.parametrize("started", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_container_was_not_started_at_a_time_that_has_no_64_bits(started: str, world: Small, usage: MakeUsage, pod: MakePod) -> None:
    # A checkpoint with such a time could not be written.
    world.selection.put(usage("all", {"usage": {"cpu": {"value": "1"}}}))
    made = pod()
    made["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = started
    world.present = [made, pod("q")]
    sums = Cumulative(world.evaluator())
    assert sums.node("cpu", "n", START + SECOND) == 1.0
    assert orjson.loads(orjson.dumps(sums.checkpoint("n", whole=True)))["pods"].keys() == {"uid-q"}


@pytest.mark.parametrize("value", ["1e30", "-1e999999999", "1e999"])
def test_a_trace_has_numbers_that_can_be_summed_up(value: str) -> None:
    # Between infinity and infinity there was no number.
    with pytest.raises(InvalidTrace, match=r"line 2: a usage of .* is too large"):
        parse_trace(f"0,1\n60,{value}\n", repeats=False)


def test_a_long_duration_is_refused_and_not_cut() -> None:
    # What came after 100 characters was left out: 50 seconds of 60.
    with pytest.raises(CelRuntimeError, match="is no duration"):
        span_ns("1s" * 60)
    assert span_ns("1s" * 50) == 50 * SECOND


@pytest.mark.parametrize(
    ("usages", "message"),
    [
        ({"cpu": 'node.Usage("cpu")'}, "in a circle"),
        ({"cpu": 'node.Usage("a")', "a": 'node.Usage("b")', "b": 'node.Usage("c")', "c": "Rand()"}, "needs more than 2000 other usages"),
    ],
)
def test_usages_that_need_those_of_a_whole_node_take_no_time(
    usages: dict[str, str], message: str, world: Small, usage: MakeUsage, pod: MakePod
) -> None:
    # Each pod's was tried for each of the others, by each of the others: 110 pods took minutes.
    world.selection.put(usage("all", {"usage": {name: {"expression": each} for name, each in usages.items()}}))
    world.present = [pod(f"p{number}") for number in range(110)]
    evaluator = world.evaluator()
    began = time.process_time()
    assert evaluator.pod("cpu", world.present[-1], START) == 0.0
    assert time.process_time() - began < 1
    [problem] = world.problems
    assert message in problem.message
