# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What can be wrong with a template, always with the place in its source."""

from __future__ import annotations


class TemplateError(Exception):
    """A template that cannot be compiled or rendered.

    Attributes:
        reason: what is wrong, without the place.
        name: the template's name (of the `define` it happened in).
        line: 1-based line in the source, 0 where there is no place.
        column: 1-based column in characters, 0 where there is no place.
    """

    def __init__(self, reason: str, *, name: str = "_", line: int = 0, column: int = 0) -> None:
        place = f"{name}:{line}:{column}" if line else name
        super().__init__(f"template: {place}: {reason}")
        self.reason = reason
        self.name = name
        self.line = line
        self.column = column


class TemplateSyntaxError(TemplateError):
    """The source is no template: found when it is compiled."""


class TemplateExecutionError(TemplateError):
    """The template failed on the data it was given."""


class TemplateLimitError(TemplateExecutionError):
    """The template was stopped: it went over one of the `Limits`."""


class FunctionError(Exception):
    """Raised by a template function: the call fails with this message, and the compiled template adds the place."""


class LimitExceeded(Exception):
    """Raised where a limit is passed and the place is not known; the compiled template turns it into a `TemplateLimitError`."""
