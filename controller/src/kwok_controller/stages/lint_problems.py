# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What the rules report, before it is known where the stage is from."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Problem(NamedTuple):
    """What a rule found.

    Attributes:
        severity: `error` or `warning`.
        rule: By which rule.
        field: Where, in the stage with its deprecated forms brought to the new ones.
        message: What is wrong, and what would be right.
    """

    severity: Literal["error", "warning"]
    rule: str
    field: str
    message: str


def error(rule: str, field: str, message: str) -> Problem:
    """What cannot work."""
    return Problem("error", rule, field, message)


def warning(rule: str, field: str, message: str) -> Problem:
    """What works, though hardly as it was meant."""
    return Problem("warning", rule, field, message)
