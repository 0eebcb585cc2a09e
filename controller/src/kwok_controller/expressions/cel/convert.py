# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What stages and metrics make of the value of an expression, as kwok v0.8.0 does (`pkg/utils/cel/environment.go`)."""

from __future__ import annotations

from typing import Any, Final

from kwok_controller.expressions.cel.errors import CelEvaluationError
from kwok_controller.expressions.cel.values import INT64_MAX, Duration, UInt, type_name
from kwok_controller.expressions.gotemplate.gotime import parse_duration
from kwok_controller.expressions.quantity import Quantity

_NUMBERS: Final = frozenset({int, UInt, float})


def as_bool(value: Any) -> bool:
    """A condition.

    Raises:
        CelEvaluationError: it is no bool.
    """
    if type(value) is bool:
        return value
    raise CelEvaluationError(f"the expression gives a value of type {type_name(value)}, not bool")


def as_int64(value: Any) -> int:
    """A weight: of a double its whole part, of a duration its nanoseconds, 1 and 0 for true and false.

    Raises:
        CelEvaluationError: it is none of these, or too large.
    """
    if type(value) is bool:
        return int(value)
    if type(value) is Duration:
        return value.nanoseconds
    if type(value) in _NUMBERS:
        return _whole(value)
    raise CelEvaluationError(f"the expression gives a value of type {type_name(value)}, not a number")


def as_duration_ns(value: Any) -> int:
    """A time span in nanoseconds: a number of them, a duration, or the text of one as Go writes it (`1m30s`).

    Raises:
        CelEvaluationError: it is none of these, or too long.
    """
    if type(value) is str:
        try:
            return parse_duration(value)
        except ValueError:
            raise CelEvaluationError(f"the expression gives {value[:40]!r}, which is no duration such as 1m30s") from None
    if type(value) is Duration:
        return value.nanoseconds
    if type(value) in _NUMBERS:
        return _whole(value)
    raise CelEvaluationError(f"the expression gives a value of type {type_name(value)}, not a duration")


def as_double(value: Any) -> float:
    """A metric's value or a usage: a number, 1 and 0 for true and false, a quantity, of a duration its nanoseconds.

    Raises:
        CelEvaluationError: it is none of these.
    """
    kind = type(value)
    if kind is float:
        return float(value)
    if kind is Duration:
        return float(value.nanoseconds)
    if kind in _NUMBERS or kind is bool or kind is Quantity:
        return float(value)
    raise CelEvaluationError(f"the expression gives a value of type {type_name(value)}, not a number or a quantity")


def as_string(value: Any) -> str:
    """A label.

    Raises:
        CelEvaluationError: it is no string.
    """
    if type(value) is str:
        return value
    raise CelEvaluationError(f"the expression gives a value of type {type_name(value)}, not string: write string(...) around it")


def _whole(value: float) -> int:
    if -INT64_MAX - 1 <= value <= INT64_MAX:
        return int(value)
    raise CelEvaluationError(f"the expression gives {value}, which is too large")
