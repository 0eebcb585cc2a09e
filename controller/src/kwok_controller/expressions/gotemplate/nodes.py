# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The syntax tree of a template. Every node knows its offset in the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(slots=True)
class Text:
    """Text between actions."""

    pos: int
    text: str


@dataclass(slots=True)
class Dot:
    """The value at hand: `.`."""

    pos: int

    def __str__(self) -> str:
        return "."


@dataclass(slots=True)
class Nil:
    """The constant `nil`."""

    pos: int

    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True)
class Bool:
    """A constant `true` or `false`."""

    pos: int
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True)
class String:
    """A string constant."""

    pos: int
    text: str
    value: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Number:
    """A numeric constant, with every form that Go lets it take; None where it cannot."""

    pos: int
    text: str
    integer: int | None = None
    unsigned: int | None = None
    floating: float | None = None
    complex: complex | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Field:
    """Fields of the value at hand: `.metadata.name`."""

    pos: int
    names: list[str]

    def __str__(self) -> str:
        return "." + ".".join(self.names)


@dataclass(slots=True)
class Variable:
    """A variable and fields of it: `$pod.metadata`."""

    pos: int
    name: str
    names: list[str]

    def __str__(self) -> str:
        return ".".join([self.name, *self.names])


@dataclass(slots=True)
class Identifier:
    """The name of a function."""

    pos: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True)
class Chain:
    """Fields of what a function or a pipeline in parentheses gives: `(index .items 0).name`."""

    pos: int
    node: Operand
    names: list[str]

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return ".".join([inner, *self.names])


@dataclass(slots=True)
class Command:
    """A function or value, and the arguments written after it."""

    pos: int
    args: list[Operand] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


@dataclass(slots=True)
class Pipe:
    """Commands, each of which takes the value of the one before as its last argument, and the variables the last value goes to."""

    pos: int
    commands: list[Command] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    assign: bool = False

    def __str__(self) -> str:
        names = ", ".join(self.variables) + (" = " if self.assign else " := ") if self.variables else ""
        return names + " | ".join(map(str, self.commands))


Operand: TypeAlias = Dot | Nil | Bool | String | Number | Field | Variable | Identifier | Chain | Pipe


@dataclass(slots=True)
class Action:
    """A pipeline whose value is printed, unless it goes to variables."""

    pos: int
    pipe: Pipe


@dataclass(slots=True)
class If:
    """`if`, and what stands after `else`."""

    pos: int
    pipe: Pipe
    body: Block
    orelse: Block | None


@dataclass(slots=True)
class With:
    """`with`, and what stands after `else`."""

    pos: int
    pipe: Pipe
    body: Block
    orelse: Block | None


@dataclass(slots=True)
class Range:
    """`range`, and what stands after `else`."""

    pos: int
    pipe: Pipe
    body: Block
    orelse: Block | None


@dataclass(slots=True)
class Template:
    """The call of another template."""

    pos: int
    name: str
    pipe: Pipe | None


@dataclass(slots=True)
class Break:
    """`break`."""

    pos: int


@dataclass(slots=True)
class Continue:
    """`continue`."""

    pos: int


Statement: TypeAlias = Text | Action | If | With | Range | Template | Break | Continue


@dataclass(slots=True)
class Block:
    """Statements one after the other."""

    pos: int
    nodes: list[Statement] = field(default_factory=list)

    def empty(self) -> bool:
        """Whether there is nothing in it but space."""
        return all(isinstance(node, Text) and not node.text.strip() for node in self.nodes)
