# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Reads tokens into the syntax tree, one `Block` for the template and each template it defines."""

from __future__ import annotations

import re
from collections.abc import Callable

from kwok_controller.expressions.gotemplate import nodes
from kwok_controller.expressions.gotemplate.errors import TemplateSyntaxError
from kwok_controller.expressions.gotemplate.lexer import Kind, Lexer, Token, place
from kwok_controller.expressions.gotemplate.limits import DEFAULT_LIMITS, Limits
from kwok_controller.expressions.gotemplate.strconv import parse_float, parse_int, unquote, unquote_char

_OPERANDS = frozenset(
    [
        Kind.BOOL,
        Kind.CHARACTER,
        Kind.COMPLEX,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.OPEN,
    ]
)
_PAIR = re.compile(r"([+-]?[^i]*?[^eEpP])([+-][^+-]*(?:[eEpP][+-][^+-]*)?)i")
_NOT_EXECUTABLE = (nodes.Bool, nodes.Dot, nodes.Nil, nodes.Number, nodes.String)


class _End:
    """`end`, or `else` (with the `if` or `with` that follows it still to be read)."""

    def __init__(self, pos: int, *, orelse: bool) -> None:
        self.pos = pos
        self.orelse = orelse

    def __str__(self) -> str:
        return "{{else}}" if self.orelse else "{{end}}"


class Parser:
    """Reads one source.

    Args:
        source: the template.
        known: says of a name whether there is such a function; may raise `LookupError` with the reason why there is not.
        name: of the template itself.
        limits: of size and nesting.
        span: the part of the source to read, all of it by default.
    """

    def __init__(
        self,
        source: str,
        known: Callable[[str], bool],
        name: str = "_",
        limits: Limits = DEFAULT_LIMITS,
        span: tuple[int, int] | None = None,
    ) -> None:
        self.source = source
        self.known = known
        self.name = name
        self.limits = limits
        if len(source) > limits.source:
            raise TemplateSyntaxError(f"the source has {len(source)} characters, more than {limits.source}", name=name)
        start, end = span or (0, len(source))
        self.tokens = Lexer(source, name, start, end).run()
        self.at = 0
        self.trees: dict[str, nodes.Block] = {}
        self.variables = ["$"]
        self.ranges = 0
        self.nesting = 0

    def fail(self, pos: int, reason: str) -> TemplateSyntaxError:
        """The error at an offset."""
        line, column = place(self.source, pos)
        return TemplateSyntaxError(reason, name=self.name, line=line, column=column)

    # Tokens.

    def _next(self) -> Token:
        token = self.tokens[self.at]
        if token.kind is not Kind.EOF:
            self.at += 1
        return token

    def _peek(self) -> Token:
        return self.tokens[self.at]

    def _skip(self) -> Token:
        # The next token that is no space, not taken.
        while self.tokens[self.at].kind is Kind.SPACE:
            self.at += 1
        return self.tokens[self.at]

    def _take(self) -> Token:
        self._skip()
        return self._next()

    def _unexpected(self, token: Token, context: str) -> TemplateSyntaxError:
        return self.fail(token.pos, f"unexpected {token} in {context}")

    def _expect(self, kind: Kind, context: str) -> Token:
        token = self._take()
        if token.kind is not kind:
            raise self._unexpected(token, context)
        return token

    # Statements.

    def parse(self) -> dict[str, nodes.Block]:
        """The tree of the template under its own name, and those of the templates it defines.

        Raises:
            TemplateSyntaxError: with the place.
        """
        root = nodes.Block(self._peek().pos)
        while self._peek().kind is not Kind.EOF:
            if self._peek().kind is Kind.LEFT:
                mark = self.at
                self._next()
                token = self._take()
                if token.kind is Kind.KEYWORD and token.text == "define":
                    self._definition()
                    continue
                self.at = mark
            statement = self._statement()
            if isinstance(statement, _End):
                raise self.fail(statement.pos, f"unexpected {statement}")
            root.nodes.append(statement)
        self._add(self.name, root)
        return self.trees

    def _add(self, name: str, root: nodes.Block) -> None:
        old = self.trees.get(name)
        if old is None or old.empty():
            self.trees[name] = root
        elif not root.empty():
            raise self.fail(root.pos, f"multiple definition of template {name!r}")

    def _own_scope(self, name: str, context: str) -> None:
        # The body of a template of its own: no variables, no loop to break out of.
        variables, self.variables = self.variables, ["$"]
        ranges, self.ranges = self.ranges, 0
        root, end = self._statements()
        if end.orelse:
            raise self.fail(end.pos, f"unexpected {end} in {context}")
        self.variables, self.ranges = variables, ranges
        self._add(name, root)

    def _definition(self) -> None:
        context = "define clause"
        name = self._template_name(self._take(), context)
        self._expect(Kind.RIGHT, context)
        self._own_scope(name, context)

    def _statements(self) -> tuple[nodes.Block, _End]:
        block = nodes.Block(self._skip().pos)
        self.nesting += 1
        if self.nesting > self.limits.nesting:
            raise self.fail(block.pos, f"blocks nested more than {self.limits.nesting} deep")
        while self._skip().kind is not Kind.EOF:
            statement = self._statement()
            if isinstance(statement, _End):
                self.nesting -= 1
                return block, statement
            block.nodes.append(statement)
        raise self.fail(self._peek().pos, "unexpected EOF")

    def _statement(self) -> nodes.Statement | _End:
        token = self._take()
        if token.kind is Kind.TEXT:
            return nodes.Text(token.pos, token.text)
        if token.kind is Kind.LEFT:
            return self._action()
        raise self._unexpected(token, "input")

    def _action(self) -> nodes.Statement | _End:
        token = self._skip()
        if token.kind is not Kind.KEYWORD or token.text == "nil":
            return nodes.Action(token.pos, self._pipeline("command", Kind.RIGHT))
        self._next()
        match token.text:
            case "if":
                return nodes.If(token.pos, *self._control("if"))
            case "with":
                return nodes.With(token.pos, *self._control("with"))
            case "range":
                return nodes.Range(token.pos, *self._control("range"))
            case "end":
                return _End(self._expect(Kind.RIGHT, "end").pos, orelse=False)
            case "else":
                following = self._skip()
                if not (following.kind is Kind.KEYWORD and following.text in ("if", "with")):
                    self._expect(Kind.RIGHT, "else")
                return _End(token.pos, orelse=True)
            case "template":
                return self._template()
            case "block":
                return self._block()
            case "break" | "continue":
                self._expect(Kind.RIGHT, "{{" + token.text + "}}")
                if not self.ranges:
                    raise self.fail(token.pos, "{{" + token.text + "}} outside {{range}}")
                return nodes.Break(token.pos) if token.text == "break" else nodes.Continue(token.pos)
        raise self._unexpected(token, "command")

    def _control(self, context: str) -> tuple[nodes.Pipe, nodes.Block, nodes.Block | None]:
        declared = len(self.variables)
        pipe = self._pipeline(context, Kind.RIGHT)
        loop = context == "range"
        self.ranges += loop
        body, end = self._statements()
        self.ranges -= loop
        orelse: nodes.Block | None = None
        if end.orelse:
            following = self._peek()
            if following.kind is Kind.KEYWORD and following.text == context and context != "range":
                self._next()
                self.nesting += 1
                if self.nesting > self.limits.nesting:
                    raise self.fail(following.pos, f"blocks nested more than {self.limits.nesting} deep")
                inner = self._control(context)
                self.nesting -= 1
                chained = nodes.If(following.pos, *inner) if context == "if" else nodes.With(following.pos, *inner)
                orelse = nodes.Block(end.pos, [chained])
            else:
                orelse, end = self._statements()
                if end.orelse:
                    raise self.fail(end.pos, f"expected end; found {end}")
        del self.variables[declared:]
        return pipe, body, orelse

    def _template(self) -> nodes.Template:
        context = "template clause"
        token = self._take()
        name = self._template_name(token, context)
        if self._skip().kind is Kind.RIGHT:
            self._next()
            return nodes.Template(token.pos, name, None)
        return nodes.Template(token.pos, name, self._pipeline(context, Kind.RIGHT))

    def _block(self) -> nodes.Template:
        context = "block clause"
        token = self._take()
        name = self._template_name(token, context)
        pipe = self._pipeline(context, Kind.RIGHT)
        self._own_scope(name, context)
        return nodes.Template(token.pos, name, pipe)

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind is not Kind.STRING:
            raise self._unexpected(token, context)
        return self._unquote(token)

    def _unquote(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            raise self.fail(token.pos, str(error)) from None

    # Pipelines.

    def _pipeline(self, context: str, end: Kind) -> nodes.Pipe:
        pipe = nodes.Pipe(self._skip().pos)
        while self._skip().kind is Kind.VARIABLE:
            mark = self.at
            variable = self._next()
            following = self._skip()
            if following.kind in (Kind.ASSIGN, Kind.DECLARE):
                pipe.assign = following.kind is Kind.ASSIGN
                self._next()
                self._declare(pipe, variable)
                break
            if following.kind is Kind.CHAR and following.text == ",":
                self._next()
                self._declare(pipe, variable)
                if context == "range" and len(pipe.variables) < 2:
                    if self._skip().kind in (Kind.VARIABLE, Kind.RIGHT, Kind.CLOSE):
                        continue
                    raise self.fail(self._peek().pos, "range can only initialize variables")
                raise self.fail(following.pos, f"too many declarations in {context}")
            self.at = mark
            break
        while True:
            token = self._skip()
            if token.kind is end:
                self._next()
                self._check(pipe, context)
                return pipe
            if token.kind not in _OPERANDS and not (token.kind is Kind.KEYWORD and token.text == "nil"):
                raise self._unexpected(token, context)
            pipe.commands.append(self._command())

    def _declare(self, pipe: nodes.Pipe, variable: Token) -> None:
        pipe.variables.append(variable.text)
        self.variables.append(variable.text)

    def _check(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.commands:
            raise self.fail(pipe.pos, f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], _NOT_EXECUTABLE):
                raise self.fail(command.pos, f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.Command:
        command = nodes.Command(self._skip().pos)
        while True:
            self._skip()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = self._next()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in (Kind.RIGHT, Kind.CLOSE):
                self.at -= 1
            elif token.kind is not Kind.PIPE:
                raise self._unexpected(token, "operand")
            break
        if not command.args:
            raise self.fail(command.pos, "empty command")
        return command

    def _operand(self) -> nodes.Operand | None:
        term = self._term()
        if term is None or self._peek().kind is not Kind.FIELD:
            return term
        pos = self._peek().pos
        names = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        if isinstance(term, (nodes.Field, nodes.Variable)):
            term.names.extend(names)
            return term
        if isinstance(term, _NOT_EXECUTABLE):
            raise self.fail(pos, f"unexpected . after term {term}")
        return nodes.Chain(pos, term, names)

    def _term(self) -> nodes.Operand | None:
        token = self._skip()
        match token.kind:
            case Kind.IDENTIFIER:
                self._next()
                try:
                    known = self.known(token.text)
                except LookupError as error:
                    raise self.fail(token.pos, str(error.args[0])) from None
                if not known:
                    raise self.fail(token.pos, f"function {token.text!r} not defined")
                return nodes.Identifier(token.pos, token.text)
            case Kind.DOT:
                self._next()
                return nodes.Dot(token.pos)
            case Kind.VARIABLE:
                self._next()
                if token.text not in self.variables:
                    raise self.fail(token.pos, f"undefined variable {token.text!r}")
                return nodes.Variable(token.pos, token.text, [])
            case Kind.FIELD:
                self._next()
                return nodes.Field(token.pos, [token.text[1:]])
            case Kind.BOOL:
                self._next()
                return nodes.Bool(token.pos, token.text == "true")
            case Kind.CHARACTER | Kind.COMPLEX | Kind.NUMBER:
                self._next()
                try:
                    return number(token)
                except ValueError as error:
                    raise self.fail(token.pos, str(error)) from None
            case Kind.STRING:
                self._next()
                return nodes.String(token.pos, token.text, self._unquote(token))
            case Kind.OPEN:
                self._next()
                self.nesting += 1
                if self.nesting > self.limits.nesting:
                    raise self.fail(token.pos, f"parentheses nested more than {self.limits.nesting} deep")
                pipe = self._pipeline("parenthesized pipeline", Kind.CLOSE)
                self.nesting -= 1
                return pipe
            case Kind.KEYWORD if token.text == "nil":
                self._next()
                return nodes.Nil(token.pos)
        return None


def number(token: Token) -> nodes.Number:
    """A numeric constant with every form that Go lets it take.

    Raises:
        ValueError: no number, or too large.
    """
    text = token.text
    made = nodes.Number(token.pos, text)
    if token.kind is Kind.CHARACTER:
        value, _, end = unquote_char(text, 1, "'")
        if text[end:] != "'":
            raise ValueError(f"malformed character constant: {text}")
        made.integer, made.unsigned, made.floating = value, value, float(value)
        return made
    if token.kind is Kind.COMPLEX:
        pair = _PAIR.fullmatch(text)
        if not pair:
            raise ValueError(f"illegal number syntax: {text}")
        return _complex(made, complex(parse_float(pair[1]), parse_float(pair[2])))
    if text.endswith("i"):
        try:
            return _complex(made, complex(0, parse_float(text[:-1])))
        except ValueError:
            pass
    made.unsigned = _integer(text, signed=False)
    made.integer = _integer(text, signed=True)
    if made.integer == 0 and made.unsigned is None:
        made.unsigned = 0
    if made.integer is not None:
        made.floating = float(made.integer)
    elif made.unsigned is not None:
        made.floating = float(made.unsigned)
    else:
        try:
            floating = parse_float(text)
        except ValueError:
            raise ValueError(f"illegal number syntax: {text!r}") from None
        if not any(c in text for c in ".eEpP"):
            raise ValueError(f"integer overflow: {text!r}")
        _from_float(made, floating)
    return made


def _integer(text: str, *, signed: bool) -> int | None:
    try:
        return parse_int(text, 0, signed=signed)
    except ValueError:
        return None


def _from_float(made: nodes.Number, value: float) -> None:
    made.floating = value
    if value.is_integer():
        if -(1 << 63) <= value < 1 << 63:
            made.integer = int(value)
        if 0 <= value < 1 << 64:
            made.unsigned = int(value)


def _complex(made: nodes.Number, value: complex) -> nodes.Number:
    made.complex = value
    if value.imag == 0:
        _from_float(made, value.real)
    return made
