# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Syntax trees of CEL. Macros are nodes of their own. `at` is the place in the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written down."""

    at: int
    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a type."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.name`."""

    at: int
    operand: Node
    name: str


@dataclass(frozen=True, slots=True)
class Has:
    """`has(operand.name)`."""

    at: int
    operand: Node
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`operand[index]`."""

    at: int
    operand: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Call:
    """`function(args)`, or, as a method, `args[0].function(args[1:])`."""

    at: int
    function: str
    args: list[Node]
    method: bool


@dataclass(frozen=True, slots=True)
class Macro:
    """`operand.function(variable, args)`."""

    at: int
    function: str
    operand: Node
    variable: str
    args: list[Node]


@dataclass(frozen=True, slots=True)
class Unary:
    """`!` or `-`."""

    at: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two."""

    at: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic:
    """`||` or `&&` between two or more."""

    at: int
    operator: str
    items: list[Node]


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? yes : no`."""

    at: int
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[items]`."""

    at: int
    items: list[Node]


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{key: value}`."""

    at: int
    items: list[tuple[Node, Node]]


Node: TypeAlias = Literal | Name | Select | Has | Index | Call | Macro | Unary | Binary | Logic | Conditional | ListOf | MapOf
