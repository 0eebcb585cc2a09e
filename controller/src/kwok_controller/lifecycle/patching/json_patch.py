# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""JSON patches: RFC 6902. As with the apiserver, an index may be negative: it counts from the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from kwok_controller.lifecycle.patching.equality import MISSING, same
from kwok_controller.lifecycle.patching.errors import PatchError

Edit: TypeAlias = Callable[[Any, str], Any]
"""Gives the changed copy of a dict or list, with something done at a key."""

# kube-apiserver takes no more in one patch (apiserver/pkg/endpoints/handlers/patch.go, maxJSONPatchOperations).
MAX_OPERATIONS: Final = 10_000
_INDEX: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,8})")


def apply_json(obj: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """What a JSON patch makes of an object: the very same object where it changes nothing.

    Args:
        obj: the object.
        operations: `{"op": …, "path": …, "value": …, "from": …}`.

    Raises:
        PatchError: an operation is malformed, does not fit the object, or is a `test` that fails. It says which one.
    """
    if not isinstance(operations, (list, tuple)):
        raise PatchError("a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        raise PatchError(f"a JSON patch of more than {MAX_OPERATIONS} operations")
    result = obj
    for number, operation in enumerate(operations):
        try:
            result = _apply(result, operation)
        except _Failed as failed:
            raise PatchError(str(failed), path=str(_part(operation, "path")), operation=number) from failed
    return obj if same(obj, result) else result


class _Failed(Exception):
    # What is wrong with one operation.
    pass


def _part(operation: Any, name: str) -> Any:
    return operation.get(name, "") if isinstance(operation, Mapping) else ""


def _apply(document: Any, operation: Any) -> Any:
    if not isinstance(operation, Mapping):
        raise _Failed("an operation is an object with op and path")
    name = operation.get("op")
    path = _pointer(operation, "path")
    if name in ("add", "replace", "test"):
        if "value" not in operation:
            raise _Failed(f"{name} needs a value")
        value = operation["value"]
        if name == "add":
            return _add(document, path, value)
        if name == "replace":
            return _replace(document, path, value)
        _test(document, path, value)
        return document
    if name == "remove":
        return _remove(document, path)
    if name == "move":
        source = _pointer(operation, "from")
        if path[: len(source)] == source and len(path) > len(source):
            raise _Failed(f"{_text(source)} cannot be moved into itself")
        value = _get(document, source)
        return _add(_remove(document, source), path, value)
    if name == "copy":
        return _add(document, path, _get(document, _pointer(operation, "from")))
    raise _Failed(f"{name!r} is no operation: add, remove, replace, move, copy and test are")


def _pointer(operation: Mapping[str, Any], name: str) -> tuple[str, ...]:
    text = operation.get(name)
    if not isinstance(text, str):
        raise _Failed(f"{name} is missing, or no string")
    if not text:
        return ()
    if text[0] != "/":
        raise _Failed(f"{name} {text!r} does not begin with a slash")
    return tuple(part.replace("~1", "/").replace("~0", "~") if "~" in part else part for part in text[1:].split("/"))


def _text(path: tuple[str, ...]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path) or "the whole object"


def _index(items: list[Any], key: str, *, last: int) -> int:
    if not _INDEX.fullmatch(key):
        raise _Failed(f"{key!r} is no index of a list")
    at = int(key)
    if at < 0:
        at += last + 1
    if not 0 <= at <= last:
        raise _Failed(f"there is no index {key} in a list of {len(items)}")
    return at


def _child(container: Any, key: str) -> Any:
    if type(container) is dict:
        return container.get(key, MISSING)
    if type(container) is list:
        return container[_index(container, key, last=len(container) - 1)]
    raise _Failed(f"there is no {key!r} in what is neither object nor list")


def _get(document: Any, path: tuple[str, ...]) -> Any:
    for depth, key in enumerate(path):
        document = _child(document, key)
        if document is MISSING:
            raise _Failed(f"{_text(path[: depth + 1])} is not there")
    return document


def _edit(document: Any, path: tuple[str, ...], edit: Edit) -> Any:
    """Changes the container of a path's last part, copying what leads there."""
    containers = [document]
    for depth, key in enumerate(path[:-1]):
        below = _child(containers[-1], key)
        if below is MISSING or type(below) not in (dict, list):
            raise _Failed(f"{_text(path[: depth + 1])} is not there, or neither object nor list")
        containers.append(below)
    changed = edit(containers[-1], path[-1])
    for container, key in zip(reversed(containers[:-1]), reversed(path[:-1]), strict=True):
        copy = container.copy()
        if type(copy) is dict:
            copy[key] = changed
        else:
            copy[_index(copy, key, last=len(copy) - 1)] = changed
        changed = copy
    return changed


def _add(document: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value

    def edit(container: Any, key: str) -> Any:
        if type(container) is dict:
            return {**container, key: value}
        if type(container) is not list:
            raise _Failed(f"there is no {key!r} in what is neither object nor list")
        at = len(container) if key == "-" else _index(container, key, last=len(container))
        return [*container[:at], value, *container[at:]]

    return _edit(document, path, edit)


def _replace(document: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value

    def edit(container: Any, key: str) -> Any:
        if _child(container, key) is MISSING:
            raise _Failed(f"{_text(path)} is not there")
        if type(container) is dict:
            return {**container, key: value}
        copy = container.copy()
        copy[_index(copy, key, last=len(copy) - 1)] = value
        return copy

    return _edit(document, path, edit)


def _remove(document: Any, path: tuple[str, ...]) -> Any:
    if not path:
        raise _Failed("the whole object cannot be removed")

    def edit(container: Any, key: str) -> Any:
        if _child(container, key) is MISSING:
            raise _Failed(f"{_text(path)} is not there")
        copy = container.copy()
        if type(copy) is dict:
            del copy[key]
        else:
            del copy[_index(copy, key, last=len(copy) - 1)]
        return copy

    return _edit(document, path, edit)


def _test(document: Any, path: tuple[str, ...], value: Any) -> None:
    found = _child(_get(document, path[:-1]), path[-1]) if path else document
    # As the apiserver has it, nothing is as good as null.
    if not same(None if found is MISSING else found, value):
        raise _Failed(f"{_text(path)} is not what the test asks for")
