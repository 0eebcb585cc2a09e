# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a part of a query is compiled into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.limits import Run
from kwok_controller.expressions.jq.paths import Path

Env: TypeAlias = Any
"""`(entry, the environment around it)`, or None."""

One: TypeAlias = Callable[[Run, Env, Any], Any]
Gen: TypeAlias = Callable[[Run, Env, Any], Iterator[Any]]
Paths: TypeAlias = Callable[[Run, Env, Path | None, Any], Iterator[tuple[Path | None, Any]]]
"""Results with the paths that lead to them: None for what is no part of the input."""

Batch: TypeAlias = Callable[[Run, list[Any]], list[Any]]
"""All results for a list of inputs, of a query that needs no environment."""


class Code:
    """Compiled code.

    Attributes:
        gen: gives its results.
        one: gives its only result, where there is always exactly one.
        batch: gives the results for many inputs, where it is so simple.
        constant: its result, in a list, where it does not depend on anything.
        names: of a path such as `.a.b`.
    """

    __slots__ = ("_paths", "batch", "constant", "gen", "names", "one")

    def __init__(
        self, *, one: One | None = None, gen: Gen | None = None, paths: Callable[[], Paths] | None = None, batch: Batch | None = None
    ) -> None:
        self.one = one
        self.gen: Gen = gen or (_single(one) if one else _unset)
        self._paths = paths
        self.batch = batch
        self.constant: list[Any] | None = None
        self.names: tuple[str, ...] | None = None

    def take(self, other: Code) -> None:
        """Becomes another."""
        self.one, self.gen, self._paths, self.batch, self.constant = other.one, other.gen, other._paths, other.batch, other.constant

    def paths(self) -> Paths:
        """What gives its results with their paths."""
        return self._paths() if self._paths else _pathless(self.gen)


def _unset(run: Run, env: Env, value: Any) -> Iterator[Any]:
    raise AssertionError("called before it is compiled")


def _single(one: One) -> Gen:
    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        yield one(run, env, value)

    return gen


def _pathless(gen: Gen) -> Paths:
    def paths(run: Run, env: Env, path: Path | None, value: Any) -> Iterator[tuple[Path | None, Any]]:
        for result in gen(run, env, value):
            yield (path if _is_input(result, value) else None), result

    return paths


def _is_input(result: Any, value: Any) -> bool:
    """Whether a result counts as the input itself, as it does in gojq: where Go cannot tell them apart."""
    if isinstance(result, (dict, list)):
        return result is value or (result == [] and value == [])
    return type(result) is type(value) and bool(result == value)


def checked(path: Path | None, value: Any) -> Path:
    """The path, where there is one.

    Raises:
        JqRuntimeError: the value is no part of the input.
    """
    if path is None:
        raise v.failure(f"invalid path against: {v.preview(value)}")
    return path


def lookup(env: Env, up: int) -> Any:
    """The entry so many places up."""
    while up:
        env = env[1]
        up -= 1
    return env[0]


def outer(env: Env, up: int) -> Env:
    """The environment so many places up."""
    while up:
        env = env[1]
        up -= 1
    return env


def truthy(value: Any) -> bool:
    """Neither null nor false."""
    return value is not None and value is not False
