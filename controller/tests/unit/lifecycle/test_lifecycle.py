# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from kwok_controller.expressions.jq import compile_jq
from kwok_controller.lifecycle import CompiledStage, Draw, Lifecycle, StageError

MakeStage = Callable[..., CompiledStage]
Object = dict[str, Any]
DRAWS = [Draw(1, f"v1/Pod/default/pod-{at}", 0) for at in range(2000)]


def unexpected(error: StageError) -> None:
    raise error


def by_annotation(name: str) -> dict[str, Any]:
    return {"jq": {"expression": f'.metadata.annotations["{name}"]'}}


def chosen(lifecycle: Lifecycle, obj: Object) -> Counter[str]:
    return Counter(stage.name for draw in DRAWS if (stage := lifecycle.match(obj, draw)))


def test_no_stage_no_match(make_stage: MakeStage, pod: Object) -> None:
    never = make_stage(selector={"matchLabels": {"app": "db"}})
    assert Lifecycle([], unexpected).match(pod, DRAWS[0]) is None
    assert Lifecycle([never], unexpected).match(pod, DRAWS[0]) is None
    assert Lifecycle([never], unexpected).possible(pod, DRAWS[0]) == []


def test_stages_without_a_selector_are_left_out(make_stage: MakeStage, pod: Object) -> None:
    lifecycle = Lifecycle([make_stage("a", selector=None), make_stage("b")], unexpected)
    assert [stage.name for stage in lifecycle.stages] == ["b"]
    assert lifecycle.match(pod, DRAWS[0]) is lifecycle.stages[0]


@pytest.mark.parametrize(
    ("weights", "possible"),
    [
        # (weight, what the object's annotation says)
        ({"a": (0, None)}, "a"),
        ({"a": (0, ""), "b": (0, "")}, "a b"),
        ({"a": (0, None), "b": (0, None)}, "a b"),
        ({"a": (1, None), "b": (0, None)}, "a"),
        ({"a": (1, None), "b": (3, None), "c": (0, None)}, "a b"),
        ({"a": (1, "0"), "b": (0, None)}, "a b"),
        ({"a": (5, "wrong"), "b": (0, None)}, "b"),
        ({"a": (5, ""), "b": (0, None), "c": (0, "0x10")}, "c"),
        ({"a": (0, "-5"), "b": (0, None)}, "b"),
        ({"a": (0, "-5"), "b": (1, None)}, "b"),
        ({"a": (0, "-5"), "b": (0, "-1")}, "a b"),
    ],
)
def test_the_choice_is_among_those_with_a_weight(
    make_stage: MakeStage, pod: Object, weights: dict[str, tuple[int, str | None]], possible: str
) -> None:
    pod["metadata"]["annotations"] = {name: given for name, (_, given) in weights.items() if given is not None}
    stages = [make_stage(name, weight=weight, weightFrom=by_annotation(name)) for name, (weight, _) in weights.items()]
    lifecycle = Lifecycle(reversed(stages), unexpected)
    assert [stage.name for stage in lifecycle.possible(pod, DRAWS[0])] == possible.split()
    assert sorted(chosen(lifecycle, pod)) == possible.split()


@pytest.mark.parametrize("weights", [[1, 2, 3, 4], [1, 1], [0, 0, 0], [100, 1]])
def test_stages_are_chosen_by_their_weights(make_stage: MakeStage, pod: Object, weights: list[int]) -> None:
    stages = [make_stage(f"stage-{at}", weight=weight) for at, weight in enumerate(weights)]
    counts = chosen(Lifecycle(stages, unexpected), pod)
    shares = weights if any(weights) else [1] * len(weights)
    expected = [share * len(DRAWS) / sum(shares) for share in shares]
    observed = [counts[f"stage-{at}"] for at in range(len(weights))]
    assert sum(observed) == len(DRAWS)
    # 99.9 % of the chi-square distribution with 3 degrees of freedom lie below 16.3.
    assert sum((seen - due) ** 2 / due for seen, due in zip(observed, expected, strict=True)) < 16.3


def test_the_order_of_events_makes_no_difference(make_stage: MakeStage, pod: Object) -> None:
    rand = {"cel": {"expression": "int(Rand() * 100.0)"}}
    jitter = {"durationMilliseconds": 0, "jitterDurationFrom": {"cel": {"expression": 'duration("1h")'}}}
    stages = [make_stage(name, weightFrom=rand, delay=jitter) for name in "abc"]

    def play(keys: list[str]) -> dict[tuple[str, int], tuple[str, int | None]]:
        lifecycle = Lifecycle(stages, unexpected)
        seen = {}
        for key in keys:
            for count in range(3):
                draw = Draw(99, key, count)
                stage = lifecycle.match(pod, draw)
                assert stage is not None
                seen[key, count] = (stage.name, stage.delay(pod, 0, draw))
        return seen

    keys = [f"v1/Pod/default/pod-{at}" for at in range(40)]
    straight = play(keys)
    assert play(keys[::-1]) == straight
    assert {name for name, _ in straight.values()} == {"a", "b", "c"}
    assert len({delay for _, delay in straight.values()}) == len(straight)


def test_a_stage_that_fails_stands_in_the_way_of_no_other(make_stage: MakeStage, pod: Object) -> None:
    errors: list[StageError] = []
    broken = {"cel": {"expression": "self.nothing.here > 1"}}
    stages = [
        make_stage("a-match", selector={"matchExpressions": [broken]}),
        make_stage("b-weight", weightFrom=broken),
        make_stage("c-good", weight=1),
    ]
    lifecycle = Lifecycle(stages, errors.append)
    stage = lifecycle.match(pod, DRAWS[0])
    assert stage is not None
    assert stage.name == "c-good"
    assert [(error.stage, error.field) for error in errors] == [
        ("a-match", "spec.selector.matchExpressions[0].cel.expression"),
        ("b-weight", "spec.weightFrom.cel.expression"),
    ]
    assert Lifecycle([*stages[:2], make_stage("d", weightFrom=broken)], errors.append).match(pod, DRAWS[0]) is None


def test_a_query_that_stages_share_is_asked_once(make_stage: MakeStage, pod: Object, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counting(source: str) -> Any:
        query = compile_jq(source)

        def ask(obj: Object) -> Any:
            asked.append(source)
            return query(obj)

        return ask

    monkeypatch.setattr("kwok_controller.lifecycle.context.compile_jq", counting)

    def phase(name: str, value: str, *others: dict[str, Any]) -> CompiledStage:
        shared = {"jq": {"key": ".status.phase", "operator": "In", "values": [value]}}
        return make_stage(name, selector={"matchExpressions": [shared, *others]})

    own = {"jq": {"key": ".spec.nodeName", "operator": "Exists"}}
    lifecycle = Lifecycle([phase("a", "Running"), phase("b", "Pending", own), phase("c", "Failed")], unexpected)
    for _ in range(2):
        asked.clear()
        stage = lifecycle.match(pod, DRAWS[0])
        assert stage is not None
        assert stage.name == "b"
        assert asked == [".status.phase", ".spec.nodeName"]
    # What was found for one object is not taken for another.
    pod["status"]["phase"] = "Failed"
    stage = lifecycle.match(pod, DRAWS[0])
    assert stage is not None
    assert stage.name == "c"


ENDLESS = "[range(0; 100000000)] | length"


def test_a_query_that_does_not_end_is_stopped(make_stage: MakeStage, pod: Object) -> None:
    errors: list[StageError] = []
    requirement = {"jq": {"key": ENDLESS, "operator": "Exists"}}
    stages = [make_stage(name, selector={"matchExpressions": [requirement]}) for name in "ab"]
    stages.append(make_stage("c", weightFrom={"jq": {"expression": ENDLESS}}))
    stages.append(make_stage("d"))
    stage = Lifecycle(stages, errors.append).match(pod, DRAWS[0])
    assert stage is not None
    assert stage.name == "d"
    assert [(error.stage, error.field) for error in errors] == [
        ("a", "spec.selector.matchExpressions[0].jq.key"),
        ("b", "spec.selector.matchExpressions[0].jq.key"),
        ("c", "spec.weightFrom.jq.expression"),
    ]
