# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Compiles the expressions of metrics to labels and values, and finds what of them can be remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from kwok_controller.api.metric import MetricLabel
from kwok_controller.exposition.language import DIMENSIONS, VARIABLES, Compile, Dimension, Expression, Object, is_constant, is_stable
from kwok_controller.exposition.memory import Recipe
from kwok_controller.exposition.problems import Problem, error
from kwok_controller.exposition.series import Labels, Part, Value
from kwok_controller.expressions.cel import CelError, as_double, as_string

LabelSources: TypeAlias = tuple[tuple[str, str], ...]
"""Names and expressions of labels, by name: metrics that have the same share what is remembered."""

_NO_OBJECT: Final[Object] = {}
# Types of values; the empty one is not known before there is a value.
_TEXT: Final = frozenset({"", "string"})
_NUMBER: Final = frozenset({"", "int", "uint", "double", "bool", "kubernetes.Quantity", "google.protobuf.Duration"})


class Compiled(NamedTuple):
    """An expression, and where it is."""

    source: str
    part: Part


def sources_of(labels: Sequence[MetricLabel]) -> LabelSources:
    """The labels, by name."""
    return tuple(sorted((label.name, label.value) for label in labels))


class Parts:
    """Compiles the labels and values of one endpoint's metrics."""

    def __init__(self, compile: Compile) -> None:
        self._compile = compile
        self._expressions: dict[str, Expression] = {}
        self._labels: dict[Dimension, dict[LabelSources, Labels]] = {dimension: {} for dimension in DIMENSIONS}
        self._values: dict[Dimension, dict[str, Value]] = {dimension: {} for dimension in DIMENSIONS}
        self.with_node = False
        """Whether something that is remembered of pods or containers depends on the node."""

    def recipes(self) -> Mapping[Dimension, Recipe]:
        """What is to be remembered."""
        return {each: Recipe([*self._labels[each].values()], [*self._values[each].values()]) for each in DIMENSIONS}

    def label(self, source: str, field: str, dimension: Dimension) -> Compiled | Problem:
        """The expression of a label."""
        compiled = self._compiled(source, field, dimension, as_string)
        if isinstance(compiled, Compiled) and compiled.part.evaluate.kind not in _TEXT:
            kind = compiled.part.evaluate.kind
            return error("type", field, f"gives a value of type {kind}, and a label is a string: write string(...) around it")
        return compiled

    def value(self, source: str, field: str, dimension: Dimension) -> Compiled | Problem:
        """The expression of a value."""
        compiled = self._compiled(source, field, dimension, as_double)
        if isinstance(compiled, Compiled) and compiled.part.evaluate.kind not in _NUMBER:
            kind = compiled.part.evaluate.kind
            return error("type", field, f"gives a value of type {kind}, and not a number or a quantity")
        return compiled

    def _compiled(self, source: str, field: str, dimension: Dimension, convert: Callable[[Any], object]) -> Compiled | Problem:
        try:
            expression = self._expressions.get(source)
            if expression is None:
                expression = self._expressions[source] = self._compile(source)
        except CelError as failed:
            return error("expression", field, str(failed))
        missing = sorted(expression.names.difference(VARIABLES[dimension]))
        if missing:
            there = " and ".join(VARIABLES[dimension])
            return error("dimension", field, f"there is no {missing[0]}: the dimension is {dimension}, where there is {there}")
        if is_constant(expression):
            try:
                convert(expression(_NO_OBJECT, None, None))
            except CelError as failed:
                return error("type", field, str(failed))
        return Compiled(source, Part(field, expression))

    def labels(self, compiled: Mapping[str, Compiled], dimension: Dimension) -> Labels:
        """All labels of a metric, which come by name."""
        names = sorted(compiled)
        parts = [(name, compiled[name].part) for name in names]
        expressions = [part.evaluate for _, part in parts]
        if all(is_constant(expression) for expression in expressions):
            return Labels(parts, constant=Labels(parts).block(_NO_OBJECT, None, None))
        if not all(is_stable(expression) for expression in expressions):
            return Labels(parts)
        self._note(expressions, dimension)
        known = self._labels[dimension]
        sources = tuple((name, compiled[name].source) for name in names)
        made = Labels(parts, slot=known[sources].slot if sources in known else len(known))
        known.setdefault(sources, made)
        return made

    def number(self, compiled: Compiled, dimension: Dimension) -> Value:
        """The value of a metric or bucket."""
        source, part = compiled
        if is_constant(part.evaluate):
            return Value(part, constant=Value(part).number(_NO_OBJECT, None, None))
        if not is_stable(part.evaluate):
            return Value(part)
        self._note([part.evaluate], dimension)
        known = self._values[dimension]
        made = Value(part, slot=known[source].slot if source in known else len(known))
        known.setdefault(source, made)
        return made

    def _note(self, expressions: Sequence[Expression], dimension: Dimension) -> None:
        self.with_node |= dimension != "node" and any("node" in expression.names for expression in expressions)
