# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Kubernetes' quantities (`500m`, `1.5Gi`, `2e3`), with the semantics of k8s.io/apimachinery's `resource.Quantity`.

A quantity is a whole number of 10⁻⁹: what is finer is rounded away from zero. With a binary suffix it is at most 2⁶³-1.
"""

from __future__ import annotations

import enum
import math
import re
from functools import total_ordering
from typing import Final

_NANO: Final = 10**9
_MAX: Final = (2**63 - 1) * _NANO
_PATTERN: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?((?:[eE][+-]?[0-9]+)|[numkMGTPE]|[KMGTPE]i)?")
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIXES: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIXES: Final = {exponent // 10: suffix for suffix, exponent in _BINARY.items()}
_MAX_EXPONENT: Final = 1000
_MAX_LENGTH: Final = 1000


class QuantityError(ValueError):
    """A text that is no quantity."""


class Format(enum.Enum):
    """How a quantity is written."""

    DECIMAL_EXPONENT = "e"
    DECIMAL_SI = "SI"
    BINARY_SI = "i"


@total_ordering
class Quantity:
    """A quantity.

    Attributes:
        nanos: how many 10⁻⁹ it is.
        format: how it is written.
    """

    __slots__ = ("format", "nanos")

    def __init__(self, nanos: int, format: Format = Format.DECIMAL_SI) -> None:
        self.nanos = nanos
        self.format = format

    def __str__(self) -> str:
        """The canonical text."""
        if self.format is Format.BINARY_SI and abs(self.nanos) >= 1024 * _NANO and self.nanos % _NANO == 0:
            return self._binary_text()
        return self._decimal_text()

    def _decimal_text(self) -> str:
        number, exponent = self.nanos, -9
        if number == 0:
            return "0"
        while number % 1000 == 0:
            number //= 1000
            exponent += 3
        if self.format is Format.DECIMAL_EXPONENT:
            return f"{number}e{exponent}" if exponent else str(number)
        while exponent > 18:
            number *= 1000
            exponent -= 3
        return f"{number}{_DECIMAL_SUFFIXES[exponent]}"

    def _binary_text(self) -> str:
        number, steps = self.value, 0
        while number % 1024 == 0 and steps < 6:
            number //= 1024
            steps += 1
        return f"{number}{_BINARY_SUFFIXES[steps] if steps else ''}"

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __lt__(self, other: Quantity) -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nanos, self.format)

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __float__(self) -> float:
        try:
            return self.nanos / _NANO
        except OverflowError:
            return math.inf if self.nanos > 0 else -math.inf

    @property
    def value(self) -> int:
        """In whole units, rounded away from zero."""
        return _rounded_up(self.nanos, _NANO)

    @property
    def milli_value(self) -> int:
        """In thousandths, rounded away from zero."""
        return _rounded_up(self.nanos, 10**6)

    @classmethod
    def from_milli(cls, value: int) -> Quantity:
        """A quantity of so many thousandths."""
        return cls(value * 10**6)


def _rounded_up(value: int, unit: int) -> int:
    return value // unit + (value % unit > 0) if value >= 0 else -(-value // unit + (-value % unit > 0))


def parse_quantity(text: str) -> Quantity:
    """Reads a quantity.

    Raises:
        QuantityError: the text is none.
    """
    match = _PATTERN.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if not match or not text:
        raise QuantityError(f"{text[:40]!r} is no quantity: a number such as 1.5, or with a suffix, as 500m, 2Gi or 1e3")
    sign, whole, fraction, suffix = match[1], match[2], match[3] or "", match[4] or ""
    number, scale = int((whole + fraction) or "0"), -len(fraction)
    format = Format.DECIMAL_SI
    if suffix in _BINARY:
        format = Format.BINARY_SI
        number <<= _BINARY[suffix]
    elif suffix in _DECIMAL:
        scale += _DECIMAL[suffix]
    else:
        format = Format.DECIMAL_EXPONENT
        scale += max(-_MAX_EXPONENT * 2, min(_MAX_EXPONENT, int(suffix[1:])))
    scale += 9
    nanos = number * 10**scale if scale >= 0 else _rounded_up(number, 10**-scale)
    if format is Format.BINARY_SI:
        nanos = min(nanos, _MAX)
        if 0 < nanos < _NANO:
            format = Format.DECIMAL_SI
    return Quantity(-nanos if sign == "-" else nanos, format)
