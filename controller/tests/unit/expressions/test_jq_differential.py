# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Queries give what gojq gives to the Go kwok: over the written corpus, and over generated queries and objects."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from go_oracle import GoOracle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwok_controller.expressions.jq import JqSyntaxError, compile_jq

CORPUS = Path(__file__).parent / "jq_corpus"
OBJECTS: list[Any] = [
    {
        "metadata": {
            "name": "pod-1",
            "generation": 3,
            "creationTimestamp": "2024-01-01T00:00:00Z",
            "labels": {"x": "y", "node-not-ready.stage.kwok.x-k8s.io": "true"},
            "annotations": {"pod-ready.stage.kwok.x-k8s.io/delay": "5s"},
            "finalizers": ["a/b", "c"],
            "ownerReferences": [{"kind": "Job"}, {"kind": "Set"}],
        },
        "spec": {"nodeName": "n", "hostNetwork": False, "containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]},
        "status": {
            "phase": "Running",
            "capacity": {"memory": "1Gi", "cpu": "1"},
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "ok", "lastTransitionTime": "2024-01-01T00:00:00Z"},
                {"type": "Initialized", "status": "False"},
            ],
            "containerStatuses": [
                {"name": "a", "ready": True, "restartCount": 2, "state": {"running": {"startedAt": "2024-01-01T00:00:00Z"}}},
                {"name": "b", "ready": False, "restartCount": 0, "state": {"waiting": {"reason": "Creating"}}},
            ],
        },
    },
    {"metadata": {"name": "bare"}, "spec": {}, "status": {}},
    {"metadata": {"name": "", "deletionTimestamp": "2024-01-01T00:00:00Z", "finalizers": []}, "status": {"conditions": []}},
    {"metadata": None, "status": {"conditions": {"b": {"type": "Ready"}, "a": {"type": "X"}}, "phase": 7}},
    {"metadata": [], "status": "no object"},
    None,
    [1, 2.5, "x", None, True],
    "text",
]


def lines(name: str) -> list[str]:
    return (CORPUS / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def same(left: Any, right: Any) -> bool:
    """Equal as JSON; functions of floats may differ in the last digit."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right or math.isclose(left, right, rel_tol=1e-14)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def check(oracle: GoOracle, source: str, data: Any) -> None:
    wanted, error = oracle.ask(mode="jq", source=source, data=data)
    if "unsupported value" in error:
        return  # Go's JSON cannot say infinity
    try:
        query = compile_jq(source)
    except JqSyntaxError as refused:
        assert error, f"{source!r} gives {wanted!r} in Go; here: {refused}"
        return
    assert not error, f"{source!r} is wrong in Go: {error}"
    got = query(data)
    assert same(got, wanted), f"{source!r} of {data!r}: Go gives {wanted!r}, here {got!r}"


@pytest.mark.parametrize("source", [*lines("language"), *lines("functions")])
def test_corpus(kwok_oracle: GoOracle, source: str) -> None:
    check(kwok_oracle, source, None)


@pytest.mark.parametrize("source", lines("selectors"))
def test_selectors(kwok_oracle: GoOracle, source: str) -> None:
    for data in OBJECTS:
        check(kwok_oracle, source, data)


NAMES = st.sampled_from(["a", "b", "c", "type", "if"])
TEXTS = st.sampled_from(["", "a", "b", "x y", "é", "1"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 5), st.sampled_from([0.5, -2.25]), TEXTS)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=10)
ATOMS = st.one_of(
    st.just("."),
    NAMES.map(lambda name: f".{name}"),
    NAMES.map(lambda name: f'.["{name}"]'),
    st.sampled_from([".[]", ".[0]", ".[-1]", ".[1:]", ".[]?", "..", "1", "-2", "0.5", '"a"', "null", "true", "false", "[]", "{}", "$x"]),
    st.sampled_from(["length", "keys", "not", "type", "add", "first", "last", "empty", "tostring", "tojson", "sort", "unique", "reverse"]),
    st.sampled_from(["to_entries", "map(.)", "any", "all", "min", "max", "flatten", "values", "paths", "error", "input_x"]),
)


# What leads to a part of the input. (What does not is refused, but for values that Go cannot tell from the input.)
PATHS = st.recursive(
    st.one_of(
        NAMES.map(lambda name: f".{name}"), st.sampled_from([".", ".[]", ".[0]", ".[-1]", ".[1:]", "..", ".[]?", "first", "empty", "last"])
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda both: f"({both[0]} | {both[1]})"),
        st.tuples(inner, inner).map(lambda both: f"({both[0]}, {both[1]})"),
        st.tuples(inner, inner).map(lambda both: f"({both[0]} // {both[1]})"),
        inner.map(lambda path: f"({path})?"),
        inner.map(lambda path: f"first({path})"),
        inner.map(lambda path: f"({path} | select(. != null))"),
        st.tuples(inner, inner).map(lambda both: f"(if {both[0]} then {both[1]} else . end)"),
    ),
    max_leaves=4,
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda both: f"{both[0]} | {both[1]}"),
        pair.map(lambda both: f"({both[0]}), ({both[1]})"),
        st.tuples(inner, st.sampled_from(["+", "-", "==", "!=", "<", ">=", "and", "or", "//"]), inner).map(
            lambda t: f"(({t[0]}) {t[1]} ({t[2]}))"
        ),
        inner.map(lambda query: f"({query})?"),
        inner.map(lambda query: f"[{query}]"),
        inner.map(lambda query: f"map({query})"),
        inner.map(lambda query: f"select({query})"),
        inner.map(lambda query: f"try ({query}) catch 9"),
        pair.map(lambda both: f"{{a: ({both[0]}), b: ({both[1]})}}"),
        pair.map(lambda both: f"(({both[0]}) as $x | {both[1]})"),
        st.tuples(inner, inner, inner).map(lambda three: f"if {three[0]} then {three[1]} else {three[2]} end"),
        pair.map(lambda both: f"reduce ({both[0]}) as $x (null; {both[1]})"),
        pair.map(lambda both: f"first({both[0]}), limit(2; {both[1]})"),
        PATHS.map(lambda path: f"del({path})"),
        st.tuples(NAMES, st.sampled_from(["=", "|=", "+=", "//="]), inner).map(lambda t: f"(.{t[0]} {t[1]} ({t[2]}))"),
        PATHS.map(lambda path: f"[path({path})]"),
        st.tuples(PATHS, st.sampled_from(["=", "|=", "+=", "//="]), inner).map(lambda t: f"(({t[0]}) {t[1]} ({t[2]}))"),
        st.tuples(NAMES, inner).map(lambda both: f"sort_by(.{both[0]}) | ({both[1]})"),
        inner.map(lambda query: f'"<\\({query})>"'),
        pair.map(lambda both: f"(def f: {both[0]}; f | ({both[1]}))"),
    )


QUERIES = st.recursive(ATOMS, compound, max_leaves=5).map(lambda query: f". as $x | {query}")


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(source=QUERIES, data=DATA)
def test_generated(kwok_oracle: GoOracle, source: str, data: Any) -> None:
    check(kwok_oracle, source, data)
