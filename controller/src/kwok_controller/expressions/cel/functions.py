# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Functions of CEL: the standard ones, and kwok's `Now`, `Rand`, `SinceSecond`, `UnixSecond` and `Quantity`.

https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions; kwok v0.8.0, `pkg/utils/cel/funcs.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

from kwok_controller.expressions.cel.arithmetic import int64, timestamp, uint64
from kwok_controller.expressions.cel.errors import CelLimitError, CelRuntimeError
from kwok_controller.expressions.cel.limits import Run
from kwok_controller.expressions.cel.values import CelType, Duration, Timestamp, UInt, no_overload, type_name
from kwok_controller.expressions.gotemplate.errors import LimitExceeded
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, SECOND, UTC, GoTime, Location, fixed, parse_duration, parse_time
from kwok_controller.expressions.gotemplate.limits import Limits, Runtime
from kwok_controller.expressions.gotemplate.regexp import Regex, RegexError, compile_regex
from kwok_controller.expressions.gotemplate.sprig.dates import load_zone
from kwok_controller.expressions.gotemplate.strconv import format_float, parse_float, parse_int
from kwok_controller.expressions.quantity import Quantity, QuantityError, parse_quantity

Function: TypeAlias = Callable[..., Any]
"""Of the `Run` and the arguments."""

Functions: TypeAlias = dict[tuple[str, int], Function]
"""By name and number of arguments; of a method, what stands before the dot is the first."""

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_OFFSET: Final = re.compile(r"([+-]?)([0-9]{1,2}):([0-9]{2})")
_MAX_NUMBER: Final = 400
# Compiling a pattern with counts, as a{1000}, can be as much work as this, in steps.
_COUNTED: Final = 10_000
# What a step of matching is in steps of an expression: it visits four characters.
_MATCHING: Final = 8


@lru_cache(maxsize=1024)
def parse_timestamp(text: str) -> Timestamp:
    """Reads an RFC 3339 time.

    Raises:
        CelRuntimeError: the text is none.
    """
    try:
        time = parse_time(RFC3339_NANO, text[:64])
    except ValueError:
        raise CelRuntimeError(f"{text[:40]!r} is no RFC 3339 time") from None
    return timestamp(time.nanoseconds)


@lru_cache(maxsize=1024)
def to_quantity(text: str) -> Quantity:
    """Reads a quantity.

    Raises:
        CelRuntimeError: the text is none.
    """
    try:
        return parse_quantity(text)
    except QuantityError as error:
        raise CelRuntimeError(str(error)) from error


def _failed(value: str, kind: str) -> CelRuntimeError:
    return CelRuntimeError(f"{value[:40]!r} cannot be converted to {kind}")


def _size(run: Run, value: Any) -> int:
    if type(value) in (str, bytes, list, dict):
        return len(value)
    raise no_overload("size", value)


def _int(run: Run, value: Any) -> int:
    match value:
        case Timestamp(nanoseconds):
            return nanoseconds // SECOND
        case Duration(nanoseconds):
            return nanoseconds
        case int() if type(value) is not bool:
            return int64(int(value))
        case float():
            if not -(2.0**63) < value < 2.0**63:
                raise CelRuntimeError("integer overflow")
            return int(value)
        case str():
            try:
                return parse_int(value)
            except ValueError:
                raise _failed(value, "int") from None
    raise no_overload("int", value)


def _uint(run: Run, value: Any) -> UInt:
    match value:
        case int() if type(value) is not bool:
            return uint64(int(value))
        case float():
            if not 0 <= value < 2.0**64:
                raise CelRuntimeError("unsigned integer overflow")
            return UInt(int(value))
        case str():
            try:
                return UInt(parse_int(value, signed=False))
            except ValueError:
                raise _failed(value, "uint") from None
    raise no_overload("uint", value)


def _double(run: Run, value: Any) -> float:
    match value:
        case int() | float() if type(value) is not bool:
            return float(value)
        case str():
            try:
                if len(value) <= _MAX_NUMBER:
                    return parse_float(value)
            except ValueError:
                pass
            raise _failed(value, "double")
    raise no_overload("double", value)


def _bool(run: Run, value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is not str:
        raise no_overload("bool", value)
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise _failed(value, "bool")


def _string(run: Run, value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return format_float(value)
        case bytes():
            run.reserve(len(value))
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise CelRuntimeError("the bytes are no UTF-8") from None
        case Timestamp(nanoseconds):
            return GoTime(nanoseconds).format(RFC3339_NANO)
        case Duration(nanoseconds):
            return format_float(nanoseconds / SECOND, "f") + "s"
    raise no_overload("string", value)


def _bytes(run: Run, value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is str:
        run.reserve(len(value))
        return value.encode("utf-8", "surrogatepass")
    raise no_overload("bytes", value)


def read_timestamp(run: Run, value: Any) -> Timestamp:
    """`timestamp`.

    Raises:
        CelRuntimeError: the value gives none.
    """
    if type(value) is Timestamp:
        return value
    if type(value) is str:
        return parse_timestamp(value)
    if type(value) is int:
        return timestamp(value * SECOND)
    raise no_overload("timestamp", value)


def read_duration(run: Run, value: Any) -> Duration:
    """`duration`.

    Raises:
        CelRuntimeError: the value gives none.
    """
    if type(value) is Duration:
        return value
    if type(value) is not str:
        raise no_overload("duration", value)
    try:
        return Duration(parse_duration(value[:_MAX_NUMBER]))
    except ValueError:
        raise _failed(value, "a duration") from None


def read_quantity(run: Run, value: Any) -> Quantity:
    """`Quantity`.

    Raises:
        CelRuntimeError: the value gives none.
    """
    if type(value) is str:
        return to_quantity(value)
    raise no_overload("Quantity", value)


def _searching(name: str, search: Callable[[str, str], bool]) -> Function:
    def function(run: Run, text: Any, part: Any) -> bool:
        if type(text) is not str or type(part) is not str:
            raise no_overload(name, text, part)
        run.charge(len(text) >> 6)
        return search(text, part)

    return function


def to_regex(pattern: str) -> Regex:
    """Compiles a pattern.

    Raises:
        CelRuntimeError: it is none.
    """
    try:
        return compile_regex(pattern)
    except RegexError as error:
        raise CelRuntimeError(str(error)) from error


def matches(run: Run, text: Any, regex: Regex) -> bool:
    """Whether a pattern is anywhere in a text.

    Raises:
        CelRuntimeError: the text is no string.
        CelLimitError: it takes too long.
    """
    if type(text) is not str:
        raise no_overload("matches", text, "")
    budget = run.steps // _MATCHING
    runtime = Runtime(Limits(steps=budget))
    try:
        found = regex.match(runtime, text)
    except LimitExceeded:
        raise CelLimitError(f"the expression was stopped after {run.limits.steps} steps") from None
    run.charge((budget - runtime.steps) * _MATCHING)
    return found is not None


def _matches(run: Run, text: Any, pattern: Any) -> bool:
    if type(pattern) is not str:
        raise no_overload("matches", text, pattern)
    run.charge(len(pattern) * 50 + (_COUNTED if "{" in pattern else 0))
    return matches(run, text, to_regex(pattern))


@lru_cache(maxsize=64)
def _zone(name: str) -> Location:
    if name in ("", "UTC"):
        return UTC
    match = _OFFSET.fullmatch(name)
    if match:
        seconds = int(match[2]) * 3600 + int(match[3]) * 60
        return fixed(name, -seconds if match[1] == "-" else seconds)
    try:
        return load_zone(name[:64])
    except LookupError as error:
        raise CelRuntimeError(str(error)) from None


def _part(name: str, of_time: Callable[[GoTime], int], unit: int) -> Function:
    # unit: the nanoseconds that a duration is counted in; 0 where durations have no such part.
    def function(run: Run, value: Any, *zone: Any) -> int:
        if type(value) is Timestamp and all(type(name) is str for name in zone):
            return of_time(GoTime(value.nanoseconds, _zone(zone[0]) if zone else UTC))
        if type(value) is Duration and unit and not zone:
            count = abs(value.nanoseconds) // unit
            return -count if value.nanoseconds < 0 else count
        raise no_overload(name, value, *zone)

    return function


def _unix_second(run: Run, value: Any) -> float:
    # kwok takes timestamps only, as which it has the times of Pods and Nodes. In other objects times are texts.
    time = parse_timestamp(value) if type(value) is str else value
    if type(time) is not Timestamp:
        raise no_overload("UnixSecond", value)
    return float(time.nanoseconds) / SECOND


def _since_second(now: Callable[[], int]) -> Function:
    def function(run: Run, value: Any) -> float:
        if type(value) is not dict:
            raise no_overload("SinceSecond", value)
        metadata = value.get("metadata")
        created = metadata.get("creationTimestamp") if type(metadata) is dict else None
        if type(created) is not str:
            raise CelRuntimeError("SinceSecond: the object has no metadata.creationTimestamp")
        return (now() - parse_timestamp(created).nanoseconds) / SECOND

    return function


_BOTH: Final[Functions] = {
    ("size", 1): _size,
    ("matches", 2): _matches,
    ("UnixSecond", 1): _unix_second,
    ("Quantity", 1): read_quantity,
}
_FUNCTIONS: Final[Functions] = {
    **_BOTH,
    ("type", 1): lambda run, value: CelType(type_name(value)),
    ("dyn", 1): lambda run, value: value,
    ("int", 1): _int,
    ("uint", 1): _uint,
    ("double", 1): _double,
    ("bool", 1): _bool,
    ("string", 1): _string,
    ("bytes", 1): _bytes,
    ("timestamp", 1): read_timestamp,
    ("duration", 1): read_duration,
}
_PARTS: Final[tuple[tuple[str, Callable[[GoTime], int], int], ...]] = (
    ("getFullYear", lambda time: time.local()[0], 0),
    ("getMonth", lambda time: time.local()[1] - 1, 0),
    ("getDate", lambda time: time.local()[2], 0),
    ("getDayOfMonth", lambda time: time.local()[2] - 1, 0),
    ("getDayOfWeek", lambda time: (time.local()[6] + 4) % 7, 0),
    ("getDayOfYear", lambda time: int(time.format("002")) - 1, 0),
    ("getHours", lambda time: time.local()[3], 3600 * SECOND),
    ("getMinutes", lambda time: time.local()[4], 60 * SECOND),
    ("getSeconds", lambda time: time.local()[5], SECOND),
    ("getMilliseconds", lambda time: time.nanoseconds % SECOND // 1_000_000, 1_000_000),
)
_METHODS: Final[Functions] = {
    **_BOTH,
    ("contains", 2): _searching("contains", str.__contains__),
    ("startsWith", 2): _searching("startsWith", str.startswith),
    ("endsWith", 2): _searching("endsWith", str.endswith),
    **{(name, count): _part(name, of_time, unit) for name, of_time, unit in _PARTS for count in (1, 2)},
}


def functions(now: Callable[[], int], random: Callable[[], float]) -> tuple[Functions, Functions]:
    """All functions, and all methods.

    Args:
        now: the time, in nanoseconds since the epoch.
        random: chance, from 0 to below 1.
    """
    since = _since_second(now)
    return (
        {**_FUNCTIONS, ("Now", 0): lambda run: Timestamp(now()), ("Rand", 0): lambda run: random(), ("SinceSecond", 1): since},
        {**_METHODS, ("SinceSecond", 1): since},
    )
