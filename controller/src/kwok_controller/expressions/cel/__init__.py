# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Google's Common Expression Language as the Go kwok has it: the standard functions and macros, and kwok's own functions.

program = compile_cel('self.status.phase == "Pending" && SinceSecond(self) > 10.0', now=time.time_ns, random=random.random)
program(pod)                                                             # True

rate = compile_cel_over('pod.Usage("cpu") / 2.0', {"node": "Node", "pod": "Pod"}, functions, now=..., random=...)
rate(node, pod)                                                          # 0.25

An expression is compiled once into Python closures, which read the object as it is. Nothing that one says can take unbounded time or
memory: see `Limits`. Where this differs from kwok v0.8.0:

- Types are checked when an expression is evaluated, not when it is compiled. So `x > Quantity("1")` is a bool within macros, too, and
  what Go would refuse for types that do not fit fails for the objects where they do not. Expressions over declared variables are
  checked when they are compiled, too, as far as the types of what is in them are known.
- Pods and Nodes have the fields of kwok's types (see `schema`), with zero values, times and quantities. A field that these do not know,
  or that is deeper (`self.status.conditions[0].type`), is read as from a map; kwok refuses it. So
  is a field of a declared variable that these do not know refused, as far as it is not deeper.
- `SinceSecond` takes objects of every kind, and `UnixSecond` the text of a time, too.
- Integers and quantities that grow too large are an error; some of kwok's wrap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kwok_controller.expressions.cel.convert import as_bool, as_double, as_duration_ns, as_int64, as_string
from kwok_controller.expressions.cel.direct import NOT_DIRECT
from kwok_controller.expressions.cel.errors import CelError, CelEvaluationError, CelLimitError, CelRuntimeError, CelSyntaxError
from kwok_controller.expressions.cel.limits import DEFAULT_LIMITS, Limits, Run
from kwok_controller.expressions.cel.overloads import Overload
from kwok_controller.expressions.cel.schema import KINDS, STRUCTS

if TYPE_CHECKING:
    from kwok_controller.expressions.cel.compile import Code, Compiled

__all__ = [
    "CelError",
    "CelEvaluationError",
    "CelLimitError",
    "CelRuntimeError",
    "CelSyntaxError",
    "Limits",
    "Overload",
    "Program",
    "ProgramOver",
    "as_bool",
    "as_double",
    "as_duration_ns",
    "as_int64",
    "as_string",
    "compile_cel",
    "compile_cel_over",
]


class Program:
    """A compiled expression.

    Attributes:
        source: what it was compiled from.
    """

    __slots__ = ("_compile", "_kinds", "_limits", "_plain", "source")

    def __init__(self, source: str, compile_for: Callable[[str], tuple[Code, int]], limits: Limits) -> None:
        self.source = source
        self._limits = limits
        self._compile = compile_for
        self._plain = compile_for("")
        self._kinds: dict[str, tuple[Code, int]] = {}

    def __call__(self, obj: Any) -> Any:
        """The value for an object, which is the variable `self`: JSON's values, or one of the types in `values`.

        Raises:
            CelEvaluationError: it fails, or was stopped.
        """
        code, variables = self._plain
        if type(obj) is dict and obj.get("apiVersion") == "v1" and type(kind := obj.get("kind")) is str and kind in KINDS:
            found = self._kinds.get(kind)
            if found is None:
                found = self._kinds[kind] = self._compile(kind)
            code, variables = found
        try:
            return code(Run(obj, [None] * variables, self._limits))
        except RecursionError:
            raise CelLimitError("the values nest too deeply") from None


def compile_cel(source: str, *, now: Callable[[], int], random: Callable[[], float], limits: Limits = DEFAULT_LIMITS) -> Program:
    """Compiles an expression.

    Args:
        source: the expression, of the variable `self`.
        now: the time, in nanoseconds since the epoch, for `Now` and `SinceSecond`.
        random: chance, from 0 to below 1, for `Rand`.
        limits: what it may be and use.

    Raises:
        CelSyntaxError: the source is no CEL, or uses a name that is not there.
    """
    # Imported where they are needed: they cost memory, and many controllers have no stage with CEL.
    from kwok_controller.expressions.cel.compile import Compiler
    from kwok_controller.expressions.cel.functions import functions
    from kwok_controller.expressions.cel.parser import parse

    try:
        node = parse(source, limits)
        known, methods = functions(now, random)

        def compile_for(kind: str) -> tuple[Code, int]:
            compiler = Compiler(source, known, methods, limits, KINDS.get(kind))
            return compiler.compile(node).code, compiler.variables

        return Program(source, compile_for, limits)
    except RecursionError:
        raise CelSyntaxError(source, "nested too deeply") from None


class ProgramOver:
    """A compiled expression of several variables.

    Attributes:
        source: what it was compiled from.
        kind: CEL's name of the type of what it gives, such as string; empty where it is not known before it is evaluated.
        names: the variables that it uses.
        calls: the functions and methods that it uses. Without such as give something else each time, it gives the same for the same values.
    """

    __slots__ = ("_code", "_direct", "_limits", "_more", "calls", "kind", "names", "source")

    def __init__(self, source: str, compiled: Compiled, more: int, names: frozenset[str], calls: frozenset[str], limits: Limits) -> None:
        self.source = source
        self.kind = compiled.kind
        self.names = names
        self.calls = calls
        self._code = compiled.code
        self._direct = compiled.direct
        self._more = [None] * more
        self._limits = limits

    def __call__(self, *values: Any) -> Any:
        """The value for the values of the variables, in the order in which they were declared; None where there is none.

        Raises:
            CelEvaluationError: it fails, or was stopped.
        """
        try:
            if self._direct is not None:
                value = self._direct(values)
                if value is not NOT_DIRECT:
                    return value
            return self._code(Run(None, [*values, *self._more], self._limits))
        except RecursionError:
            raise CelLimitError("the values nest too deeply") from None


def compile_cel_over(
    source: str,
    variables: Mapping[str, str | None],
    functions: Mapping[str, Sequence[Overload]],
    *,
    now: Callable[[], int],
    random: Callable[[], float],
    limits: Limits = DEFAULT_LIMITS,
) -> ProgramOver:
    """Compiles an expression of several variables.

    Args:
        source: the expression.
        variables: their types by name, in the order in which their values are given: Node, Pod, Container, or None for values as JSON has
            them.
        functions: what can be called beside the standard functions, in both styles.
        now: the time, in nanoseconds since the epoch, for `Now` (and `now`, its old name) and `SinceSecond`.
        random: chance, from 0 to below 1, for `Rand`.
        limits: what it may be and use.

    Raises:
        CelSyntaxError: the source is no CEL, uses a name that is not there, or values of types that are known not to fit.
    """
    # As above.
    from kwok_controller.expressions.cel import functions as standard
    from kwok_controller.expressions.cel.compile import Compiler, Declared
    from kwok_controller.expressions.cel.parser import parse

    declared = Declared({name: None if kind is None else STRUCTS[kind] for name, kind in variables.items()}, functions)
    try:
        known, methods = standard.functions(now, random)
        compiler = Compiler(source, {**known, ("now", 0): known["Now", 0]}, methods, limits, declared=declared)
        compiled = compiler.compile(parse(source, limits), declared.scope)
    except RecursionError:
        raise CelSyntaxError(source, "nested too deeply") from None
    more = compiler.variables - len(variables)
    names = frozenset(compiler.names & set(variables))
    return ProgramOver(source, compiled, more, names, frozenset(compiler.calls), limits)
