# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Usages, read and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from kwok_controller.api.usage import ResourceUsageValue
from kwok_controller.expressions.cel import CelRuntimeError, ProgramOver, as_double
from kwok_controller.usage.amounts import amount

VARIABLES: Final = {"node": "Node", "pod": "Pod", "container": "Container"}
"""The variables of the expressions of usages, and of metrics."""

Compile: TypeAlias = Callable[[str], ProgramOver]
"""Compiles an expression over `VARIABLES`, or raises CelSyntaxError."""

_MOST: Final = float(2**63)
# With these an expression gives another value at another time, though the objects are the same.
_TIMELY: Final = frozenset(("Now", "now", "SinceSecond", "Rand", "Usage", "Ramp", "Wave", "Spike", "Noise", "Trace"))


class Problem(NamedTuple):
    """What is wrong with a usage.

    Attributes:
        subject: which object, for people: `ResourceUsage "default/web"`.
        path: where in it, as `$.spec.usages[0].usage.cpu.expression`.
        message: what is wrong there.
    """

    subject: str
    path: str
    message: str


class Rate:
    """The usage of a resource, as an entry has it.

    Attributes:
        value: the usage, where it is fixed.
        program: what gives it otherwise.
        steady: whether it stays the same as long as the objects do.
        needs_others: whether it needs other usages, whose objects come and go.
        path: where it stands in its object.
    """

    __slots__ = ("needs_others", "path", "program", "steady", "value")

    def __init__(self, path: str, value: float, program: ProgramOver | None = None) -> None:
        self.path = path
        self.value = value
        self.program = program
        self.steady = program is None or program.calls.isdisjoint(_TIMELY)
        self.needs_others = program is not None and "Usage" in program.calls


def compile_rate(path: str, usage: ResourceUsageValue, compile: Compile) -> Rate:
    """The rate of a usage: the fixed value if there is one, else the expression; 0 without either.

    Args:
        path: of the usage in its object.
        usage: it.
        compile: for expressions.

    Raises:
        CelSyntaxError: the expression is none.
        CelEvaluationError: the value is none, or that of an expression that is the same for everybody.
    """
    if usage.value is not None:
        value = amount(usage.value)
        check_amount(value)
        return Rate(f"{path}.value", max(0.0, value))
    if usage.expression is not None:
        return _expressed(f"{path}.expression", compile(usage.expression))
    return Rate(path, 0.0)


def _expressed(path: str, program: ProgramOver) -> Rate:
    rate = Rate(path, 0.0, program)
    if not rate.steady or program.names:
        return rate
    # It gives the same for everybody.
    value = as_double(program(*[None] * len(VARIABLES)))
    check_amount(value)
    return Rate(path, max(0.0, value))


def check_amount(value: float) -> None:
    """Checks that a usage is a number that can be summed up.

    Raises:
        CelRuntimeError: it is not.
    """
    if not -_MOST <= value <= _MOST:
        raise CelRuntimeError(f"a usage of {value} is {'no number' if value != value else 'too large'}")


def path_of(entry_path: str, resource: str) -> str:
    """Where the usage of a resource stands in an object."""
    return f"{entry_path}.usage.{resource}" if resource.isidentifier() else f"{entry_path}.usage[{resource!r}]"


def path_of_error(path: str, usage: ResourceUsageValue) -> str:
    """Where a usage stands that cannot be compiled."""
    return f"{path}.{'expression' if usage.value is None else 'value'}"
