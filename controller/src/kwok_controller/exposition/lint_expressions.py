# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Rules of the expressions: what they read, what they give, and whether that is the unit and kind that the metric says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from kwok_controller.api.metric import MetricConfig
from kwok_controller.exposition.form import dimension_of, expressions
from kwok_controller.exposition.language import VARIABLES, Compile, Dimension, Expression, is_constant, is_stable
from kwok_controller.exposition.problems import Problem, error, warning
from kwok_controller.exposition.samples import CONTAINER, NODE, POD
from kwok_controller.expressions.cel import CelError, as_double, as_string

_TIMES: Final = ("_start_time_seconds", "_timestamp_seconds", "_created")
_RANDOM: Final = frozenset({"Rand", "Noise"})
_UNITS: Final = {"cpu": "seconds", "memory": "bytes"}
_USAGE: Final = re.compile(r"""\b((?:Cumulative)?Usage)\s*\([^()"']*["'](cpu|memory)["']""")
_KEYS: Final = {"pod": "pod.metadata.name", "container": "container.name"}


def check_expressions(metric: MetricConfig, field: str, compile: Compile) -> Iterator[Problem]:
    """What is wrong with the expressions of a metric, apart from what keeps it from being served.

    Args:
        metric: The metric.
        field: Where it is, such as `spec.metrics[2]`.
        compile: What compiles them.
    """
    dimension = dimension_of(metric)
    if dimension is None:
        return
    told_apart: set[str] = set()
    for at, label in enumerate(metric.labels):
        where = f"{field}.labels[{at}].value"
        expression = _compiled(label.value, dimension, compile)
        if expression is None:
            told_apart.update(VARIABLES[dimension])
            continue
        told_apart |= expression.names
        if not is_stable(expression):
            yield warning(
                "label", where, "changes with time or by chance: each value makes a series of its own, so read it off the objects"
            )
        yield from _try(expression, where, dimension, as_string)
    missing = [name for name in VARIABLES[dimension][1:] if name not in told_apart]
    if missing:
        message = f"the series of several {missing[0]}s are the same: add a label with {_KEYS[missing[0]]}"
        yield error("duplicate-series", f"{field}.labels", message)
    for source, where in expressions(metric, field):
        expression = _compiled(source, dimension, compile)
        if expression is not None:
            yield from _try(expression, where, dimension, as_double)
            yield from _check_meaning(metric, source, where, expression)


def _compiled(source: str, dimension: Dimension, compile: Compile) -> Expression | None:
    """None for what keeps a metric from being served."""
    try:
        expression = compile(source)
    except CelError:
        return None
    return expression if expression.names.issubset(VARIABLES[dimension]) else None


def _try(expression: Expression, where: str, dimension: Dimension, convert: Callable[[Any], object]) -> Iterator[Problem]:
    """What comes of it for objects as they commonly are."""
    if is_constant(expression):
        return
    try:
        value = expression(NODE, None if dimension == "node" else POD, CONTAINER if dimension == "container" else None)
    except CelError as failed:
        if str(failed).startswith("no such overload"):
            yield error("type", where, str(failed))
        else:
            message = f"fails where something is not there, here for a plain {dimension}: {failed}; look first, as in has(…) ? … : …"
            yield warning("guard", where, message)
        return
    if not expression.kind and value is not None:
        try:
            convert(value)
        except CelError as failed:
            yield error("type", where, str(failed))


def _check_meaning(metric: MetricConfig, source: str, where: str, expression: Expression) -> Iterator[Problem]:
    called = expression.calls
    name = metric.name
    if metric.kind == "counter" and "Usage" in called and "CumulativeUsage" not in called:
        yield warning("kind", where, "Usage goes up and down, and a counter only up: use CumulativeUsage, or make it a gauge")
    if metric.kind == "gauge" and "CumulativeUsage" in called and "Usage" not in called:
        yield warning("kind", where, "CumulativeUsage only rises: make it a counter, or use Usage")
    if metric.kind == "counter" and called & _RANDOM:
        yield warning("kind", where, "chance lets a counter run backwards, which counts as a reset: let it rise with time")
    if name.endswith(_TIMES) and "SinceSecond" in called:
        yield warning(
            "unit", where, f"SinceSecond is an age, and {name} is a time: use UnixSecond, as in UnixSecond(pod.metadata.creationTimestamp)"
        )
    for function, resource in _USAGE.findall(source):
        unit = _UNITS[resource]
        other = next((each for each in _UNITS.values() if each != unit and each in name.split("_")), None)
        if other is not None:
            message = f"the {function} of {resource} is in {_measure(unit, function)}, and {name} in {other}"
            yield warning("unit", where, f"{message}: choose another resource, or another name")


def _measure(unit: str, function: str) -> str:
    if unit == "seconds":
        return "core-seconds" if function == "CumulativeUsage" else "cores"
    return "byte-seconds" if function == "CumulativeUsage" else "bytes"
