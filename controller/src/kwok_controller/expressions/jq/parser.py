# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Reads a jq query into its parse tree, with gojq's grammar."""

from __future__ import annotations

import json
import re
from typing import Final

from kwok_controller.expressions.jq import nodes as n
from kwok_controller.expressions.jq.errors import JqSyntaxError

MAX_SOURCE: Final = 1 << 16
# Each level of nesting takes several frames of Python's stack, here and when the query runs.
_MAX_NESTING: Final = 40

_SPACE: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_TOKEN: Final = re.compile(
    r"""
    (?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<variable>\$(?:[A-Za-z_][A-Za-z0-9_]*))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<format>@[A-Za-z0-9_]+)
  | (?P<op>\?//=?|//=|//|\|=|\+=|-=|\*=|/=|%=|==|!=|<=|>=|\.\.|[.\[\]{}()|,:;=<>+\-*/%?"])
    """,
    re.VERBOSE,
)
_TEXT_PART: Final = re.compile(r'[^"\\\x00-\x1f]+')
_TEXT_ESCAPE: Final = re.compile(r'\\(?:["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4})')

_KEYWORDS: Final = frozenset(
    ("and", "as", "break", "catch", "def", "elif", "else", "end", "foreach", "if", "import", "include", "label", "module", "or", "reduce")
) | {"then", "try"}
_UPDATES: Final = frozenset(("=", "|=", "+=", "-=", "*=", "/=", "%=", "//="))
_COMPARISONS: Final = frozenset(("==", "!=", "<", "<=", ">", ">="))
# From loosely to tightly binding; which side a chain leans to, or that there is no chain.
_LEVELS: Final[tuple[tuple[frozenset[str], str], ...]] = (
    (frozenset(("//",)), "right"),
    (_UPDATES, "none"),
    (frozenset(("or",)), "left"),
    (frozenset(("and",)), "left"),
    (_COMPARISONS, "none"),
    (frozenset("+-"), "left"),
    (frozenset("*/%"), "left"),
)

# Variables of the parser's own: no query can name them.
_START: Final = "$ start"
_STOP: Final = "$ stop"


def parse(source: str) -> n.Node:
    """The parse tree of a query.

    Raises:
        JqSyntaxError: the source is no jq query, or it is too large.
    """
    if len(source) > MAX_SOURCE:
        raise JqSyntaxError(source, f"more than {MAX_SOURCE} characters")
    return _Parser(source).query()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._depth = 0
        self._kind = ""
        self._text = ""
        self._end = 0
        self._next()

    def _failure(self, message: str, at: int | None = None) -> JqSyntaxError:
        where = self._at if at is None else at
        return JqSyntaxError(self._source, f"{message} at character {where + 1}")

    def _unexpected(self) -> JqSyntaxError:
        return self._failure(f"unexpected {self._text!r}" if self._text else "unexpected end")

    def _next(self) -> None:
        """Reads the token at `_end`. A string is read by `_string`, for what stands in it is jq again."""
        space = _SPACE.match(self._source, self._end)
        self._at = space.end() if space else self._end
        if self._at >= len(self._source):
            self._kind, self._text, self._end = "end", "", self._at
            return
        token = _TOKEN.match(self._source, self._at)
        if not token:
            raise self._failure(f"unexpected {self._source[self._at]!r}")
        kind = token.lastgroup or ""
        self._text = token.group()
        self._end = token.end()
        self._kind = "keyword" if kind == "name" and self._text in _KEYWORDS else kind

    def _is(self, text: str) -> bool:
        return self._text == text and self._kind in ("op", "keyword")

    def _accept(self, text: str) -> bool:
        if self._is(text):
            self._next()
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            if self._kind == "end":
                raise self._failure(f"unexpected end, {text!r} is missing")
            raise self._unexpected()

    def _take(self, kind: str) -> str:
        if self._kind != kind:
            raise self._unexpected()
        text = self._text
        self._next()
        return text

    def query(self) -> n.Node:
        if self._kind == "keyword" and self._text in ("import", "include", "module"):
            raise self._failure("modules are not available")
        if self._kind == "end":
            raise self._failure("the query is missing (`.` is the whole input)")
        tree = self._pipe()
        if self._kind != "end":
            raise self._unexpected()
        return tree

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._failure(f"nested more than {_MAX_NESTING} deep")

    def _pipe(self) -> n.Node:
        """What may stand in parentheses: definitions, bindings, labels, pipes and all below."""
        self._deeper()
        try:
            stages: list[n.Node] = []
            while True:
                if self._is("def"):
                    name, params, body = self._definition()
                    stages.append(n.Define(name, params, body, self._pipe()))
                    break
                if self._accept("label"):
                    name = self._take("variable")
                    self._expect("|")
                    stages.append(n.Label(name, self._pipe()))
                    break
                stage, open_ended = self._comma()
                stages.append(stage)
                if open_ended or not self._accept("|"):
                    break
            tree = stages[-1]
            for stage in reversed(stages[:-1]):
                tree = n.Pipe(stage, tree)
            return tree
        finally:
            self._depth -= 1

    def _comma(self) -> tuple[n.Node, bool]:
        """Queries with commas between them; whether the last one took the rest of the pipe with it (`… as $x | …`)."""
        tree, open_ended = self._binary(0)
        while not open_ended and self._accept(","):
            if self._accept("label"):
                name = self._take("variable")
                self._expect("|")
                return n.Comma(tree, n.Label(name, self._pipe())), True
            right, open_ended = self._binary(0)
            tree = n.Comma(tree, right)
        return tree, open_ended

    def _binary(self, level: int) -> tuple[n.Node, bool]:
        if level == len(_LEVELS):
            return self._bound()
        ops, lean = _LEVELS[level]
        tree, open_ended = self._binary(level + 1)
        while not open_ended and self._text in ops and self._kind in ("op", "keyword"):
            op = self._text
            self._next()
            if lean == "right":
                self._deeper()
                right, open_ended = self._binary(level)
                self._depth -= 1
            else:
                right, open_ended = self._binary(level + 1)
            tree = n.Update(op, tree, right) if op in _UPDATES else n.Binary(op, tree, right)
            if lean == "none" and self._text in ops and self._kind == "op":
                raise self._unexpected()
        return tree, open_ended

    def _bound(self) -> tuple[n.Node, bool]:
        """A term, or `term as pattern | the rest of the pipe`."""
        term = self._term()
        if not self._accept("as"):
            return term, False
        patterns = [self._pattern()]
        while self._accept("?//"):
            patterns.append(self._pattern())
        self._expect("|")
        return n.Bind(term, tuple(patterns), self._pipe()), True

    def _definition(self) -> tuple[str, tuple[str, ...], n.Node]:
        self._expect("def")
        name = self._text
        if self._kind not in ("name", "keyword") or "::" in name:
            raise self._unexpected()
        self._next()
        params: list[str] = []
        if self._accept("("):
            while True:
                if self._kind not in ("name", "variable") or "::" in self._text:
                    raise self._unexpected()
                params.append(self._text)
                self._next()
                if not self._accept(";"):
                    break
            self._expect(")")
        self._expect(":")
        body = self._pipe()
        self._expect(";")
        return name, tuple(params), body

    def _pattern(self) -> n.Pattern:
        self._deeper()
        try:
            if self._kind == "variable":
                return n.VariablePattern(self._take("variable"))
            if self._accept("["):
                items = [self._pattern()]
                while self._accept(","):
                    items.append(self._pattern())
                self._expect("]")
                return n.ArrayPattern(tuple(items))
            self._expect("{")
            entries = [self._pattern_entry()]
            while self._accept(","):
                entries.append(self._pattern_entry())
            self._expect("}")
            return n.ObjectPattern(tuple(entries))
        finally:
            self._depth -= 1

    def _pattern_entry(self) -> tuple[n.Node, str | None, n.Pattern | None]:
        variable: str | None = None
        key: n.Node
        if self._kind == "variable":
            variable = self._take("variable")
            key = n.Literal(variable[1:])
        elif self._kind in ("name", "keyword"):
            key = n.Literal(self._text)
            self._next()
        elif self._is('"'):
            key = self._string(None)
        else:
            self._expect("(")
            key = self._pipe()
            self._expect(")")
        if variable and not self._is(":"):
            return key, variable, None
        self._expect(":")
        return key, variable, self._pattern()

    def _term(self) -> n.Node:
        self._deeper()
        try:
            return self._suffixes(self._head())
        finally:
            self._depth -= 1

    def _head(self) -> n.Node:
        kind, text = self._kind, self._text
        if kind == "field":
            self._next()
            return n.Index(n.Identity(), n.Literal(text[1:]))
        if kind == "number":
            self._next()
            return n.Literal(_number(text))
        if kind == "variable":
            self._next()
            return n.Variable(text)
        if kind == "format":
            self._next()
            return self._string(text[1:]) if self._is('"') else n.Format(text[1:])
        if kind == "name":
            return self._call()
        if kind == "keyword":
            return self._keyword()
        if kind == "op":
            return self._op()
        raise self._unexpected()

    def _call(self) -> n.Node:
        name = self._take("name")
        if name in ("null", "true", "false") and not self._is("("):
            return n.Literal({"null": None, "true": True, "false": False}[name])
        args: list[n.Node] = []
        if self._accept("("):
            args.append(self._pipe())
            while self._accept(";"):
                args.append(self._pipe())
            self._expect(")")
        return n.Call(name, tuple(args))

    def _keyword(self) -> n.Node:
        if self._accept("if"):
            return self._if()
        if self._accept("try"):
            body = self._postfix()
            return n.Try(body, self._postfix() if self._accept("catch") else None)
        if self._accept("reduce"):
            source, pattern = self._source_as()
            self._expect("(")
            start = self._pipe()
            self._expect(";")
            update = self._pipe()
            self._expect(")")
            return n.Reduce(source, pattern, start, update)
        if self._accept("foreach"):
            source, pattern = self._source_as()
            self._expect("(")
            start = self._pipe()
            self._expect(";")
            update = self._pipe()
            extract = self._pipe() if self._accept(";") else None
            self._expect(")")
            return n.Foreach(source, pattern, start, update, extract)
        if self._accept("break"):
            return n.Break(self._take("variable"))
        raise self._unexpected()

    def _postfix(self) -> n.Node:
        self._deeper()
        try:
            return self._suffixes(self._head())
        finally:
            self._depth -= 1

    def _source_as(self) -> tuple[n.Node, n.Pattern]:
        source = self._term()
        self._expect("as")
        return source, self._pattern()

    def _if(self) -> n.Node:
        self._deeper()
        condition = self._pipe()
        self._expect("then")
        yes = self._pipe()
        no: n.Node | None = None
        if self._accept("elif"):
            no = self._if()
        else:
            if self._accept("else"):
                no = self._pipe()
            self._expect("end")
        self._depth -= 1
        return n.If(condition, yes, no)

    def _op(self) -> n.Node:
        if self._is('"'):
            return self._string(None)
        if self._accept("("):
            tree = self._pipe()
            self._expect(")")
            return tree
        if self._accept("["):
            if self._accept("]"):
                return n.Array(None)
            body = self._pipe()
            self._expect("]")
            return n.Array(body)
        if self._accept("{"):
            return self._object()
        if self._accept("-"):
            return n.Negate(self._term())
        if self._accept(".."):
            return n.RecurseDefault()
        self._expect(".")
        if self._is('"'):
            return n.Index(n.Identity(), self._string(None))
        if self._is("["):
            return self._bracket(n.Identity())
        return n.Identity()

    def _suffixes(self, tree: n.Node) -> n.Node:
        steps = 0
        while True:
            if self._kind == "field":
                tree = n.Index(tree, n.Literal(self._take("field")[1:]))
            elif self._is("["):
                tree = self._bracket(tree)
            elif self._accept("?"):
                tree = _optional(tree)
            elif self._is("."):
                self._next()
                if self._is('"'):
                    tree = n.Index(tree, self._string(None))
                elif self._is("["):
                    tree = self._bracket(tree)
                else:
                    raise self._unexpected()
            else:
                return tree
            steps += 1
            if steps > _MAX_NESTING * 2:
                raise self._failure(f"a path of more than {_MAX_NESTING * 2} parts")

    def _bracket(self, target: n.Node) -> n.Node:
        self._expect("[")
        if self._accept("]"):
            return n.Iterate(target)
        if self._accept(":"):
            stop = self._pipe()
            self._expect("]")
            return n.Slice(target, None, stop)
        start = self._pipe()
        if self._accept(":"):
            stop_or_none = None if self._is("]") else self._pipe()
            self._expect("]")
            return n.Slice(target, start, stop_or_none)
        self._expect("]")
        return n.Index(target, start)

    def _object(self) -> n.Node:
        entries: list[tuple[n.Node, n.Node]] = []
        while not self._accept("}"):
            if entries:
                self._expect(",")
                if self._accept("}"):
                    break
            entries.append(self._entry())
        return n.Object(tuple(entries))

    def _entry(self) -> tuple[n.Node, n.Node]:
        key: n.Node
        short: n.Node
        if self._kind == "variable":
            variable = self._take("variable")
            key, short = n.Literal(variable[1:]), n.Variable(variable)
        elif self._kind in ("name", "keyword"):
            key = n.Literal(self._text)
            short = n.Index(n.Identity(), key)
            self._next()
        elif self._is('"'):
            key = self._string(None)
            short = n.Index(n.Identity(), key)
        elif self._kind == "number":
            raise self._failure("a key must be a string: put the number in quotes")
        else:
            self._expect("(")
            key = self._pipe()
            self._expect(")")
            self._expect(":")
            return key, self._entry_value()
        return key, self._entry_value() if self._accept(":") else short

    def _entry_value(self) -> n.Node:
        """A value in an object: no commas and no variables but in parentheses."""
        stages: list[n.Node] = []
        while True:
            at = self._at
            stage, open_ended = self._binary(0)
            if open_ended:
                raise self._failure("a variable is bound: put it in parentheses", at)
            stages.append(stage)
            if not self._accept("|"):
                break
        tree = stages[-1]
        for stage in reversed(stages[:-1]):
            tree = n.Pipe(stage, tree)
        return tree

    def _string(self, form: str | None) -> n.Node:
        """A string; the current token is its opening quote, which ends at `_end`."""
        at = self._end
        parts: list[str | n.Node] = []
        text = ""
        source = self._source
        while True:
            if at >= len(source):
                raise self._failure("a string without its closing quote")
            char = source[at]
            if char == '"':
                break
            if source.startswith("\\(", at):
                if text:
                    parts.append(text)
                    text = ""
                self._end = at + 2
                self._next()
                parts.append(self._pipe())
                if not self._is(")"):
                    raise self._unexpected()
                at = self._end
                continue
            plain = _TEXT_PART.match(source, at)
            if plain:
                text += plain.group()
                at = plain.end()
                continue
            if char == "\\":
                escape = _TEXT_ESCAPE.match(source, at)
                if not escape:
                    raise self._failure("an escape that is none", at)
                decoded = json.loads(f'"{escape.group()}"')
                text += "\ufffd" if "\ud800" <= decoded <= "\udfff" else decoded
                at = escape.end()
                continue
            text += char  # gojq takes control characters in strings as they are
            at += 1
        self._end = at + 1
        self._next()
        if text or not parts:
            parts.append(text)
        if all(isinstance(part, str) for part in parts):
            return n.Literal(text)
        return n.Text(form, tuple(parts))


def _optional(tree: n.Node) -> n.Node:
    """`tree?`. What it lets pass is a failure of the last step of a path, not of those before."""
    if isinstance(tree, n.Iterate):
        return _after(tree.target, n.Try(n.Iterate(n.Identity()), None))
    if isinstance(tree, n.Index):
        if isinstance(tree.index, n.Literal):
            return _after(tree.target, n.Try(n.Index(n.Identity(), tree.index), None))
        step = n.Try(n.Index(n.Identity(), n.Variable(_START)), None)
        return n.Bind(tree.index, (n.VariablePattern(_START),), _after(tree.target, step))
    if isinstance(tree, n.Slice):
        step = n.Try(n.Slice(n.Identity(), n.Variable(_START), n.Variable(_STOP)), None)
        inner = n.Bind(tree.stop or n.Literal(None), (n.VariablePattern(_STOP),), _after(tree.target, step))
        return n.Bind(tree.start or n.Literal(None), (n.VariablePattern(_START),), inner)
    return n.Try(tree, None)


def _after(target: n.Node, step: n.Node) -> n.Node:
    return step if isinstance(target, n.Identity) else n.Pipe(target, step)


def _number(text: str) -> int | float:
    if text.isdigit() and len(text) <= 300:
        return int(text)
    return float(text)
