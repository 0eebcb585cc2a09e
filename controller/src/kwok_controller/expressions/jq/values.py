# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""jq's values: what they are called, how they compare, what operators make of them.

Values are JSON as Python has it. Objects are gone through by sorted keys, as gojq does. Nothing here changes its arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cmp_to_key
from typing import Any, Final

from kwok_controller.expressions.gotemplate.strconv import json_float
from kwok_controller.expressions.jq.errors import JqLimitError, JqRuntimeError
from kwok_controller.expressions.jq.limits import Run

MAX_FLOAT: Final = 1.7976931348623157e308
_TYPES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
# How deep a value may be nested where it is gone through.
MAX_DEPTH: Final = 200


def failure(message: str) -> JqRuntimeError:
    """What jq's `try` catches."""
    return JqRuntimeError(message)


def type_name(value: Any) -> str:
    """`null`, `boolean`, `number`, `string`, `array` or `object`."""
    return _TYPES[type(value)]


class _Enough(Exception):
    # More is not shown.
    pass


def preview(value: Any) -> str:
    """The type, and the value in brackets, shortened to 30 characters: for messages."""
    kind = type_name(value)
    if value is None:
        return kind
    parts: list[str] = []
    size = 0

    def put(part: str) -> None:
        nonlocal size
        parts.append(part[:64])
        size += len(part)
        if size > 64:
            raise _Enough

    try:
        _write(value, None, put, 0)
    except _Enough:
        parts.append("]" if isinstance(value, list) else "}" if isinstance(value, dict) else '"')
    text = "".join(parts)
    return f"{kind} ({text if len(text) <= 30 else f'{text[:25]} ...{text[-1]}'})"


def is_number(value: Any) -> bool:
    """Whether it is a number: booleans are none here."""
    return type(value) in (int, float)


def number_text(value: float) -> str:
    """A number as gojq writes it: whole ones without a fraction, `null` for NaN, the largest number for infinities."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "null"
    if math.isinf(value):
        value = math.copysign(MAX_FLOAT, value)
    return json_float(value)


_ESCAPES: Final = {ord('"'): '\\"', ord("\\"): "\\\\", 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x7F: "\\u007f"}
_ESCAPES.update({code: f"\\u{code:04x}" for code in range(32) if code not in _ESCAPES})


def json_text(value: Any, run: Run | None) -> str:
    """The value as JSON without spaces.

    Raises:
        JqLimitError: it would be too large.
    """
    parts: list[str] = []
    _write(value, run, parts.append, 0)
    text = "".join(parts)
    if run:
        run.reserve(len(text))
    return text


def _write(value: Any, run: Run | None, put: Callable[[str], None], depth: int) -> None:
    if run:
        run.charge()
    if value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, str):
        if run:
            run.reserve(len(value))
        put(f'"{value.translate(_ESCAPES)}"')
    elif isinstance(value, (int, float)):
        put(number_text(value))
    elif depth > MAX_DEPTH:
        raise JqLimitError(f"values nested more than {MAX_DEPTH} deep")
    elif isinstance(value, list):
        put("[")
        for at, item in enumerate(value):
            if at:
                put(",")
            _write(item, run, put, depth + 1)
        put("]")
    else:
        put("{")
        for at, key in enumerate(sorted(value)):
            put(f'{"," if at else ""}"{key.translate(_ESCAPES)}":')
            _write(value[key], run, put, depth + 1)
        put("}")


def text(value: Any, run: Run) -> str:
    """jq's `tostring`."""
    return value if isinstance(value, str) else json_text(value, run)


def _rank(value: Any) -> int:
    if value is None:
        return 0
    if value is False:
        return 1
    if value is True:
        return 2
    if isinstance(value, (int, float)):
        return 3
    return 4 if isinstance(value, str) else 5 if isinstance(value, list) else 6


def compare(left: Any, right: Any, run: Run, depth: int = 0) -> int:
    """jq's order of all values: -1, 0 or 1. NaN is less than any number, itself included."""
    run.charge()
    rank, other = _rank(left), _rank(right)
    if rank != other:
        return -1 if rank < other else 1
    if rank < 3:
        return 0
    if rank == 3:
        if left != left:
            return -1
        return -1 if left < right else 1 if left > right else 1 if right != right else 0
    if rank == 4:
        return -1 if left < right else 1 if left > right else 0
    if depth > MAX_DEPTH:
        raise JqLimitError(f"values nested more than {MAX_DEPTH} deep")
    if rank == 6:
        keys, others = sorted(left), sorted(right)
        if keys != others:
            return compare(keys, others, run, depth + 1)
        left, right = [left[key] for key in keys], [right[key] for key in keys]
    for item, other_item in zip(left, right, strict=False):
        order = compare(item, other_item, run, depth + 1)
        if order:
            return order
    return -1 if len(left) < len(right) else 1 if len(left) > len(right) else 0


def equal(left: Any, right: Any, run: Run) -> bool:
    """`==`."""
    if isinstance(left, str) or isinstance(right, str):
        return type(left) is type(right) and bool(left == right)
    return compare(left, right, run) == 0


def sort_key(run: Run) -> Callable[[Any], Any]:
    """A key for `sorted` in jq's order."""
    return cmp_to_key(lambda left, right: compare(left, right, run))


def whole(value: int, run: Run) -> int:
    """An integer just made.

    Raises:
        JqLimitError: it has too many digits.
    """
    if value.bit_length() > run.limits.bits:
        raise JqLimitError(f"the query made an integer of more than {run.limits.bits} bits")
    return value


def real(value: float) -> float:
    """An integer as a float: infinite where it is too large."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def add(left: Any, right: Any, run: Run) -> Any:
    """`+`."""
    run.charge()
    if left is None:
        return right
    if right is None:
        return left
    if is_number(left) and is_number(right):
        if type(left) is int and type(right) is int:
            return whole(left + right, run)
        return real(left) + real(right)
    if isinstance(left, str) and isinstance(right, str):
        run.reserve(len(left) + len(right))
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        run.reserve(len(left) + len(right))
        return left + right
    if isinstance(left, dict) and isinstance(right, dict):
        run.reserve(len(left) + len(right))
        return {**left, **right}
    raise failure(f"cannot add: {preview(left)} and {preview(right)}")


def subtract(left: Any, right: Any, run: Run) -> Any:
    """`-`."""
    run.charge()
    if is_number(left) and is_number(right):
        if type(left) is int and type(right) is int:
            return whole(left - right, run)
        return real(left) - real(right)
    if isinstance(left, list) and isinstance(right, list):
        return [item for item in left if not any(compare(item, other, run) == 0 for other in right)]
    raise failure(f"cannot subtract: {preview(left)} and {preview(right)}")


def multiply(left: Any, right: Any, run: Run) -> Any:
    """`*`: of numbers; a string repeated; objects merged deeply."""
    run.charge()
    if is_number(left) and is_number(right):
        if type(left) is int and type(right) is int:
            return whole(left * right, run)
        return real(left) * real(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return _deep_merge(left, right, run, 0)
    if isinstance(left, str) and is_number(right):
        return _repeat(left, right, run)
    if is_number(left) and isinstance(right, str):
        return _repeat(right, left, run)
    raise failure(f"cannot multiply: {preview(left)} and {preview(right)}")


def _repeat(value: str, times: float, run: Run) -> str | None:
    if times < 0 or times != times:
        return None
    if value and times > run.limits.value:
        run.reserve(run.limits.value + 1)
    count = 0 if math.isinf(times) else int(times)
    run.reserve(len(value) * count)
    return value * count


def _deep_merge(left: dict[str, Any], right: dict[str, Any], run: Run, depth: int) -> dict[str, Any]:
    run.charge(1 + len(left) + len(right))
    if depth > MAX_DEPTH:
        raise JqLimitError(f"values nested more than {MAX_DEPTH} deep")
    merged = dict(left)
    for key, value in right.items():
        before = merged.get(key)
        merged[key] = _deep_merge(before, value, run, depth + 1) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def divide(left: Any, right: Any, run: Run) -> Any:
    """`/`: of numbers; a string split."""
    run.charge()
    if is_number(left) and is_number(right):
        if right == 0:
            raise failure(f"cannot divide {preview(left)} by: {preview(right)}")
        if type(left) is int and type(right) is int and left % right == 0:
            return left // right
        return real(left) / real(right)
    if isinstance(left, str) and isinstance(right, str):
        return split(left, right, run)
    raise failure(f"cannot divide: {preview(left)} and {preview(right)}")


def split(value: str, separator: str, run: Run) -> list[str]:
    """A string cut at a separator; into characters where that is empty."""
    if not value:
        return []
    parts = value.split(separator) if separator else list(value)
    run.charge(len(parts))
    return parts


def modulo(left: Any, right: Any, run: Run) -> Any:
    """`%`, of what is before the point; the sign is the dividend's."""
    run.charge()
    if not (is_number(left) and is_number(right)):
        raise failure(f"cannot modulo: {preview(left)} and {preview(right)}")
    if left != left or right != right:
        return math.nan
    dividend, divisor = to_int(left), to_int(right)
    if divisor == 0:
        raise failure(f"cannot modulo {preview(left)} by: {preview(right)}")
    rest = abs(dividend) % abs(divisor)
    return -rest if dividend < 0 else rest


def to_int(value: float) -> int:
    """The whole part; of an infinity, the largest 64-bit integer of its sign."""
    if isinstance(value, int):
        return value
    if value >= 2.0**63:
        return 2**63 - 1
    if value <= -(2.0**63):
        return -(2**63)
    return 0 if value != value else int(value)


def index(target: Any, key: Any, run: Run) -> Any:
    """`target[key]`.

    Raises:
        JqRuntimeError: the target cannot be indexed by the key.
    """
    if isinstance(key, str):
        if isinstance(target, dict):
            return target.get(key)
        if target is None:
            return None
        raise failure(f"expected an object but got: {preview(target)}")
    if is_number(key):
        if isinstance(target, (list, str)):
            at = floor(key) if key == key else len(target)
            return target[at] if -len(target) <= at < len(target) else None
    elif isinstance(key, list):
        if isinstance(target, list):
            return occurrences(target, key, run)
    elif isinstance(key, dict):
        if target is None:
            return None
        if "start" not in key or "end" not in key:
            raise failure(f'expected "start" and "end" for slicing but got: {preview(key)}')
        return slice_of(target, key["start"], key["end"])
    else:
        wanted = "string for object key"
        if isinstance(target, (list, str)):
            wanted = f"number for indexing {'an array' if isinstance(target, list) else 'a string'}"
        raise failure(f"expected a {wanted} but got: {preview(key)}")
    if target is None:
        return None
    raise failure(f"expected an array but got: {preview(target)}")


def floor(value: float) -> int:
    """The largest integer not above; of an infinity, the largest 64-bit integer of its sign."""
    return value if isinstance(value, int) else to_int(math.floor(value) if math.isfinite(value) else value)


def occurrences(target: list[Any], wanted: list[Any], run: Run) -> list[int] | None:
    """Where the elements `wanted` stand in a row."""
    if not wanted:
        return None
    found = []
    for at in range(len(target) - len(wanted) + 1):
        run.charge()
        if all(compare(target[at + step], item, run) == 0 for step, item in enumerate(wanted)):
            found.append(at)
    return found


def slice_bounds(start: Any, stop: Any, length: int) -> tuple[int, int]:
    """The bounds of a slice within `length`: the start rounded down, the end up.

    Raises:
        JqRuntimeError: a bound is no number.
    """
    for bound in (start, stop):
        if bound is not None and not is_number(bound):
            raise failure(f"expected a number for indexing an array but got: {preview(bound)}")
    first = 0 if start is None or start != start else floor(start)
    last = length if stop is None or stop != stop else _ceiling(stop)
    first = max(first + length, 0) if first < 0 else min(first, length)
    last = max(last + length, 0) if last < 0 else min(last, length)
    return first, max(first, last)


def _ceiling(value: float) -> int:
    return value if isinstance(value, int) else to_int(math.ceil(value) if math.isfinite(value) else value)


def slice_of(target: Any, start: Any, stop: Any) -> Any:
    """`target[start:stop]`, of arrays and strings.

    Raises:
        JqRuntimeError: the target is neither, or a bound is no number.
    """
    if target is None:
        slice_bounds(start, stop, 0)
        return None
    if not isinstance(target, (list, str)):
        raise failure(f"expected an array but got: {preview(target)}")
    first, last = slice_bounds(start, stop, len(target))
    return target[first:last]


def elements(value: Any) -> list[Any]:
    """What `.[]` goes through.

    Raises:
        JqRuntimeError: neither an array nor an object.
    """
    if type(value) is list:
        return value
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    raise failure(f"cannot iterate over: {preview(value)}")


def keys(value: Any) -> list[Any]:
    """The keys of an object, sorted, or the indexes of an array.

    Raises:
        JqRuntimeError: neither.
    """
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise failure(f"keys cannot be applied to: {preview(value)}")
