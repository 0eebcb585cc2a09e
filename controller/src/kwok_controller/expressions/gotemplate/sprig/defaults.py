# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of defaults."""

from __future__ import annotations

from typing import Final

from kwok_controller.expressions.gotemplate.functions import ANY, BOOL, Function, fn
from kwok_controller.expressions.gotemplate.values import Value


def empty(value: Value) -> bool:
    """Whether sprig takes a value for not set: nil, 0, false, without length. A struct (a time) is never empty."""
    return not value


def _default(default: Value, *given: Value) -> Value:
    return default if not given or empty(given[0]) else given[0]


def _coalesce(*values: Value) -> Value:
    return next((value for value in values if not empty(value)), None)


FUNCTIONS: Final[dict[str, Function]] = {
    "default": fn(_default, ANY, variadic=ANY, light=True),
    "empty": fn(empty, ANY, light=True),
    "coalesce": fn(_coalesce, variadic=ANY, light=True),
    "all": fn(lambda *values: not any(map(empty, values)), variadic=ANY, light=True),
    "any": fn(lambda *values: not all(map(empty, values)), variadic=ANY, light=True),
    "ternary": fn(lambda yes, no, which: yes if which else no, ANY, ANY, BOOL, light=True),
}
