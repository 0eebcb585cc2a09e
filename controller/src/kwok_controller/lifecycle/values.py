# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Weights and durations that an object gives: `weightFrom`, `durationFrom`, `jitterDurationFrom`.

Semantics of kwok v0.8.0 (`pkg/utils/lifecycle/value_int_from.go`, `value_duration_from.go`), with one difference: a number that jq computed
(`length`) is a weight, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar

from kwok_controller.api.stage import ExpressionFrom
from kwok_controller.expressions.cel import CelError, as_duration_ns, as_int64
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, parse_duration, parse_time
from kwok_controller.expressions.gotemplate.strconv import parse_int
from kwok_controller.expressions.jq import JqError
from kwok_controller.lifecycle.context import Context

Object: TypeAlias = dict[str, Any]
IntegerOf: TypeAlias = Callable[[Object], int | None]
DurationOf: TypeAlias = Callable[[Object, int], int | None]
T = TypeVar("T")

_INT64_MAX: Final = (1 << 63) - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_PLAIN_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def integer_from(context: Context, field: str, default: int, source: ExpressionFrom | None) -> IntegerOf:
    """What gives an integer for an object: None where the object says that there is none (an empty string or one that is no number).

    It raises `StageError` where the expression fails: CEL on any error, jq only where it is stopped.

    Raises:
        StageError: the expression is wrong.
    """

    def from_jq(found: list[Any] | None) -> int | None:
        if not found:
            return default
        value = found[0]
        if type(value) is str:
            return _parse_integer(value)
        if type(value) is int or (type(value) is float and math.isfinite(value)):
            return _clamp(int(value))
        return default

    if source is not None and source.cel is not None:
        return _from_cel(context, f"{field}.cel.expression", source.cel.expression, as_int64)
    if source is not None and source.jq is not None:
        query = _from_jq(context, f"{field}.jq.expression", source.jq.expression)
        return lambda obj: from_jq(query(obj))
    return lambda obj: default


def duration_from(context: Context, field: str, default: int | None, source: ExpressionFrom | None) -> DurationOf:
    """What gives a duration for an object at a time (both in nanoseconds): None where there is none, less than 0 for a time in the past.

    It raises `StageError` where the expression fails: CEL on any error, jq only where it is stopped.

    Raises:
        StageError: the expression is wrong.
    """
    if source is not None and source.cel is not None:
        evaluate = _from_cel(context, f"{field}.cel.expression", source.cel.expression, as_duration_ns)
        return lambda obj, now_ns: evaluate(obj)
    if source is not None and source.jq is not None:
        query = _from_jq(context, f"{field}.jq.expression", source.jq.expression)

        def from_jq(obj: Object, now_ns: int) -> int | None:
            found = query(obj)
            if not found or type(found[0]) is not str:
                return default
            text = found[0]
            if not text:
                return None
            given = parse_delay(text, now_ns)
            return default if given is None else given

        return from_jq
    return lambda obj, now_ns: default


def parse_delay(text: str, now_ns: int) -> int | None:
    """The nanoseconds until an RFC 3339 time, or of a duration such as `1m30s`; None for any other text."""
    try:
        return _clamp(_parse_time(text) - now_ns)
    except ValueError:
        pass
    try:
        return parse_duration(text)
    except ValueError:
        return None


def _parse_time(text: str) -> int:
    # The form that the apiserver writes, fast; everything else as Go reads it.
    if _PLAIN_TIME.fullmatch(text):
        try:
            return (datetime.fromisoformat(text) - _EPOCH) // _SECOND * 1_000_000_000
        except ValueError:
            pass
    return parse_time(RFC3339_NANO, text).nanoseconds


def _parse_integer(text: str) -> int | None:
    try:
        return parse_int(text, 0)
    except ValueError:
        return None


def _clamp(value: int) -> int:
    return max(-_INT64_MAX - 1, min(_INT64_MAX, value))


def _from_jq(context: Context, field: str, source: str) -> Callable[[Object], list[Any] | None]:
    query = context.query(field, source)

    def evaluate(obj: Object) -> list[Any] | None:
        try:
            return query(obj)
        except JqError as error:
            raise context.error(field, error) from error

    return evaluate


def _from_cel(context: Context, field: str, source: str, convert: Callable[[Any], T]) -> Callable[[Object], T]:
    program = context.program(field, source)

    def evaluate(obj: Object) -> T:
        try:
            return convert(program(obj))
        except CelError as error:
            raise context.error(field, error) from error

    return evaluate
