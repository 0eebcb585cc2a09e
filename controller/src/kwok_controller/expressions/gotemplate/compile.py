# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Compiles a syntax tree into Python closures: once for a template, to be called for every object.

A value closure takes `(frame, dot)` and gives a Go value; a statement closure takes the same, writes to the runtime and gives 0, or
`_BREAK` or `_CONTINUE`. A frame is a list: the `Runtime`, `$`, and a place for every variable of the template.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from kwok_controller.expressions.gotemplate import nodes
from kwok_controller.expressions.gotemplate.builtins import BUILTINS, equal
from kwok_controller.expressions.gotemplate.errors import (
    FunctionError,
    LimitExceeded,
    TemplateError,
    TemplateExecutionError,
    TemplateLimitError,
)
from kwok_controller.expressions.gotemplate.formatting import to_text
from kwok_controller.expressions.gotemplate.functions import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    INT64,
    STRING,
    Function,
    Functions,
    LeftOut,
    WrongType,
    absent,
    acceptor,
    accepts,
    methods,
)
from kwok_controller.expressions.gotemplate.lexer import place
from kwok_controller.expressions.gotemplate.limits import DEFAULT_LIMITS, Limits, Runtime
from kwok_controller.expressions.gotemplate.parser import Parser
from kwok_controller.expressions.gotemplate.strconv import valid_text
from kwok_controller.expressions.gotemplate.values import MISSING, Int64, Value, element, elements, items, number, thaw, truth, type_name

Frame: TypeAlias = list[Any]
Eval: TypeAlias = Callable[[Frame, Value], Value]
Exec: TypeAlias = Callable[[Frame, Value], int]
Scope: TypeAlias = list[tuple[str, int]]

_BREAK: Final = 1
_CONTINUE: Final = 2
_LONG: Final = 256
_SIZED: Final = (str, list, dict, bytes)
_EQUAL: Final = Function(equal, (ANY, ANY), light=True)


class _NoFinal:
    """There is no value from the pipeline before."""


_NO_FINAL: Final = _NoFinal()
_UNSET: Final = _NoFinal()


class _Unit:
    """One template: its own body or that of a `define`."""

    __slots__ = ("body", "name", "slots", "weight")

    def __init__(self, name: str) -> None:
        self.name = name
        self.body: Exec = lambda frame, dot: 0
        self.slots = 2
        self.weight = 1


class Template:
    """A compiled template. It keeps no state: one may be used from any number of threads.

    Attributes:
        source: the source it was compiled from.
        name: its name.
    """

    __slots__ = ("_limits", "_main", "_thaw", "name", "source")

    def __init__(self, source: str, main: _Unit, limits: Limits, *, copies: bool) -> None:
        self.source = source
        self.name = main.name
        self._main = main
        self._limits = limits
        self._thaw = copies

    def render(self, data: Value) -> str:
        """The text for an object, decoded from JSON (`dict`, `list`, `str`, `bool`, `int`, `float`, None), which stays as it is.

        Raises:
            TemplateExecutionError: it failed on these data.
            TemplateLimitError: it was stopped.
        """
        runtime = Runtime(self._limits)
        main = self._main
        try:
            if self._thaw:
                data = thaw(data, runtime)
            kind = type(data)
            if data is None:
                data = MISSING
            elif kind is int or kind is float:
                data = number(data)
            runtime.charge(main.weight)
            main.body([runtime, data, *[_UNSET] * (main.slots - 2)], data)
        except LimitExceeded as error:
            raise TemplateLimitError(str(error), name=self.name) from None
        except RecursionError:
            raise TemplateLimitError("nested too deep", name=self.name) from None
        return valid_text("".join(runtime.out))


def compile_template(
    source: str,
    functions: Functions | None = None,
    *,
    name: str = "_",
    limits: Limits = DEFAULT_LIMITS,
    trim: bool = False,
) -> Template:
    """Compiles a template.

    Args:
        source: in the language of Go's `text/template`.
        functions: what it may call besides the built-in functions, which they hide.
        name: of the template itself, for `template` and for messages.
        limits: what it may use.
        trim: leaves out space at both ends of the source first, as the Go kwok does; places in messages still count it.

    Raises:
        TemplateSyntaxError: with the place.
    """
    functions = functions or {}
    span = (0, len(source))
    if trim:
        stop = len(source.rstrip())
        span = (min(len(source) - len(source.lstrip()), stop), stop)
    used: set[str] = set()

    def known(word: str) -> bool:
        found = functions.get(word) or BUILTINS.get(word)
        if isinstance(found, LeftOut):
            raise LookupError(f"function {word!r} is not available: {found.reason}")
        used.add(word)
        return found is not None

    trees = Parser(source, known, name, limits, span).parse()
    compiler = _Compiler(source, functions, trees, limits)
    main = compiler.units[name]
    copies = any(isinstance(function := functions.get(word), Function) and function.mutates for word in used)
    return Template(source, main, limits, copies=copies)


def _weigh(block: nodes.Block | None) -> int:
    if block is None:
        return 0
    total = 0
    for node in block.nodes:
        total += 1
        if isinstance(node, (nodes.If, nodes.With)):
            total += max(_weigh(node.body), _weigh(node.orelse))
        elif isinstance(node, nodes.Range):
            total += _weigh(node.orelse)
    return total


class _Compiler:
    def __init__(self, source: str, functions: Functions, trees: dict[str, nodes.Block], limits: Limits) -> None:
        self.source = source
        self.functions = functions
        self.limits = limits
        self.units = {name: _Unit(name) for name in trees}
        self.unit = _Unit("")
        self.scope: Scope = []
        for name, tree in trees.items():
            self.unit = self.units[name]
            self.scope = [("$", 1)]
            self.unit.weight = 1 + _weigh(tree)
            self.unit.body = self.block(tree)

    # Errors and variables.

    def failer(self, pos: int, what: object = "") -> Callable[..., TemplateExecutionError]:
        """Makes errors at a place."""
        name = self.unit.name
        source = self.source

        def fail(reason: str, kind: type[TemplateExecutionError] = TemplateExecutionError) -> TemplateExecutionError:
            line, column = place(source, pos)
            text = str(what)
            if text:
                text = text if len(text) <= 40 else text[:40] + "…"
                reason = f"at <{text}>: {reason}"
            return kind(reason, name=name, line=line, column=column)

        return fail

    def raiser(self, pos: int, what: object, reason: str) -> Eval:
        """A value that cannot be had."""
        fail = self.failer(pos, what)

        def run(frame: Frame, dot: Value) -> NoReturn:
            raise fail(reason)

        return run

    def declare(self, name: str) -> int:
        slot = self.unit.slots
        self.unit.slots += 1
        self.scope.append((name, slot))
        return slot

    def slot(self, name: str) -> int | None:
        for known, slot in reversed(self.scope):
            if known == name:
                return slot
        return None

    # Statements.

    def block(self, block: nodes.Block) -> Exec:
        parts: list[Exec] = []
        before: nodes.Text | None = None
        for node in block.nodes:
            if isinstance(node, nodes.Action) and not node.pipe.variables:
                # Text and the action after it are one step.
                parts.append(self.action(node, before.text if before else ""))
                before = None
                continue
            if before:
                parts.append(self.text(before))
                before = None
            if isinstance(node, nodes.Text):
                before = node
            else:
                parts.append(self.statement(node))
        if before:
            parts.append(self.text(before))
        if not parts:
            return lambda frame, dot: 0
        if len(parts) == 1:
            return parts[0]
        steps = tuple(parts)

        def run(frame: Frame, dot: Value) -> int:
            for step in steps:
                if flow := step(frame, dot):
                    return flow
            return 0

        return run

    def scoped(self, block: nodes.Block) -> Exec:
        mark = len(self.scope)
        compiled = self.block(block)
        del self.scope[mark:]
        return compiled

    def statement(self, node: nodes.Statement) -> Exec:
        if isinstance(node, nodes.Text):
            return self.text(node)
        if isinstance(node, nodes.Action):
            return self.action(node)
        if isinstance(node, nodes.If):
            return self.if_(node)
        if isinstance(node, nodes.With):
            return self.with_(node)
        if isinstance(node, nodes.Range):
            return self.range_(node)
        if isinstance(node, nodes.Template):
            return self.template(node)
        if isinstance(node, nodes.Break):
            return lambda frame, dot: _BREAK
        return lambda frame, dot: _CONTINUE

    def text(self, node: nodes.Text) -> Exec:
        text = node.text
        size = len(text)
        limit = self.limits.output
        fail = self.failer(node.pos)

        def run(frame: Frame, dot: Value) -> int:
            runtime = frame[0]
            runtime.size += size
            if runtime.size > limit:
                raise fail(f"more than {limit} characters of output", TemplateLimitError)
            runtime.out.append(text)
            return 0

        return run

    def action(self, node: nodes.Action, before: str = "") -> Exec:
        value = self.pipe(node.pipe)
        if node.pipe.variables:

            def run_declaration(frame: Frame, dot: Value) -> int:
                value(frame, dot)
                return 0

            return run_declaration
        limit = self.limits.output
        size = len(before)
        fail = self.failer(node.pos, node.pipe)

        def run(frame: Frame, dot: Value) -> int:
            made = value(frame, dot)
            runtime = frame[0]
            if type(made) is not str:
                try:
                    made = "<no value>" if made is MISSING or made is None else to_text(runtime, made)
                except LimitExceeded as error:
                    raise fail(str(error), TemplateLimitError) from None
            runtime.size += size + len(made)
            if runtime.size > limit:
                raise fail(f"more than {limit} characters of output", TemplateLimitError)
            if size:
                runtime.out.append(before)
            runtime.out.append(made)
            return 0

        return run

    def if_(self, node: nodes.If) -> Exec:
        mark = len(self.scope)
        value = self.pipe(node.pipe)
        body = self.scoped(node.body)
        orelse = self.scoped(node.orelse) if node.orelse else None
        del self.scope[mark:]
        if orelse is None:

            def run(frame: Frame, dot: Value) -> int:
                return body(frame, dot) if value(frame, dot) else 0

            return run

        def run_else(frame: Frame, dot: Value) -> int:
            return body(frame, dot) if value(frame, dot) else orelse(frame, dot)

        return run_else

    def with_(self, node: nodes.With) -> Exec:
        mark = len(self.scope)
        value = self.pipe(node.pipe)
        body = self.scoped(node.body)
        orelse = self.scoped(node.orelse) if node.orelse else None
        del self.scope[mark:]

        def run(frame: Frame, dot: Value) -> int:
            made = value(frame, dot)
            if made:
                return body(frame, made)
            return orelse(frame, dot) if orelse else 0

        return run

    def range_(self, node: nodes.Range) -> Exec:
        mark = len(self.scope)
        pipe = node.pipe
        names = pipe.variables
        # The variables hold the whole value where there is nothing to iterate over.
        value = self.pipe(pipe)
        slots = [self.slot(name) for name in names]
        key_slot = slots[0] if len(names) > 1 else None
        item_slot = slots[-1] if names else None
        two = len(names) > 1
        body = self.scoped(node.body)
        orelse = self.scoped(node.orelse) if node.orelse else None
        del self.scope[mark:]
        weight = 1 + _weigh(node.body)
        steps = self.limits.steps
        fail = self.failer(node.pos, pipe)

        def run(frame: Frame, dot: Value) -> int:
            made = value(frame, dot)
            if isinstance(made, list):
                pairs: Any = enumerate(elements(made))
            elif isinstance(made, dict):
                pairs = list(items(made))
            elif made is MISSING or made is None:
                pairs = ()
            elif isinstance(made, int) and not isinstance(made, bool):
                if two:
                    raise fail(f"can't use {int(made)} to iterate over more than one variable")
                kind = type(made)
                pairs = ((MISSING, at if kind is int else kind(at)) for at in range(made))
            else:
                raise fail(f"range can't iterate over a {type_name(made)}")
            runtime = frame[0]
            if isinstance(made, (list, dict)):
                runtime.steps -= len(made) >> 3
            ran = False
            for key, item in pairs:
                ran = True
                runtime.steps -= weight
                if runtime.steps < 0:
                    raise fail(f"more than {steps} steps", TemplateLimitError)
                if item_slot is not None:
                    frame[item_slot] = item
                    if key_slot is not None:
                        frame[key_slot] = key
                if body(frame, item) == _BREAK:
                    break
            if not ran and orelse:
                return orelse(frame, dot)
            return 0

        return run

    def template(self, node: nodes.Template) -> Exec:
        fail = self.failer(node.pos, f'template "{node.name}"')
        value = self.pipe(node.pipe) if node.pipe else None
        unit = self.units.get(node.name)
        if unit is None:
            missing = self.raiser(node.pos, "", f"template {node.name!r} not defined")

            def run_missing(frame: Frame, dot: Value) -> int:
                missing(frame, dot)
                return 0

            return run_missing
        called = unit
        limits = self.limits

        def run(frame: Frame, dot: Value) -> int:
            made = value(frame, dot) if value else MISSING
            if made is None:
                made = MISSING
            runtime = frame[0]
            if runtime.level >= limits.templates:
                raise fail(f"templates nested more than {limits.templates} deep", TemplateLimitError)
            runtime.steps -= called.weight
            if runtime.steps < 0:
                raise fail(f"more than {limits.steps} steps", TemplateLimitError)
            runtime.level += 1
            called.body([runtime, made, *[_UNSET] * (called.slots - 2)], made)
            runtime.level -= 1
            return 0

        return run

    # Values.

    # A pipeline gives nil where its last command gives nil, which Go takes for no value at all: whoever uses the value of a
    # pipeline has to take `None` as `MISSING`. Elsewhere they differ: a field of no value is no value, a field of nil is an error.

    def pipe(self, pipe: nodes.Pipe) -> Eval:
        value = self.command(pipe.commands[0], None)
        for command in pipe.commands[1:]:
            value = self.command(command, value)
        if pipe.variables:
            return self.assignment(pipe, value)
        return value

    def assignment(self, pipe: nodes.Pipe, value: Eval) -> Eval:
        slots: list[int] = []
        for name in pipe.variables:
            if not pipe.assign:
                slots.append(self.declare(name))
            elif (slot := self.slot(name)) is not None:
                slots.append(slot)
            else:
                return self.undefined(pipe, name, value)
        if len(slots) == 1:
            only = slots[0]

            def run_one(frame: Frame, dot: Value) -> Value:
                made = value(frame, dot)
                if made is None:
                    made = MISSING
                frame[only] = made
                return made

            return run_one

        def run(frame: Frame, dot: Value) -> Value:
            made = value(frame, dot)
            if made is None:
                made = MISSING
            for slot in slots:
                frame[slot] = made
            return made

        return run

    def undefined(self, pipe: nodes.Pipe, name: str, value: Eval) -> Eval:
        # An assignment to what is not declared.
        fail = self.failer(pipe.pos, pipe)

        def run(frame: Frame, dot: Value) -> Value:
            value(frame, dot)
            raise fail(f"undefined variable: {name}")

        return run

    def command(self, command: nodes.Command, before: Eval | None) -> Eval:
        first = command.args[0]
        rest = command.args[1:]
        if isinstance(first, nodes.Identifier):
            return self.call(first, rest, before)
        if isinstance(first, nodes.Field):
            return self.fields(lambda frame, dot: dot, first.names, first, rest, before)
        if isinstance(first, nodes.Chain):
            return self.fields(self.chained(first), first.names, first, rest, before)
        if isinstance(first, nodes.Variable) and first.names:
            return self.fields(self.variable(first), first.names, first, rest, before)
        if rest or before is not None:
            return self.raiser(first.pos, command, f"can't give argument to non-function {first}")
        if isinstance(first, nodes.Nil):
            return self.raiser(first.pos, first, "nil is not a command")
        return self.plain(first)

    def plain(self, node: nodes.Operand) -> Eval:
        """A value where its type does not matter."""
        if isinstance(node, nodes.Dot):
            return lambda frame, dot: dot
        if isinstance(node, nodes.Pipe):
            return self.pipe(node)
        if isinstance(node, nodes.Variable):
            if node.names:
                return self.fields(self.variable(node), node.names, node, [], None)
            return self.variable(node)
        if isinstance(node, nodes.Field):
            return self.fields(lambda frame, dot: dot, node.names, node, [], None)
        if isinstance(node, nodes.Chain):
            return self.fields(self.chained(node), node.names, node, [], None)
        if isinstance(node, nodes.Identifier):
            return self.call(node, [], None)
        if isinstance(node, (nodes.Bool, nodes.String)):
            constant: Value = node.value
            return lambda frame, dot: constant
        if isinstance(node, nodes.Number):
            return self.ideal(node)
        return lambda frame, dot: None

    def ideal(self, node: nodes.Number) -> Eval:
        # A constant where its type is open: its form says which type it has.
        value: Value
        text = node.text
        hexadecimal = text[:2].lower() == "0x" and len(text) > 2 and not any(c in text for c in "pP")
        if node.complex is not None:
            value = node.complex
        elif node.floating is not None and not hexadecimal and text[0] != "'" and any(c in text for c in ".eEpP"):
            value = node.floating
        elif node.integer is not None:
            value = node.integer
        else:
            return self.raiser(node.pos, node, f"{text} overflows int")
        return lambda frame, dot: value

    def variable(self, node: nodes.Variable) -> Eval:
        slot = self.slot(node.name)
        if slot is None:
            return self.raiser(node.pos, node, f"undefined variable: {node.name}")
        found = slot
        if found == 1:
            return lambda frame, dot: frame[1]
        fail = self.failer(node.pos, node)
        name = node.name

        def run(frame: Frame, dot: Value) -> Value:
            value = frame[found]
            if value is _UNSET:
                raise fail(f"undefined variable: {name}")
            return value

        return run

    def chained(self, node: nodes.Chain) -> Eval:
        if isinstance(node.node, nodes.Nil):
            return self.raiser(node.pos, node, f"indirection through explicit nil in {node}")
        value = self.plain(node.node)
        if not isinstance(node.node, nodes.Pipe):
            return value

        def run(frame: Frame, dot: Value) -> Value:
            made = value(frame, dot)
            return MISSING if made is None else made

        return run

    def fields(self, base: Eval, names: list[str], node: nodes.Operand, args: list[nodes.Operand], before: Eval | None) -> Eval:
        fail = self.failer(node.pos, node)
        if args or before is not None:
            return self.method(base, names, node, args, before)

        def step(value: Value, name: str, frame: Frame, dot: Value) -> Value:
            # One field of anything but data.
            if value is MISSING:
                return MISSING
            if value is None:
                raise fail(f"nil pointer evaluating interface {{}}.{name}")
            found = methods(value)
            if found and name in found:
                return self.invoke(found[name], name, value, (), frame, fail)
            if isinstance(value, dict):
                return element(value, value.get(name, MISSING))
            raise fail(f"can't evaluate field {name} in type {type_name(value)}")

        if len(names) == 1:
            only = names[0]

            def run_one(frame: Frame, dot: Value) -> Value:
                value = base(frame, dot)
                if type(value) is dict:
                    value = value.get(only, MISSING)
                    kind = type(value)
                    return number(value) if kind is int or kind is float else value
                return step(value, only, frame, dot)

            return run_one
        path = tuple(names)

        def run(frame: Frame, dot: Value) -> Value:
            value = base(frame, dot)
            for name in path:
                if type(value) is dict:
                    value = value.get(name, MISSING)
                    kind = type(value)
                    if kind is int or kind is float:
                        value = number(value)
                else:
                    value = step(value, name, frame, dot)
            return value

        return run

    def method(self, base: Eval, names: list[str], node: nodes.Operand, args: list[nodes.Operand], before: Eval | None) -> Eval:
        # The last name has arguments: it must be a method.
        fail = self.failer(node.pos, node)
        last = names[-1]
        receiver = self.fields(base, names[:-1], node, [], None) if names[:-1] else base
        # Go checks types against the method's own parameters; there is none of ours that takes anything but a string or a value.
        values = [self.plain(arg) for arg in args] + ([before] if before else [])

        def run(frame: Frame, dot: Value) -> Value:
            # What comes from the pipeline is there before its receiver is looked at.
            given = [value(frame, dot) for value in values]
            value = receiver(frame, dot)
            if value is MISSING:
                return MISSING
            found = methods(value)
            if found and last in found:
                return self.invoke(found[last], last, value, tuple(given), frame, fail)
            if isinstance(value, dict):
                raise fail(f"{last} is not a method but has arguments")
            raise fail(f"can't evaluate field {last} in type {type_name(value)}")

        return run

    @staticmethod
    def invoke(method: Function, name: str, value: Value, args: tuple[Value, ...], frame: Frame, fail: Callable[..., Exception]) -> Value:
        if len(args) != len(method.params):
            raise fail(f"wrong number of args for {name}: want {len(method.params)} got {len(args)}")
        for param, arg in zip(method.params, args, strict=True):
            if arg is MISSING or not accepts(param, arg):
                raise fail(f"wrong type for value; expected {param}; got {type_name(arg)}")
        try:
            return method.call(value, *args)
        except FunctionError as error:
            raise fail(f"error calling {name}: {error}") from None

    # Calls.

    def call(self, node: nodes.Identifier, args: list[nodes.Operand], before: Eval | None) -> Eval:
        name = node.name
        function = self.functions.get(name) or BUILTINS[name]
        assert isinstance(function, Function)
        count = len(args) + (before is not None)
        params = function.params
        if function.variadic is not None:
            if count < len(params):
                return self.arguments_first(
                    before, self.raiser(node.pos, node, f"wrong number of args for {name}: want at least {len(params)} got {len(args)}")
                )
            kinds = params + (function.variadic,) * (count - len(params))
        else:
            if count != len(params):
                return self.arguments_first(
                    before, self.raiser(node.pos, node, f"wrong number of args for {name}: want {len(params)} got {count}")
                )
            kinds = params
        # What comes from the pipeline is evaluated first, and given last.
        last = self.converted(before, kinds[-1], node, piped=True) if before else None
        values = tuple(self.argument(arg, kind) for arg, kind in zip(args, kinds, strict=False))
        if name in ("and", "or") and function is BUILTINS[name]:
            return self.shortcut(name == "or", values, last)
        if name == "eq" and function is BUILTINS[name] and count == 2:
            function = _EQUAL
        return self.invocation(node, function, values, last)

    @staticmethod
    def arguments_first(before: Eval | None, then: Eval) -> Eval:
        if before is None:
            return then
        earlier = before

        def run(frame: Frame, dot: Value) -> Value:
            earlier(frame, dot)
            return then(frame, dot)

        return run

    @staticmethod
    def shortcut(wanted: bool, values: tuple[Eval, ...], last: Eval | None) -> Eval:
        if last is None:
            early, final = values[:-1], values[-1]

            def run(frame: Frame, dot: Value) -> Value:
                for value in early:
                    made = value(frame, dot)
                    if truth(made) is wanted:
                        return made
                return final(frame, dot)

            return run
        piped = last

        def run_piped(frame: Frame, dot: Value) -> Value:
            given = piped(frame, dot)
            for value in values:
                made = value(frame, dot)
                if truth(made) is wanted:
                    return made
            return given

        return run_piped

    def invocation(self, node: nodes.Identifier, function: Function, values: tuple[Eval, ...], last: Eval | None) -> Eval:
        fail = self.failer(node.pos, node)
        name = node.name
        call = function.call

        def failed(error: Exception) -> TemplateError:
            if isinstance(error, TemplateError):
                return error
            if isinstance(error, LimitExceeded):
                return fail(str(error), TemplateLimitError)
            if isinstance(error, RecursionError):
                return fail(f"error calling {name}: nested too deep", TemplateLimitError)
            reason = str(error) if isinstance(error, FunctionError) else f"{type(error).__name__}: {error}"
            return fail(f"error calling {name}: {reason}")

        light = function.light

        def account(runtime: Runtime, args: list[Value], made: Value) -> None:
            # Work on what is large counts; what is made has to stay within bounds.
            for arg in args:
                if isinstance(arg, str if light else _SIZED) and len(arg) > _LONG:
                    runtime.charge(len(arg) >> 4)
            if not light:
                runtime.check(made)

        # The arguments in the order in which they are evaluated; what comes from the pipeline is the first, and given last.
        evaluated = ((last,) if last else ()) + values
        runtime_first = function.runtime
        if len(evaluated) == 1:
            only = evaluated[0]

            def run_one(frame: Frame, dot: Value) -> Value:
                arg = only(frame, dot)
                if arg is MISSING:
                    arg = None
                try:
                    made = call(frame[0], arg) if runtime_first else call(arg)
                    if type(arg) is not str or type(made) is not str or len(made) > _LONG or len(arg) > _LONG:
                        account(frame[0], [arg], made)
                    return made
                except Exception as error:
                    raise failed(error) from None

            return run_one
        if len(evaluated) == 2:
            first, second = evaluated
            swapped = last is not None

            def run_two(frame: Frame, dot: Value) -> Value:
                one = first(frame, dot)
                if one is MISSING:
                    one = None
                two = second(frame, dot)
                if two is MISSING:
                    two = None
                if swapped:
                    one, two = two, one
                try:
                    made = call(frame[0], one, two) if runtime_first else call(one, two)
                    if not light or type(one) is str or type(two) is str:
                        account(frame[0], [one, two], made)
                    return made
                except Exception as error:
                    raise failed(error) from None

            return run_two

        def run(frame: Frame, dot: Value) -> Value:
            args = []
            for value in evaluated:
                arg = value(frame, dot)
                args.append(None if arg is MISSING else arg)
            if last:
                args.append(args.pop(0))
            try:
                made = call(frame[0], *args) if runtime_first else call(*args)
                account(frame[0], args, made)
                return made
            except Exception as error:
                raise failed(error) from None

        return run

    def argument(self, node: nodes.Operand, param: str) -> Eval:
        """An argument written in the source, for a parameter of this type."""
        if isinstance(node, nodes.Nil):
            try:
                absent(param)
            except WrongType:
                return self.raiser(node.pos, node, f"cannot assign nil to {param}")
            return lambda frame, dot: absent(param)
        if isinstance(node, (nodes.Bool, nodes.String, nodes.Number)):
            return self.constant(node, param)
        return self.converted(self.plain(node), param, node, piped=isinstance(node, nodes.Pipe))

    def constant(self, node: nodes.Bool | nodes.String | nodes.Number, param: str) -> Eval:
        value: Value = None
        if param == ANY:
            return self.plain(node)
        if isinstance(node, nodes.Bool):
            value = node.value if param == BOOL else None
        elif isinstance(node, nodes.String):
            value = node.value if param == STRING else None
        elif param == INT:
            value = node.integer
        elif param == INT64:
            value = None if node.integer is None else Int64(node.integer)
        elif param == FLOAT:
            value = node.floating
        if value is None:
            return self.raiser(node.pos, node, f"expected {param}; found {node}")
        return lambda frame, dot: value

    def converted(self, value: Eval, param: str, node: nodes.Operand, *, piped: bool) -> Eval:
        """A value that must be of the type of a parameter."""
        if param == ANY:
            # A call takes no value as nil.
            return value
        fail = self.failer(node.pos, node)
        accept = acceptor(param)

        def run(frame: Frame, dot: Value) -> Value:
            made = value(frame, dot)
            if accept(made):
                return made
            if made is MISSING or (piped and made is None):
                try:
                    return absent(param)
                except WrongType:
                    raise fail(f"invalid value; expected {param}") from None
            raise fail(f"wrong type for value; expected {param}; got {'interface {}' if made is None else type_name(made)}")

        return run
