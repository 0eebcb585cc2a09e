# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Calls of functions that are given to expressions from outside, of nothing but variables, their fields and texts that are written down.

Most metrics have such a value, as `pod.Usage("cpu", container.name)`, and a scrape has thousands of them. So they are called as they are,
without a closure for each argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

NOT_DIRECT: Final = object()
"""Instead of a value: an argument is none that the function takes. The expression says what is wrong."""

Direct: TypeAlias = Callable[[tuple[Any, ...]], Any]
"""Gives the value for those of the variables, or `NOT_DIRECT`."""


class Variable(NamedTuple):
    """A variable that is declared as an object."""

    place: int


class TextField(NamedTuple):
    """A field of such a variable, which has to be a text."""

    place: int
    name: str


class Text(NamedTuple):
    """A text that is written down."""

    value: str


Argument: TypeAlias = Variable | TextField | Text | None
"""None: something else."""


def direct_call(function: Callable[..., Any], arguments: Sequence[Argument]) -> Direct | None:
    """Calls a function; None: it is none of the calls that are worth it."""
    match arguments:
        case [Variable(place)]:
            return _of_object(function, place)
        case [Variable(place), Text(text)]:
            return _of_object_and_text(function, place, text)
        case [Variable(place), Text(text), TextField(other, name)]:
            return _of_object_text_and_field(function, place, text, other, name)
    return None


def _of_object(function: Callable[..., Any], place: int) -> Direct:
    def call(values: tuple[Any, ...]) -> Any:
        value = values[place]
        return function(value) if type(value) is dict else NOT_DIRECT

    return call


def _of_object_and_text(function: Callable[..., Any], place: int, text: str) -> Direct:
    def call(values: tuple[Any, ...]) -> Any:
        value = values[place]
        return function(value, text) if type(value) is dict else NOT_DIRECT

    return call


def _of_object_text_and_field(function: Callable[..., Any], place: int, text: str, other: int, name: str) -> Direct:
    def call(values: tuple[Any, ...]) -> Any:
        value, of = values[place], values[other]
        if type(value) is dict and type(of) is dict:
            field = of.get(name)
            if type(field) is str:
                return function(value, text, field)
        return NOT_DIRECT

    return call
