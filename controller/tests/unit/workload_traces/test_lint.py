# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What lint says of WorkloadTraces beside what compiling them says."""

from __future__ import annotations

from typing import Any

import pytest
from workloads import Object, call, operation, trace

from kwok_controller.workload_traces.lint import lint

HOME = ("web home", {"value": 1})
DB = [operation("read")]


def found(obj: Any) -> list[tuple[str, str, str]]:
    return [(each.severity, each.rule, each.field) for each in lint(obj)[1]]


def shared() -> Object:
    obj = trace({"web": [operation("home", "db read")], "db": DB}, HOME)
    obj["spec"]["services"][1]["selector"] = {"matchLabels": {"app": "web"}}
    return obj


def test_what_is_well() -> None:
    obj = trace({"web": [operation("home", "db read", route="/")], "db": DB}, ("web home", {"expression": 'Wave("3", "2")'}))

    made, problems = lint(obj)
    assert problems == []
    assert made is not None
    assert made.metadata.name == "shop"


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (trace({"web": [operation("home")]}), ("warning", "traffic", "spec.traffic")),
        (trace({"web": [operation("home"), operation("b")]}, HOME), ("warning", "unreached", "spec.services[0].operations[1]")),
        (trace({"web": [operation("home")], "db": []}, HOME), ("warning", "form", "spec.services[1].operations")),
        (shared(), ("warning", "selector", "spec.services[1].selector.matchLabels")),
        (
            trace({"web": [operation("home", call("db read", probability=0))], "db": DB}, HOME),
            ("warning", "form", "spec.services[0].operations[0].calls[0].probability"),
        ),
        (
            trace({"web": [operation("home", call("db read", parallel=True))], "db": DB}, HOME),
            ("warning", "form", "spec.services[0].operations[0].calls[0].parallel"),
        ),
        (
            trace({"web": [operation("home", call("db read", asynchronous=True, onError="ignore"))], "db": DB}, HOME),
            ("warning", "form", "spec.services[0].operations[0].calls[0].onError"),
        ),
        (
            trace({"web": [operation("home", call("db read", asynchronous=True))], "db": [operation("read", route="/")]}, HOME),
            ("warning", "form", "spec.services[0].operations[0].calls[0].asynchronous"),
        ),
        (
            trace({"web": [operation("home", errors={"rate": 1})]}, HOME),
            ("warning", "form", "spec.services[0].operations[0].errors.rate"),
        ),
        (
            trace({"web": [operation("home", errors={"status": 404})]}, HOME),
            ("warning", "form", "spec.services[0].operations[0].errors.status"),
        ),
        (
            trace({"web": [operation("home")]}, ("web home", {"value": 1, "expression": "1"})),
            ("warning", "form", "spec.traffic[0].rate.expression"),
        ),
        (
            trace({"web": [operation("home")]}, ("web home", {"expression": 'Spike("1", "2", "0s", "0s")'})),
            ("error", "rate", "spec.traffic[0].rate.expression"),
        ),
        (
            trace({"web": [operation("home", "db read")], "db": DB}, HOME, limits={"depth": 1}),
            ("warning", "limit", "spec.limits.depth"),
        ),
        (
            trace({"web": [operation("home", call("db read", count=5))], "db": DB}, HOME, limits={"spansPerTrace": 10}),
            ("warning", "limit", "spec.limits.spansPerTrace"),
        ),
        (
            trace({"web": [operation("home", "db read")], "db": DB}, ("web home", {"value": 200})),
            ("warning", "limit", "spec.limits.spansPerSecond"),
        ),
        (trace({"web": [operation("home")]}, HOME, limts={}), ("error", "unknown-field", "spec.limts")),
        (
            trace({"web": [operation("home", "web home")]}, HOME),
            ("error", "cycle", "spec.services[0].operations[0].calls[0]"),
        ),
    ],
)
def test_what_is_odd(obj: Object, expected: tuple[str, str, str]) -> None:
    assert found(obj) == [expected]


def test_traces_of_usage_are_not_known_here() -> None:
    assert found(trace({"web": [operation("home")]}, ("web home", {"expression": 'Trace("monday")'}))) == []


def test_what_is_no_such_object() -> None:
    assert found([]) == [("error", "schema", "")]
    assert found({"kind": "WorkloadTrace", "spec": {}}) == [("error", "schema", "apiVersion"), ("error", "schema", "spec.services")]
    assert found({**trace({}), "apiVersion": "v1"}) == [("error", "schema", "apiVersion")]


def test_a_field_that_was_meant() -> None:
    ((_, _, _, message),) = lint(trace({"web": [operation("home")]}, HOME, netwrk={}))[1]

    assert message == "is no field of a WorkloadTrace: did you mean network?"
