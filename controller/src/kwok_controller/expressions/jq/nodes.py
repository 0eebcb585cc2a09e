# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The parse tree of a jq query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Identity:
    """The input: `.`."""


@dataclass(frozen=True, slots=True)
class RecurseDefault:
    """The input and all in it: `..`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, `null`, `true`, `false` or a string without interpolation."""

    value: Any


@dataclass(frozen=True, slots=True)
class Text:
    r"""A string with interpolations (`"a\(.b)"`) or a format (`@base64 "…"`): strings as they are, queries formatted."""

    format: str | None
    parts: tuple[str | Node, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """`@base64` and the like, applied to the input."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`target.name`, `target[index]`."""

    target: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Slice:
    """`target[start:stop]`."""

    target: Node
    start: Node | None
    stop: Node | None


@dataclass(frozen=True, slots=True)
class Iterate:
    """`target[]`."""

    target: Node


@dataclass(frozen=True, slots=True)
class Try:
    """`try body catch handler`, `body?`."""

    body: Node
    handler: Node | None


@dataclass(frozen=True, slots=True)
class Pipe:
    """`left | right`."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comma:
    """`left, right`."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator of arithmetic, comparison or logic, or `//`."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Update:
    """`left op right`, where op is `=`, `|=`, `+=` and so on."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negate:
    """`-body`."""

    body: Node


@dataclass(frozen=True, slots=True)
class Array:
    """`[body]`."""

    body: Node | None


@dataclass(frozen=True, slots=True)
class Object:
    """`{key: value, …}`."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if condition then yes else no end`."""

    condition: Node
    yes: Node
    no: Node | None


@dataclass(frozen=True, slots=True)
class Reduce:
    """`reduce source as pattern (start; update)`."""

    source: Node
    pattern: Pattern
    start: Node
    update: Node


@dataclass(frozen=True, slots=True)
class Foreach:
    """`foreach source as pattern (start; update; extract)`."""

    source: Node
    pattern: Pattern
    start: Node
    update: Node
    extract: Node | None


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Bind:
    """`source as pattern ?// pattern … | body`."""

    source: Node
    patterns: tuple[Pattern, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Label:
    """`label $name | body`."""

    name: str
    body: Node


@dataclass(frozen=True, slots=True)
class Break:
    """`break $name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Define:
    """`def name(params): body; rest`. A parameter written `$name` keeps its dollar."""

    name: str
    params: tuple[str, ...]
    body: Node
    rest: Node


@dataclass(frozen=True, slots=True)
class Call:
    """`name(args)`."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class VariablePattern:
    """`$name`."""

    name: str


@dataclass(frozen=True, slots=True)
class ArrayPattern:
    """`[pattern, …]`."""

    items: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class ObjectPattern:
    """`{key: pattern}`; with `$key` the variable is bound to the entry's value, too."""

    entries: tuple[tuple[Node, str | None, Pattern | None], ...]


Pattern: TypeAlias = VariablePattern | ArrayPattern | ObjectPattern
Node: TypeAlias = (
    Identity
    | RecurseDefault
    | Literal
    | Text
    | Format
    | Index
    | Slice
    | Iterate
    | Try
    | Pipe
    | Comma
    | Binary
    | Update
    | Negate
    | Array
    | Object
    | If
    | Reduce
    | Foreach
    | Variable
    | Bind
    | Label
    | Break
    | Define
    | Call
)
