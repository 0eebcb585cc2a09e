# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Selectors of labels, as text: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Selector = Callable[[Mapping[str, str] | None], bool]
"""Takes labels (or annotations), ``None`` being none, and says whether they are selected."""

_TOKEN = re.compile(r"\s*(?:(?P<operator>==|!=|[=!(),<>])|(?P<word>[^\s=!(),<>]+))")
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_NOTHING: Mapping[str, str] = {}


class SelectorError(ValueError):
    """A selector that is none; the message holds the selector, what is wrong, and where."""


def parse_selector(text: str, *, annotations: bool = False) -> Selector:
    """What a selector such as ``a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`` selects. An empty one selects everything.

    Args:
        text: The selector.
        annotations: Values need not be such as labels may have.

    Raises:
        SelectorError: It is no selector.
    """
    requirements = _Parser(text, annotations).requirements()
    if not requirements:
        return _everything
    if len(requirements) == 1:
        return _single(requirements[0])
    return _all(tuple(requirements))


Requirement = Callable[[Mapping[str, str]], bool]


def _everything(_: Mapping[str, str] | None) -> bool:
    return True


def _single(requirement: Requirement) -> Selector:
    return lambda labels: requirement(labels or _NOTHING)


def _all(requirements: tuple[Requirement, ...]) -> Selector:
    def selects(labels: Mapping[str, str] | None) -> bool:
        present = labels or _NOTHING
        return all(requirement(present) for requirement in requirements)

    return selects


class _Parser:
    """One selector, token by token."""

    def __init__(self, text: str, annotations: bool) -> None:
        self._text = text
        self._annotations = annotations
        self._tokens: list[tuple[str, bool, int]] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            # Every character is whitespace, an operator or part of a word, so something is found.
            assert found is not None
            self._tokens.append(
                (found.group("operator") or found.group("word"), found.group("word") is not None, found.start(found.lastgroup or 0))
            )
            position = found.end()
        self._next = 0

    def requirements(self) -> list[Requirement]:
        requirements: list[Requirement] = []
        if not self._tokens:
            return requirements
        while True:
            requirements.append(self._requirement())
            if self._peek() is None:
                return requirements
            self._expect(",")

    def _requirement(self) -> Requirement:
        if self._peek() == "!":
            self._take()
            absent = self._key()
            return lambda labels: absent not in labels
        key = self._key()
        operator = self._peek()
        if operator is None or operator == ",":
            return lambda labels: key in labels
        self._take()
        if operator in ("=", "=="):
            value = self._value()
            return lambda labels: labels.get(key) == value
        if operator == "!=":
            value = self._value()
            return lambda labels: labels.get(key) != value
        if operator == "in":
            values = self._values()
            return lambda labels: labels.get(key) in values
        if operator == "notin":
            values = self._values()
            return lambda labels: labels.get(key) not in values
        if operator in ("<", ">"):
            return self._compared(key, operator)
        raise self._error(f"{operator!r} is no operator; those are =, ==, !=, in, notin, < and >", self._next - 1)

    def _compared(self, key: str, operator: str) -> Requirement:
        bound = _integer(self._value())
        if bound is None:
            raise self._error(f"what stands after {operator} must be an integer", self._next - 1)
        limit = bound

        def compares(labels: Mapping[str, str]) -> bool:
            number = _integer(labels.get(key, ""))
            return number is not None and (number > limit if operator == ">" else number < limit)

        return compares

    def _key(self) -> str:
        token, is_word, _ = self._take()
        prefix, slash, name = token.rpartition("/")
        if not is_word or not _NAME.fullmatch(name) or (slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix))):
            raise self._error(
                f"{token!r} is no key: a key is [prefix/]name, the name at most 63 of letters, digits, -, _ and .", self._next - 1
            )
        return token

    def _value(self) -> str:
        # a= and a!= compare with the empty value.
        if self._peek() in (None, ","):
            return ""
        return self._checked_value()

    def _values(self) -> frozenset[str]:
        self._expect("(")
        values: set[str] = set()
        while True:
            # (a,) and (,a) hold the empty value, too.
            values.add("" if self._peek() in (",", ")") else self._checked_value())
            if self._peek() == ")":
                self._take()
                return frozenset(values)
            self._expect(",")

    def _checked_value(self) -> str:
        token, is_word, _ = self._take()
        if not is_word or not (self._annotations or _NAME.fullmatch(token)):
            raise self._error(f"{token!r} is no value: a value is at most 63 of letters, digits, -, _ and .", self._next - 1)
        return token

    def _peek(self) -> str | None:
        return self._tokens[self._next][0] if self._next < len(self._tokens) else None

    def _take(self) -> tuple[str, bool, int]:
        if self._next == len(self._tokens):
            raise self._error("it ends too early", self._next)
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, token: str) -> None:
        found = self._peek()
        if found != token:
            raise self._error(f"{token!r} is missing" if found is None else f"{token!r} is missing before {found!r}", self._next)
        self._take()

    def _error(self, problem: str, token: int) -> SelectorError:
        position = self._tokens[token][2] if token < len(self._tokens) else len(self._text)
        return SelectorError(f"selector {self._text!r}: {problem} (at character {position + 1})")


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None
