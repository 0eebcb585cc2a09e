# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Values of CEL: those of JSON as Python has them, and types of their own for what JSON has not.

Equality and order are those of CEL's runtime: numbers of different types compare by value, other values of different types are unequal
and have no order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kwok_controller.expressions.cel.errors import CelRuntimeError
from kwok_controller.expressions.cel.limits import Run
from kwok_controller.expressions.quantity import Quantity

INT64_MAX: Final = (1 << 63) - 1
UINT64_MAX: Final = (1 << 64) - 1


class UInt(int):
    """A `uint`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A `google.protobuf.Timestamp`, in nanoseconds since 1970."""

    nanoseconds: int


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A `google.protobuf.Duration`, in nanoseconds."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class CelType:
    """A type as a value, by its name."""

    name: str


TYPES: Final[dict[type[Any], str]] = {
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    type(None): "null_type",
    CelType: "type",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    Quantity: "kubernetes.Quantity",
}
"""CEL's names of the types of values."""

NUMBERS: Final = frozenset({int, UInt, float})
ORDERED: Final = frozenset({bool, int, UInt, float, str, bytes, Timestamp, Duration, Quantity})
_LONG: Final = 256


def type_name(value: Any) -> str:
    """CEL's name of the type of a value."""
    return TYPES[type(value)]


def no_overload(name: str, *args: Any) -> CelRuntimeError:
    """What to say where an operator or function does not take such arguments."""
    return CelRuntimeError(f"no such overload: {name} of {' and '.join(map(type_name, args))}")


def equal(run: Run, left: Any, right: Any) -> bool:
    """`==`.

    Raises:
        CelRuntimeError: a quantity is compared with something else.
        CelLimitError: the values are too large to be compared.
    """
    kind = type(left)
    if kind is type(right):
        if kind is str or kind is bytes:
            if len(left) > _LONG and len(left) == len(right):
                run.charge(len(left) >> 6)
        elif kind is list:
            return _equal_lists(run, left, right)
        elif kind is dict:
            return _equal_maps(run, left, right)
        return bool(left == right)
    if kind in NUMBERS and type(right) in NUMBERS:
        return bool(left == right)
    if kind is Quantity or type(right) is Quantity:
        raise no_overload("==", left, right)
    return False


def _equal_lists(run: Run, left: list[Any], right: list[Any]) -> bool:
    if len(left) != len(right):
        return False
    run.charge(2 * len(left))
    return all(equal(run, one, other) for one, other in zip(left, right, strict=True))


def _equal_maps(run: Run, left: dict[Any, Any], right: dict[Any, Any]) -> bool:
    if len(left) != len(right):
        return False
    run.charge(3 * len(left))
    for key, value in left.items():
        found, other = find(run, right, key)
        if not found or not equal(run, value, other):
            return False
    return True


def find(run: Run, mapping: dict[Any, Any], key: Any) -> tuple[bool, Any]:
    """Whether a map has a key, and the value."""
    if type(key) is str:
        return (True, mapping[key]) if key in mapping else (False, None)
    # Python's True is equal to 1, CEL's is not. Maps with such keys are those that expressions write down.
    run.charge(len(mapping))
    for present, value in mapping.items():
        if equal(run, present, key):
            return True, value
    return False, None


def contains(run: Run, container: Any, item: Any) -> bool:
    """Whether a list has an item, or a map a key."""
    if type(container) is dict:
        return find(run, container, item)[0]
    if type(container) is list:
        run.charge(len(container))
        return any(equal(run, one, item) for one in container)
    raise no_overload("in", item, container)


def _ordering(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[Run, Any, Any], bool]:
    def ordered(run: Run, left: Any, right: Any) -> bool:
        kind = type(left)
        if kind is type(right):
            if kind not in ORDERED:
                raise no_overload(symbol, left, right)
            if (kind is str or kind is bytes) and len(left) > _LONG:
                run.charge(len(left) >> 6)
        elif kind not in NUMBERS or type(right) not in NUMBERS:
            raise no_overload(symbol, left, right)
        if left != left or right != right:
            raise CelRuntimeError("NaN values cannot be ordered")
        return compare(left, right)

    return ordered


RELATIONS: Final[dict[str, Callable[[Run, Any, Any], bool]]] = {
    "==": equal,
    "!=": lambda run, left, right: not equal(run, left, right),
    "<": _ordering("<", operator.lt),
    "<=": _ordering("<=", operator.le),
    ">": _ordering(">", operator.gt),
    ">=": _ordering(">=", operator.ge),
    "in": lambda run, item, container: contains(run, container, item),
}
"""What the relations do."""
