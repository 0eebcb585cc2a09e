# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Compiles trees of CEL into Python closures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeAlias

from kwok_controller.expressions.cel import nodes as tree
from kwok_controller.expressions.cel.arithmetic import ARITHMETIC, negate
from kwok_controller.expressions.cel.direct import Argument, Direct, Text, TextField, Variable, direct_call
from kwok_controller.expressions.cel.errors import CelRuntimeError, CelSyntaxError
from kwok_controller.expressions.cel.fields import dynamic_field, has_dynamic_field, has_struct_field, item_of, resource_of, struct_field
from kwok_controller.expressions.cel.functions import Function, matches, read_duration, read_quantity, read_timestamp, to_regex
from kwok_controller.expressions.cel.limits import Limits, Run
from kwok_controller.expressions.cel.macros import MACROS
from kwok_controller.expressions.cel.overloads import ACCEPTED, Overload
from kwok_controller.expressions.cel.schema import STRUCTS, Elements, Resources, Static, Struct, Time
from kwok_controller.expressions.cel.types import UNKNOWN, comparable, result_of, result_of_arithmetic, type_of_field
from kwok_controller.expressions.cel.values import RELATIONS, TYPES, CelType, no_overload, type_name
from kwok_controller.expressions.quantity import Quantity

Code: TypeAlias = Callable[[Run], Any]

# What a call counts for in the body of a macro, in steps; any other node counts for one.
_CALL: Final = 10
_BOOL: Final = frozenset({"bool", UNKNOWN})
_SIGNED: Final = frozenset({"int", "double", "kubernetes.Quantity", UNKNOWN})
# Functions that make something of a text and are not given anything else.
_READING: Final = ("Quantity", "duration", "timestamp")
# The same for parameters that take texts of a kind.
_READERS: Final = {"amount": read_quantity, "duration": read_duration, "time": read_timestamp}
_TYPE_META: Final = ("apiVersion", "kind")
_TYPE_NAMES: Final = {name: CelType(name) for name in TYPES.values() if name != "kubernetes.Quantity"}


class Compiled(NamedTuple):
    """A compiled node.

    Attributes:
        code: gives its value.
        static: what is known of the value.
        steps: what one evaluation of it costs, without what macros in it charge themselves.
        kind: the name of the value's type, empty where it is not known.
        direct: gives the value in a shorter way; None: there is none.
    """

    code: Code
    static: Static = None
    steps: int = 1
    kind: str = UNKNOWN
    direct: Direct | None = None


class Scope(NamedTuple):
    """The variables that are declared, and those of the macros around: their places in `Run.variables`, and what is known of them."""

    places: Mapping[str, tuple[int, Static]]
    depth: int = 0


class Declared(NamedTuple):
    """What is declared for expressions that are not of an object `self`. Their types are checked as far as they are known.

    Attributes:
        variables: what is known of them, by name, in their order.
        functions: the forms of functions, by name.
    """

    variables: Mapping[str, Static]
    functions: Mapping[str, Sequence[Overload]]

    @property
    def scope(self) -> Scope:
        """That of an expression."""
        places = {name: (place, static) for place, (name, static) in enumerate(self.variables.items())}
        return Scope(places, len(places))


class Compiler:
    """Compiles one expression.

    Attributes:
        variables: how many variables a run needs.
        names: the declared variables that it uses.
        calls: the functions and methods that it uses.
    """

    def __init__(
        self,
        source: str,
        functions: Mapping[tuple[str, int], Function],
        methods: Mapping[tuple[str, int], Function],
        limits: Limits,
        self_type: Struct | None = None,
        declared: Declared | None = None,
    ) -> None:
        self.variables = 0 if declared is None else len(declared.variables)
        self.names: set[str] = set()
        self.calls: set[str] = set()
        self._declared = declared
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
                return Compiled(lambda run: value, kind=type_name(value))
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
            case tree.Unary(at, operator, operand):
                compiled = self.compile(operand, scope)
                self._check(at, operator, compiled, allowed=_BOOL if operator == "!" else _SIGNED)
                return _unary(operator, compiled)
            case tree.Binary(_, operator, left, right):
                return self._binary(node.at, operator, left, right, scope)
            case tree.Logic(at, operator, items):
                parts = [self.compile(item, scope) for item in items]
                self._check(at, operator, *parts, allowed=_BOOL)
                return _logic(operator, parts)
            case tree.Conditional(at, condition, yes, no):
                test = self.compile(condition, scope)
                self._check(at, "?:", test, allowed=_BOOL)
                return _conditional(test, self.compile(yes, scope), self.compile(no, scope))
            case tree.ListOf(_, items):
                return _list([self.compile(item, scope) for item in items])
            case tree.MapOf(_, pairs):
                return _map([(self.compile(key, scope), self.compile(value, scope)) for key, value in pairs])

    def _check(self, at: int, operator: str, *operands: Compiled, allowed: frozenset[str]) -> None:
        if self._declared is not None:
            for operand in operands:
                if operand.kind not in allowed:
                    raise self._wrong(f"no such overload: {operator} of {operand.kind}", at)

    def _name(self, at: int, name: str, scope: Scope) -> Compiled:
        if name in scope.places:
            place, static = scope.places[name]
            self.names.add(name)
            return Compiled(lambda run: run.variables[place], static)
        if name == "self" and self._declared is None:
            return Compiled(lambda run: run.obj, self._self_type)
        if name in _TYPE_NAMES:
            value = _TYPE_NAMES[name]
            return Compiled(lambda run: value, kind="type")
        known = "the object is self" if self._declared is None else f"there are {', '.join(self._declared.variables) or 'no variables'}"
        raise self._wrong(f"{name!r} is not declared: {known}", at)

    def _select(self, node: tree.Select, operand: tree.Node, name: str, scope: Scope) -> Compiled:
        value = _TYPE_NAMES.get(_dotted(node))
        if value is not None:
            return Compiled(lambda run: value, kind="type")
        compiled = self.compile(operand, scope)
        steps = compiled.steps + 1
        if isinstance(compiled.static, Struct) and name in compiled.static.fields:
            field = compiled.static.fields[name]
            return Compiled(struct_field(compiled.code, name, field), field.static, steps, type_of_field(field))
        if isinstance(compiled.static, Resources):
            return Compiled(resource_of(compiled.code, lambda run: name), None, steps + _CALL, "kubernetes.Quantity")
        if self._declared is not None and isinstance(compiled.static, Struct) and name not in _TYPE_META:
            close = get_close_matches(name, compiled.static.fields, 1)
            raise self._wrong(f"there is no field {name}" + (f": did you mean {close[0]}?" if close else ""), node.at)
        return Compiled(dynamic_field(compiled.code, name), None, steps)

    def _call(self, at: int, name: str, args: list[tree.Node], method: bool, scope: Scope) -> Compiled:
        self.calls.add(name)
        if self._declared is not None and name in self._declared.functions:
            return self._overloaded(at, name, args, scope, self._declared.functions[name])
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
            return Compiled(_matches(compiled[0].code, pattern.value), None, steps, "bool")
        if self._declared is not None and name in _READING:
            constant = self._constant(function, args[0])
            if constant is not None:
                return Compiled(lambda run: constant, None, 1, result_of(name))
        return Compiled(_call(function, [arg.code for arg in compiled]), None, steps, result_of(name))

    def _overloaded(self, at: int, name: str, args: list[tree.Node], scope: Scope, overloads: Sequence[Overload]) -> Compiled:
        compiled = [self.compile(arg, scope) for arg in args]
        for overload in overloads:
            if len(args) == len(overload.parameters) and all(map(_fits, compiled, overload.parameters)):
                codes = [arg.code for arg in compiled]
                checked = [self._argument(name, *each) for each in zip(args, codes, overload.parameters, strict=True)]
                steps = sum(arg.steps for arg in compiled) + _CALL
                direct = direct_call(overload.call, [self._direct(*each, scope) for each in zip(args, overload.parameters, strict=True)])
                return Compiled(_call_without_run(overload.call, checked), None, steps, overload.result, direct)
        known = " or ".join(f"({', '.join(overload.parameters)})" for overload in overloads)
        raise self._wrong(f"{name} takes {known}, not ({', '.join(map(_shown, compiled))})", at)

    def _direct(self, arg: tree.Node, parameter: str, scope: Scope) -> Argument:
        match arg:
            case tree.Literal(_, str(text)) if parameter == "string":
                return Text(text)
            case tree.Name(_, name) if parameter in STRUCTS and (place := self._place(name, scope)) is not None:
                return Variable(place)
            case tree.Select(_, tree.Name(_, name), field) if parameter == "string" and (place := self._place(name, scope)) is not None:
                static = scope.places[name][1]
                return TextField(place, field) if isinstance(static, Struct) and field in static.fields else None
        return None

    def _place(self, name: str, scope: Scope) -> int | None:
        """The place of a variable that is declared; None of one of a macro."""
        place = scope.places[name][0] if name in scope.places else None
        return place if place is not None and self._declared is not None and place < len(self._declared.variables) else None

    def _argument(self, name: str, arg: tree.Node, code: Code, parameter: str) -> Code:
        constant = self._constant(_READERS[parameter], arg) if parameter in _READERS else None
        return _checked(name, code, parameter) if constant is None else lambda run: constant

    def _constant(self, read: Function, arg: tree.Node) -> Any:
        # What is written down is read, and refused, once. None: it is not written down.
        if not isinstance(arg, tree.Literal) or type(arg.value) is not str:
            return None
        try:
            return read(Run(None, [], self._limits), arg.value)
        except CelRuntimeError as error:
            raise self._wrong(str(error), arg.at) from None

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
        return Compiled(code, kept, operand.steps + 1, "list" if node.function in ("filter", "map") else "bool")

    def _binary(self, at: int, operator: str, left: tree.Node, right: tree.Node, scope: Scope) -> Compiled:
        one, other = self.compile(left, scope), self.compile(right, scope)
        steps = one.steps + other.steps + 1
        if operator in ARITHMETIC:
            kind = result_of_arithmetic(operator, one.kind, other.kind)
            if kind is None and self._declared is not None:
                raise self._wrong(f"no such overload: {operator} of {one.kind} and {other.kind}", at)
            return Compiled(_operation(ARITHMETIC[operator], one.code, other.code), None, steps, kind or UNKNOWN)
        if self._declared is not None and not comparable(operator, one.kind, other.kind):
            raise self._wrong(f"no such overload: {operator} of {one.kind} and {other.kind}", at)
        if operator in ("==", "!=") and isinstance(right, tree.Literal) and type(right.value) is str:
            return Compiled(_equals_text(one.code, right.value, operator == "=="), None, steps, "bool")
        return Compiled(_operation(RELATIONS[operator], one.code, other.code), None, steps, "bool")


def _dotted(node: tree.Node) -> str:
    names: list[str] = []
    while isinstance(node, tree.Select):
        names.append(node.name)
        node = node.operand
    return ".".join([node.name, *reversed(names)]) if isinstance(node, tree.Name) else ""


def _has(operand: Compiled, name: str) -> Compiled:
    steps = operand.steps + 1
    if isinstance(operand.static, Struct) and name in operand.static.fields:
        return Compiled(has_struct_field(operand.code, name, operand.static.fields[name]), None, steps, "bool")
    return Compiled(has_dynamic_field(operand.code, name), None, steps, "bool")


def _index(operand: Compiled, index: Compiled) -> Compiled:
    steps = operand.steps + index.steps + 1
    if isinstance(operand.static, Resources):
        return Compiled(resource_of(operand.code, index.code), None, steps + _CALL, "kubernetes.Quantity")
    static = operand.static.of if isinstance(operand.static, Elements) else None
    return Compiled(item_of(operand.code, index.code), static, steps)


def _call(function: Function, args: list[Code]) -> Code:
    if not args:
        return function
    if len(args) == 1:
        only = args[0]
        return lambda run: function(run, only(run))
    return lambda run: function(run, *[arg(run) for arg in args])


def _fits(arg: Compiled, parameter: str) -> bool:
    if parameter in STRUCTS:
        return arg.static is STRUCTS[parameter]
    if arg.static is not None:
        return parameter == "time" and isinstance(arg.static, Time)
    return arg.kind == UNKNOWN or any(TYPES[accepted] == arg.kind for accepted in ACCEPTED[parameter])


def _shown(arg: Compiled) -> str:
    return next((name for name, struct in STRUCTS.items() if struct is arg.static), arg.kind or "dyn")


def _checked(name: str, code: Code, parameter: str) -> Code:
    accepted = ACCEPTED[parameter]

    def check(run: Run) -> Any:
        value = code(run)
        if type(value) in accepted:
            return value
        if value is None and parameter in STRUCTS:
            raise CelRuntimeError(f"{name}: there is no {parameter.lower()} here")
        raise no_overload(name, value)

    return check


def _call_without_run(function: Callable[..., Any], args: list[Code]) -> Code:
    match args:
        case []:
            return lambda run: function()
        case [one]:
            return lambda run: function(one(run))
        case [one, two]:
            return lambda run: function(one(run), two(run))
        case [one, two, three]:
            return lambda run: function(one(run), two(run), three(run))
    return lambda run: function(*[arg(run) for arg in args])


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

    return Compiled(
        negation if operator == "!" else lambda run: negate(code(run)), None, operand.steps + 1, "bool" if operator == "!" else operand.kind
    )


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

    return Compiled(decide, None, sum(item.steps for item in items) + 1, "bool")


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
    return Compiled(choose, static, condition.steps + max(yes.steps, no.steps) + 1, yes.kind if yes.kind == no.kind else UNKNOWN)


def _list(items: list[Compiled]) -> Compiled:
    codes = [item.code for item in items]
    return Compiled(lambda run: [code(run) for code in codes], None, sum(item.steps for item in items) + 1, "list")


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

    return Compiled(build, None, sum(key.steps + value.steps for key, value in pairs) + 1, "map")
