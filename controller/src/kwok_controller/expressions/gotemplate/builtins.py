# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions that `text/template` itself has. `and` and `or` are compiled, since they leave out arguments."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_plus

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.formatting import at_index, length, sprint, sprintf, sprintln
from kwok_controller.expressions.gotemplate.functions import ANY, METHODS, STRING, Function, fn
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.strconv import byte_slice, is_print, parse_float, parse_int, to_bytes
from kwok_controller.expressions.gotemplate.values import (
    MISSING,
    Int64,
    Number,
    SizedInt,
    Uint8,
    Value,
    element,
    kind_name,
    truth,
    type_name,
)

_HTML = str.maketrans({"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"})
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
_CUT = {"slice", "string"}


def not_(value: Value) -> bool:
    """Go's `not`."""
    return not truth(value)


def _kind(value: Value) -> str:
    # The kinds that comparison knows; "" for all others.
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if not isinstance(value, SizedInt) or value.signed else "uint"
    if isinstance(value, float):
        return "float"
    return "complex" if isinstance(value, complex) else ""


def equal(left: Value, right: Value) -> bool:
    """Go's `eq` of two values."""
    kind = type(left)
    if kind is type(right) and (kind is str or kind is int or kind is bool):
        return bool(left == right)
    left_kind, right_kind = _kind(left), _kind(right)
    if left_kind != right_kind:
        if {left_kind, right_kind} == {"int", "uint"}:
            return int(left) == int(right)
        if left is None or right is None:
            return False
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if left_kind == "string":
        return str.__eq__(left, right)
    if left_kind:
        return bool(left == right)
    if left is None or right is None:
        other = right if left is None else left
        return other is None or bool(getattr(other, "nil", False))
    if kind_name(left) != kind_name(right):
        raise FunctionError(f"non-comparable types {type_name(left)} and {type_name(right)}")
    if getattr(left, "nil", False) or getattr(right, "nil", False):
        return bool(getattr(left, "nil", False)) == bool(getattr(right, "nil", False))
    if isinstance(right, (dict, list, bytes)):
        raise FunctionError(f"non-comparable type {type_name(right)}")
    if kind_name(left) == "ptr":
        return left is right
    return type(left) is type(right) and bool(left == right)


def eq(first: Value, *others: Value) -> bool:
    """Go's `eq`: whether the first equals any of the others."""
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(equal(first, other) for other in others)


def ne(left: Value, right: Value) -> bool:
    """Go's `ne`."""
    return not equal(left, right)


def lt(left: Value, right: Value) -> bool:
    """Go's `lt`."""
    left_kind, right_kind = _kind(left), _kind(right)
    if not left_kind or not right_kind:
        raise FunctionError("invalid type for comparison")
    if left_kind != right_kind:
        if {left_kind, right_kind} != {"int", "uint"}:
            raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
        return int(left) < int(right)
    if left_kind in ("bool", "complex"):
        raise FunctionError("invalid type for comparison")
    if left_kind == "string":
        return to_bytes(left) < to_bytes(right)
    return bool(left < right)


def le(left: Value, right: Value) -> bool:
    """Go's `le`."""
    return lt(left, right) or equal(left, right)


def gt(left: Value, right: Value) -> bool:
    """Go's `gt`."""
    return not le(left, right)


def ge(left: Value, right: Value) -> bool:
    """Go's `ge`."""
    return not lt(left, right)


def len_(value: Value) -> int:
    """Go's `len`."""
    if value is None:
        raise FunctionError("len of nil pointer")
    size = length(value)
    if size < 0:
        raise FunctionError(f"len of type {type_name(value)}")
    return size


def _position(index: Value, cap: int) -> int:
    if index is None:
        raise FunctionError("cannot index slice/array with nil")
    if _kind(index) not in ("int", "uint"):
        raise FunctionError(f"cannot index slice/array with type {type_name(index)}")
    if not 0 <= index <= cap:
        raise FunctionError(f"index out of range: {int(index)}")
    return int(index)


def index(item: Value, *keys: Value) -> Value:
    """Go's `index`: into lists, strings (bytes) and maps, one key after the other."""
    if item is None:
        raise FunctionError("index of untyped nil")
    for key in keys:
        if item is None:
            raise FunctionError("index of nil pointer")
        if isinstance(item, dict):
            if type(key) is not str:
                if key is None:
                    raise FunctionError("value is nil; should be of type string")
                raise FunctionError(f"value has type {type_name(key)}; should be string")
            found = item.get(key, MISSING)
            zero = "" if getattr(item, "element", None) == "string" else None
            item = zero if found is MISSING else element(item, found)
        elif isinstance(item, (list, bytes, str)):
            size = len_(item)
            position = _position(key, size)
            if position == size:
                raise FunctionError(f"index out of range: {position}")
            item = Uint8(to_bytes(item)[position]) if isinstance(item, str) else at_index(item, position)
            if type(item) is int and isinstance(key, bytes):
                item = Uint8(item)
        else:
            raise FunctionError(f"can't index item of type {type_name(item)}")
    return item


def slice_(item: Value, *bounds: Value) -> Value:
    """Go's `slice`, which sprig's function of that name hides in the Go kwok."""
    if item is None:
        raise FunctionError("slice of untyped nil")
    if len(bounds) > 3:
        raise FunctionError(f"too many slice indexes: {len(bounds)}")
    kind = kind_name(item)
    if kind not in _CUT:
        raise FunctionError(f"can't slice item of type {type_name(item)}")
    if kind == "string" and len(bounds) == 3:
        raise FunctionError("cannot 3-index slice a string")
    size = len_(item)
    places = [0, size, size]
    for at, bound in enumerate(bounds):
        places[at] = _position(bound, size)
    start, stop, cap = places
    if start > stop:
        raise FunctionError(f"invalid slice index: {start} > {stop}")
    if stop > cap:
        raise FunctionError(f"invalid slice index: {stop} > {cap}")
    if isinstance(item, str):
        cut = byte_slice(item, start, stop)
        return Number(cut) if type(item) is Number else cut
    return type(item)(item[start:stop])


def print_(runtime: Runtime, *values: Value) -> str:
    """Go's `print`."""
    return sprint(runtime, values)


def printf(runtime: Runtime, form: str, *values: Value) -> str:
    """Go's `printf`."""
    return sprintf(runtime, form, values)


def println(runtime: Runtime, *values: Value) -> str:
    """Go's `println`."""
    return sprintln(runtime, values)


def _text(runtime: Runtime, values: tuple[Value, ...]) -> str:
    if len(values) == 1 and type(values[0]) is str:
        return values[0]
    return sprint(runtime, ["<no value>" if value is None else value for value in values])


def html(runtime: Runtime, *values: Value) -> str:
    """Go's `html`."""
    return _text(runtime, values).translate(_HTML)


def js(runtime: Runtime, *values: Value) -> str:
    """Go's `js`."""
    out = []
    for char in _text(runtime, values):
        code = ord(char)
        if char in _JS:
            out.append(_JS[char])
        elif 0xDC80 <= code <= 0xDCFF:
            # Go decodes a byte that is no UTF-8 as U+FFFD, which it can print, and copies the byte.
            out.append(char)
        elif code < 32:
            out.append(f"\\u{code:04X}")
        elif code < 128 or (is_print(char)):
            out.append(char)
        else:
            out.append(f"\\u{code:04X}")
    return "".join(out)


def urlquery(runtime: Runtime, *values: Value) -> str:
    """Go's `urlquery`."""
    return quote_plus(to_bytes(_text(runtime, values)), safe="")


def call(function: Value, *_values: Value) -> Value:
    """Go's `call`. There are no functions among values here."""
    if function is None:
        raise FunctionError("call of nil")
    raise FunctionError(f"non-function of type {type_name(function)}")


BUILTINS: Final[dict[str, Function]] = {
    "and": fn(lambda *_: None, ANY, variadic=ANY),
    "or": fn(lambda *_: None, ANY, variadic=ANY),
    "not": fn(not_, ANY, light=True),
    "eq": fn(eq, ANY, variadic=ANY, light=True),
    "ne": fn(ne, ANY, ANY, light=True),
    "lt": fn(lt, ANY, ANY, light=True),
    "le": fn(le, ANY, ANY, light=True),
    "gt": fn(gt, ANY, ANY, light=True),
    "ge": fn(ge, ANY, ANY, light=True),
    "len": fn(len_, ANY, light=True),
    "index": fn(index, ANY, variadic=ANY, light=True),
    "slice": fn(slice_, ANY, variadic=ANY),
    "print": fn(print_, variadic=ANY, runtime=True),
    "printf": fn(printf, STRING, variadic=ANY, runtime=True),
    "println": fn(println, variadic=ANY, runtime=True),
    "html": fn(html, variadic=ANY, runtime=True),
    "js": fn(js, variadic=ANY, runtime=True),
    "urlquery": fn(urlquery, variadic=ANY, runtime=True),
    "call": fn(call, ANY, variadic=ANY),
}


def _number_int(value: Number) -> Int64:
    try:
        return Int64(parse_int(str(value)))
    except ValueError as error:
        raise FunctionError(f"strconv.ParseInt: parsing {value!r}: {error}") from None


def _number_float(value: Number) -> float:
    try:
        return parse_float(str(value))
    except ValueError as error:
        raise FunctionError(f"strconv.ParseFloat: parsing {value!r}: {error}") from None


METHODS[Number] = {"Int64": fn(_number_int), "Float64": fn(_number_float), "String": fn(lambda value: str.__str__(value))}
