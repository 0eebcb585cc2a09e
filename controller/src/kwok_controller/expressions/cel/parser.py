# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Reads CEL: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax. Messages (`Name{field: value}`) are not there."""

from __future__ import annotations

from typing import Final

from kwok_controller.expressions.cel.errors import CelSyntaxError
from kwok_controller.expressions.cel.lexer import Token, tokens
from kwok_controller.expressions.cel.limits import Limits
from kwok_controller.expressions.cel.nodes import (
    Binary,
    Call,
    Conditional,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    Macro,
    MapOf,
    Name,
    Node,
    Select,
    Unary,
)
from kwok_controller.expressions.cel.values import INT64_MAX

_RESERVED: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "namespace", "package"),
        *("return", "var", "void", "while"),
    )
)
_MACROS: Final = {("all", 2), ("exists", 2), ("exists_one", 2), ("filter", 2), ("map", 2), ("map", 3)}
_LEVELS: Final = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
# Of the levels, these are read as one node however many there are.
_LOGIC: Final = 2


def parse(source: str, limits: Limits) -> Node:
    """The tree of an expression.

    Raises:
        CelSyntaxError: it is none, or too large.
    """
    if len(source) > limits.source:
        raise CelSyntaxError(source, f"more than {limits.source} characters")
    if not source.strip():
        raise CelSyntaxError(source, "nothing is there")
    return _Parser(source, limits).parse()


class _Parser:
    def __init__(self, source: str, limits: Limits) -> None:
        self._source = source
        self._tokens = tokens(source)
        self._next = 0
        self._nesting = 0
        self._limits = limits

    def parse(self) -> Node:
        node = self._expression()
        if self._token.kind != "end":
            raise self._unexpected("an operator or the end")
        return node

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _unexpected(self, wanted: str) -> CelSyntaxError:
        token = self._token
        found = "the end" if token.kind == "end" else repr(token.text)
        return CelSyntaxError(self._source, f"{found} where {wanted} should be", token.at)

    def _is(self, *symbols: str) -> bool:
        return self._token.kind == "symbol" and self._token.text in symbols

    def _accept(self, symbol: str) -> bool:
        if self._is(symbol):
            self._next += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            raise self._unexpected(repr(symbol))

    def _expression(self) -> Node:
        self._nesting += 1
        if self._nesting > self._limits.nesting:
            raise CelSyntaxError(self._source, f"nested more than {self._limits.nesting} deep", self._token.at)
        node = self._binary(0)
        if self._is("?"):
            at = self._token.at
            self._next += 1
            yes = self._binary(0)
            self._expect(":")
            node = Conditional(at, node, yes, self._expression())
        self._nesting -= 1
        return node

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._binary(level + 1)
        if level < _LOGIC:
            operator = _LEVELS[level][0]
            at, items = self._token.at, [node]
            while self._accept(operator):
                items.append(self._binary(level + 1))
            return node if len(items) == 1 else Logic(at, operator, items)
        while self._is(*_LEVELS[level]):
            operator, at = self._token.text, self._token.at
            self._next += 1
            node = Binary(at, operator, node, self._binary(level + 1))
        return node

    def _unary(self) -> Node:
        if not self._is("!", "-"):
            return self._postfix(self._primary())
        operator, at, count = self._token.text, self._token.at, 0
        while self._accept(operator):
            count += 1
        token = self._token
        if operator == "-" and token.kind == "value" and type(token.value) in (int, float):
            # The last sign before a number is the number's.
            self._next += 1
            count -= 1
            operand = self._postfix(Literal(token.at, -token.value))
        else:
            operand = self._postfix(self._primary())
        return Unary(at, operator, operand) if count % 2 else operand

    def _postfix(self, node: Node) -> Node:
        while True:
            at = self._token.at
            if self._accept("."):
                if self._token.kind != "name":
                    raise self._unexpected("the name of a field")
                name = self._token.text
                at = self._token.at
                self._next += 1
                node = self._method(at, name, node) if self._accept("(") else Select(at, node, name)
            elif self._accept("["):
                index = self._expression()
                self._expect("]")
                node = Index(at, node, index)
            else:
                return node

    def _method(self, at: int, function: str, target: Node) -> Node:
        args = self._list(")")
        if (function, len(args)) not in _MACROS:
            return Call(at, function, [target, *args], method=True)
        variable = args[0]
        if not isinstance(variable, Name):
            raise CelSyntaxError(self._source, f"the first argument of {function} is no name for a variable", variable.at)
        return Macro(at, function, target, variable.name, args[1:])

    def _primary(self) -> Node:
        token = self._token
        if token.kind == "value":
            self._next += 1
            if type(token.value) is int and token.value > INT64_MAX:
                raise CelSyntaxError(self._source, "the number is too large for an int", token.at)
            return Literal(token.at, token.value)
        if self._accept("("):
            node = self._expression()
            self._expect(")")
            return node
        if self._accept("["):
            return ListOf(token.at, self._list("]"))
        if self._accept("{"):
            return self._map(token.at)
        self._accept(".")
        if self._token.kind == "name":
            return self._name()
        raise self._unexpected("a value")

    def _name(self) -> Node:
        token = self._token
        if token.text in _RESERVED:
            raise CelSyntaxError(self._source, f"{token.text!r} is a reserved word", token.at)
        self._next += 1
        if not self._accept("("):
            return Name(token.at, token.text)
        args = self._list(")")
        if token.text != "has":
            return Call(token.at, token.text, args, method=False)
        if len(args) != 1 or not isinstance(args[0], Select):
            raise CelSyntaxError(self._source, "has() takes one field, as has(self.status.phase)", token.at)
        return Has(token.at, args[0].operand, args[0].name)

    def _list(self, end: str) -> list[Node]:
        items: list[Node] = []
        while not self._accept(end):
            items.append(self._expression())
            if not self._is(end):
                self._expect(",")
                if end == ")" and self._is(end):
                    raise self._unexpected("a value")
        return items

    def _map(self, at: int) -> Node:
        items: list[tuple[Node, Node]] = []
        while not self._accept("}"):
            key = self._expression()
            self._expect(":")
            items.append((key, self._expression()))
            if not self._is("}"):
                self._expect(",")
        return MapOf(at, items)
