# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Fields that a kind does not have, and an object that does not say its group: what msgspec reads over."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import inspect

from kwok_controller.api.decode import type_of, unknown_fields, unwrap
from kwok_controller.api.kinds import KINDS
from kwok_controller.api.meta import ObjectMeta
from kwok_controller.exposition.problems import Problem, error, plain


def check_fields(obj: Any, kind: str) -> Iterator[Problem]:
    """What is odd about the form of an object that should be of a kind.

    Raises:
        KeyError: There is no such kind.
    """
    for path in unknown_fields(obj, kind):
        near = difflib.get_close_matches(path.rpartition(".")[2], _known_names(kind), 1)
        yield error("unknown-field", plain(path), f"is no field of a {kind}" + (f": did you mean {near[0]}?" if near else ""))
    if isinstance(obj, dict) and obj.get("apiVersion") is None:
        yield error("schema", "apiVersion", f"is missing: {KINDS[kind].api_version} is expected")


@cache
def _known_names(kind: str) -> tuple[str, ...]:
    """All fields, without what is in the status: people do not write it."""
    return tuple(sorted(_names(type_of(KINDS[kind].type))))


def _names(kind: inspect.Type) -> set[str]:
    kind, _ = unwrap(kind)
    if isinstance(kind, inspect.ListType):
        return _names(kind.item_type)
    if isinstance(kind, inspect.DictType):
        return _names(kind.value_type)
    if not isinstance(kind, inspect.StructType) or kind.cls is ObjectMeta:
        return set()
    return {field.encode_name for field in kind.fields}.union(*(_names(field.type) for field in kind.fields if field.name != "status"))
