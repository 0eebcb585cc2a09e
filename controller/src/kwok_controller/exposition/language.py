# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The expressions of a Metric: CEL over `node`, `pod` and `container`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, Protocol, TypeAlias, get_args

from kwok_controller.expressions.cel import Limits, Overload, compile_cel_over
from kwok_controller.expressions.cel.limits import DEFAULT_LIMITS

Object: TypeAlias = dict[str, Any]
"""A node, pod or container, as JSON has it."""

Dimension: TypeAlias = Literal["node", "pod", "container"]

DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)

VARIABLES: Final[dict[Dimension, tuple[str, ...]]] = {"node": ("node",), "pod": ("node", "pod"), "container": ("node", "pod", "container")}
"""The variables that there are, by the dimension of the metric."""

_KINDS: Final = {"node": "Node", "pod": "Pod", "container": "Container"}

# Functions whose value depends on nothing but their arguments. All others count as if they looked at the clock.
_STABLE: Final = frozenset(
    (
        *("size", "matches", "contains", "startsWith", "endsWith", "Quantity", "UnixSecond", "type", "dyn", "int", "uint", "double"),
        *("bool", "string", "bytes", "timestamp", "duration", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek"),
        *("getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"),
    )
)


class Expression(Protocol):
    """A compiled expression, as `compile_cel_over` gives it.

    Attributes:
        kind: CEL's name of the type of its value; empty where it is not known.
        names: The variables that it uses.
        calls: The functions and methods that it calls.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def names(self) -> frozenset[str]: ...  # noqa: D102
    @property
    def calls(self) -> frozenset[str]: ...  # noqa: D102

    def __call__(self, node: Object, pod: Object | None, container: Object | None, /) -> Any:
        """The value for a node, and where the dimension has them a pod and a container. Fails with a `CelError`."""


Compile: TypeAlias = Callable[[str], Expression]
"""Compiles an expression. Fails with a `CelError`."""


def compiler(
    functions: Mapping[str, Sequence[Overload]], *, now: Callable[[], int], random: Callable[[], float], limits: Limits = DEFAULT_LIMITS
) -> Compile:
    """What compiles the expressions of metrics.

    Args:
        functions: What they can call beside the standard functions, such as `Usage`.
        now: The time, in nanoseconds since the epoch.
        random: Chance, from 0 to below 1.
        limits: What an expression may be and use.
    """
    return lambda source: compile_cel_over(source, _KINDS, functions, now=now, random=random, limits=limits)


def is_stable(expression: Expression) -> bool:
    """Whether the value stays as long as the objects do."""
    return expression.calls <= _STABLE


def is_constant(expression: Expression) -> bool:
    """Whether the value is always the same."""
    return not expression.names and is_stable(expression)
