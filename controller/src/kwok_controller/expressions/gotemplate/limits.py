# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Bounds of a template: nothing that a template says can take unbounded time or memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kwok_controller.expressions.gotemplate.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class Limits:
    """What one template may use.

    Attributes:
        source: characters of source.
        output: characters of output of one rendering.
        value: characters of a string, or elements of a list or map, that a function makes.
        steps: nodes executed in one rendering, plus work of functions in units of about 64 characters or elements.
        templates: depth of templates calling templates (Go: 100,000).
        nesting: depth of blocks and of parentheses in the source.
        depth: depth of lists and maps within each other, where a function walks them.
    """

    source: int = 1 << 18
    output: int = 4 << 20
    value: int = 1 << 20
    steps: int = 100_000
    templates: int = 64
    nesting: int = 64
    depth: int = 128


DEFAULT_LIMITS = Limits()


class Runtime:
    """State of one rendering: the output so far and what is left of the limits."""

    __slots__ = ("level", "limits", "out", "size", "steps")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.out: list[str] = []
        self.size = 0
        self.steps = limits.steps
        self.level = 0

    def charge(self, steps: int) -> None:
        """Takes `steps` from what is left.

        Raises:
            LimitExceeded: nothing is left.
        """
        self.steps -= steps
        if self.steps < 0:
            raise LimitExceeded(f"more than {self.limits.steps} steps")

    def reserve(self, size: int) -> None:
        """Checks, before a value of `size` characters or elements is made, that it may be, and charges the work.

        Raises:
            LimitExceeded: it is too large, or no steps are left.
        """
        if size > self.limits.value:
            raise LimitExceeded(f"a value of more than {self.limits.value} characters or elements")
        if size > 64:
            self.charge(size >> 6)

    def check(self, value: Any) -> None:
        """As `reserve`, for a value already made (which its function bounds by its inputs)."""
        if isinstance(value, (str, list, dict, bytes)):
            self.reserve(len(value))

    def deeper(self, depth: int) -> None:
        """Checks the depth of a walk through lists and maps.

        Raises:
            LimitExceeded: too deep, or a value that contains itself.
        """
        if depth > self.limits.depth:
            raise LimitExceeded(f"values nested more than {self.limits.depth} deep")
