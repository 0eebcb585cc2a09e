# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What expressions and files write for amounts, time spans and times, as numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from kwok_controller.expressions.cel import CelRuntimeError
from kwok_controller.expressions.cel.functions import parse_timestamp
from kwok_controller.expressions.cel.values import Duration, Timestamp
from kwok_controller.expressions.gotemplate.gotime import parse_duration
from kwok_controller.expressions.quantity import QuantityError, parse_quantity

_LONGEST: Final = 100


@lru_cache(maxsize=4096)
def _amount_of_text(text: str) -> float:
    try:
        return float(parse_quantity(text))
    except QuantityError as error:
        raise CelRuntimeError(str(error)) from None


@lru_cache(maxsize=1024)
def _span_of_text(text: str) -> int:
    try:
        return parse_duration(text if len(text) <= _LONGEST else "")
    except ValueError:
        raise CelRuntimeError(f"{text[:40]!r} is no duration such as 90s or 1h30m") from None


def amount(value: Any) -> float:
    """A number, a `Quantity`, or the text of one.

    Raises:
        CelRuntimeError: the text is none.
    """
    return _amount_of_text(value) if type(value) is str else float(value)


def span_ns(value: Any) -> int:
    """A `Duration`, or the text of one as Go writes it, in nanoseconds.

    Raises:
        CelRuntimeError: the text is none.
    """
    if type(value) is str:
        return _span_of_text(value)
    assert type(value) is Duration
    return value.nanoseconds


def time_ns(value: Any) -> int:
    """A `Timestamp`, or the text of one as RFC 3339 has it, in nanoseconds since 1970.

    Raises:
        CelRuntimeError: the text is none.
    """
    if type(value) is str:
        return parse_timestamp(value).nanoseconds
    assert type(value) is Timestamp
    return value.nanoseconds
