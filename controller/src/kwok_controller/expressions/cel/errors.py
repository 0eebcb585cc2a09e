# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What can be wrong with a CEL expression."""

from __future__ import annotations


class CelError(Exception):
    """A CEL expression that cannot be compiled or evaluated."""


class CelSyntaxError(CelError):
    """The source is no CEL, or uses a name that is not there: found when it is compiled.

    Attributes:
        source: the expression.
        message: what is wrong.
        line: where, from 1.
        column: where in the line, from 1, in characters.
    """

    def __init__(self, source: str, message: str, at: int = 0) -> None:
        self.source = source
        self.message = message
        self.line = source.count("\n", 0, at) + 1
        self.column = at - source.rfind("\n", 0, at)
        shown = source if len(source) <= 200 else source[:200] + "…"
        super().__init__(f"{message} at line {self.line}, column {self.column} of the CEL expression {shown!r}")


class CelEvaluationError(CelError):
    """The expression failed, or gave what is not wanted."""


class CelRuntimeError(CelEvaluationError):
    """A failure that `||`, `&&`, `all` and `exists` pass over where something else decides."""


class CelLimitError(CelEvaluationError):
    """The evaluation was stopped: it went over one of the `Limits`."""
