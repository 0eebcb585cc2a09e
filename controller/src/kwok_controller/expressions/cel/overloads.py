# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Functions that are given to expressions from outside, which may have several forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kwok_controller.expressions.cel.schema import STRUCTS
from kwok_controller.expressions.cel.values import NUMBERS, TYPES, Duration, Timestamp
from kwok_controller.expressions.quantity import Quantity

ACCEPTED: Final[dict[str, frozenset[type[Any]]]] = {
    **dict.fromkeys(STRUCTS, frozenset({dict})),
    "string": frozenset({str}),
    "number": NUMBERS,
    "amount": NUMBERS | {str, Quantity},
    "duration": frozenset({Duration, str}),
    "time": frozenset({Timestamp, str}),
}
"""The types of values that a parameter of each kind takes.

`Node`, `Pod` and `Container` take variables of that type and what is known to be one, as `pod.spec.containers[0]`. An amount is a number,
a quantity or the text of one; a duration may be written as Go does (`1h30m`), a time as RFC 3339 has it. Of texts that stand in an
expression the function gets the `Quantity`, `Duration` or `Timestamp`; what others say is for the function to check.
"""


@dataclass(frozen=True, slots=True)
class Overload:
    """One form of a function. In `f(a, b)` and `a.f(b)` the parameters are the same.

    Attributes:
        parameters: their kinds, of `ACCEPTED`.
        call: what it does: of the arguments' values. It may raise `CelRuntimeError`.
        result: CEL's name of the type of what it gives, such as double; empty where it varies.
    """

    parameters: tuple[str, ...]
    call: Callable[..., Any]
    result: str = ""

    def __post_init__(self) -> None:
        for kind in self.parameters:
            if kind not in ACCEPTED:
                raise ValueError(f"{kind!r} is no kind of a parameter: take one of {', '.join(ACCEPTED)}")
        if self.result and self.result not in TYPES.values():
            raise ValueError(f"{self.result!r} is no type of CEL: take one of {', '.join(TYPES.values())}")
