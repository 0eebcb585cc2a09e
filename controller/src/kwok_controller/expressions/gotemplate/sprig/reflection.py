# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of types."""

from __future__ import annotations

from typing import Final

from kwok_controller.expressions.gotemplate.functions import ANY, STRING, Function, fn
from kwok_controller.expressions.gotemplate.limits import Runtime
from kwok_controller.expressions.gotemplate.values import Value, deep_equal, kind_name, type_name


def _type_is_like(wanted: str, value: Value) -> bool:
    return type_name(value) in (wanted, "*" + wanted)


def _deep_equal(runtime: Runtime, left: Value, right: Value) -> bool:
    return deep_equal(left, right, runtime)


FUNCTIONS: Final[dict[str, Function]] = {
    "typeOf": fn(type_name, ANY, light=True),
    "typeIs": fn(lambda wanted, value: wanted == type_name(value), STRING, ANY, light=True),
    "typeIsLike": fn(_type_is_like, STRING, ANY, light=True),
    "kindOf": fn(kind_name, ANY, light=True),
    "kindIs": fn(lambda wanted, value: wanted == kind_name(value), STRING, ANY, light=True),
    "deepEqual": fn(_deep_equal, ANY, ANY, runtime=True),
}
