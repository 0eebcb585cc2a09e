# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""jq queries: what a query gives, what it may use, and what stops it."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.expressions.jq import JqLimitError, JqSyntaxError, Limits, compile_jq

POD: dict[str, Any] = {
    "metadata": {"name": "p", "generation": 2},
    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "False"}]},
}
LARGE = {"items": [{"n": number, "text": "x" * 20} for number in range(200)], "text": "x" * 1000}


def test_results() -> None:
    assert compile_jq(".status.phase")(POD) == ["Running"]
    assert compile_jq('.status.conditions.[] | select( .type == "Ready" ) | .status')(POD) == ["True"]
    assert compile_jq(".status.conditions[].type")(POD) == ["Ready", "X"]


def test_nulls_are_left_out() -> None:
    assert compile_jq(".status.podIP, .status.phase, null")(POD) == ["Running"]
    assert compile_jq("[null]")(POD) == [[None]]


@pytest.mark.parametrize("source", [".metadata.finalizers[]", ".status.phase.x", "error", '.status.phase, error("x")', "halt"])
def test_a_failure_is_none(source: str) -> None:
    assert compile_jq(source)(POD) is None


def test_whole_numbers_are_integers() -> None:
    (found,) = compile_jq(".metadata.generation")(POD) or []
    assert type(found) is int
    (count,) = compile_jq(".status.conditions | length")(POD) or []
    assert (type(count), count) == (int, 2)
    assert compile_jq("9007199254740993 + 0")(None) == [9007199254740993]


def test_true_is_not_one() -> None:
    assert compile_jq("[true == 1, false == 0, 1 == 1.0]")(None) == [[False, False, True]]
    assert compile_jq(".[] | select(. == 1)")([True, 1, "1"]) == [1]


def test_objects_are_gone_through_by_sorted_keys() -> None:
    assert compile_jq(".[]")({"b": 1, "a": 2}) == [2, 1]


@pytest.mark.parametrize(
    "source",
    [".status.phase = 1", "del(.status)", ".status.conditions[0].type |= ascii_downcase", "walk(.)", ".status.conditions |= reverse"],
)
def test_the_object_is_left_as_it_is(source: str) -> None:
    before = copy.deepcopy(POD)
    assert compile_jq(source)(POD)
    assert before == POD


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("", "missing"),
        (".a b", "unexpected 'b' at character 4"),
        (".[", "end"),
        ("foo", "function not defined: foo/0"),
        ("map(1; 2)", "function not defined: map/2"),
        ("$x", r"variable not defined: \$x"),
        ("break $x", r"label not defined: \$x"),
        ('"abc', "closing quote"),
        ('import "a" as a; .', "modules"),
        ("input", "not allowed"),
        ("now", "not available"),
        ("(" * 1000, "nested"),
        (". | " * 5000 + ".", "nested"),
        (".a" * 1000, "path"),
        ("." * 100_000, "characters"),
    ],
)
def test_what_is_no_query(source: str, what: str) -> None:
    with pytest.raises(JqSyntaxError, match=what) as caught:
        compile_jq(source)
    assert caught.value.source == source
    assert len(str(caught.value)) < 500


def test_the_environment_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    assert compile_jq("env, $ENV")(None) == [{}, {}]


ENDLESS = [
    "[limit(1000000000; repeat(1))]",
    "def f: f; f",
    "def f: f|f; f",
    "def f: ., f; [f]",
    "def f(x): f(x|x); f(.)",
    "def f($x): f($x + 1); f(0)",
    "[range(1000000000000)]",
    "[range(0; infinite)]",
    "reduce range(1000000000000) as $x (0; . + $x)",
    "[.] | until(false; .)",
    "[while(true; .)]",
    "[recurse(.)]",
    "last(repeat(1))",
    "repeat(empty)",
    "label $out | repeat(1)",
    "[foreach repeat(1) as $x (0; . + 1)]",
    "[range(50)] | [combinations(6)]",
]
EXPLODING = [
    '"a" * 10000000000',
    "[1] | .[1000000000] = 1",
    "null | setpath([1000000000]; 1)",
    "|".join(["[., .]"] * 60) + "| tojson",
    "|".join(["[., .]"] * 60) + "| . == .",
    "|".join(["[., .]"] * 60) + "| flatten",
    "|".join(["[., .]"] * 60) + "| [..] | length",
    "|".join(["(., .)"] * 60),
    '"a" |' + "|".join([". + ."] * 60),
    "3 |" + "|".join([". * ."] * 60),
    '"a" |' + "|".join(['"\\(.)\\(.)"'] * 60),
    "[1] |" + "|".join([". + ."] * 60),
    "reduce range(400) as $i (1; [.]) | tojson",
    '.text * 200 | test("(x*)*(x*)*(x*)*y")',
    "[.items[], .items[]] | combinations(5)?",
]


@pytest.mark.parametrize("source", [*ENDLESS, *EXPLODING])
def test_what_would_not_end_or_fit_is_stopped(source: str) -> None:
    query = compile_jq(source)
    begin = time.process_time()
    with pytest.raises(JqLimitError):
        query(LARGE)
    assert time.process_time() - begin < 5


def test_a_limit_is_not_caught_by_try() -> None:
    with pytest.raises(JqLimitError):
        compile_jq("try last(repeat(1)) catch 1")(None)


@pytest.mark.parametrize(
    "source", ["limit(3; repeat(1))", "first(range(1000000000000))", "label $x | repeat(1, break $x)", "isempty(repeat(1))"]
)
def test_endless_queries_of_which_little_is_asked(source: str) -> None:
    assert compile_jq(source)(None)


def test_limits_can_be_set() -> None:
    source = "[range(100)] | length"
    assert compile_jq(source)(None) == [100]
    with pytest.raises(JqLimitError, match="50 steps"):
        compile_jq(source, Limits(steps=50))(None)


def test_a_stopped_query_can_be_asked_again() -> None:
    query = compile_jq("[range(.)] | length")
    with pytest.raises(JqLimitError):
        query(1_000_000)
    assert query(10) == [10]


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "Ready"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "type"]), inner, max_size=3),
    max_leaves=10,
)
SIMPLE = st.lists(
    st.sampled_from(
        [".a", ".b", ".a.b", '.["type"]', ".[]", ".a[]", ".[0]", 'select(.type == "Ready")', 'select(.a.b == "a")', "select(.a)", ".a // 1"]
    ),
    min_size=1,
    max_size=4,
).map(" | ".join)


@given(source=SIMPLE, value=VALUES)
def test_fast_forms_give_what_the_rest_gives(source: str, value: Any) -> None:
    # A definition in front keeps a query from being lowered.
    assert compile_jq(source)(value) == compile_jq(f"def f: {source}; f")(value)
