# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is made of WorkloadTraces, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from workloads import call, decoded, operation, profile, trace

from kwok_controller.workload_traces.compile import compile_trace
from kwok_controller.workload_traces.rates import Clockwork

HOME = ("web home", {"value": 1})


def problems(obj: dict[str, Any]) -> list[tuple[str, str, str]]:
    made, found = compile_trace(decoded(obj).spec, Clockwork(0))
    assert made is None
    return [(each.rule, each.field, each.message) for each in found]


def test_operations_point_at_those_that_they_call() -> None:
    made = profile(trace({"web": [operation("home", "db read", "db read")], "db": [operation("read")]}, HOME))

    (traffic,) = made.traffic
    home = traffic.operation
    assert [[each.operation.destination for each in step] for step in home.steps] == [["read"], ["read"]]
    assert home.steps[0][0].operation is home.steps[1][0].operation
    assert home.steps[0][0].operation.service is made.services[1]


def test_parallel_calls_begin_with_the_one_before_them() -> None:
    calls = [call("db read"), call("db read", parallel=True, count=2), call("db read"), call("db read", parallel=True)]
    made = profile(trace({"web": [operation("home", *calls)], "db": [operation("read")]}, HOME))

    assert [len(step) for step in made.traffic[0].operation.steps] == [2, 2]


def test_depth_and_size_are_known_before() -> None:
    services = {
        "web": [operation("home", call("api list", probability=0.5, count=4), "db read")],
        "api": [operation("list", "db read")],
        "db": [operation("read")],
    }
    home = profile(trace(services, HOME)).traffic[0].operation

    assert home.depth == 3
    # Itself, a call of db, and twice on average a call of api, which makes one of db.
    assert home.size == 1 + 2 + 2 * (1 + 1 + 2)


@pytest.mark.parametrize(
    ("calls", "field", "circle"),
    [
        ({"web home": "web home"}, "spec.services[0].operations[0].calls[0]", "web home → web home"),
        (
            {"web home": "api list", "api list": "db read", "db read": "api list"},
            "spec.services[2].operations[0].calls[0]",
            "api list → db read → api list",
        ),
    ],
)
def test_a_circle_is_shown_where_it_closes(calls: dict[str, str], field: str, circle: str) -> None:
    services = {key.split()[0]: [operation(key.split()[1], called)] for key, called in calls.items()}

    message = f"closes a circle, and requests would never end: {circle}; leave one of these calls out"
    assert problems(trace(services, HOME)) == [("cycle", field, message)]


def test_a_long_chain_is_no_matter_of_recursion() -> None:
    chain = [operation(f"o{each}", f"web o{each + 1}") for each in range(499)]
    made = profile(trace({"web": [*chain, operation("o499")]}, ("web o0", {"value": 1})))

    assert made.traffic[0].operation.depth == 500


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (
            trace({"web": [operation("home", "dbs read")], "db": [operation("read")]}, HOME),
            ("unknown", "spec.services[0].operations[0].calls[0].service", "there is no service 'dbs': did you mean db?"),
        ),
        (
            trace({"web": [operation("home", "db wirte")], "db": [operation("read")]}, HOME),
            ("unknown", "spec.services[0].operations[0].calls[0].operation", "db has no operation 'wirte': there are read"),
        ),
        (
            trace({"web": [operation("home")]}, ("web hom", {"value": 1})),
            ("unknown", "spec.traffic[0].operation", "web has no operation 'hom': did you mean home?"),
        ),
        (
            trace({"web": [operation("home")]}, HOME, HOME),
            ("traffic", "spec.traffic[1]", "web home is in spec.traffic[0] already: add the rates up there"),
        ),
        (
            trace({"web": [operation("home")]}, ("web home", {"per": "replica"})),
            ("rate", "spec.traffic[0].rate", "has neither value nor expression: give one of the two"),
        ),
        (
            trace({"web": [operation("home")]}, ("web home", {"value": "20k"})),
            ("rate", "spec.traffic[0].rate.value", "20000 requests in a second are too many: give 0 to 10000"),
        ),
        (
            trace({"web": [operation("home")]}, ("web home", {"value": -1})),
            ("rate", "spec.traffic[0].rate.value", "-1 requests in a second are no rate: give 0 to 10000"),
        ),
        (
            trace({"web": [operation("home")]}, ("web home", {"expression": "'many'"})),
            ("rate", "spec.traffic[0].rate.expression", "the expression gives a value of type string, not a number or a quantity"),
        ),
        (
            trace({"web": [operation("home", route="products")]}, HOME),
            ("http", "spec.services[0].operations[0].http.route", "'products' does not begin with /: give a path"),
        ),
        (
            trace({"web": [operation("home", latency={"median": "1ms"})]}, HOME),
            (
                "latency",
                "spec.services[0].operations[0].latency.p99",
                "is missing: lognormal needs it; give one, or make the distribution constant",
            ),
        ),
        (
            trace({"web": [operation("home", latency={"median": "2ms", "p99": "1ms"})]}, HOME),
            ("latency", "spec.services[0].operations[0].latency.p99", "1ms is less than median, 2ms"),
        ),
        (
            trace({"web": [operation("home", latency={"distribution": "uniform", "min": "2ms", "max": "1h"})]}, HOME),
            ("latency", "spec.services[0].operations[0].latency.max", "1h is longer than 1m, the longest that there is"),
        ),
        (
            trace({"web": [operation("home")]}, HOME, network={"distribution": "constant", "median": "1ms", "max": "2ms"}),
            ("latency", "spec.network.max", "is not for constant: leave it out, or take another distribution"),
        ),
        (
            trace({"web": [operation("home")]}, HOME, network={"distribution": "exponential", "median": "0s"}),
            ("latency", "spec.network.median", "is no time at all, of which there is no exponential distribution"),
        ),
    ],
)
def test_what_is_wrong(obj: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert problems(obj) == [expected]


def test_an_expression_that_is_none() -> None:
    ((rule, field, message),) = problems(trace({"web": [operation("home")]}, ("web home", {"expression": "Wave("})))

    assert (rule, field) == ("rate", "spec.traffic[0].rate.expression")
    assert "Wave(" in message


def test_what_pods_say_of_themselves_is_not_for_others() -> None:
    obj = trace({"web": [operation("home")]}, HOME)
    obj["spec"]["services"][0] |= {"attributes": {"k8s.pod.name": "x", "team": "a"}, "selector": {"matchLabels": {}}}

    assert [(rule, field) for rule, field, _ in problems(obj)] == [
        ("selector", "spec.services[0].selector.matchLabels"),
        ("attributes", "spec.services[0].attributes.k8s.pod.name"),
    ]


def test_what_spans_say_by_themselves_is_not_for_others() -> None:
    obj = trace({"web": [operation("home", attributes={"http.route": "/", "db.system.name": "x", "error.type": "e"})]}, HOME)

    assert [(rule, field.rpartition("attributes.")[2]) for rule, field, _ in problems(obj)] == [
        ("attributes", "error.type"),
        ("attributes", "http.route"),
    ]


def test_there_is_a_bound_to_the_size() -> None:
    web = [operation("home", *["db read"] * 51), *(operation(f"w{number}", *["db read"] * 50) for number in range(39))]
    obj = trace({"web": web, "db": [operation("read"), *(operation(f"o{number}") for number in range(460))]}, HOME)

    assert [message for _, _, message in problems(obj)] == [
        "there are 51 calls, and 50 at most: give them counts, or make several operations",
        "there are 501 operations in all, and 500 at most: make several objects",
        "there are 2001 calls in all, and 2000 at most: make several objects",
    ]
