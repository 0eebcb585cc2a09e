# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of maps."""

from __future__ import annotations

from typing import Final

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import ANY, MAP, STRING, Function, fn
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.sprig.strings import text_of
from kwok_controller.expressions.gotemplate.values import (
    MISSING,
    GoList,
    GoMap,
    StringList,
    StringMap,
    Value,
    element,
    items,
    kind_name,
    lookup,
    thaw,
    type_name,
)


def _get(values: dict[str, Value], key: str) -> Value:
    found = lookup(values, key)
    return "" if found is MISSING else found


def _set(values: dict[str, Value], key: str, value: Value) -> Value:
    if getattr(values, "nil", False):
        raise FunctionError("assignment to entry in nil map")
    values[key] = value
    return values


def _unset(values: dict[str, Value], key: str) -> Value:
    values.pop(key, None)
    return values


def _pluck(key: str, *maps: dict[str, Value]) -> GoList:
    return GoList(lookup(values, key) for values in maps if key in values)


def _keys(*maps: dict[str, Value]) -> StringList:
    # In Go the order is not defined; here it is that of the keys.
    return StringList(key for values in maps for key in sorted(values))


def _values(values: dict[str, Value]) -> GoList:
    return GoList(item for _, item in items(values))


def _pick(values: dict[str, Value], *keys: str) -> GoMap:
    return GoMap({key: lookup(values, key) for key in keys if key in values})


def _omit(values: dict[str, Value], *keys: str) -> GoMap:
    return GoMap({key: element(values, value) for key, value in values.items() if key not in keys})


def _dict(runtime: Runtime, *pairs: Value) -> GoMap:
    made = GoMap()
    for at in range(0, len(pairs), 2):
        made[text_of(runtime, pairs[at])] = pairs[at + 1] if at + 1 < len(pairs) else ""
    return made


def _merged(runtime: Runtime, overwrite: bool, into: dict[str, Value], maps: tuple[dict[str, Value], ...]) -> Value:
    for values in maps:
        _merge(runtime, into, values, overwrite, 0)
    return into


def _empty(value: Value) -> bool:
    # As the library sees it that sprig merges with: a struct is never empty.
    return value is MISSING or not value


def _merge(runtime: Runtime, into: dict[str, Value], values: dict[str, Value], overwrite: bool, depth: int) -> None:
    runtime.deeper(depth)
    runtime.charge(1 + (len(values) >> 2))
    if getattr(into, "nil", False) and not getattr(values, "nil", False) and depth == 0:
        into.nil = False  # type: ignore[attr-defined]
    for key, value in list(values.items()):
        old = into.get(key, MISSING)
        if value is None:
            if overwrite:
                into[key] = None
            continue
        if isinstance(value, dict) and isinstance(old, dict):
            if not isinstance(old, StringMap):
                _merge(runtime, old, value, overwrite, depth + 1)
            elif type_name(old) != type_name(value):
                raise FunctionError("maps of different types")
            else:
                _merge(runtime, old, value, overwrite, depth + 1)
        elif isinstance(value, list) and overwrite:
            into[key] = value
        if not _empty(old):
            if isinstance(value, (list, bytes)):
                continue
            if isinstance(value, dict) and isinstance(old, dict):
                continue
        if overwrite or _empty(old):
            into[key] = value


def _merge_keep(runtime: Runtime, into: dict[str, Value], *maps: dict[str, Value]) -> Value:
    return _merged(runtime, False, into, maps)


def _merge_over(runtime: Runtime, into: dict[str, Value], *maps: dict[str, Value]) -> Value:
    return _merged(runtime, True, into, maps)


def _deep_copy(runtime: Runtime, value: Value) -> Value:
    return thaw(value, runtime)


def _dig(*args: Value) -> Value:
    if len(args) < 3:
        raise FunctionError("dig needs at least three arguments")
    *path, default, values = args
    for key in path:
        if type(key) is not str:
            raise FunctionError(f"interface conversion: interface {{}} is {type_name(key)}, not string")
    for key in path:
        if type(values) is not dict and type(values) is not GoMap:
            raise FunctionError(f"interface conversion: interface {{}} is {kind_name(values)}, not map[string]interface {{}}")
        if key not in values:
            return default
        values = lookup(values, key)
    return values


FUNCTIONS: Final[dict[str, Function]] = {
    "dict": fn(_dict, variadic=ANY, runtime=True, light=True),
    "get": fn(_get, MAP, STRING, light=True),
    "set": fn(_set, MAP, STRING, ANY, mutates=True, light=True),
    "unset": fn(_unset, MAP, STRING, mutates=True, light=True),
    "hasKey": fn(lambda values, key: key in values, MAP, STRING, light=True),
    "pluck": fn(_pluck, STRING, variadic=MAP),
    "keys": fn(_keys, variadic=MAP),
    "values": fn(_values, MAP),
    "pick": fn(_pick, MAP, variadic=STRING),
    "omit": fn(_omit, MAP, variadic=STRING),
    "merge": fn(_merge_keep, MAP, variadic=MAP, runtime=True, mutates=True),
    "mustMerge": fn(_merge_keep, MAP, variadic=MAP, runtime=True, mutates=True),
    "mergeOverwrite": fn(_merge_over, MAP, variadic=MAP, runtime=True, mutates=True),
    "mustMergeOverwrite": fn(_merge_over, MAP, variadic=MAP, runtime=True, mutates=True),
    "deepCopy": fn(_deep_copy, ANY, runtime=True),
    "mustDeepCopy": fn(_deep_copy, ANY, runtime=True),
    "dig": fn(_dig, variadic=ANY, light=True),
}
