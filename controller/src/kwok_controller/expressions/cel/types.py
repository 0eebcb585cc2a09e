# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is known of the types of values before there are any: by CEL's names, and empty where nothing is known."""

from __future__ import annotations

from typing import Final

from kwok_controller.expressions.cel.schema import Field, Resources, Time
from kwok_controller.expressions.cel.values import NUMBERS, ORDERED, TYPES, type_name

UNKNOWN: Final = ""

_TIME: Final = "google.protobuf.Timestamp"
_DURATION: Final = "google.protobuf.Duration"
_QUANTITY: Final = "kubernetes.Quantity"
_NUMBERS: Final = frozenset(TYPES[kind] for kind in NUMBERS)
_ORDERED: Final = frozenset(TYPES[kind] for kind in ORDERED)

_SAME: Final = {
    "+": {*_NUMBERS, "string", "bytes", "list", _DURATION, _QUANTITY},
    "-": {*_NUMBERS, _DURATION, _QUANTITY},
    "*": _NUMBERS,
    "/": _NUMBERS,
    "%": {"int", "uint"},
}
_MIXED: Final = {
    ("+", _TIME, _DURATION): _TIME,
    ("+", _DURATION, _TIME): _TIME,
    ("-", _TIME, _DURATION): _TIME,
    ("-", _TIME, _TIME): _DURATION,
    **{(operator, _QUANTITY, number): _QUANTITY for operator in "*/" for number in _NUMBERS},
}
# Of functions and methods, by name.
_RESULTS: Final = {
    **dict.fromkeys(("size", "int", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"), "int"),
    **dict.fromkeys(("getHours", "getMinutes", "getSeconds", "getMilliseconds"), "int"),
    **dict.fromkeys(("matches", "contains", "startsWith", "endsWith", "bool"), "bool"),
    **dict.fromkeys(("double", "UnixSecond", "SinceSecond", "Rand"), "double"),
    **dict.fromkeys(("timestamp", "Now", "now"), _TIME),
    "uint": "uint",
    "string": "string",
    "bytes": "bytes",
    "type": "type",
    "duration": _DURATION,
    "Quantity": _QUANTITY,
}


def result_of(function: str) -> str:
    """The type of what a standard function or method gives."""
    return _RESULTS.get(function, UNKNOWN)


def type_of_field(field: Field) -> str:
    """The type of a field's value."""
    if isinstance(field.static, Time):
        return _TIME
    if field.pointer or isinstance(field.static, Resources):
        return UNKNOWN
    return type_name(field.zero)


def result_of_arithmetic(operator: str, left: str, right: str) -> str | None:
    """The type of what an operator gives; None where it does not take such values."""
    if UNKNOWN in (left, right):
        return UNKNOWN
    if left == right and left in _SAME[operator]:
        return left
    return _MIXED.get((operator, left, right))


def comparable(operator: str, left: str, right: str) -> bool:
    """Whether a relation can hold between values of these types."""
    if UNKNOWN in (left, right) or (left in _NUMBERS and right in _NUMBERS):
        return True
    if operator == "in":
        return right in ("list", "map")
    if operator in ("==", "!="):
        return left == right or "null_type" in (left, right)
    return left == right and left in _ORDERED
