# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Compiles trees of CEL into Python closures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from kwok_controller.expressions.cel import nodes as tree
from kwok_controller.expressions.cel.arithmetic import ARITHMETIC, negate
from kwok_controller.expressions.cel.errors import CelRuntimeError, CelSyntaxError
from kwok_controller.expressions.cel.fields import dynamic_field, has_dynamic_field, has_struct_field, item_of, resource_of, struct_field
from kwok_controller.expressions.cel.functions import Function, matches, to_regex
from kwok_controller.expressions.cel.limits import Limits, Run
from kwok_controller.expressions.cel.macros import MACROS
from kwok_controller.expressions.cel.schema import Elements, Resources, Static, Struct
from kwok_controller.expressions.cel.values import RELATIONS, TYPES, CelType, no_overload
from kwok_controller.expressions.quantity import Quantity

Code: TypeAlias = Callable[[Run], Any]

# What a call counts for in the body of a macro, in steps; any other node counts for one.
_CALL: Final = 10
_TYPE_NAMES: Final = {name: CelType(name) for name in TYPES.values() if name != "kubernetes.Quantity"}


class Compiled(NamedTuple):
    """A compiled node.

    Attributes:
        code: gives its value.
        static: what is known of the value.
        steps: what one evaluation of it costs, without what macros in it charge themselves.
    """

    code: Code
    static: Static = None
    steps: int = 1


class Scope(NamedTuple):
    """The variables of the macros around: their places in `Run.variables`, and what is known of them."""

    places: Mapping[str, tuple[int, Static]]
    depth: int = 0


class Compiler:
    """Compiles one expression.

    Attributes:
        variables: how many variables a run needs.
    """

    def __init__(
        self,
        source: str,
        functions: Mapping[tuple[str, int], Function],
        methods: Mapping[tuple[str, int], Function],
        limits: Limits,
        self_type: Struct | None = None,
    ) -> None:
        self.variables = 0
        self._source = source
        self._functions = functions
        self._methods = methods
        self._limits = limits
        self._self_type = self_type
        self._depth = 0

    def compile(self, node: tree.Node, scope: Scope = Scope({})) -> Compiled:  # noqa: B008 (it is immutable)
        """Compiles a node.

        Raises:
            CelSyntaxError: it uses a name that is not there, or goes too deep.
        """
        self._depth += 1
        if self._depth > self._limits.depth:
            raise self._wrong(f"operations within each other more than {self._limits.depth} deep", node.at)
        compiled = self._node(node, scope)
        self._depth -= 1
        return compiled

    def _wrong(self, message: str, at: int) -> CelSyntaxError:
        return CelSyntaxError(self._source, message, at)

    def _node(self, node: tree.Node, scope: Scope) -> Compiled:
        match node:
            case tree.Literal(_, value):
                return Compiled(lambda run: value)
            case tree.Name(at, name):
                return self._name(at, name, scope)
            case tree.Select(_, operand, name):
                return self._select(node, operand, name, scope)
            case tree.Has(_, operand, name):
                return _has(self.compile(operand, scope), name)
            case tree.Index(_, operand, index):
                return _index(self.compile(operand, scope), self.compile(index, scope))
            case tree.Call(at, function, args, method):
                return self._call(at, function, args, method, scope)
            case tree.Macro():
                return self._macro(node, scope)
            case tree.Unary(_, operator, operand):
                return _unary(operator, self.compile(operand, scope))
            case tree.Binary(_, operator, left, right):
                return self._binary(operator, left, right, scope)
            case tree.Logic(_, operator, items):
                return _logic(operator, [self.compile(item, scope) for item in items])
            case tree.Conditional(_, condition, yes, no):
                return _conditional(self.compile(condition, scope), self.compile(yes, scope), self.compile(no, scope))
            case tree.ListOf(_, items):
                return _list([self.compile(item, scope) for item in items])
            case tree.MapOf(_, pairs):
                return _map([(self.compile(key, scope), self.compile(value, scope)) for key, value in pairs])

    def _name(self, at: int, name: str, scope: Scope) -> Compiled:
        if name in scope.places:
            place, static = scope.places[name]
            return Compiled(lambda run: run.variables[place], static)
        if name == "self":
            return Compiled(lambda run: run.obj, self._self_type)
        if name in _TYPE_NAMES:
            value = _TYPE_NAMES[name]
            return Compiled(lambda run: value)
        raise self._wrong(f"{name!r} is not declared: the object is self", at)

    def _select(self, node: tree.Select, operand: tree.Node, name: str, scope: Scope) -> Compiled:
        value = _TYPE_NAMES.get(_dotted(node))
        if value is not None:
            return Compiled(lambda run: value)
        compiled = self.compile(operand, scope)
        steps = compiled.steps + 1
        if isinstance(compiled.static, Struct) and name in compiled.static.fields:
            field = compiled.static.fields[name]
            return Compiled(struct_field(compiled.code, name, field), field.static, steps)
        if isinstance(compiled.static, Resources):
            return Compiled(resource_of(compiled.code, lambda run: name), None, steps + _CALL)
        return Compiled(dynamic_field(compiled.code, name), None, steps)

    def _call(self, at: int, name: str, args: list[tree.Node], method: bool, scope: Scope) -> Compiled:
        table = self._methods if method else self._functions
        function = table.get((name, len(args)))
        if function is None:
            given = len(args) - method
            kind = "method" if method else "function"
            known = any(name == other for other, _ in table)
            raise self._wrong(f"{kind} {name} does not take {given} arguments" if known else f"there is no {kind} {name}", at)
        compiled = [self.compile(arg, scope) for arg in args]
        steps = sum(arg.steps for arg in compiled) + _CALL
        if name == "matches" and isinstance(pattern := args[1], tree.Literal) and type(pattern.value) is str:
            return Compiled(_matches(compiled[0].code, pattern.value), None, steps)
        return Compiled(_call(function, [arg.code for arg in compiled]), None, steps)

    def _macro(self, node: tree.Macro, scope: Scope) -> Compiled:
        operand = self.compile(node.operand, scope)
        static = operand.static.of if isinstance(operand.static, Elements) else None
        place = scope.depth
        inner = Scope({**scope.places, node.variable: (place, static)}, place + 1)
        self.variables = max(self.variables, place + 1)
        args = [self.compile(arg, inner) for arg in node.args]
        body = 1 + sum(arg.steps for arg in args)
        code = MACROS[node.function](operand.code, place, body, *(arg.code for arg in args))
        kept = operand.static if node.function == "filter" and isinstance(operand.static, Elements) else None
        return Compiled(code, kept, operand.steps + 1)

    def _binary(self, operator: str, left: tree.Node, right: tree.Node, scope: Scope) -> Compiled:
        one, other = self.compile(left, scope), self.compile(right, scope)
        steps = one.steps + other.steps + 1
        if operator in ARITHMETIC:
            return Compiled(_operation(ARITHMETIC[operator], one.code, other.code), None, steps)
        if operator in ("==", "!=") and isinstance(right, tree.Literal) and type(right.value) is str:
            return Compiled(_equals_text(one.code, right.value, operator == "=="), None, steps)
        return Compiled(_operation(RELATIONS[operator], one.code, other.code), None, steps)


def _dotted(node: tree.Node) -> str:
    names: list[str] = []
    while isinstance(node, tree.Select):
        names.append(node.name)
        node = node.operand
    return ".".join([node.name, *reversed(names)]) if isinstance(node, tree.Name) else ""


def _has(operand: Compiled, name: str) -> Compiled:
    steps = operand.steps + 1
    if isinstance(operand.static, Struct) and name in operand.static.fields:
        return Compiled(has_struct_field(operand.code, name, operand.static.fields[name]), None, steps)
    return Compiled(has_dynamic_field(operand.code, name), None, steps)


def _index(operand: Compiled, index: Compiled) -> Compiled:
    steps = operand.steps + index.steps + 1
    if isinstance(operand.static, Resources):
        return Compiled(resource_of(operand.code, index.code), None, steps + _CALL)
    static = operand.static.of if isinstance(operand.static, Elements) else None
    return Compiled(item_of(operand.code, index.code), static, steps)


def _call(function: Function, args: list[Code]) -> Code:
    if not args:
        return function
    if len(args) == 1:
        only = args[0]
        return lambda run: function(run, only(run))
    return lambda run: function(run, *[arg(run) for arg in args])


def _matches(text: Code, pattern: str) -> Code:
    try:
        regex = to_regex(pattern)
    except CelRuntimeError as error:
        message = str(error)

        def fail(run: Run) -> bool:
            raise CelRuntimeError(message)

        return fail
    return lambda run: matches(run, text(run), regex)


def _unary(operator: str, operand: Compiled) -> Compiled:
    code = operand.code

    def negation(run: Run) -> bool:
        value = code(run)
        if value is True:
            return False
        if value is False:
            return True
        raise no_overload("!", value)

    return Compiled(negation if operator == "!" else lambda run: negate(code(run)), None, operand.steps + 1)


def _operation(operate: Callable[[Run, Any, Any], Any], left: Code, right: Code) -> Code:
    return lambda run: operate(run, left(run), right(run))


def _equals_text(operand: Code, text: str, wanted: bool) -> Code:
    def compare(run: Run) -> bool:
        value = operand(run)
        if type(value) is Quantity:
            raise no_overload("==", value, text)
        return (value == text) is wanted

    return compare


def _logic(operator: str, items: Iterable[Compiled]) -> Compiled:
    codes = tuple(item.code for item in items)
    deciding = operator == "||"

    def decide(run: Run) -> bool:
        failure: CelRuntimeError | None = None
        for code in codes:
            try:
                value = code(run)
            except CelRuntimeError as error:
                failure = failure or error
                continue
            if value is deciding:
                return value is True
            if type(value) is not bool:
                failure = failure or no_overload(operator, value)
        if failure is not None:
            raise failure
        return not deciding

    return Compiled(decide, None, sum(item.steps for item in items) + 1)


def _conditional(condition: Compiled, yes: Compiled, no: Compiled) -> Compiled:
    test, if_true, if_false = condition.code, yes.code, no.code

    def choose(run: Run) -> Any:
        value = test(run)
        if value is True:
            return if_true(run)
        if value is False:
            return if_false(run)
        raise no_overload("?:", value)

    static = yes.static if yes.static == no.static else None
    return Compiled(choose, static, condition.steps + max(yes.steps, no.steps) + 1)


def _list(items: list[Compiled]) -> Compiled:
    codes = [item.code for item in items]
    return Compiled(lambda run: [code(run) for code in codes], None, sum(item.steps for item in items) + 1)


def _map(pairs: list[tuple[Compiled, Compiled]]) -> Compiled:
    codes = [(key.code, value.code) for key, value in pairs]

    def build(run: Run) -> dict[Any, Any]:
        built = {}
        for key, value in codes:
            name = key(run)
            if type(name) in (dict, list):
                raise no_overload("{}", name)
            built[name] = value(run)
        return built

    return Compiled(build, None, sum(key.steps + value.steps for key, value in pairs) + 1)
