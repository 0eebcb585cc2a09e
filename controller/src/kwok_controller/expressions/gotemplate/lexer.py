# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Cuts the source of a template into tokens."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum, auto
from typing import NamedTuple

from kwok_controller.expressions.gotemplate.errors import TemplateSyntaxError

SPACES = " \t\r\n"
KEYWORDS = frozenset(["block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"])

_RIGHT = re.compile(r"[ \t\r\n]-\}\}|\}\}")
_LEFT_COMMENT = re.compile(r"(?:-[ \t\r\n])?/\*")
_SPACE = re.compile(r"[ \t\r\n]+")
_TERMINATORS = SPACES + ".,|:)("


class Kind(Enum):
    """What a token is."""

    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    PIPE = auto()
    OPEN = auto()
    CLOSE = auto()
    CHAR = auto()
    BOOL = auto()
    CHARACTER = auto()
    COMPLEX = auto()
    DOT = auto()
    FIELD = auto()
    IDENTIFIER = auto()
    KEYWORD = auto()
    NUMBER = auto()
    STRING = auto()
    VARIABLE = auto()
    EOF = auto()


class Token(NamedTuple):
    """A piece of the source, `text`, at the offset `pos`."""

    kind: Kind
    text: str
    pos: int

    def __str__(self) -> str:
        if self.kind is Kind.EOF:
            return "EOF"
        if self.kind is Kind.KEYWORD:
            return f"<{self.text}>"
        return repr(self.text if len(self.text) <= 10 else self.text[:10] + "...")


def place(source: str, pos: int) -> tuple[int, int]:
    """Line and column (both from 1) of an offset."""
    return source.count("\n", 0, pos) + 1, pos - source.rfind("\n", 0, pos)


def is_alphanumeric(char: str) -> bool:
    """Whether Go allows the character in a name: a letter, a decimal digit, `_`."""
    if char.isascii():
        return char.isalnum() or char == "_"
    return unicodedata.category(char) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd")


class Lexer:
    """Cuts `source[:end]` from `start` on into tokens."""

    def __init__(self, source: str, name: str, start: int = 0, end: int | None = None) -> None:
        self.source = source
        self.name = name
        self.pos = start
        self.end = len(source) if end is None else end
        self.tokens: list[Token] = []

    def fail(self, pos: int, reason: str) -> TemplateSyntaxError:
        """The error at an offset."""
        line, column = place(self.source, pos)
        return TemplateSyntaxError(reason, name=self.name, line=line, column=column)

    def _emit(self, kind: Kind, start: int) -> None:
        self.tokens.append(Token(kind, self.source[start : self.pos], start))

    def run(self) -> list[Token]:
        """All tokens, the last of which is EOF.

        Raises:
            TemplateSyntaxError: with the place.
        """
        self.source, whole = self.source[: self.end], self.source
        try:
            while True:
                left = self.source.find("{{", self.pos)
                if left < 0:
                    self._text(self.pos, self.end)
                    self.pos = self.end
                    self._emit(Kind.EOF, self.end)
                    return self.tokens
                after = left + 2
                trim = self.source[after : after + 1] == "-" and self.source[after + 1 : after + 2] in tuple(SPACES)
                stop = left
                if trim:
                    stop = self.pos + len(self.source[self.pos : left].rstrip(SPACES))
                self._text(self.pos, stop)
                if match := _LEFT_COMMENT.match(self.source, after):
                    self._comment(match)
                    continue
                self.pos = after
                self._emit(Kind.LEFT, left)
                if trim:
                    self.pos += 2
                self._action(left)
        finally:
            self.source = whole

    def _text(self, start: int, stop: int) -> None:
        if stop > start:
            self.tokens.append(Token(Kind.TEXT, self.source[start:stop], start))

    def _comment(self, match: re.Match[str]) -> None:
        close = self.source.find("*/", match.end())
        if close < 0:
            raise self.fail(match.start(), "unclosed comment")
        right = _RIGHT.match(self.source, close + 2)
        if not right:
            raise self.fail(match.start(), "comment ends before closing delimiter")
        self._skip_right(right)

    def _skip_right(self, right: re.Match[str]) -> None:
        self.pos = right.end()
        if len(right[0]) > 2 and (space := _SPACE.match(self.source, self.pos)):
            self.pos = space.end()

    def _action(self, left: int) -> None:
        depth = 0
        source = self.source
        while True:
            start = self.pos
            if right := _RIGHT.match(source, start):
                if depth:
                    raise self.fail(start, "unclosed left paren")
                self.tokens.append(Token(Kind.RIGHT, "}}", right.end() - 2))
                self._skip_right(right)
                return
            if start >= self.end:
                raise self.fail(left, "unclosed action")
            char = source[start]
            if space := _SPACE.match(source, start):
                self.pos = space.end()
                # The space before a trim marker belongs to the delimiter.
                if _RIGHT.match(source, self.pos - 1):
                    self.pos -= 1
                if self.pos > start:
                    self._emit(Kind.SPACE, start)
            elif char == "=":
                self._single(Kind.ASSIGN)
            elif char == ":":
                if source[start + 1 : start + 2] != "=":
                    raise self.fail(start, "expected :=")
                self.pos += 2
                self._emit(Kind.DECLARE, start)
            elif char == "|":
                self._single(Kind.PIPE)
            elif char == '"' or char == "'":
                self._quoted(char)
            elif char == "`":
                close = source.find("`", start + 1)
                if close < 0:
                    raise self.fail(start, "unterminated raw quoted string")
                self.pos = close + 1
                self._emit(Kind.STRING, start)
            elif char == "$":
                self.pos += 1
                self._name(Kind.VARIABLE, start)
            elif char == "." and not ("0" <= source[start + 1 : start + 2] <= "9"):
                self.pos += 1
                if self._terminated():
                    self._emit(Kind.DOT, start)
                else:
                    self._name(Kind.FIELD, start)
            elif char in "+-." or "0" <= char <= "9":
                self._number()
            elif is_alphanumeric(char):
                self._name(Kind.IDENTIFIER, start)
            elif char == "(":
                depth += 1
                self._single(Kind.OPEN)
            elif char == ")":
                depth -= 1
                if depth < 0:
                    raise self.fail(start, "unexpected right paren")
                self._single(Kind.CLOSE)
            elif " " < char < "\x7f":
                self._single(Kind.CHAR)
            else:
                raise self.fail(start, f"unrecognized character in action: U+{ord(char):04X}")

    def _single(self, kind: Kind) -> None:
        start = self.pos
        self.pos += 1
        self._emit(kind, start)

    def _terminated(self) -> bool:
        following = self.source[self.pos : self.pos + 1]
        return not following or following in _TERMINATORS or self.source.startswith("}}", self.pos)

    def _name(self, kind: Kind, start: int) -> None:
        while self.pos < self.end and is_alphanumeric(self.source[self.pos]):
            self.pos += 1
        if not self._terminated():
            raise self.fail(self.pos, f"bad character U+{ord(self.source[self.pos]):04X} {self.source[self.pos]!r}")
        if kind is Kind.IDENTIFIER:
            word = self.source[start : self.pos]
            if word in KEYWORDS:
                kind = Kind.KEYWORD
            elif word in ("true", "false"):
                kind = Kind.BOOL
        self._emit(kind, start)

    def _quoted(self, mark: str) -> None:
        start = self.pos
        what = "quoted string" if mark == '"' else "character constant"
        at = start + 1
        while True:
            char = self.source[at : at + 1]
            if char == "\\":
                at += 1
                char = self.source[at : at + 1]
                if char and char != "\n":
                    at += 1
                    continue
            if not char or char == "\n":
                raise self.fail(start, f"unterminated {what}")
            at += 1
            if char == mark:
                break
        self.pos = at
        self._emit(Kind.STRING if mark == '"' else Kind.CHARACTER, start)

    def _accept(self, chars: str) -> bool:
        if self.pos < self.end and self.source[self.pos] in chars:
            self.pos += 1
            return True
        return False

    def _accept_run(self, chars: str) -> None:
        while self._accept(chars):
            pass

    def _scan_number(self) -> bool:
        self._accept("+-")
        digits = "0123456789_"
        if self._accept("0"):
            if self._accept("xX"):
                digits = "0123456789abcdefABCDEF_"
            elif self._accept("oO"):
                digits = "01234567_"
            elif self._accept("bB"):
                digits = "01_"
        self._accept_run(digits)
        if self._accept("."):
            self._accept_run(digits)
        if len(digits) == 11 and self._accept("eE"):
            self._accept("+-")
            self._accept_run("0123456789_")
        if len(digits) == 23 and self._accept("pP"):
            self._accept("+-")
            self._accept_run("0123456789_")
        self._accept("i")
        return not (self.pos < self.end and is_alphanumeric(self.source[self.pos]))

    def _number(self) -> None:
        start = self.pos
        good = self._scan_number()
        kind = Kind.NUMBER
        if good and self.source[self.pos : self.pos + 1] in ("+", "-"):
            good = self._scan_number() and self.source[self.pos - 1] == "i"
            kind = Kind.COMPLEX
        if not good:
            raise self.fail(start, f"bad number syntax: {self.source[start : self.pos + 1]!r}")
        self._emit(kind, start)
