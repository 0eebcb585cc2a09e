# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Paths into a value: reading, setting and deleting what they lead to. Nothing is changed in place."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from kwok_controller.expressions.jq.errors import JqLimitError
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.values import (
    MAX_DEPTH,
    failure,
    floor,
    index,
    is_number,
    preview,
    slice_bounds,
)

Path: TypeAlias = tuple[Any, ...]
_DELETED: Final[Any] = object()


def get_path(value: Any, path: Path, run: Run) -> Any:
    """What a path leads to; null where it leads to nothing."""
    for key in path:
        if value is None:
            return None
        run.charge()
        value = index(value, key, run)
    return value


def set_path(value: Any, path: Path, new: Any, run: Run) -> Any:
    """The value with something else at the end of a path.

    Raises:
        JqRuntimeError: the path does not fit the value.
        JqLimitError: the path is too deep, or an array would be too large.
    """
    if not path:
        return new
    if len(path) > MAX_DEPTH:
        raise JqLimitError(f"a path of more than {MAX_DEPTH} parts")
    key, rest = path[0], path[1:]
    if isinstance(key, str):
        if value is not None and not isinstance(value, dict):
            raise failure(f"expected an object but got: {preview(value)}")
        members: dict[str, Any] = value or {}
        run.reserve(len(members) + 1)
        return {**members, key: set_path(members.get(key), rest, new, run)}
    if value is not None and not isinstance(value, list):
        raise failure(f"expected an array but got: {preview(value)}")
    items: list[Any] = value or []
    if isinstance(key, dict):
        first, last = slice_bounds(key.get("start"), key.get("end"), len(items))
        part = set_path(items[first:last] if value is not None else None, rest, new, run)
        if not isinstance(part, list):
            raise failure(f"expected an array but got: {preview(part)}")
        run.reserve(len(items) + len(part))
        return items[:first] + part + items[last:]
    if not is_number(key):
        raise failure(f"expected an array index but got: {preview(key)}")
    at = floor(key)
    if at < 0:
        at += len(items)
        if at < 0:
            raise failure(f"array index out of bounds: {key}")
    run.reserve(max(len(items), at + 1))
    copy = items + [None] * (at + 1 - len(items))
    copy[at] = set_path(copy[at], rest, new, run)
    return copy


def delete_paths(value: Any, paths: list[Path], run: Run) -> Any:
    """The value without what the paths lead to.

    Raises:
        JqRuntimeError: a path does not fit the value.
    """
    # What is to go is marked first, for the paths were found while all was in its place.
    for path in paths:
        value = _mark(value, path, run)
    return None if value is _DELETED else _sweep(value, run, 0)


def _mark(value: Any, path: Path, run: Run) -> Any:
    run.charge()
    if value is None or value is _DELETED:
        return value
    if not path:
        return _DELETED
    if len(path) > MAX_DEPTH:
        raise JqLimitError(f"a path of more than {MAX_DEPTH} parts")
    key, rest = path[0], path[1:]
    if isinstance(key, str):
        if not isinstance(value, dict):
            raise failure(f"expected an object but got: {preview(value)}")
        if key not in value:
            return value
        run.reserve(len(value))
        return {**value, key: _mark(value[key], rest, run) if rest else _DELETED}
    if not isinstance(value, list):
        raise failure(f"expected an array but got: {preview(value)}")
    run.reserve(len(value))
    if isinstance(key, dict):
        first, last = slice_bounds(key.get("start"), key.get("end"), len(value))
        part = _mark(value[first:last], rest, run) if rest else [_DELETED] * (last - first)
        return value[:first] + part + value[last:]
    if not is_number(key):
        raise failure(f"expected an array index but got: {preview(key)}")
    at = floor(key)
    if at < 0:
        at += len(value)
    if not 0 <= at < len(value):
        return value
    return [*value[:at], _mark(value[at], rest, run) if rest else _DELETED, *value[at + 1 :]]


def _sweep(value: Any, run: Run, depth: int) -> Any:
    run.charge()
    if depth > MAX_DEPTH:
        raise JqLimitError(f"values nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {key: _sweep(item, run, depth + 1) for key, item in value.items() if item is not _DELETED}
    if isinstance(value, list):
        return [_sweep(item, run, depth + 1) for item in value if item is not _DELETED]
    return value
