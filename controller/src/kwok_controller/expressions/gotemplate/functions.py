# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Functions of templates and their Go signatures: the types that arguments must have are as much a part of them as what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from kwok_controller.expressions.gotemplate.values import GoMap, Int64, Value, nil_map

ANY: Final = "interface {}"
STRING: Final = "string"
INT: Final = "int"
INT64: Final = "int64"
FLOAT: Final = "float64"
BOOL: Final = "bool"
MAP: Final = "map[string]interface {}"
TIME: Final = "time.Time"
VERSION: Final = "*semver.Version"


@dataclass(frozen=True, slots=True)
class Function:
    """A function that templates may call.

    Attributes:
        call: the function; raises `FunctionError` to fail. Any other exception fails the call, too, as a panic does in Go.
        params: Go types of its parameters, out of the constants above.
        variadic: Go type of any number of further arguments, None where it takes no more.
        runtime: whether `call` takes the `Runtime` before its arguments, to bound what it does.
        mutates: whether it changes its arguments. A template with such a function works on a copy of the data.
        light: whether the size of the lists and maps it is given makes no difference to the time it takes.
    """

    call: Callable[..., Value]
    params: tuple[str, ...] = ()
    variadic: str | None = None
    runtime: bool = False
    mutates: bool = False
    light: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The place of a function that Go kwok has and that is not there, with the reason: a template that names it does not compile."""

    reason: str


Functions: TypeAlias = Mapping[str, Function | LeftOut]


def fn(
    call: Callable[..., Value],
    *params: str,
    variadic: str | None = None,
    runtime: bool = False,
    mutates: bool = False,
    light: bool = False,
) -> Function:
    """A `Function`, its parameters written one after the other."""
    return Function(call, params, variadic, runtime, mutates, light)


class WrongType(Exception):
    """A value that does not go into a parameter."""


def _exact(kind: type) -> Callable[[Value], bool]:
    return lambda value: type(value) is kind


_MATCHES: Final[dict[str, Callable[[Value], bool]]] = {
    STRING: _exact(str),
    INT: _exact(int),
    INT64: _exact(Int64),
    FLOAT: _exact(float),
    BOOL: _exact(bool),
    MAP: lambda value: type(value) is dict or type(value) is GoMap,
    TIME: lambda value: getattr(value, "go_type", None) == TIME,
    VERSION: lambda value: getattr(value, "go_type", None) == VERSION,
}


def accepts(param: str, value: Value) -> bool:
    """Whether a value, not `MISSING`, is of the type of a parameter."""
    return param == ANY or _MATCHES[param](value)


def acceptor(param: str) -> Callable[[Value], bool]:
    """What says whether a value is of the type of a parameter other than `ANY`."""
    return _MATCHES[param]


def absent(param: str) -> Value:
    """What a parameter gets where there is no value, or `nil`: nil, where its type has one.

    Raises:
        WrongType: the type has no nil.
    """
    if param == ANY:
        return None
    if param == MAP:
        return nil_map()
    raise WrongType


Method: TypeAlias = Function
METHODS: Final[dict[type, dict[str, Method]]] = {}
"""Methods by the Python type of their receiver; the receiver is the first argument of `call`, and not among `params`."""


def methods(value: Value) -> dict[str, Method] | None:
    """The methods of a value, None where it has none."""
    return METHODS.get(type(value))
