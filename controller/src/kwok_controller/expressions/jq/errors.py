# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What can be wrong with a jq query."""

from __future__ import annotations

from typing import Any


class JqError(Exception):
    """A jq query that cannot be compiled or evaluated."""


class JqSyntaxError(JqError):
    """The source is no jq query, or uses a function that is not there: found when it is compiled.

    Attributes:
        source: the query.
        message: what is wrong, and where.
    """

    def __init__(self, source: str, message: str) -> None:
        super().__init__(f"{message} in the jq query {source if len(source) <= 200 else source[:200] + '…'!r}")
        self.source = source
        self.message = message


class JqLimitError(JqError):
    """The query was stopped: it went over one of the `Limits`. jq's own `try` does not catch it."""


class JqRuntimeError(JqError):
    """What jq's `try` catches.

    Attributes:
        value: what `catch` is given: a message, or the argument of `error`.
    """

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


class JqBreak(Exception):
    """`break $name`, on its way to its `label`."""

    def __init__(self, token: object) -> None:
        super().__init__()
        self.token = token
