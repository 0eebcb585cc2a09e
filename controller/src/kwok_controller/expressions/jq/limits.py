# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Bounds of a jq query: an endless or exploding query is stopped, never the event loop that evaluates it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from kwok_controller.expressions.jq.errors import JqLimitError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may use.

    Attributes:
        steps: values that flow between the parts of a query, and work of functions in units of 64 characters or one element.
            20,000 steps take about 20 ms.
        value: characters of a string, or elements of an array or object, that a query makes.
        bits: size of an integer.
    """

    steps: int = 20_000
    value: int = 1 << 18
    bits: int = 1024


DEFAULT_LIMITS: Final = Limits()


class Run:
    """State of one evaluation: what is left of the limits."""

    __slots__ = ("limits", "steps")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.steps = limits.steps

    def charge(self, steps: int = 1) -> None:
        """Takes `steps` from what is left.

        Raises:
            JqLimitError: nothing is left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise JqLimitError(f"the query was stopped after {self.limits.steps} steps")

    def reserve(self, size: int) -> None:
        """Checks, before a value of `size` characters or elements is made, that it may be, and charges the work.

        Raises:
            JqLimitError: it is too large, or no steps are left.
        """
        if size > self.limits.value:
            raise JqLimitError(f"the query made a value of more than {self.limits.value} characters or elements")
        if size > 64:
            self.charge(size >> 6)

    def made(self, value: Any) -> Any:
        """Checks a string, array or object just made, whose size its inputs bound."""
        self.reserve(len(value))
        return value
