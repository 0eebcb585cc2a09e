# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""CEL: the same values as the Go kwok's, the differences that are meant, and bounds."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any, Final

import pytest
from go_oracle import GoOracle

from kwok_controller.expressions.cel import (
    CelError,
    CelEvaluationError,
    CelLimitError,
    CelSyntaxError,
    as_bool,
    as_duration_ns,
    as_int64,
    compile_cel,
)
from kwok_controller.expressions.cel.values import CelType, Duration, Timestamp, UInt, type_name
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, GoTime
from kwok_controller.expressions.quantity import Quantity

NOW: Final = 1_700_000_000_123_456_789
CORPUS: Final = Path(__file__).parent / "cel_corpus"
# What Go finds when it checks types, before there is an object.
STATIC: Final = ("found no matching overload", "expected type", "unexpected failed resolution", "cannot be range of a comprehension")

OBJECTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "untyped": (
        "",
        {
            **{
                "a": 1,
                "b": 1.0,
                "s": "x",
                "t": "2024-01-01T00:00:00Z",
                "l": [1, 2],
                "m": {"k": None},
                "f": 2.5,
                "neg": -3,
                "u": 3,
                "n": None,
            },
            "nested": {"list": [{"name": "a", "ok": False}, {"name": "b", "ok": True, "extra": 1}]},
            "big": 9223372036854775807,
        },
    ),
    "values": (
        "",
        {"a": [1, 2, 3], "s": "abc", "f": 1.5, "n": None, "m": {"x": 1}, "t": "2026-01-02T03:04:05.5Z", "neg": -7, "b": True},
    ),
    "pod": (
        "Pod",
        {
            "metadata": {"creationTimestamp": "2023-01-02T03:04:05Z"},
            "spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}}}]},
        },
    ),
    "node": (
        "Node",
        {
            "metadata": {"name": "n", "labels": {"zone": "z"}, "creationTimestamp": "2023-01-02T03:04:05Z"},
            "status": {"capacity": {"cpu": "4", "memory": "8Gi"}, "allocatable": {"cpu": "3500m", "pods": "110"}},
        },
    ),
}


def evaluate(source: str, obj: Any = None) -> Any:
    return compile_cel(source, now=lambda: NOW, random=lambda: 0.25)({} if obj is None else obj)


def described(value: Any) -> dict[str, Any]:
    shown: Any = value
    match value:
        case Quantity():
            return {"type": "quantity", "value": str(value)}
        case Timestamp(nanoseconds):
            shown = GoTime(nanoseconds).format(RFC3339_NANO)
        case Duration(nanoseconds):
            shown = nanoseconds
        case bytes():
            shown = base64.b64encode(value).decode()
        case CelType(name):
            shown = name
        case list() | dict():
            shown = None
    return {"type": type_name(value), "value": shown}


def corpus() -> list[Any]:
    return [
        pytest.param(name, line, id=f"{name}: {line}")
        for name in OBJECTS
        for line in (CORPUS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize(("name", "source"), corpus())
def test_gives_what_the_go_kwok_gives(kwok_oracle: GoOracle, name: str, source: str) -> None:
    kind, obj = OBJECTS[name]
    wanted, error = kwok_oracle.ask(mode="cel", source=source, data=obj, kind=kind, now=NOW)
    if wanted is None and any(text in error for text in STATIC):
        pytest.skip("Go checks types before")
    if wanted is not None and wanted["type"] == "double":
        wanted["value"] = float(wanted["value"])
    typed = {"apiVersion": "v1", "kind": kind, **obj} if kind else obj
    if wanted is None:
        with pytest.raises(CelError):
            evaluate(source, typed)
    else:
        # As text: NaN is not equal to NaN, and 1 is to True.
        assert repr(described(evaluate(source, typed))) == repr(wanted)


def test_pods_and_nodes_have_zero_values_and_other_kinds_have_not() -> None:
    assert evaluate("self.status.phase != 'Running'", {"apiVersion": "v1", "kind": "Pod"}) is True
    with pytest.raises(CelEvaluationError, match="no such key: status"):
        evaluate("self.status.phase != 'Running'", {"apiVersion": "apps/v1", "kind": "Deployment"})


def test_a_program_serves_several_kinds() -> None:
    program = compile_cel("self.metadata.generation == 0", now=lambda: NOW, random=lambda: 0.5)
    assert program({"apiVersion": "v1", "kind": "Node"}) is True
    assert program({"apiVersion": "v1", "kind": "Pod", "metadata": {"generation": 2}}) is False
    with pytest.raises(CelEvaluationError):
        program({"apiVersion": "v1", "kind": "Service"})


def test_deeper_fields_of_pods_are_read_as_from_maps() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert evaluate("self.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')", pod) is True


@pytest.mark.parametrize("call", ["UnixSecond({})", "{}.UnixSecond()"])
@pytest.mark.parametrize("kind", ["Pod", "Job"])
def test_times_of_every_kind(call: str, kind: str) -> None:
    obj = {"apiVersion": "v1", "kind": kind, "metadata": {"creationTimestamp": "2023-11-14T22:13:20Z"}}
    assert evaluate(call.format("self.metadata.creationTimestamp"), obj) == 1_700_000_000.0
    assert evaluate("timestamp(self.metadata.creationTimestamp) < Now()", obj) is True


@pytest.mark.parametrize("source", ["SinceSecond(self)", "self.SinceSecond()"])
def test_the_seconds_since_an_object_was_made(source: str) -> None:
    assert evaluate(source, {"metadata": {"creationTimestamp": "2023-11-14T22:13:10Z"}}) == pytest.approx(10.123456789)
    with pytest.raises(CelEvaluationError, match="creationTimestamp"):
        evaluate(source, {"metadata": {}})


def test_quantities_within_macros_compare_to_bools() -> None:
    assert evaluate("['1', '2'].exists(x, Quantity(x) > Quantity('1500m'))") is True


@pytest.mark.parametrize(
    "source",
    ["Quantity('9223372036854775807') * 1000", "Quantity('1') / 0.0", "Quantity('1') * 18446744073709551615u", "Quantity('1e1000') * 2.0"],
)
def test_quantities_do_not_wrap(source: str) -> None:
    with pytest.raises(CelEvaluationError):
        evaluate(source)


@pytest.mark.parametrize(
    ("source", "line", "column", "message"),
    [
        ("self.status.phase ==", 1, 21, "the end"),
        ("self.a\n  && b", 2, 6, "'b' is not declared"),
        ("foo(1)", 1, 1, "there is no function foo"),
        ("self.a.foo()", 1, 8, "there is no method foo"),
        ("size(1, 2)", 1, 1, "does not take 2 arguments"),
        ("'abc", 1, 1, "no end"),
        ("1 # 2", 1, 3, "'#'"),
        ("has(self)", 1, 1, "has()"),
        ("'\\q'", 1, 2, "no escape"),
        ("", 1, 1, "nothing"),
    ],
)
def test_syntax_errors_say_where(source: str, line: int, column: int, message: str) -> None:
    with pytest.raises(CelSyntaxError) as caught:
        evaluate(source)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in caught.value.message
    assert caught.value.source == source


def test_values_become_bools_integers_and_durations() -> None:
    assert as_bool(True) is True
    assert [as_int64(value) for value in (True, 7, UInt(7), 7.9, -7.9, Duration(5))] == [1, 7, 7, 7, -7, 5]
    assert [as_duration_ns(value) for value in (7, UInt(7), 7.9, Duration(5), "1m0.5s")] == [7, 7, 7, 5, 60_500_000_000]


@pytest.mark.parametrize("value", [None, "1", [], {}, Timestamp(0), float("nan"), 1e300, UInt(2**64 - 1), Quantity(1)])
def test_values_that_are_no_integers(value: Any) -> None:
    with pytest.raises(CelEvaluationError):
        as_int64(value)


@pytest.mark.parametrize("value", [None, True, "1", "1d", [], Timestamp(0), float("inf"), Quantity(1)])
def test_values_that_are_no_durations(value: Any) -> None:
    with pytest.raises(CelEvaluationError):
        as_duration_ns(value)


@pytest.mark.parametrize("value", [None, 1, "true", []])
def test_values_that_are_no_bools(value: Any) -> None:
    with pytest.raises(CelEvaluationError):
        as_bool(value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: Final[dict[str, Any]] = {
    "a": list(range(3000)),
    "s": "a" * 200_000,
    "l": [["x" * 50] * 100] * 100,
    "m": {"k": {"k": ["y"] * 2000}},
    "w": [{"n": "x" * 250_000}] * 50,
    "d": nested(5000),
}


@pytest.mark.parametrize(
    "source",
    [
        "self.a.map(x, self.a.map(y, self.a.map(z, x + y + z)))",
        "self.a.map(x," * 30 + "x" + ")" * 30,
        "self.a.all(x, self.m == self.m)",
        "self.l.all(x, self.l == self.l)",
        "self.a.all(x, self.s.contains('aab') || true)",
        "self.a.all(x, self.s.startsWith('a'))",
        "self.a.all(x, self.s + 'a' == self.s + 'a')",
        "self.s + self.s",
        "self.a.map(x, self.a + self.a)",
        "self.a.all(x, self.s.matches('(a+)+$'))",
        "self.s.matches('(a*)*b')",
        "self.a.all(x, 'a'.matches(string(x) + '|((a{30}){30}){2}'))",
        "self.d == self.d",
        "self.a.all(x, self.a.all(y, 5000 in self.a || true))",
        "self.w.all(x, self.w.all(y, x.n <= y.n))",
        "self.a.all(x, timestamp(x) > timestamp('2026-01-02T03:04:05.' + string(x) + 'Z') || true)",
        "self.a.all(x, Quantity(string(x)) + Quantity('1') > Quantity('0'))",
        "self.a.all(x, " + " && ".join(["x >= 0"] * 800) + ")",
    ],
)
def test_hostile_expressions_are_stopped(source: str) -> None:
    program = compile_cel(source, now=lambda: NOW, random=lambda: 0.5)
    begin = time.process_time()
    with pytest.raises(CelLimitError):
        program(HOSTILE)
    assert time.process_time() - begin < 0.2


@pytest.mark.parametrize(
    "source",
    [
        "(" * 2000 + "1" + ")" * 2000,
        "[" * 2000,
        "{" * 2000,
        "1" + "+1" * 2000,
        "self" + ".a" * 2000,
        "self" + "[0]" * 2000,
        "true ? 1 : " * 500 + "1",
        "!" * 4000,
        "9" * 8000,
        "0x" + "f" * 8000,
        "'" + "a" * 100_000 + "'",
    ],
)
def test_hostile_sources_are_refused(source: str) -> None:
    begin = time.process_time()
    with pytest.raises(CelSyntaxError):
        evaluate(source)
    assert time.process_time() - begin < 0.5


def test_limits_are_not_passed_over() -> None:
    with pytest.raises(CelLimitError):
        evaluate("self.a.all(x, self.a.all(y, x >= 0)) || true", HOSTILE)
