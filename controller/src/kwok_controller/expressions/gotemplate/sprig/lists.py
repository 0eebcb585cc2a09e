# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of lists. Those whose name begins with `must` fail as the others do: in a template a panic is an error."""

from __future__ import annotations

import math
from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import ANY, INT, Function, fn
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.sprig.defaults import empty
from kwok_controller.expressions.gotemplate.sprig.numbers import to_int
from kwok_controller.expressions.gotemplate.sprig.strings import text_of, texts_of
from kwok_controller.expressions.gotemplate.strconv import to_bytes
from kwok_controller.expressions.gotemplate.values import (
    GoList,
    ListList,
    StringList,
    Uint8,
    Value,
    deep_equal,
    elements,
    kind_name,
    nil_list,
)


def _list(what: str, value: Value) -> list[Value]:
    if isinstance(value, list):
        return elements(value)
    if isinstance(value, bytes):
        return [Uint8(byte) for byte in value]
    raise FunctionError(f"Cannot {what} on type {kind_name(value)}")


def _push(values: Value, value: Value) -> GoList:
    return GoList([*_list("push", values), value])


def _prepend(values: Value, value: Value) -> GoList:
    return GoList([value, *_list("prepend", values)])


def _chunk(size: int, value: Value) -> ListList:
    values = _list("chunk", value)
    count = len(values)
    if size == 0:
        raise FunctionError("runtime error: makeslice: len out of range")
    pieces = math.floor((count - 1) / size) + 1
    if size < 0 or pieces < 0:
        if pieces < 0 or (size < 0 and pieces > 0):
            raise FunctionError("runtime error: makeslice: len out of range")
        return ListList()
    return ListList(GoList(values[at : at + size]) for at in range(0, count, size))


def _last(value: Value) -> Value:
    values = _list("find last", value)
    return values[-1] if values else None


def _first(value: Value) -> Value:
    values = _list("find first", value)
    return values[0] if values else None


def _rest(value: Value) -> GoList:
    values = _list("find rest", value)
    return GoList(values[1:]) if values else nil_list()


def _initial(value: Value) -> GoList:
    values = _list("find initial", value)
    return GoList(values[:-1]) if values else nil_list()


def _sort_alpha(runtime: Runtime, value: Value) -> StringList:
    if not isinstance(value, (list, bytes)):
        return StringList([text_of(runtime, value)])
    texts = texts_of(runtime, value)
    runtime.charge(len(texts) >> 1)
    ordered = sorted(texts, key=to_bytes)
    if texts is value:
        # Go sorts a []string in place.
        texts[:] = ordered
        return texts
    return StringList(ordered)


def _reverse(value: Value) -> GoList:
    return GoList(reversed(_list("find reverse", value)))


def _compact(value: Value) -> GoList:
    return GoList(item for item in _list("compact", value) if not empty(item))


def _among(runtime: Runtime, values: list[Value], wanted: Value) -> bool:
    runtime.charge(len(values) >> 3)
    return any(deep_equal(wanted, value, runtime) for value in values)


def _uniq(runtime: Runtime, value: Value) -> GoList:
    found = GoList()
    for item in _list("find uniq", value):
        if not _among(runtime, found, item):
            found.append(item)
    return found


def _without(runtime: Runtime, value: Value, *omitted: Value) -> GoList:
    return GoList(item for item in _list("find without", value) if not _among(runtime, list(omitted), item))


def _has(runtime: Runtime, wanted: Value, value: Value) -> bool:
    return value is not None and _among(runtime, _list("find has", value), wanted)


def _slice(value: Value, *bounds: Value) -> Value:
    if not isinstance(value, (list, bytes)):
        raise FunctionError(f"list should be type of slice or array but {kind_name(value)}")
    size = len(value)
    if not size:
        return None
    start = to_int(bounds[0]) if bounds else 0
    stop = size if len(bounds) < 2 else to_int(bounds[1])
    if not 0 <= start <= stop <= size:
        raise FunctionError("reflect.Value.Slice: slice index out of bounds")
    return value[start:stop] if type(value) in (list, bytes) else type(value)(value[start:stop])


def _concat(runtime: Runtime, *values: Value) -> GoList:
    made = nil_list()
    for value in values:
        items = _list("concat", value)
        runtime.reserve(len(made) + len(items))
        made.extend(items)
    made.nil = not made
    return made


FUNCTIONS: Final[dict[str, Function]] = {
    "list": fn(lambda *values: GoList(values), variadic=ANY, light=True),
    "tuple": fn(lambda *values: GoList(values), variadic=ANY, light=True),
    "sortAlpha": fn(_sort_alpha, ANY, runtime=True),
    "concat": fn(_concat, variadic=ANY, runtime=True),
}
for _name, _function in {
    "append": fn(_push, ANY, ANY),
    "push": fn(_push, ANY, ANY),
    "prepend": fn(_prepend, ANY, ANY),
    "chunk": fn(_chunk, INT, ANY),
    "last": fn(_last, ANY),
    "first": fn(_first, ANY),
    "rest": fn(_rest, ANY),
    "initial": fn(_initial, ANY),
    "reverse": fn(_reverse, ANY),
    "compact": fn(_compact, ANY),
    "uniq": fn(_uniq, ANY, runtime=True),
    "without": fn(_without, ANY, variadic=ANY, runtime=True),
    "has": fn(_has, ANY, ANY, runtime=True),
    "slice": fn(_slice, ANY, variadic=ANY),
}.items():
    FUNCTIONS[_name] = FUNCTIONS["must" + _name[0].upper() + _name[1:]] = _function
