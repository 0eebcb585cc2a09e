# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Bounds of a CEL expression: it is evaluated in the event loop, which it must not hold up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from kwok_controller.expressions.cel.errors import CelLimitError


@dataclass(frozen=True, slots=True)
class Limits:
    """What an expression may be, and use in one evaluation.

    Attributes:
        source: characters of source.
        nesting: depth of brackets in the source.
        depth: depth of the operations within each other.
        steps: operations done by macros, and work of functions in units of 64 characters or one element.
            40,000 steps take about 15 ms.
        value: characters of a string, or elements of a list, that an expression makes.
    """

    source: int = 1 << 13
    nesting: int = 40
    depth: int = 120
    steps: int = 40_000
    value: int = 1 << 18


DEFAULT_LIMITS: Final = Limits()


class Run:
    """State of one evaluation.

    Attributes:
        obj: the variable `self`.
        variables: those that are declared, then those of the macros around, from the outermost.
        steps: what is left of the limit.
    """

    __slots__ = ("limits", "obj", "steps", "variables")

    def __init__(self, obj: Any, variables: list[Any], limits: Limits) -> None:
        self.obj = obj
        self.variables = variables
        self.limits = limits
        self.steps = limits.steps

    def charge(self, steps: int) -> None:
        """Takes `steps` from what is left.

        Raises:
            CelLimitError: nothing is left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise CelLimitError(f"the expression was stopped after {self.limits.steps} steps")

    def reserve(self, size: int) -> None:
        """Checks, before a value of `size` characters or elements is made, that it may be, and charges the work.

        Raises:
            CelLimitError: it is too large, or no steps are left.
        """
        if size > self.limits.value:
            raise CelLimitError(f"the expression made a value of more than {self.limits.value} characters or elements")
        self.charge(1 + (size >> 6))
