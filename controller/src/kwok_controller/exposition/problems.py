# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What a Metric finds wrong: rules of `compile` and `lint` report it in this form."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple


class Problem(NamedTuple):
    """What a rule found.

    Attributes:
        severity: `error` or `warning`.
        rule: By which rule.
        field: Where in the Metric, such as `spec.metrics[2].labels[0].value`.
        message: What is wrong, and what would be right.
    """

    severity: Literal["error", "warning"]
    rule: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.severity}: {self.message} [{self.rule}]"


def error(rule: str, field: str, message: str) -> Problem:
    """What cannot work."""
    return Problem("error", rule, field, message)


def warning(rule: str, field: str, message: str) -> Problem:
    """What works, though hardly as it was meant."""
    return Problem("warning", rule, field, message)


def plain(path: str) -> str:
    """A JSON path as the field that problems name."""
    return path.removeprefix("$").removeprefix(".")


def by_place(problem: Problem) -> tuple[list[str], str]:
    """A key to sort by: metrics[10] comes after metrics[9]."""
    return [piece.zfill(6) if piece.isdigit() else piece for piece in re.split(r"[.\[\]]+", problem.field)], problem.severity
