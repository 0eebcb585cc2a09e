# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""gojq's functions of numbers. The Bessel functions are left out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.registry import native, not_for


def _number(name: str, value: Any) -> float:
    if not v.is_number(value):
        raise not_for(name, value)
    number: float = value
    return number


@native("infinite/0")
def _infinite(run: Run, value: Any) -> float:
    return math.inf


@native("nan/0")
def _nan(run: Run, value: Any) -> float:
    return math.nan


@native("isnan/0")
def _isnan(run: Run, value: Any) -> bool:
    return math.isnan(v.real(_number("isnan", value)))


@native("isinfinite/0")
def _isinfinite(run: Run, value: Any) -> bool:
    return v.is_number(value) and math.isinf(v.real(value))


@native("isfinite/0")
def _isfinite(run: Run, value: Any) -> bool:
    return v.is_number(value) and not math.isinf(v.real(value))


@native("isnormal/0")
def _isnormal(run: Run, value: Any) -> bool:
    return v.is_number(value) and math.isfinite(v.real(value)) and abs(value) >= 2.2250738585072014e-308


@native("abs/0")
def _abs(run: Run, value: Any) -> float:
    return abs(_number("abs", value))


def _half_even(value: float) -> float:
    return float(round(value)) if math.isfinite(value) else value


def _half_away(value: float) -> float:
    if not math.isfinite(value):
        return value
    return math.copysign(math.floor(abs(value) + 0.5) if abs(value) < 2**52 else abs(value), value)


def _rounded(name: str, function: Callable[[float], float]) -> None:
    @native(f"{name}/0")
    def rounded(run: Run, value: Any) -> float:
        number = _number(name, value)
        return number if type(number) is int or not math.isfinite(number) else int(function(number))


_WHOLE: Final[dict[str, Callable[[float], float]]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": _half_away,
    "nearbyint": _half_even,
    "rint": _half_even,
}
for _name, _function in _WHOLE.items():
    _rounded(_name, _function)


def _math(name: str, arity: int, function: Callable[..., float]) -> None:
    """Registers a function of floats; where Python raises, C gives infinity or NaN."""

    def apply(numbers: list[float]) -> float:
        try:
            return float(function(*numbers))
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return math.nan

    if arity == 0:

        @native(f"{name}/0")
        def of_input(run: Run, value: Any) -> float:
            return apply([v.real(_number(name, value))])
    else:

        @native(f"{name}/{arity}")
        def of_arguments(run: Run, value: Any, *args: Any) -> float:
            return apply([v.real(_number(name, arg)) for arg in args])


def _logarithm(function: Callable[[float], float], pole: float = 0.0) -> Callable[[float], float]:
    return lambda x: -math.inf if x == pole else function(x)


def _pow(base: float, exponent: float) -> float:
    if base == 0 and exponent < 0:
        return math.inf
    return math.pow(base, exponent)


def _tgamma(x: float) -> float:
    return math.copysign(math.inf, x) if x == 0 else math.gamma(x)


def _scaled(x: float, exponent: float) -> float:
    return math.ldexp(x, int(max(-5000.0, min(5000.0, exponent))))


def _significand(x: float) -> float:
    return x if x == 0 or not math.isfinite(x) else math.frexp(x)[0] * 2


def _logb(x: float) -> float:
    if x == 0:
        return -math.inf
    return math.frexp(x)[1] - 1 if math.isfinite(x) else abs(x)


def _fmax(x: float, y: float) -> float:
    return y if x != x else x if y != y else max(x, y)


def _fmin(x: float, y: float) -> float:
    return y if x != x else x if y != y else min(x, y)


_OF_ONE: Final[dict[str, Callable[[float], float]]] = {
    "fabs": abs,
    "sqrt": math.sqrt,
    "cbrt": math.cbrt,
    "exp": math.exp,
    "exp2": math.exp2,
    "exp10": lambda x: math.pow(10, x),
    "expm1": math.expm1,
    "log": _logarithm(math.log),
    "log2": _logarithm(math.log2),
    "log10": _logarithm(math.log10),
    "log1p": _logarithm(math.log1p, -1.0),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "gamma": _tgamma,
    "tgamma": _tgamma,
    "lgamma": math.lgamma,
    "erf": math.erf,
    "erfc": math.erfc,
    "significand": _significand,
    "logb": _logb,
}
for _name, _function in _OF_ONE.items():
    _math(_name, 0, _function)

_OF_TWO: Final[dict[str, Callable[[float, float], float]]] = {
    "pow": _pow,
    "atan2": math.atan2,
    "fmod": math.fmod,
    "copysign": math.copysign,
    "hypot": math.hypot,
    "fdim": lambda x, y: max(x - y, 0.0),
    "fmax": _fmax,
    "fmin": _fmin,
    "nextafter": math.nextafter,
    "nexttoward": math.nextafter,
    "drem": math.remainder,
    "remainder": math.remainder,
    "ldexp": _scaled,
    "scalb": _scaled,
    "scalbln": _scaled,
}
for _name, _both in _OF_TWO.items():
    _math(_name, 2, _both)

_math("fma", 3, lambda x, y, z: x * y + z)


@native("frexp/0")
def _frexp(run: Run, value: Any) -> list[float]:
    fraction, exponent = math.frexp(v.real(_number("frexp", value)))
    return [fraction, exponent]


@native("modf/0")
def _modf(run: Run, value: Any) -> list[float]:
    return list(math.modf(v.real(_number("modf", value))))
