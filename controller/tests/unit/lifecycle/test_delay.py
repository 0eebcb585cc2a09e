# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kwok_controller.lifecycle import CompiledStage, Draw, StageError
from kwok_controller.lifecycle.values import parse_delay

MakeStage = Callable[..., CompiledStage]
Object = dict[str, Any]

NOW_NS = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z
SECOND = 1_000_000_000
DRAW = Draw(0, "v1/Pod/default/web-0", 0)


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("2023-11-14T22:13:30Z", 10 * SECOND),
        ("2023-11-14T22:13:10Z", -10 * SECOND),
        ("2023-11-14T22:13:20.25Z", SECOND // 4),
        ("2023-11-14T22:13:20.000000001Z", 1),
        ("2023-11-14T23:13:21+01:00", SECOND),
        ("0000-01-01T00:00:00Z", -(1 << 63)),
        ("1m30s", 90 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("-2ms", -2_000_000),
        ("0", 0),
        ("2023-02-30T00:00:00Z", None),
        ("2023-11-14", None),
        ("10", None),
        ("soon", None),
    ],
)
def test_a_text_is_a_time_or_a_duration(text: str, delay: int | None) -> None:
    assert parse_delay(text, NOW_NS) == delay


def jq(annotation: str) -> dict[str, Any]:
    return {"jq": {"expression": f".metadata.annotations.{annotation}"}}


def cel(expression: str) -> dict[str, Any]:
    return {"cel": {"expression": expression}}


@pytest.mark.parametrize(
    ("delay", "bounds"),
    [
        (None, None),
        ({}, [0]),
        ({"durationMilliseconds": 1500}, [1500]),
        ({"durationMilliseconds": 1000, "jitterDurationMilliseconds": 5000}, [1000, 5000]),
        ({"jitterDurationMilliseconds": 5000}, [0, 5000]),
        # A jitter that is not above the duration is the delay.
        ({"durationMilliseconds": 1000, "jitterDurationMilliseconds": 500}, [500]),
        ({"durationMilliseconds": 1000, "jitterDurationMilliseconds": 1000}, [1000]),
        ({"durationFrom": jq("span")}, [2000]),
        ({"durationFrom": jq("until")}, [10_000]),
        ({"durationFrom": jq("past"), "durationMilliseconds": 7}, [-10_000]),
        ({"durationFrom": jq("gone"), "durationMilliseconds": 7}, [7]),
        ({"durationFrom": jq("wrong"), "durationMilliseconds": 7}, [7]),
        ({"durationFrom": jq("empty"), "durationMilliseconds": 7}, None),
        ({"durationFrom": {"jq": {"expression": ".spec.replicas"}}, "durationMilliseconds": 7}, [7]),
        ({"durationFrom": {"jq": {"expression": ".spec.nodeName.x"}}, "durationMilliseconds": 7}, [7]),
        ({"durationFrom": {"expressionFrom": ".metadata.annotations.span"}}, [2000]),
        ({"durationFrom": {}, "durationMilliseconds": 7}, [7]),
        ({"durationMilliseconds": 1000, "jitterDurationFrom": jq("span")}, [1000, 2000]),
        ({"durationMilliseconds": 1000, "jitterDurationFrom": jq("until")}, [1000, 10_000]),
        ({"durationMilliseconds": 1000, "jitterDurationFrom": jq("past")}, [-10_000]),
        ({"durationMilliseconds": 1000, "jitterDurationFrom": jq("gone")}, [1000]),
        ({"durationMilliseconds": 1000, "jitterDurationFrom": jq("gone"), "jitterDurationMilliseconds": 3000}, [1000, 3000]),
        ({"durationMilliseconds": 1000, "jitterDurationFrom": jq("empty"), "jitterDurationMilliseconds": 3000}, [1000]),
        ({"durationFrom": cel('duration("3s")')}, [3000]),
        ({"durationFrom": cel('"4s"')}, [4000]),
        ({"durationFrom": cel("5000000000")}, [5000]),
        ({"durationMilliseconds": 1000, "jitterDurationFrom": cel('duration("3s")')}, [1000, 3000]),
        # Of two expressions CEL counts.
        ({"durationFrom": {**cel('duration("3s")'), **jq("span")}}, [3000]),
    ],
)
def test_bounds(make_stage: MakeStage, pod: Object, delay: dict[str, Any] | None, bounds: list[int] | None) -> None:
    pod["metadata"]["annotations"] = {
        "span": "2s",
        "until": "2023-11-14T22:13:30Z",
        "past": "2023-11-14T22:13:10Z",
        "wrong": "soon",
        "empty": "",
    }
    stage = make_stage(delay=delay)
    expected = None if bounds is None else [bound * 1_000_000 for bound in bounds]
    assert stage.delay_range(pod, NOW_NS) == expected
    drawn = stage.delay(pod, NOW_NS, DRAW)
    if expected is None:
        assert drawn is None
    elif len(expected) == 1:
        assert drawn == expected[0]
    else:
        assert drawn is not None
        assert expected[0] <= drawn < expected[1]


def test_delays_are_spread_over_the_range(make_stage: MakeStage, pod: Object) -> None:
    stage = make_stage(delay={"durationMilliseconds": 1000, "jitterDurationMilliseconds": 2000})
    drawn = [stage.delay(pod, NOW_NS, Draw(0, f"pod-{at}", 0)) or 0 for at in range(1000)]
    assert SECOND <= min(drawn) < 1.01 * SECOND
    assert 1.99 * SECOND < max(drawn) < 2 * SECOND
    assert 1.47 * SECOND < sum(drawn) / len(drawn) < 1.53 * SECOND  # standard deviation of the mean: 9 ms


@pytest.mark.parametrize("field", ["durationFrom", "jitterDurationFrom"])
def test_an_expression_that_fails_says_where(make_stage: MakeStage, pod: Object, field: str) -> None:
    stage = make_stage("late", delay={field: cel("self.nothing.here")})
    with pytest.raises(StageError) as caught:
        stage.delay(pod, NOW_NS, DRAW)
    assert (caught.value.stage, caught.value.field) == ("late", f"spec.delay.{field}.cel.expression")


@pytest.mark.parametrize("field", ["durationFrom", "jitterDurationFrom"])
@pytest.mark.parametrize(("form", "expression"), [("jq", ".a |"), ("cel", "self.")])
def test_an_expression_that_is_none_says_where(make_stage: MakeStage, field: str, form: str, expression: str) -> None:
    with pytest.raises(StageError) as caught:
        make_stage(delay={field: {form: {"expression": expression}}})
    assert caught.value.field == f"spec.delay.{field}.{form}.expression"


@pytest.mark.parametrize(
    ("source", "weight"),
    [
        (None, 5),
        ({}, 5),
        ({"jq": {"expression": ".spec.replicas"}}, 3),
        ({"jq": {"expression": ".status.load"}}, 0),
        ({"jq": {"expression": '"0x1F"'}}, 31),
        ({"jq": {"expression": '"1_000"'}}, 1000),
        ({"jq": {"expression": '"1e3"'}}, None),
        ({"jq": {"expression": '"99999999999999999999"'}}, None),
        ({"jq": {"expression": '""'}}, None),
        ({"jq": {"expression": ".status.gone"}}, 5),
        ({"jq": {"expression": ".status.ready"}}, 5),
        ({"jq": {"expression": ".status.phase.x"}}, 5),
        ({"jq": {"expression": "1e300"}}, 2**63 - 1),
        (cel("7"), 7),
        (cel("7.9"), 7),
        (cel("true"), 1),
        (cel("size(self.spec.containers)"), 1),
    ],
)
def test_weights(make_stage: MakeStage, pod: Object, source: dict[str, Any] | None, weight: int | None) -> None:
    assert make_stage(weight=5, weightFrom=source).weight(pod) == weight
