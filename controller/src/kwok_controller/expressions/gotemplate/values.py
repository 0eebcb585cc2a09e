# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Go's values as Python objects: which type stands for which, truth, names of types, comparison in depth.

| Go                     | Python                                                    |
|------------------------|-----------------------------------------------------------|
| invalid reflect.Value  | `MISSING`: what a missing key of a map gives              |
| nil interface          | `None`                                                    |
| bool, string           | `bool`, `str`                                             |
| int, float64           | `int`, `float`                                            |
| int64, int32, uint8, … | `Int64`, `Int32`, `Uint8`, …                              |
| json.Number            | `Number`                                                  |
| map[string]any, []any  | `dict`, `list` (data), `GoMap`, `GoList` (made by functions) |
| []string, []int, …     | `StringList`, `IntList`, …                                |
| map[string]string      | `StringMap`                                               |
| []byte                 | `bytes`                                                   |

The Go kwok decodes an object with `UseNumber`: every number in the data is a `json.Number`, whose kind is string. So
`{{ if .spec.replicas }}` is true for 0, `eq .spec.replicas 3` fails, and `int .spec.replicas` is a number. Data stay the plain
`dict` and `list` they are decoded into: their numbers become `Number` when they are read (`element`), and not before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.strconv import json_float

Value = Any
"""A Go value. There is no more to say about it before run time than in Go."""


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""No value at all: Go's invalid `reflect.Value`."""


class Number(str):
    """Go's `json.Number`: the digits as they stand in the JSON text."""

    __slots__ = ()
    go_type: ClassVar[str] = "json.Number"
    go_kind: ClassVar[str] = "string"


class SizedInt(int):
    """Base of Go's integers other than `int`."""

    __slots__ = ()
    go_type: ClassVar[str] = "int"
    go_kind: ClassVar[str] = "int"
    bits: ClassVar[int] = 64
    signed: ClassVar[bool] = True


class Int64(SizedInt):
    """Go's `int64`."""

    __slots__ = ()
    go_type = go_kind = "int64"


class Int32(SizedInt):
    """Go's `int32`, also `rune`."""

    __slots__ = ()
    go_type = go_kind = "int32"
    bits = 32


class Uint8(SizedInt):
    """Go's `uint8`, also `byte`."""

    __slots__ = ()
    go_type = go_kind = "uint8"
    bits = 8
    signed = False


class Uint64(SizedInt):
    """Go's `uint64`."""

    __slots__ = ()
    go_type = go_kind = "uint64"
    signed = False


class GoList(list[Any]):
    """Go's `[]interface {}`, made by a function: its elements are Go values as they are."""

    go_type: ClassVar[str] = "[]interface {}"
    go_kind: ClassVar[str] = "slice"
    element: ClassVar[str] = "interface {}"
    nil = False


class StringList(GoList):
    """Go's `[]string`."""

    go_type = "[]string"
    element = "string"


class IntList(GoList):
    """Go's `[]int`."""

    go_type = "[]int"
    element = "int"


class ListList(GoList):
    """Go's `[][]interface {}`."""

    go_type = "[][]interface {}"
    element = "[]interface {}"


class GoMap(dict[str, Any]):
    """Go's `map[string]interface {}`, made by a function: its values are Go values as they are."""

    go_type: ClassVar[str] = "map[string]interface {}"
    go_kind: ClassVar[str] = "map"
    element: ClassVar[str] = "interface {}"
    nil = False


class StringMap(GoMap):
    """Go's `map[string]string`."""

    go_type = "map[string]string"
    element = "string"


def nil_list() -> GoList:
    """A nil `[]interface {}`."""
    made = GoList()
    made.nil = True
    return made


def nil_map() -> GoMap:
    """A nil `map[string]interface {}`."""
    made = GoMap()
    made.nil = True
    return made


_NATIVE: Final[dict[type, tuple[str, str]]] = {
    str: ("string", "string"),
    bool: ("bool", "bool"),
    int: ("int", "int"),
    float: ("float64", "float64"),
    complex: ("complex128", "complex128"),
    dict: (GoMap.go_type, "map"),
    list: (GoList.go_type, "slice"),
    bytes: ("[]uint8", "slice"),
    type(None): ("<nil>", "invalid"),
    _Missing: ("<nil>", "invalid"),
}


def type_name(value: Value) -> str:
    """The name of the value's Go type, as `%T` prints it."""
    native = _NATIVE.get(type(value))
    return native[0] if native else str(getattr(value, "go_type", type(value).__name__))


def kind_name(value: Value) -> str:
    """The name of the value's Go kind (`string`, `map`, `slice`, `struct`, …, `invalid` for nil)."""
    native = _NATIVE.get(type(value))
    return native[1] if native else str(getattr(value, "go_kind", "struct"))


def number(value: float) -> Number:
    """A number of the data as Go's `json.Number`, in the form in which Go's JSON encoder writes it."""
    return Number(json_float(value)) if type(value) is float else Number(value)


def element(container: Value, value: Value) -> Value:
    """A value taken out of a map or list: numbers of data become `Number`."""
    kind = type(value)
    if kind is int or kind is float:
        owner = type(container)
        if owner is dict or owner is list:
            return number(value)
    return value


def elements(values: list[Any]) -> list[Any]:
    """The Go values in a list; not to be changed by the caller."""
    if type(values) is not list:
        return values
    for value in values:
        kind = type(value)
        if kind is int or kind is float:
            return [number(v) if type(v) is int or type(v) is float else v for v in values]
    return values


def items(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Keys and Go values of a map in the order of its keys, which is the order of the bytes of their UTF-8."""
    for key in sorted(values):
        yield key, element(values, values[key])


def lookup(values: dict[str, Any], key: str) -> Value:
    """The Go value of a key, `MISSING` where there is none."""
    return element(values, values.get(key, MISSING))


def thaw(value: Value, runtime: Runtime, depth: int = 0) -> Value:
    """A copy in depth, lists and maps of data as `GoList` and `GoMap`, which functions may change.

    Raises:
        LimitExceeded: too deep or too large.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if isinstance(value, dict):
        runtime.deeper(depth)
        runtime.charge(1 + (len(value) >> 3))
        made = (type(value) if isinstance(value, GoMap) else GoMap)(
            {key: thaw(element(value, item), runtime, depth + 1) for key, item in value.items()}
        )
        made.nil = getattr(value, "nil", False)
        return made
    if isinstance(value, list):
        runtime.deeper(depth)
        runtime.charge(1 + (len(value) >> 3))
        copied = (type(value) if isinstance(value, GoList) else GoList)(thaw(item, runtime, depth + 1) for item in elements(value))
        copied.nil = getattr(value, "nil", False)
        return copied
    return value


def truth(value: Value) -> bool:
    """Go's notion of truth in templates: not the zero value of its type, not empty."""
    # An object of ours that is a struct in Go (time, version) is true, as any object is in Python.
    return bool(value)


def deep_equal(left: Value, right: Value, runtime: Runtime, depth: int = 0) -> bool:
    """Go's `reflect.DeepEqual`: types count, and a nil list is not an empty one.

    Raises:
        LimitExceeded: too deep or too much to compare.
    """
    if type_name(left) != type_name(right):
        return False
    if isinstance(left, list):
        runtime.deeper(depth)
        runtime.charge(1 + (len(left) >> 3))
        if len(left) != len(right) or getattr(left, "nil", False) != getattr(right, "nil", False):
            return False
        return all(deep_equal(a, b, runtime, depth + 1) for a, b in zip(elements(left), elements(right), strict=True))
    if isinstance(left, dict):
        runtime.deeper(depth)
        runtime.charge(1 + (len(left) >> 3))
        if len(left) != len(right) or getattr(left, "nil", False) != getattr(right, "nil", False):
            return False
        return all(
            key in right and deep_equal(element(left, value), element(right, right[key]), runtime, depth + 1) for key, value in left.items()
        )
    return bool(left == right)


def wrap(value: int, bits: int = 64, *, signed: bool = True) -> int:
    """An integer cut to the width of its Go type, as Go's arithmetic overflows."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def int64(value: int) -> Int64:
    """A result of Go's 64-bit arithmetic."""
    return Int64(wrap(value))


def strings(values: Iterable[str]) -> StringList:
    """Go's `[]string` of these."""
    return StringList(values)
