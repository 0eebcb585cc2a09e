# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Macros over lists, and over the keys of maps. What one will cost at most is charged before it begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from kwok_controller.expressions.cel.errors import CelRuntimeError
from kwok_controller.expressions.cel.limits import Run
from kwok_controller.expressions.cel.values import no_overload, type_name

Code: TypeAlias = Callable[[Run], Any]


def _items(run: Run, value: Any, body: int) -> list[Any]:
    if type(value) is not list and type(value) is not dict:
        raise CelRuntimeError(f"{type_name(value)} is no list or map to go through")
    run.charge(len(value) * body)
    return value if type(value) is list else list(value)


def _deciding(name: str, deciding: bool) -> Callable[..., Code]:
    # An item that decides makes up for others that fail.
    def macro(operand: Code, place: int, body: int, predicate: Code) -> Code:
        def decide(run: Run) -> bool:
            failure: CelRuntimeError | None = None
            for item in _items(run, operand(run), body):
                run.variables[place] = item
                try:
                    value = predicate(run)
                except CelRuntimeError as error:
                    failure = failure or error
                    continue
                if value is deciding:
                    return value is True
                if type(value) is not bool:
                    failure = failure or no_overload(name, value)
            if failure is not None:
                raise failure
            return not deciding

        return decide

    return macro


def _test(run: Run, predicate: Code, name: str) -> bool:
    value = predicate(run)
    if type(value) is bool:
        return value
    raise no_overload(name, value)


def _exists_one(operand: Code, place: int, body: int, predicate: Code) -> Code:
    def decide(run: Run) -> bool:
        found = 0
        for item in _items(run, operand(run), body):
            run.variables[place] = item
            found += _test(run, predicate, "exists_one")
        return found == 1

    return decide


def _filter(operand: Code, place: int, body: int, predicate: Code) -> Code:
    def select(run: Run) -> list[Any]:
        kept = []
        for item in _items(run, operand(run), body):
            run.variables[place] = item
            if _test(run, predicate, "filter"):
                kept.append(item)
        return kept

    return select


def _map(operand: Code, place: int, body: int, *args: Code) -> Code:
    transform = args[-1]
    predicate = args[0] if len(args) == 2 else None

    def transformed(run: Run) -> list[Any]:
        made = []
        for item in _items(run, operand(run), body):
            run.variables[place] = item
            if predicate is None or _test(run, predicate, "map"):
                made.append(transform(run))
        return made

    return transformed


MACROS: Final[dict[str, Callable[..., Code]]] = {
    "all": _deciding("all", False),
    "exists": _deciding("exists", True),
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
}
"""Macros: of the code of what is gone through, the variable's place, the cost of one item in steps, and the code of the arguments."""
