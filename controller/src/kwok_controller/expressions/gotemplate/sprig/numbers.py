# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's arithmetic: on whole numbers in 64 bits, on others by way of decimals."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation
from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.formatting import to_text
from kwok_controller.expressions.gotemplate.functions import ANY, FLOAT, INT, Function, fn
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.strconv import parse_float, parse_int
from kwok_controller.expressions.gotemplate.values import Int64, Value, int64, wrap

_EXACT: Final = Context(prec=2000, Emin=-999999, Emax=999999)


def _trim_zero_decimal(text: str) -> str:
    # "3.00" as "3"; a text that ends otherwise stays.
    stripped = text.rstrip("0")
    return stripped[:-1] if stripped.endswith(".") and len(stripped) < len(text) else text


def to_int(value: Value) -> int:
    """sprig's `int`: 0 for what is no number."""
    if isinstance(value, str):
        try:
            return parse_int(_trim_zero_decimal(str.__str__(value)), 0)
        except ValueError:
            return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return wrap(int(value))
    if isinstance(value, float):
        # What amd64 makes of a float out of range.
        return int(value) if math.isfinite(value) and -(2.0**63) <= value < 2.0**63 else -(1 << 63)
    return 0


def to_float(value: Value) -> float:
    """sprig's `float64`: 0 for what is no number."""
    if isinstance(value, str):
        try:
            return parse_float(str.__str__(value))
        except ValueError:
            return 0.0
    return float(value) if isinstance(value, (int, float)) else 0.0


def _add(*values: Value) -> Int64:
    return int64(sum(map(to_int, values)))


def _mul(first: Value, *values: Value) -> Int64:
    product = to_int(first)
    for value in values:
        product = wrap(product * to_int(value))
    return Int64(product)


def _div(left: Value, right: Value) -> Int64:
    a, b = to_int(left), to_int(right)
    if b == 0:
        raise FunctionError("runtime error: integer divide by zero")
    size = abs(a) // abs(b)
    return int64(size if (a < 0) == (b < 0) else -size)


def _mod(left: Value, right: Value) -> Int64:
    a, b = to_int(left), to_int(right)
    if b == 0:
        raise FunctionError("runtime error: integer divide by zero")
    size = abs(a) % abs(b)
    return int64(-size if a < 0 else size)


def _decimal(value: Value) -> Decimal:
    number = to_float(value)
    if not math.isfinite(number):
        raise FunctionError("Cannot create a Decimal from " + ("NaN" if math.isnan(number) else "Inf"))
    return Decimal(repr(number))


def _divide(left: Decimal, right: Decimal) -> Decimal:
    # 16 digits after the point, halves away from zero.
    if not right:
        raise FunctionError("decimal division by 0")
    exact = Context(prec=2000, Emin=-999999, Emax=999999, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero])
    return exact.divide(left, right).quantize(Decimal("1e-16"), context=exact)


def _chain(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    def run(first: Value, *values: Value) -> float:
        result = _decimal(first)
        for value in values:
            result = operation(result, _decimal(value))
        return float(result)

    return run


def _go_max(left: float, right: float) -> float:
    if (math.isinf(left) and left > 0) or (math.isinf(right) and right > 0):
        return math.inf
    if math.isnan(left) or math.isnan(right):
        return math.nan
    if left == 0 == right:
        return right if math.copysign(1, left) < 0 else left
    return max(left, right)


def _go_min(left: float, right: float) -> float:
    return -_go_max(-left, -right)


def _fold(first: Value, values: tuple[Value, ...], choose: Callable[[float, float], float]) -> float:
    result = to_float(first)
    for value in values:
        result = choose(result, to_float(value))
    return result


def _whole(operation: Callable[[float], float]) -> Callable[[Value], float]:
    def run(value: Value) -> float:
        number = to_float(value)
        if not math.isfinite(number):
            return number
        return math.copysign(float(operation(number)), number)

    return run


def _sprig_round(value: Value, places: int, *on: float) -> float:
    threshold = on[0] if on else 0.5
    try:
        power = math.pow(10, float(places))
    except OverflowError:
        power = math.inf
    digit = power * to_float(value)
    if not math.isfinite(digit):
        whole = digit
    else:
        fraction = math.modf(digit)[0]
        whole = float(math.ceil(digit) if fraction >= threshold else math.floor(digit))
    if power == 0:
        return math.nan if whole == 0 or math.isnan(whole) else math.copysign(math.inf, whole)
    return whole / power


def _to_decimal(runtime: Runtime, value: Value) -> Int64:
    try:
        return Int64(parse_int(to_text(runtime, value), 8))
    except ValueError:
        return Int64(0)


FUNCTIONS: Final[dict[str, Function]] = {
    "int": fn(to_int, ANY, light=True),
    "int64": fn(lambda value: Int64(to_int(value)), ANY, light=True),
    "float64": fn(to_float, ANY, light=True),
    "toDecimal": fn(_to_decimal, ANY, runtime=True),
    "add1": fn(lambda value: int64(to_int(value) + 1), ANY, light=True),
    "add": fn(_add, variadic=ANY, light=True),
    "sub": fn(lambda a, b: int64(to_int(a) - to_int(b)), ANY, ANY, light=True),
    "div": fn(_div, ANY, ANY, light=True),
    "mod": fn(_mod, ANY, ANY, light=True),
    "mul": fn(_mul, ANY, variadic=ANY, light=True),
    "add1f": fn(lambda value: _chain(_EXACT.add)(value, 1), ANY),
    "addf": fn(lambda *values: _chain(_EXACT.add)(0, *values), variadic=ANY),
    "subf": fn(_chain(_EXACT.subtract), ANY, variadic=ANY),
    "divf": fn(_chain(_divide), ANY, variadic=ANY),
    "mulf": fn(_chain(_EXACT.multiply), ANY, variadic=ANY),
    "biggest": fn(lambda *values: Int64(max(map(to_int, values))), ANY, variadic=ANY),
    "max": fn(lambda *values: Int64(max(map(to_int, values))), ANY, variadic=ANY),
    "min": fn(lambda *values: Int64(min(map(to_int, values))), ANY, variadic=ANY),
    "maxf": fn(lambda first, *values: _fold(first, values, _go_max), ANY, variadic=ANY),
    "minf": fn(lambda first, *values: _fold(first, values, _go_min), ANY, variadic=ANY),
    "ceil": fn(_whole(math.ceil), ANY),
    "floor": fn(_whole(math.floor), ANY),
    "round": fn(_sprig_round, ANY, INT, variadic=FLOAT),
}
