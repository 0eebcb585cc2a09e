# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Reading fields and items of values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kwok_controller.expressions.cel.arithmetic import MIN_TIMESTAMP
from kwok_controller.expressions.cel.errors import CelRuntimeError
from kwok_controller.expressions.cel.functions import parse_timestamp, to_quantity
from kwok_controller.expressions.cel.limits import Run
from kwok_controller.expressions.cel.schema import Field, Time
from kwok_controller.expressions.cel.values import Timestamp, UInt, find, no_overload
from kwok_controller.expressions.quantity import Quantity

_ABSENT: Final = object()
_NO_TIME: Final = Timestamp(MIN_TIMESTAMP)
_NO_QUANTITY: Final = Quantity(0)


def _no_field(value: Any, name: Any) -> CelRuntimeError:
    if type(value) is list:
        return CelRuntimeError(f"a list has no field {name!r:.100}: its index is a number")
    return CelRuntimeError(f"no such key: {name!s:.100}")


def dynamic_field(operand: Callable[[Run], Any], name: str) -> Callable[[Run], Any]:
    """A field of a map."""

    def select(run: Run) -> Any:
        value = operand(run)
        if type(value) is dict:
            found = value.get(name, _ABSENT)
            if found is not _ABSENT:
                return found
        raise _no_field(value, name)

    return select


def has_dynamic_field(operand: Callable[[Run], Any], name: str) -> Callable[[Run], Any]:
    """Whether a map has a field."""

    def test(run: Run) -> bool:
        value = operand(run)
        if type(value) is list:
            raise _no_field(value, name)
        return type(value) is dict and name in value

    return test


def struct_field(operand: Callable[[Run], Any], name: str, field: Field) -> Callable[[Run], Any]:
    """A field of a struct."""
    zero = field.zero

    def time(run: Run) -> Timestamp:
        value = operand(run)
        text = value.get(name) if type(value) is dict else None
        return parse_timestamp(text) if type(text) is str else _NO_TIME

    def select(run: Run) -> Any:
        value = operand(run)
        if type(value) is dict:
            found = value.get(name)
            if found is not None:
                return found
        return zero

    return time if isinstance(field.static, Time) else select


def has_struct_field(operand: Callable[[Run], Any], name: str, field: Field) -> Callable[[Run], Any]:
    """Whether a field of a struct has another value than its type's zero value."""
    pointer = field.pointer

    def test(run: Run) -> bool:
        value = operand(run)
        found = value.get(name) if type(value) is dict else None
        return found is not None and (pointer or bool(found))

    return test


def resource_of(operand: Callable[[Run], Any], name: Callable[[Run], Any]) -> Callable[[Run], Any]:
    """A quantity of a list of resources."""

    def select(run: Run) -> Quantity:
        resources, key = operand(run), name(run)
        if type(key) is not str:
            raise no_overload("[]", resources, key)
        found = resources.get(key) if type(resources) is dict else None
        return _NO_QUANTITY if found is None else to_quantity(str(found))

    return select


def item_of(operand: Callable[[Run], Any], index: Callable[[Run], Any]) -> Callable[[Run], Any]:
    """An item of a list or map."""

    def select(run: Run) -> Any:
        value, key = operand(run), index(run)
        if type(value) is dict:
            found, item = find(run, value, key)
            if found:
                return item
            raise _no_field(value, key)
        if type(value) is not list:
            raise _no_field(value, key)
        if type(key) not in (int, UInt) and not (type(key) is float and key.is_integer()):
            raise no_overload("[]", value, key)
        place = int(key)
        if 0 <= place < len(value):
            return value[place]
        raise CelRuntimeError(f"index out of bounds: {place}")

    return select
