# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""gojq's functions of values in general, of arrays and of objects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from kwok_controller.expressions.gotemplate.strconv import byte_len
from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.code import truthy
from kwok_controller.expressions.jq.definitions import defined_names
from kwok_controller.expressions.jq.errors import JqLimitError
from kwok_controller.expressions.jq.formats import FORMATS
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.paths import delete_paths, set_path
from kwok_controller.expressions.jq.registry import BUILTINS, array_of, native, not_for, text_of

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@native("type/0")
def _type(run: Run, value: Any) -> str:
    return v.type_name(value)


@native("length/0")
def _length(run: Run, value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, (str, list, dict)):
        return len(value)
    if not v.is_number(value):
        raise not_for("length", value)
    return abs(value)


@native("utf8bytelength/0")
def _utf8bytelength(run: Run, value: Any) -> int:
    return byte_len(text_of("utf8bytelength", value))


@native("keys/0")
def _keys(run: Run, value: Any) -> list[Any]:
    found = v.keys(value)
    run.charge(len(found))
    return found


@native("has/1")
def _has(run: Run, value: Any, key: Any) -> bool:
    if value is None and (isinstance(key, str) or v.is_number(key)):
        return False
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and v.is_number(key):
        return bool(0 <= key < len(value))
    raise v.failure(f"has({v.preview(key)}) cannot be applied to: {v.preview(value)}")


@native("contains/1")
def _contains(run: Run, value: Any, wanted: Any) -> bool:
    if v.type_name(value) != v.type_name(wanted) or (isinstance(value, bool) and value is not wanted):
        raise v.failure(f"contains({v.preview(wanted)}) cannot be applied to: {v.preview(value)}")
    return _contained(run, value, wanted, 0)


def _contained(run: Run, value: Any, wanted: Any, depth: int) -> bool:
    run.charge()
    if depth > v.MAX_DEPTH:
        raise JqLimitError(f"values nested more than {v.MAX_DEPTH} deep")
    if isinstance(value, dict) and isinstance(wanted, dict):
        return all(key in value and _contained(run, value[key], item, depth + 1) for key, item in wanted.items())
    if isinstance(value, list) and isinstance(wanted, list):
        return all(any(_contained(run, item, other, depth + 1) for item in value) for other in wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        run.reserve(len(value))
        return wanted in value
    return v.equal(value, wanted, run)


@native("tojson/0")
def _tojson(run: Run, value: Any) -> str:
    return v.json_text(value, run)


@native("fromjson/0")
def _fromjson(run: Run, value: Any) -> Any:
    if not isinstance(value, str):
        raise not_for("fromjson", value)
    run.reserve(len(value) * 8)

    def refuse(name: str) -> Any:
        raise ValueError(name)

    try:
        return json.loads(value, parse_constant=refuse, parse_int=lambda digits: v.whole(int(digits[: run.limits.bits]), run))
    except (ValueError, RecursionError) as error:
        raise v.failure(f"fromjson cannot be applied to {v.preview(value)}: {error}") from error


@native("tostring/0")
def _tostring(run: Run, value: Any) -> str:
    return v.text(value, run)


@native("tonumber/0")
def _tonumber(run: Run, value: Any) -> Any:
    if v.is_number(value):
        return value
    if not isinstance(value, str):
        raise not_for("tonumber", value)
    if not _NUMBER.fullmatch(value) or len(value) > run.limits.bits // 4:
        raise v.failure(f"tonumber cannot be applied to {v.preview(value)}: invalid number")
    try:
        return int(value)
    except ValueError:
        return float(value)


@native("toboolean/0")
def _toboolean(run: Run, value: Any) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise not_for("toboolean", value)


@native("format/1")
def _format(run: Run, value: Any, name: Any) -> str:
    if not isinstance(name, str):
        raise v.failure(f"format({v.preview(name)}) cannot be applied to: {v.preview(value)}")
    if name not in FORMATS:
        raise v.failure(f"format not defined: {v.preview(name)}")
    return FORMATS[name](value, run)


@native("setpath/2")
def _setpath(run: Run, value: Any, path: Any, new: Any) -> Any:
    if not isinstance(path, list):
        raise not_for("setpath", path)
    return set_path(value, tuple(path), new, run)


@native("delpaths/1")
def _delpaths(run: Run, value: Any, paths: Any) -> Any:
    if not isinstance(paths, list) or not all(isinstance(path, list) for path in paths):
        raise not_for("delpaths", paths)
    return delete_paths(value, [tuple(path) for path in paths], run)


@native("from_entries/0")
def _from_entries(run: Run, value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in v.elements(value):
        run.charge()
        if not isinstance(entry, dict):
            raise v.failure(f"expected an object but got: {v.preview(entry)}")
        key = next((entry[name] for name in ("key", "Key", "name", "Name") if truthy(entry.get(name))), None)
        if not isinstance(key, str):
            raise v.failure(f"expected a string for object key but got: {v.preview(key)}")
        made[key] = entry["value"] if "value" in entry else entry.get("Value")
    return made


@native("builtins/0")
def _builtins(run: Run, value: Any) -> list[str]:
    names = {*BUILTINS, *defined_names()}
    return run.made(sorted(name for name in names if not name.startswith("_")))  # type: ignore[no-any-return]


@native("sort/0")
def _sort(run: Run, value: Any) -> list[Any]:
    return sorted(array_of("sort", value), key=v.sort_key(run))


@native("unique/0")
def _unique(run: Run, value: Any) -> list[Any]:
    made: list[Any] = []
    for item in sorted(array_of("unique", value), key=v.sort_key(run)):
        if not made or v.compare(made[-1], item, run):
            made.append(item)
    return made


@native("min/0")
def _min(run: Run, value: Any) -> Any:
    return min(array_of("min", value), key=v.sort_key(run), default=None)


@native("max/0")
def _max(run: Run, value: Any) -> Any:
    return max(reversed(array_of("max", value)), key=v.sort_key(run), default=None)


def _keyed(name: str, value: Any, keys: Any) -> list[tuple[Any, Any]]:
    items = array_of(name, value)
    # Where a query itself calls `_sort_by` and the like, the keys are whatever it says.
    if not isinstance(keys, list) or len(keys) != len(items):
        raise not_for(name, keys)
    return list(zip(keys, items, strict=True))


def _by_key(run: Run) -> Callable[[tuple[Any, Any]], Any]:
    wrap = v.sort_key(run)
    return lambda pair: wrap(pair[0])


@native("_sort_by/1")
def _sort_by(run: Run, value: Any, keys: list[Any]) -> list[Any]:
    return [item for _, item in sorted(_keyed("sort_by", value, keys), key=_by_key(run))]


@native("_group_by/1")
def _group_by(run: Run, value: Any, keys: list[Any]) -> list[Any]:
    groups: list[list[Any]] = []
    last: Any = None
    for key, item in sorted(_keyed("group_by", value, keys), key=_by_key(run)):
        if groups and v.compare(last, key, run) == 0:
            groups[-1].append(item)
        else:
            groups.append([item])
        last = key
    return groups


@native("_unique_by/1")
def _unique_by(run: Run, value: Any, keys: list[Any]) -> list[Any]:
    return [group[0] for group in _group_by(run, value, keys)]


@native("_min_by/1")
def _min_by(run: Run, value: Any, keys: list[Any]) -> Any:
    return min(_keyed("min_by", value, keys), key=_by_key(run), default=(None, None))[1]


@native("_max_by/1")
def _max_by(run: Run, value: Any, keys: list[Any]) -> Any:
    return max(reversed(_keyed("max_by", value, keys)), key=_by_key(run), default=(None, None))[1]


@native("reverse/0")
def _reverse(run: Run, value: Any) -> list[Any]:
    items = array_of("reverse", value)
    run.reserve(len(items))
    return list(reversed(items))


@native("flatten/0")
def _flatten_all(run: Run, value: Any) -> list[Any]:
    return _flatten(run, value, v.MAX_DEPTH)


@native("flatten/1")
def _flatten(run: Run, value: Any, depth: Any) -> list[Any]:
    if not v.is_number(depth):
        raise not_for("flatten", depth)
    if depth < 0:
        raise v.failure(f"flatten depth should not be negative: {v.number_text(depth)}")
    items = v.elements(value)
    for _ in range(int(min(depth, v.MAX_DEPTH))):
        if not any(isinstance(item, list) for item in items):
            break
        flat: list[Any] = []
        for item in items:
            run.charge()
            if isinstance(item, list):
                run.charge(len(item))
                flat.extend(item)
            else:
                flat.append(item)
        items = flat
    run.reserve(len(items))
    return list(items)


@native("indices/1")
def _indices(run: Run, value: Any, wanted: Any) -> list[int] | None:
    if value is None:
        return None
    if isinstance(value, list):
        found = v.occurrences(value, wanted if isinstance(wanted, list) else [wanted], run)
        return [] if found is None else found
    if not isinstance(value, str) or not isinstance(wanted, str):
        raise v.failure(f"indices({v.preview(wanted)}) cannot be applied to: {v.preview(value)}")
    places: list[int] = []
    if not wanted:
        return places
    at = value.find(wanted)
    while at >= 0:
        run.charge(1 + (len(wanted) >> 6))
        places.append(at)
        at = value.find(wanted, at + 1)
    run.reserve(len(value))
    return places


@native("index/1")
def _index(run: Run, value: Any, wanted: Any) -> int | None:
    found = _indices(run, value, wanted)
    return found[0] if found else None


@native("rindex/1")
def _rindex(run: Run, value: Any, wanted: Any) -> int | None:
    found = _indices(run, value, wanted)
    return found[-1] if found else None


@native("bsearch/1")
def _bsearch(run: Run, value: Any, wanted: Any) -> int:
    items = array_of("bsearch", value)
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if v.compare(items[middle], wanted, run) < 0:
            low = middle + 1
        else:
            high = middle
    return low if low < len(items) and v.compare(items[low], wanted, run) == 0 else -low - 1
