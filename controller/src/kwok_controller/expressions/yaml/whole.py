# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The reader for all of YAML: libyaml finds the parts, the values are made here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

import yaml

from kwok_controller.expressions.gotemplate.gotime import parse_time
from kwok_controller.expressions.yaml.errors import YamlError, YamlLimitError
from kwok_controller.expressions.yaml.limits import Limits
from kwok_controller.expressions.yaml.scalars import json_number, key_text, resolve_go

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_TYPES: Final[dict[str, tuple[type, ...]]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}
_TIMES: Final = ("2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999", "2006-1-2")
_MERGE: Final[Any] = object()


def read_whole(text: str, limits: Limits) -> Any:
    """The first document of a text, None where there is none.

    Raises:
        YamlError: it is no YAML, or cannot be had as JSON.
        YamlLimitError: it goes over a limit.
    """
    try:
        return _Reader(yaml.parse(text, Loader=_LOADER), limits).document()
    except yaml.YAMLError as error:
        raise YamlError(_message(error)) from error
    except UnicodeEncodeError as error:
        raise YamlError("a surrogate is no character") from error


def _message(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else f"no YAML: {problem}"


class _KeyRefused(YamlError):
    """JSON cannot have this key."""


class _Refused:
    """A mapping with a key that JSON cannot have. As in Go, that counts only where the mapping stays: the last of equal keys wins."""

    def __init__(self, error: YamlError) -> None:
        self.error = error


def _refusal(value: Any) -> YamlError | None:
    """The first error in a value that was read."""
    if isinstance(value, _Refused):
        return value.error
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((error for error in map(_refusal, inner) if error), None)


class _Reader:
    def __init__(self, events: Iterator[Any], limits: Limits) -> None:
        self._events = events
        self._limits = limits
        self._nodes = 0
        self._refused = False
        # By anchor: the value, and how many nodes it is. None while it is being read.
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def document(self) -> Any:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if event.version and event.version != (1, 1):
                    raise YamlError("found incompatible YAML document")
                value = _jsonable(self._node(next(self._events), 0))
                next(self._events)  # the document must end as one
                if self._refused and (error := _refusal(value)):
                    raise error
                return value
        return None

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._limits.nodes:
            raise YamlLimitError(f"more than {self._limits.nodes} values of YAML")

    def _node(self, event: Any, depth: int) -> Any:
        if depth > self._limits.depth:
            raise YamlLimitError(f"YAML nested more than {self._limits.depth} deep")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(f"{_place(event)}: unknown anchor {event.anchor!r}")
            known = self._anchors[event.anchor]
            if known is None:
                raise YamlError(f"{_place(event)}: anchor {event.anchor!r} contains itself")
            self._count(known[1])
            return known[0]
        before = self._nodes
        self._count(1)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._list(depth)
        else:
            value = self._mapping(depth)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._nodes - before)
        return value

    def _list(self, depth: int) -> list[Any]:
        items = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(_jsonable(self._node(event, depth + 1)))
        return items

    def _mapping(self, depth: int) -> dict[str, Any] | _Refused:
        made: dict[str, Any] = {}
        refused: YamlError | None = None
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            try:
                key = self._key(event, depth)
            except _KeyRefused as error:
                key, refused = "", refused or YamlError(str(error))
            value = self._node(next(self._events), depth + 1)
            if key is _MERGE:
                _merge(made, value, event)
            else:
                made[key] = _jsonable(value)
        if refused is None:
            return made
        self._refused = True
        return _Refused(refused)

    def _key(self, event: Any, depth: int) -> Any:
        if (
            isinstance(event, yaml.ScalarEvent)
            and event.value == "<<"
            and (event.tag == f"{_TAG}merge" or (event.implicit[0] and event.tag is None))
        ):
            return _MERGE
        key = self._node(event, depth + 1)
        if isinstance(key, (list, dict, _Refused)):
            raise YamlError(f"{_place(event)}: a list or mapping cannot be a key")
        try:
            return key_text(key)
        except YamlError as error:
            raise _KeyRefused(f"{_place(event)}: {error}") from None


def _place(event: Any) -> str:
    return f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"


def _merge(made: dict[str, Any], value: Any, event: Any) -> None:
    """`<<`: takes over the entries of a mapping, or of several, of which the first counts most."""
    mappings = value if isinstance(value, list) else [value]
    if not all(isinstance(mapping, dict) for mapping in mappings):
        raise YamlError(f"{_place(event)}: << needs a mapping or a list of mappings")
    for mapping in reversed(mappings):
        made.update(mapping)


def _scalar(event: Any) -> Any:
    """The value of a scalar in Go."""
    text = event.value
    if event.tag is None or event.tag == "!":
        return resolve_go(text) if event.tag is None and event.implicit[0] else text
    if not event.tag.startswith(_TAG):
        return text
    kind = event.tag[len(_TAG) :]
    if kind == "binary":
        return _binary(text, event)
    if kind == "timestamp":
        if not any(_is_time(layout, text) for layout in _TIMES):
            raise YamlError(f"{_place(event)}: {text!r} is no timestamp")
        return text
    if kind not in _TYPES:
        return text
    value = resolve_go(text)
    if type(value) not in _TYPES[kind]:
        raise YamlError(f"{_place(event)}: {text!r} is no {kind}")
    return float(value) if kind == "float" else value


def _is_time(layout: str, text: str) -> bool:
    try:
        parse_time(layout, text)
    except ValueError:
        return False
    return True


def _binary(text: str, event: Any) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise YamlError(f"{_place(event)}: !!binary is no base64") from None


def _jsonable(value: Any) -> Any:
    return json_number(value) if type(value) is float else value
