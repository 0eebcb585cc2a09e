# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The functions that a query can call, and how they are registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, TypeVar

from kwok_controller.expressions.jq import values as v
from kwok_controller.expressions.jq.code import Code, Env
from kwok_controller.expressions.jq.compile import Special
from kwok_controller.expressions.jq.errors import JqRuntimeError
from kwok_controller.expressions.jq.limits import Run

Native: TypeAlias = Callable[..., Any]
"""`(run, input, *arguments) -> result`."""

N = TypeVar("N", bound=Native)

BUILTINS: Final[dict[str, Special]] = {}


def special(name: str) -> Callable[[Special], Special]:
    """Registers what compiles the calls of a function, by `name/arity`."""

    def register(made: Special) -> Special:
        BUILTINS[name] = made
        return made

    return register


def native(name: str) -> Callable[[N], N]:
    """Registers a function of the input and of the values of its arguments."""

    def register(made: N) -> N:
        BUILTINS[name] = lambda compiler, args, scope: call(made, [compiler.compile(arg, scope) for arg in args])
        return made

    return register


def call(native: Native, args: list[Code]) -> Code:
    """The code of a call: once for each combination of the arguments' results."""
    if all(arg.one for arg in args):
        ones: list[Any] = [arg.one for arg in args]
        if not ones:
            return Code(one=lambda run, env, value: native(run, value))
        if len(ones) == 1:
            only = ones[0]
            return Code(one=lambda run, env, value: native(run, value, only(run, env, value)))
        return Code(one=lambda run, env, value: native(run, value, *[one(run, env, value) for one in ones]))

    def gen(run: Run, env: Env, value: Any) -> Iterator[Any]:
        for given in arguments(run, env, value, args, len(args) - 1):
            yield native(run, value, *given)

    return Code(gen=gen)


def arguments(run: Run, env: Env, value: Any, args: list[Code], last: int) -> Iterator[list[Any]]:
    """The combinations of what arguments give, up to the one numbered `last`, which varies slowest."""
    if last < 0:
        yield []
        return
    for result in args[last].gen(run, env, value):
        for before in arguments(run, env, value, args, last - 1):
            run.charge()
            yield [*before, result]


def not_for(name: str, value: Any) -> JqRuntimeError:
    """What is wrong where a function does not take such a value."""
    return v.failure(f"{name} cannot be applied to: {v.preview(value)}")


def array_of(name: str, value: Any) -> list[Any]:
    """A value that must be an array, for the function of that name."""
    if not isinstance(value, list):
        raise not_for(name, value)
    return value


def text_of(name: str, value: Any) -> str:
    """A value that must be a string, for the function of that name."""
    if not isinstance(value, str):
        raise not_for(name, value)
    return value
