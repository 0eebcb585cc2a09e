# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Seconds of traces: rates, chance, ceilings, and that all traces are trees."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workloads import START, Object, call, instances, operation, pod, profile, trace

from kwok_controller.workload_traces.profile import Profile
from kwok_controller.workload_traces.slots import SLOT_NS, Instances, Slot, Trace
from kwok_controller.workload_traces.walk import Span, SpanKind

PLENTY = 100_000


def slots(
    made: Profile, found: Instances, seconds: int, *, seed: int = 1, most: int = PLENTY, **more: Any
) -> tuple[list[Slot], list[Trace]]:
    there, traces = [], []
    for number in range(START, START + seconds):
        slot = Slot(made, "shop/shop", seed, number, found, **more)
        traces += list(slot.traces(most))
        there.append(slot)
    return there, traces


def pods(app: str, count: int) -> list[Object]:
    return [pod(f"{app}-{number}", app, node=f"n{number}") for number in range(count)]


def alone(rate: Object, replicas: int, **more: Any) -> tuple[Profile, Instances]:
    """One service with one operation."""
    made = profile(trace({"web": [operation("home", **more)]}, ("web home", rate)))
    return made, instances(made, *pods("web", replicas))


def plain(traces: Iterable[Trace]) -> list[tuple[Any, ...]]:
    """What can be compared: an instance equals itself only."""
    return [(*span[:7], span.instance.resource, *span[8:]) for each in traces for span in each.spans]


@pytest.mark.parametrize(
    ("rate", "replicas", "expected"),
    [
        ({"value": 20}, 1, 20),
        ({"value": 20}, 4, 20),
        ({"value": 20, "per": "replica"}, 4, 80),
        ({"value": "500m"}, 3, 0.5),
        ({"value": 20, "per": "replica"}, 0, 0),
        ({"value": 20}, 0, 0),
        ({"value": 0}, 2, 0),
        ({"expression": "Constant(3) + 4.0"}, 2, 7),
    ],
)
def test_rates_follow_what_is_given_and_the_replicas(rate: Object, replicas: int, expected: float) -> None:
    seconds = 60
    there, traces = slots(*alone(rate, replicas), seconds)

    # A Poisson process: its variance is its mean; five standard deviations.
    assert abs(len(traces) - expected * seconds) <= 5 * (expected * seconds) ** 0.5
    assert sum(slot.requests for slot in there) == len(traces)
    assert sum(slot.left_out for slot in there) == 0
    assert [failure for slot in there for failure in slot.failures] == []


def test_requests_are_spread_over_the_replicas_and_over_the_second() -> None:
    _, traces = slots(*alone({"value": 100}, 4), 20)

    by_pod = Counter(dict(each.spans[0].instance.resource)["k8s.pod.name"] for each in traces)
    assert set(by_pod) == {"web-0", "web-1", "web-2", "web-3"}
    assert min(by_pod.values()) > 400
    starts = [each.spans[0].start_ns for each in traces]
    assert starts == sorted(starts)
    assert statistics.mean(start % SLOT_NS / SLOT_NS for start in starts) == pytest.approx(0.5, abs=0.03)


def test_rates_move_with_patterns() -> None:
    made, found = alone({"expression": 'Wave("20", "20", "40s")'}, 1)
    # The wave begins at a multiple of its period.
    counts = [
        len(list(Slot(made, "a/b", 1, number, found).traces(PLENTY))) for number in range(START - START % 40, START - START % 40 + 40)
    ]

    assert sum(counts[5:15]) > 300
    assert sum(counts[25:35]) < 60


def test_errors_and_latencies_are_as_given_within_statistical_bounds() -> None:
    latency = {"median": "20ms", "p99": "200ms"}
    _, traces = slots(*alone({"value": 200}, 2, errors={"rate": 0.1}, latency=latency), 30)
    spans = [span for each in traces for span in each.spans]

    assert sum(span.failed for span in spans) / len(spans) == pytest.approx(0.1, abs=5 * (0.1 * 0.9 / len(spans)) ** 0.5)
    took = sorted((span.end_ns - span.start_ns) / 1e6 for span in spans)
    assert took[len(took) // 2] == pytest.approx(20, rel=0.1)
    assert took[len(took) * 99 // 100] == pytest.approx(200, rel=0.25)


@pytest.mark.parametrize(
    ("latency", "median", "least", "most"),
    [
        ({"distribution": "constant", "median": "7ms"}, 7, 7, 7),
        ({"distribution": "uniform", "min": "10ms", "max": "30ms"}, 20, 10, 30),
        ({"distribution": "exponential", "median": "10ms", "min": "1ms", "max": "60ms"}, 10, 1, 60),
        ({"median": "10ms", "p99": "1s", "max": "500ms"}, 10, 0, 500),
    ],
)
def test_the_distributions(latency: Object, median: float, least: float, most: float) -> None:
    _, traces = slots(*alone({"value": 300}, 1, latency=latency), 10)
    took = [(span.end_ns - span.start_ns) / 1e6 for each in traces for span in each.spans]

    assert statistics.median(took) == pytest.approx(median, rel=0.12)
    assert min(took) >= least
    assert max(took) <= most


def test_calls_are_made_with_their_probability() -> None:
    services = {"web": [operation("home", call("db read", probability=0.25, count=2))], "db": [operation("read")]}
    made = profile(trace(services, ("web home", {"value": 100})))
    _, traces = slots(made, instances(made, *pods("web", 1), *pods("db", 1)), 20)

    sizes = Counter(len(each.spans) for each in traces)
    assert set(sizes) == {1, 5}
    assert sizes[5] / len(traces) == pytest.approx(0.25, abs=0.05)


def test_the_same_seed_makes_the_same_spans_and_another_one_others() -> None:
    services = {"web": [operation("home", "db read", latency={"median": "9ms", "p99": "90ms"})], "db": [operation("read")]}
    made = profile(trace(services, ("web home", {"expression": 'Noise("20", "5")'})))
    there = (*pods("web", 2), *pods("db", 3))

    first, again, other = (plain(slots(made, instances(made, *there), 3, seed=seed)[1]) for seed in (1, 1, 2))
    assert first == again
    assert not {span[0] for span in first} & {span[0] for span in other}
    # A second does not depend on those before it.
    later = Slot(made, "shop/shop", 1, START + 2, instances(made, *there))
    expected = [span for span in first if span[0] in {each[0] for each in plain(later.traces(PLENTY))}]
    assert expected == plain(Slot(made, "shop/shop", 1, START + 2, instances(made, *there)).traces(PLENTY))
    # Nor do objects on each other.
    assert not {span[0] for span in first} & {
        span[0] for span in plain(Slot(made, "shop/b", 1, START, instances(made, *there)).traces(PLENTY))
    }


def test_the_ceiling_holds_and_what_is_left_out_is_counted() -> None:
    services = {
        "web": [operation("home", "db read", "db read"), operation("ping")],
        "db": [operation("read")],
    }
    made = profile(trace(services, ("web home", {"value": 100}), ("web ping", {"value": 100})))
    found = instances(made, *pods("web", 2), *pods("db", 1))
    names: Counter[str] = Counter()
    total = 0
    for number in range(START, START + 30):
        slot = Slot(made, "shop/shop", 1, number, found)
        traces = list(slot.traces(150))
        spans = sum(len(each.spans) for each in traces)
        assert spans <= 150
        total += spans
        assert slot.requests == len(traces) + slot.left_out
        names.update(each.spans[-1].name for each in traces)
        assert all(len(each.spans) == (5 if each.spans[-1].name == "home" else 1) for each in traces)
    # 600 spans a second would be expected.
    assert 0.8 * 150 * 30 < total < 150 * 30
    # A quarter of each: what is left out is not that which is large.
    assert names["home"] / (30 * 100) == pytest.approx(0.25, abs=0.05)
    assert names["ping"] / (30 * 100) == pytest.approx(0.25, abs=0.05)


def test_what_is_beyond_all_bounds_is_counted_and_not_made() -> None:
    made, found = alone({"value": 9000, "per": "replica"}, 3)
    slot = Slot(made, "shop/shop", 1, START, found)

    traces = list(slot.traces(10))
    assert len(traces) <= 10
    assert slot.requests == pytest.approx(27_000, abs=20)
    assert slot.left_out == slot.requests - len(traces)
    # Nor is it counted by everybody who makes some of them.
    third = Slot(made, "shop/shop", 1, START, found, lambda node: node == "n1")
    assert len(list(third.traces(10))) <= 10
    assert third.requests == pytest.approx(9000, abs=20)


def test_a_rate_that_fails_is_none_and_is_said() -> None:
    made = profile(
        trace({"web": [operation("home"), operation("b")]}, ("web home", {"expression": '1 / int("0")'}), ("web b", {"value": 50}))
    )
    slot = Slot(made, "shop/shop", 1, START, instances(made, *pods("web", 1)))

    assert {each.spans[0].name for each in slot.traces(PLENTY)} == {"b"}
    ((field, message),) = slot.failures
    assert field == "spec.traffic[0].rate"
    assert "division by zero" in message


def test_each_trace_is_made_by_whoever_has_the_node_where_it_begins() -> None:
    made = profile(trace({"web": [operation("home", "db read")], "db": [operation("read")]}, ("web home", {"value": 50})))
    found = instances(made, *pods("web", 4), *pods("db", 4))
    _, everything = slots(made, found, 5)
    mine, others = ({"n0", "n2"}, {"n1", "n3"})
    _, first = slots(made, found, 5, owns=mine.__contains__)
    _, second = slots(made, found, 5, owns=others.__contains__)

    assert {dict(each.spans[-1].instance.resource)["k8s.node.name"] for each in first} == mine
    assert sorted(plain(first) + plain(second)) == sorted(plain(everything))


NAMES = ("a", "b", "c", "d", "e")
LATENCIES = st.sampled_from(
    [
        {"median": "20ms", "p99": "300ms"},
        {"distribution": "exponential", "median": "5ms"},
        {"distribution": "uniform", "min": "0s", "max": "1s"},
        {"distribution": "constant", "median": "1ns"},
    ]
)


@st.composite
def shops(draw: st.DrawFn) -> Object:
    """Services that call those after them, so that there are no circles."""
    services = {}
    for at, name in enumerate(NAMES):
        calls = (
            [
                call(
                    f"{called} do",
                    count=draw(st.integers(1, 3)),
                    probability=draw(st.sampled_from([0.5, 1])),
                    parallel=draw(st.booleans()),
                    asynchronous=draw(st.booleans()),
                    onError=draw(st.sampled_from(["fail", "ignore"])),
                )
                for called in draw(st.lists(st.sampled_from(NAMES[at + 1 :]), max_size=3))
            ]
            if at < len(NAMES) - 1
            else []
        )
        errors = {"rate": draw(st.sampled_from([0, 0.3]))}
        services[name] = [operation("do", *calls, route=draw(st.sampled_from(["", "/{id}"])), errors=errors, latency=draw(LATENCIES))]
    limits = {"spansPerTrace": draw(st.integers(1, 60)), "depth": draw(st.integers(1, 6))}
    return trace(services, ("a do", {"value": 5}), limits=limits)


@settings(max_examples=40, deadline=None)
@given(shop=shops(), missing=st.sets(st.sampled_from(NAMES[1:]), max_size=2), seed=st.integers(0, 1000))
def test_traces_are_trees_of_spans_within_their_parents(shop: Object, missing: set[str], seed: int) -> None:
    made = profile(shop)
    found = instances(made, *(each for name in NAMES if name not in missing for each in pods(name, 2)))
    _, traces = slots(made, found, 2, seed=seed)

    assert len({span.span_id for each in traces for span in each.spans}) == sum(len(each.spans) for each in traces)
    for each in traces:
        assert len(each.spans) <= made.limits.spans_per_trace
        assert each.end_ns == max(span.end_ns for span in each.spans)
        check_tree(each.spans, made.limits.depth)


def check_tree(spans: list[Span], depth: int) -> None:
    by_id = {span.span_id: span for span in spans}
    (root,) = [span for span in spans if not span.parent_id]
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert root.kind is SpanKind.SERVER
    for span in spans:
        assert (len(span.trace_id), len(span.span_id)) == (16, 8)
        assert span.start_ns <= span.end_ns
        above = 0
        parent = span
        while parent.parent_id:
            child, parent = parent, by_id[parent.parent_id]
            above += child.kind in (SpanKind.SERVER, SpanKind.CONSUMER)
            assert child.start_ns >= parent.start_ns
            if child.kind is SpanKind.CONSUMER:
                assert (parent.kind, child.start_ns >= parent.end_ns) == (SpanKind.PRODUCER, True)
            else:
                assert child.end_ns <= parent.end_ns
                assert (child.kind is SpanKind.SERVER) == (parent.kind is SpanKind.CLIENT)
            if child.kind in (SpanKind.CLIENT, SpanKind.PRODUCER):
                assert child.instance is parent.instance
        assert parent is root
        assert above < depth
