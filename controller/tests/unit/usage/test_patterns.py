# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Courses of usage: their formulas, their bounds, and that they are the same everywhere."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.expressions.cel import CelError, CelEvaluationError, CelSyntaxError, compile_cel_over
from kwok_controller.usage.patterns import DAY_NS, Moment, noise, pattern_functions, ramp, spike, wave
from kwok_controller.usage.traces import InvalidTrace, Trace, parse_trace

SECOND: Final = 10**9
MINUTE: Final = 60 * SECOND
NOW: Final = 1_700_000_000 * SECOND
TIMES: Final = st.integers(0, 4 * 10**18)
AMOUNTS: Final = st.floats(0, 1e12)

TRACES: Final = {
    "steps": Trace([0, 10 * SECOND, 20 * SECOND], [0, 100, 0], absolute=False, repeats=True),
    "once": Trace([0, 10 * SECOND], [5, 25], absolute=False, repeats=False),
    "dated": Trace([NOW, NOW + 10 * SECOND], [1, 2], absolute=True, repeats=False),
}


def evaluate(source: str, now_ns: int = NOW, seed: int = 1, key: str = "default/p/main/cpu", pod: Any = None) -> Any:
    moment = Moment(seed)
    moment.bind(now_ns, key)
    functions = pattern_functions(moment, TRACES)
    return compile_cel_over(source, {"pod": "Pod"}, functions, now=moment.now, random=moment.random)(pod)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('Constant("250m")', 0.25),
        ("Constant(2)", 2.0),
        ('Constant(Quantity("1Gi"))', float(2**30)),
        ("Constant(string(5) + 'Ki')", 5 * 1024.0),
        ('Ramp("100m", "1100m", "2023-11-14T22:13:20Z", "10m")', 0.1),
        ('Ramp("100m", "1100m", "2023-11-14T22:08:20Z", duration("10m"))', 0.6),
        ('Ramp(0, 10, timestamp("2023-11-14T22:03:20Z"), "10m")', 10.0),
        ('Ramp(10, 0, pod.metadata.creationTimestamp, "1m")', 5.0),
        ('Ramp(1, 2, Now(), "0s")', 2.0),
        ('Wave(10, 2, "4s")', 10.0),
        ('Wave(10, 2, "4s", "-1s")', 12.0),
        ('Wave(10, 2, "4s", duration("1s"))', 8.0),
        ('Spike(1, 9, "1h", "13m20s")', 1.0),
        ('Spike(1, 9, "1h", "13m21s")', 9.0),
        ('Spike(1, 9, "1h", "0s")', 1.0),
        ('Trace("steps")', 0.0),
        ('Trace("dated")', 1.0),
        ('Trace("once", "2023-11-14T22:13:15Z")', 15.0),
        ('Trace("once", "2024-11-14T22:13:15Z")', 5.0),
        ('Trace("steps", "2023-11-14T22:13:02.5Z")', 25.0),
        ('Noise("1", "0") + Constant(1) * 2.0', 3.0),
        ('"250m".Constant()', 0.25),
    ],
)
def test_patterns_in_expressions(source: str, value: float) -> None:
    pod = {"metadata": {"creationTimestamp": "2023-11-14T22:12:50Z"}}
    result = evaluate(source, pod=pod)
    assert type(result) is float
    assert result == pytest.approx(value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Constant('x')", "'x' is no quantity"),
        ("Constant(string(5) + 'x')", "'5x' is no quantity"),
        ("Constant(true)", "Constant takes"),
        ("Wave(1, 2, '0s')", "Wave: the period is not above zero"),
        ("Wave(1, 2, '1 day')", "cannot be converted to a duration"),
        ("Wave(1, 2, string(1))", "'1' is no duration such as 90s"),
        ("Wave(1)", "Wave takes"),
        ("Spike(1, 2, '-1s', '1s')", "Spike: the time between spikes is not above zero"),
        ("Spike(1, 2, '1s', '-1s')", "Spike: the length is below zero"),
        ("Noise(1, 2, '0s')", "Noise: the step is not above zero"),
        ("Ramp(1, 2, Now(), '-1s')", "Ramp: the duration is below zero"),
        ("Ramp(1, 2, 'now', '1s')", "'now' is no RFC 3339 time"),
        ("Ramp(1, 2, string(1), '1s')", "'1' is no RFC 3339 time"),
        ("Trace('x')", "there is no trace 'x': there are dated, once, steps"),
        ("Trace('once')", "say when it begins"),
        ("Trace('dated', Now())", "has times of a calendar"),
    ],
)
def test_arguments_that_cannot_be(source: str, message: str) -> None:
    with pytest.raises((CelSyntaxError, CelEvaluationError), match=message.replace("(", r"\(")) as caught:
        evaluate(source)
    assert isinstance(caught.value, CelError)


def test_without_traces() -> None:
    moment = Moment(0)
    program = compile_cel_over("Trace('x')", {}, pattern_functions(moment, {}), now=moment.now, random=moment.random)
    with pytest.raises(CelEvaluationError, match="the configuration has none"):
        program()


@given(first=AMOUNTS, last=AMOUNTS, start=TIMES, duration=st.integers(0, DAY_NS), now=TIMES)
def test_a_ramp_stays_between_its_ends(first: float, last: float, start: int, duration: int, now: int) -> None:
    value = ramp(first, last, start, duration, now)
    assert min(first, last) * (1 - 1e-12) <= value <= max(first, last) * (1 + 1e-12)
    assert ramp(first, last, start, duration, start + duration) == last
    assert ramp(first, last, start, duration, start - 1) == first


@given(mean=AMOUNTS, amplitude=AMOUNTS, period=st.integers(SECOND, 30 * DAY_NS), phase=st.integers(-DAY_NS, DAY_NS), now=TIMES)
def test_a_wave_repeats_within_its_amplitude(mean: float, amplitude: float, period: int, phase: int, now: int) -> None:
    value = wave(mean, amplitude, period, phase, now)
    assert abs(value - mean) <= amplitude * (1 + 1e-12) + mean * 1e-12
    assert wave(mean, amplitude, period, phase, now + period) == value
    assert wave(mean, amplitude, period, phase + period, now) == value


def test_a_daily_wave_is_highest_a_quarter_after_its_phase() -> None:
    hours = [wave(1, 1, DAY_NS, 9 * 60 * MINUTE, hour * 60 * MINUTE) for hour in range(24)]
    assert hours.index(max(hours)) == 15
    assert hours.index(min(hours)) == 3
    assert hours[9] == 1.0
    assert math.isclose(hours[15], 2.0)


def test_spikes_take_their_share_of_the_time() -> None:
    values = [spike(1, 9, 60 * SECOND, 15 * SECOND, second * SECOND) for second in range(600)]
    assert values.count(9) == 150
    assert values[:16] == [9] * 15 + [1]


def test_noise_has_its_mean_and_deviation_and_bounds() -> None:
    values = [noise(100, 10, SECOND, second * SECOND, 7, "key") for second in range(4000)]
    assert abs(statistics.fmean(values) - 100) < 0.6
    assert abs(statistics.pstdev(values) - 10) < 0.4
    assert all(70 <= value <= 130 for value in values)


def test_noise_differs_by_seed_key_and_step_and_by_nothing_else() -> None:
    value = noise(0, 1, 10 * SECOND, NOW, 1, "a")
    assert value == noise(0, 1, 10 * SECOND, NOW + 10 * SECOND - 1, 1, "a")
    assert value not in (
        noise(0, 1, 10 * SECOND, NOW + 10 * SECOND, 1, "a"),
        noise(0, 1, 10 * SECOND, NOW, 2, "a"),
        noise(0, 1, 10 * SECOND, NOW, 1, "b"),
    )


def test_chance_is_the_same_in_another_process() -> None:
    program = (
        "from kwok_controller.usage.patterns import Moment, noise\n"
        f"moment = Moment(3); moment.bind({NOW}, 'ä')\n"
        f"print(repr([noise(1, 0.1, 10**10, {NOW}, 3, 'ä'), moment.random(), moment.random()]))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "99"}
    ).stdout.decode()
    moment = Moment(3)
    moment.bind(NOW, "ä")
    here = [noise(1, 0.1, 10**10, NOW, 3, "ä"), moment.random(), moment.random()]
    assert output.strip() == repr(here)
    assert here[1] != here[2]
    assert all(0 <= each < 1 for each in here[1:])


def test_a_trace_from_csv() -> None:
    trace = parse_trace("time, value\n# a comment\n\n0, 100m\n90, 1\n1h30m, 2Ki\n", repeats=False)
    assert not trace.absolute
    assert [trace.value(at * SECOND) for at in (-5, 0, 45, 90, 5400, 9999)] == pytest.approx([0.1, 0.1, 0.55, 1, 2048, 2048])
    dated = parse_trace("2023-11-14T22:13:20Z,1\n2023-11-14T22:13:30+00:00,3\n", repeats=True)
    assert dated.absolute
    assert [dated.value(NOW + at * SECOND) for at in (0, 5, 10, 15, -5)] == [1, 2, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one time"),
        ("time,value\n", "at least one time"),
        ("0,1\n1," + "9" * 200_000, "line 2: field larger than field limit"),
        ("0,1,2\n", "line 1: expected a time and a value, got 3 fields"),
        ("0,1\n1\n", "line 2: expected a time and a value, got 1 fields"),
        ("time,value\n0,abc\n", "line 2: 'abc' is no quantity"),
        ("0,1\ntime,2\n", "line 2: 'time' is no duration"),
        ("0,1\nnan,2\n", "line 2: 'nan' is no number of seconds"),
        ("1e30,2\n", "line 1: '1e30' is no number of seconds"),
        ("0,1\n0s,2\n", "line 2: '0s' is not after the time before"),
        ("0,1\n2023-11-14T22:13:20Z,2\n", "line 2: '2023-11-14T22:13:20Z' is of another sort"),
        ("2023-11-14T99:13:20Z,2\n", "line 1: '2023-11-14T99:13:20Z' is no RFC 3339 time"),
    ],
)
def test_texts_that_are_no_trace(text: str, message: str) -> None:
    with pytest.raises(InvalidTrace) as caught:
        parse_trace(text, repeats=False)
    assert message in str(caught.value)


@pytest.mark.parametrize("times", [[], [1, 1], [2, 1], [1]])
def test_traces_that_cannot_be(times: list[int]) -> None:
    with pytest.raises(InvalidTrace):
        Trace(times, [0.0] * len(times), absolute=False, repeats=True)


@given(
    points=st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1000)), min_size=2, max_size=8),
    now=st.integers(-(10**6), 10**6),
    repeats=st.booleans(),
)
def test_a_trace_stays_between_its_points(points: list[tuple[int, float]], now: int, repeats: bool) -> None:
    times = [sum(step for step, _ in points[: index + 1]) for index in range(len(points))]
    values = [value for _, value in points]
    trace = Trace(times, values, absolute=False, repeats=repeats)
    assert min(values) - 1e-9 <= trace.value(now) <= max(values) + 1e-9
    for time, value in list(zip(times, values, strict=True))[:-1]:
        assert trace.value(time) == value
