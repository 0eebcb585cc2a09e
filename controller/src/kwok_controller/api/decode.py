# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Objects as orjson or a YAML reader yields them, checked and brought into their types.

Checked is what the CRDs check, with the same treatment of nulls as an apiserver: a null member counts as missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.kinds import KINDS, Resource
from kwok_controller.api.meta import API_VERSION, ObjectMeta
from kwok_controller.api.normalize import normalize
from kwok_controller.api.stage import Stage

T = TypeVar("T")

# Objects of the API are shallow (a stage: 8 levels); what is deeper is refused before anything recurses into it.
MAX_DEPTH = 64

_TYPE_NAMES = {
    "object": "an object",
    "array": "a list",
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
}


def decode_stage(obj: Any) -> Stage:
    """The stage, with its deprecated forms brought to `steps` and `jq`. Unknown fields are read over.

    Raises:
        InvalidObject: The object is no stage; the error says where and why.
    """
    return normalize(decode_as(obj, "Stage", Stage))


def decode(obj: Any) -> Resource:
    """An object of any kind; a stage as by `decode_stage`.

    Raises:
        InvalidObject: The object is of none of the kinds, or not as its kind demands.
    """
    name = obj.get("kind") if isinstance(obj, dict) else None
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise InvalidObject("$.kind", f"expected one of {', '.join(sorted(KINDS))}, got {_shown(name)}", subject_of(obj))
    decoded = decode_as(obj, kind.name, kind.type, kind.api_version)
    return normalize(decoded) if isinstance(decoded, Stage) else decoded


def decode_as(obj: Any, kind: str, cls: type[T], api_version: str = API_VERSION) -> T:
    """The object in the given type, which is that of the given kind.

    Objects in lists of an apiserver may lack `apiVersion` and `kind`, so they may here.

    Raises:
        InvalidObject: The object does not fit.
    """
    subject = subject_of(obj, kind)
    if not isinstance(obj, dict):
        raise InvalidObject("$", f"expected an object, got {_shown(obj)}", subject)
    for key, expected in (("apiVersion", api_version), ("kind", kind)):
        if obj.get(key, expected) != expected:
            raise InvalidObject(f"$.{key}", f"expected {expected}, got {_shown(obj[key])}", subject)
    cleaned = _without_nulls(obj, "$", subject)
    try:
        decoded = msgspec.convert(cleaned, cls)
    except msgspec.ValidationError as error:
        raise _located(error, cleaned, cls, subject) from None
    _refuse_duplicates(cls, cleaned, subject)
    return decoded


def unknown_fields(obj: Any, kind: str) -> list[str]:
    """The JSON paths of the fields that objects of this kind don't have; `metadata` is not looked into.

    Raises:
        KeyError: There is no such kind.
    """
    return unknown_fields_of(obj, KINDS[kind].type)


def unknown_fields_of(obj: Any, cls: type) -> list[str]:
    """The same for any type that has `apiVersion` and `kind` beside its fields."""
    unknown = []
    for path, kind, _, value in _walk(type_of(cls), obj, "$"):
        if isinstance(kind, inspect.StructType) and isinstance(value, dict):
            known = {field.encode_name for field in kind.fields}
            if path == "$":
                known |= {"apiVersion", "kind"}
            unknown += [_member(path, str(key)) for key in value if key not in known]
    return unknown


def subject_of(obj: Any, kind: str = "") -> str:
    """How messages name an object: `Stage "pod-ready"`."""
    if isinstance(obj, dict):
        if not kind and isinstance(obj.get("kind"), str):
            kind = obj["kind"]
        metadata = obj.get("metadata")
        if isinstance(metadata, dict) and isinstance(metadata.get("name"), str):
            return f'{kind} "{metadata["name"]}"'.strip()
    return kind


def _without_nulls(value: Any, path: str, subject: str, depth: int = 0) -> Any:
    """A copy without the members that are null, as an apiserver prunes them, and with 1.0 as 1, as JSON has it."""
    if depth > MAX_DEPTH:
        raise InvalidObject(path, f"nested deeper than {MAX_DEPTH} levels", subject)
    if isinstance(value, dict):
        result = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise InvalidObject(path, f"expected a string as key, got {_shown(key)}: put it in quotes", subject)
            if member is not None:
                result[key] = _without_nulls(member, _member(path, key), subject, depth + 1)
        return result
    if isinstance(value, list):
        return [_without_nulls(item, f"{path}[{index}]", subject, depth + 1) for index, item in enumerate(value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _member(path: str, key: str) -> str:
    return f"{path}.{key}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) else f"{path}[{key!r}]"


def _shown(value: Any) -> str:
    text = repr(value) if value is not None else "null"
    return text if len(text) <= 80 else text[:77] + "..."


def _located(error: msgspec.ValidationError, obj: Any, cls: type, subject: str) -> InvalidObject:
    """The error as one of ours: with the keys of maps in the path, and with the value that was found."""
    message, _, path = str(error).partition(" - at `$")
    value = obj
    found = "$"
    for step in re.findall(r"\[\.\.\.\]|\[\d+\]|\.[^.\[]+", path.removesuffix("`")):
        key: Any = step[1:]
        if step == "[...]":
            key = _culprit(value, str(error), obj, cls)
        elif step.startswith("["):
            key = int(step[1:-1])
        value = value[key]
        found = f"{found}[{key}]" if isinstance(key, int) else _member(found, key)
    if missing := re.search(r"missing required field `(.+)`", message):
        return InvalidObject(_member(found, missing[1]), "is required", subject)
    if expected := _expected(cls, obj, found):
        return InvalidObject(found, f"expected {expected}, got {_shown(value)}", subject)
    return InvalidObject(found, in_words(error, value), subject)


def in_words(error: msgspec.ValidationError, value: Any) -> str:
    """What msgspec has against a value, in words for people who write YAML, and the value."""
    message = str(error).partition(" - at ")[0]
    message = re.sub(r"`(\w+)(?: \| null)?`", lambda match: _TYPE_NAMES.get(match[1], match[0]), message).partition(", got")[0]
    return f"{message[0].lower()}{message[1:]}, got {_shown(value)}"


def _expected(cls: type, obj: Any, path: str) -> str:
    """What may stand at a path, where its type says so in better words than msgspec."""
    for at, kind, extra, _ in _walk(type_of(cls), obj, "$"):
        if at == path:
            if isinstance(kind, inspect.LiteralType):
                return f"one of {', '.join(map(str, kind.values))}"
            return str(extra.get("title", ""))
    return ""


def _culprit(mapping: dict[str, Any], error: str, obj: Any, cls: type) -> str:
    """The key of the member that is wrong, which the error doesn't tell: the one that yields the same error alone."""
    members = dict(mapping)
    try:
        for key, member in members.items():
            mapping.clear()
            mapping[key] = member
            try:
                msgspec.convert(obj, cls)
            except msgspec.ValidationError as again:
                if str(again) == error:
                    return key
    finally:
        mapping.clear()
        mapping.update(members)
    raise AssertionError(error)


@cache
def type_of(cls: type) -> inspect.Type:
    """What msgspec knows of a type."""
    return inspect.type_info(cls)


def unwrap(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """A type without its annotations and without `None`, and what the annotations add to the JSON schema."""
    extra: dict[str, Any] = {}
    while True:
        if isinstance(kind, inspect.Metadata):
            extra = {**(kind.extra_json_schema or {}), **extra}
            kind = kind.type
        elif isinstance(kind, inspect.UnionType) and len(kind.types) == 2 and kind.includes_none:
            kind = next(t for t in kind.types if not isinstance(t, inspect.NoneType))
        else:
            return kind, extra


def _walk(kind: inspect.Type, value: Any, path: str) -> Iterator[tuple[str, inspect.Type, dict[str, Any], Any]]:
    """Every value in an object: its path, its type, what its annotations say, and itself. Metadata is left out."""
    kind, extra = unwrap(kind)
    if isinstance(kind, inspect.StructType) and kind.cls is ObjectMeta:
        return
    yield path, kind, extra, value
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        for field in kind.fields:
            if value.get(field.encode_name) is not None:
                yield from _walk(field.type, value[field.encode_name], _member(path, field.encode_name))
    elif isinstance(kind, inspect.DictType) and isinstance(value, dict):
        for key, member in value.items():
            yield from _walk(kind.value_type, member, _member(path, str(key)))
    elif isinstance(kind, inspect.ListType) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(kind.item_type, item, f"{path}[{index}]")


def _refuse_duplicates(cls: type, obj: Any, subject: str) -> None:
    """Two items of a list that are told apart by a field, with the same value there, are refused."""
    for path, _, extra, items in _walk(type_of(cls), obj, "$"):
        for key in extra.get("x-kubernetes-list-map-keys", ()):
            seen = set()
            for index, item in enumerate(items):
                if item[key] in seen:
                    raise InvalidObject(f"{path}[{index}].{key}", f"{_shown(item[key])} is there twice", subject)
                seen.add(item[key])
