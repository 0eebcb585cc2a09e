# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The simplest queries, of which selectors are mostly made, lowered to plain loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kwok_controller.expressions.jq import nodes as n
from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.code import Batch, Code, Env, checked
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.paths import Path


def names_of(node: n.Node) -> tuple[str, ...] | None:
    """The names of a path such as `.a.b["c"]`."""
    names: list[str] = []
    while isinstance(node, n.Index):
        if not (isinstance(node.index, n.Literal) and isinstance(node.index.value, str)):
            return None
        names.append(node.index.value)
        node = node.target
    return tuple(reversed(names)) if isinstance(node, n.Identity) else None


def path_of_names(names: tuple[str, ...]) -> Code:
    """The code of such a path."""

    def get(value: Any) -> Any:
        for name in names:
            if type(value) is dict:
                value = value.get(name)
            elif value is None:
                return None
            else:
                raise v.failure(f"expected an object but got: {v.preview(value)}")
        return value

    def go(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
        yield (*checked(path, value), *names), get(value)

    def batch(run: Run, values: list[Any]) -> list[Any]:
        return [get(value) for value in values]

    def batch_of_name(run: Run, values: list[Any]) -> list[Any]:
        return [value.get(only) if type(value) is dict else get(value) for value in values]

    only = names[0]
    code = Code(one=lambda run, env, value: get(value), paths=lambda: go, batch=batch if len(names) > 1 else batch_of_name)
    code.names = names
    return code


def select_equal(condition: n.Node) -> Batch | None:
    """`select(.name == "text")`: the filter that selectors are made of."""
    if not (isinstance(condition, n.Binary) and condition.op == "==" and isinstance(condition.right, n.Literal)):
        return None
    names, wanted = names_of(condition.left), condition.right.value
    if names is None or len(names) != 1 or type(wanted) is not str:
        return None
    name = names[0]
    get = path_of_names(names).one
    assert get

    def batch(run: Run, values: list[Any]) -> list[Any]:
        run.steps -= len(values)  # what follows charges on
        return [value for value in values if (value.get(name) if type(value) is dict else get(run, None, value)) == wanted]

    return batch
