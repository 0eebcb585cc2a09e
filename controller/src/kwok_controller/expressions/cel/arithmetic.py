# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Arithmetic of CEL: nothing is converted, integers do not wrap. Quantities as kwok v0.8.0 has them (`pkg/utils/cel/quantity.go`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from kwok_controller.expressions.cel.errors import CelRuntimeError
from kwok_controller.expressions.cel.limits import Run
from kwok_controller.expressions.cel.values import INT64_MAX, UINT64_MAX, Duration, Timestamp, UInt, no_overload
from kwok_controller.expressions.quantity import Quantity

# Of the years 1 to 9999: https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp
MIN_TIMESTAMP: Final = -62135596800 * 10**9
MAX_TIMESTAMP: Final = 253402300800 * 10**9 - 1


def int64(value: int) -> int:
    """Checks the range of an `int`."""
    if -INT64_MAX - 1 <= value <= INT64_MAX:
        return value
    raise CelRuntimeError("integer overflow")


def uint64(value: int) -> UInt:
    """Checks the range of a `uint`."""
    if 0 <= value <= UINT64_MAX:
        return UInt(value)
    raise CelRuntimeError("unsigned integer overflow")


def timestamp(nanoseconds: int) -> Timestamp:
    """Checks the range of a timestamp."""
    if MIN_TIMESTAMP <= nanoseconds <= MAX_TIMESTAMP:
        return Timestamp(nanoseconds)
    raise CelRuntimeError("timestamp overflow")


def _add(run: Run, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return int64(left + right)
        if kind is float or kind is Quantity:
            return left + right
        if kind is UInt:
            return uint64(int(left) + int(right))
        if kind in (str, bytes, list):
            size = len(left) + len(right)
            run.reserve(size)
            if kind is list:
                run.charge(size >> 3)
            return left + right
        if kind is Duration:
            return Duration(int64(left.nanoseconds + right.nanoseconds))
    elif {kind, type(right)} == {Timestamp, Duration}:
        return timestamp(left.nanoseconds + right.nanoseconds)
    raise no_overload("+", left, right)


def _subtract(run: Run, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return int64(left - right)
        if kind is float or kind is Quantity:
            return left - right
        if kind is UInt:
            return uint64(int(left) - int(right))
        if kind is Duration or kind is Timestamp:
            return Duration(int64(left.nanoseconds - right.nanoseconds))
    elif kind is Timestamp and type(right) is Duration:
        return timestamp(left.nanoseconds - right.nanoseconds)
    raise no_overload("-", left, right)


def _multiply(run: Run, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is Quantity:
        return _scale(left, right, divide=False)
    if kind is type(right):
        if kind is int:
            return int64(left * right)
        if kind is float:
            return left * right
        if kind is UInt:
            return uint64(int(left) * int(right))
    raise no_overload("*", left, right)


def _divide(run: Run, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is Quantity:
        return _scale(left, right, divide=True)
    if kind is type(right):
        if kind is float:
            return _divide_floats(left, right)
        if kind is int or kind is UInt:
            quotient = _truncated(int(left), int(right))
            return int64(quotient) if kind is int else UInt(quotient)
    raise no_overload("/", left, right)


def _modulo(run: Run, left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right) and kind in (int, UInt):
        if right == 0:
            raise CelRuntimeError("modulus by zero")
        # The sign is that of the dividend.
        rest = abs(int(left)) % abs(int(right))
        return kind(-rest if left < 0 else rest)
    raise no_overload("%", left, right)


def _truncated(left: int, right: int) -> int:
    if right == 0:
        raise CelRuntimeError("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _divide_floats(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _scale(quantity: Quantity, factor: Any, *, divide: bool) -> Quantity:
    # In thousandths, and a decimal quantity whatever it was: so does kwok.
    if type(factor) in (int, UInt):
        milli = quantity.milli_value
        scaled = _truncated(milli, int(factor)) if divide else milli * int(factor)
    elif type(factor) is float:
        value = float(quantity)
        scaled_float = (_divide_floats(value, factor) if divide else value * factor) * 1e3
        if not math.isfinite(scaled_float):
            raise CelRuntimeError("division by zero" if divide else "quantity overflow")
        scaled = int(scaled_float)
    else:
        raise no_overload("/" if divide else "*", quantity, factor)
    # The Go kwok's numbers wrap here, silently.
    if not -INT64_MAX - 1 <= scaled <= INT64_MAX:
        raise CelRuntimeError("quantity overflow")
    return Quantity.from_milli(scaled)


def negate(value: Any) -> Any:
    """`-`."""
    if type(value) is int:
        return int64(-value)
    if type(value) is float or type(value) is Quantity:
        return -value
    raise no_overload("-", value)


ARITHMETIC: Final[dict[str, Callable[[Run, Any, Any], Any]]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "%": _modulo,
}
"""What the arithmetic operators do."""
