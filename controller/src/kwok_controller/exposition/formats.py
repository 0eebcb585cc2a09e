# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The two formats of an exposition, and which of them a client prefers.

Prometheus' text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/; OpenMetrics 1.0.0:
https://prometheus.io/docs/specs/om/open_metrics_spec/. What they leave open is as Prometheus' client for Go has it (`expfmt`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple


class Format(enum.Enum):
    """A format, with its content type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    # That of an enumeration is a function of Python, which takes as long as writing a number does.
    __hash__ = object.__hash__

    @property
    def content_type(self) -> str:
        """What an answer says in its header."""
        return self.value


class _Range(NamedTuple):
    """An item of an Accept header."""

    media: str
    quality: float
    version: str | None


_VERSIONS: Final = {
    "text/plain": (Format.TEXT, frozenset({None, "0.0.4"})),
    "application/openmetrics-text": (Format.OPENMETRICS, frozenset({None, "1.0.0"})),
}


def negotiate(accept: str) -> Format:
    """The format for an Accept header: of those it names, the one of the highest `q`, the first of equal ones.

    Wildcards mean the text format, which is also the answer where neither is asked for. A version other than ours does not count.
    """
    # Sorting is stable: the order of the header decides among equals.
    for item in sorted(_ranges(accept), key=lambda item: -item.quality):
        if item.quality == 0:
            break
        if item.media in ("*/*", "text/*"):
            return Format.TEXT
        known = _VERSIONS.get(item.media)
        if known is not None and item.version in known[1]:
            return known[0]
    return Format.TEXT


def _ranges(accept: str) -> Iterator[_Range]:
    for item in accept.split(","):
        media, *rest = (part.strip() for part in item.split(";"))
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in (part.partition("=") for part in rest)}
        yield _Range(media.lower(), _quality(parameters.get("q", "1")), parameters.get("version"))


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return quality if 0 <= quality <= 1 else 1.0


# By the number of digits before the point.
_EXPONENTS: Final = ["", *(f"e+{digits - 1:02}" for digits in range(1, 18))]
_EXACT: Final = 2.0**53


def text_number(value: float) -> str:
    """A number as Go's `%g` has it, in the fewest digits that read back the same: 0.25, 3, 1.5e+06, NaN, +Inf."""
    if -1e6 < value < 1e6:
        whole = int(value)
        return str(whole) if whole == value else repr(value)
    if 1e6 <= value < _EXACT:
        return _large(value)
    if -_EXACT < value < 0:
        return f"-{_large(-value)}"
    if value != value:
        return "NaN"
    text = repr(value)
    if text.endswith("inf"):
        return "+Inf" if value > 0 else "-Inf"
    if "e" in text:
        return text
    sign, digits = ("-", text[1:-2]) if value < 0 else ("", text[:-2])
    mantissa = digits.rstrip("0")
    return f"{sign}{mantissa[0]}{'.' if len(mantissa) > 1 else ''}{mantissa[1:]}{_EXPONENTS[len(digits)]}"


def _large(value: float) -> str:
    """From a million to where integers are exact."""
    whole = int(value)
    if whole == value:
        digits = str(whole)
        mantissa = digits[1:].rstrip("0")
        return f"{digits[0]}.{mantissa}{_EXPONENTS[len(digits)]}" if mantissa else f"{digits[0]}{_EXPONENTS[len(digits)]}"
    text = repr(value)
    point = text.index(".")
    return f"{text[0]}.{text[1:point]}{text[point + 1 :]}{_EXPONENTS[point]}"


def openmetrics_number(value: float) -> str:
    """The same with `.0` where nothing else tells that it is no integer."""
    text = text_number(value)
    return text if "." in text or "e" in text or "n" in text or "N" in text else f"{text}.0"


NUMBERS: Final[dict[Format, Callable[[float], str]]] = {Format.TEXT: text_number, Format.OPENMETRICS: openmetrics_number}
"""How a format writes numbers."""

REPEATED: Final[dict[Format, Callable[[float], str]]] = {format: lru_cache(maxsize=4096)(write) for format, write in NUMBERS.items()}
"""The same, for numbers of which many are there again: those of gauges, such as sizes and times of starts, and not of counters."""

COUNTS: Final[dict[Format, Callable[[int], str]]] = {Format.TEXT: lambda count: text_number(float(count)), Format.OPENMETRICS: str}
"""How a format writes the counts of a histogram."""


def escape_label(value: str) -> str:
    """The value of a label as it stands between quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value


def escape_help(text: str, format: Format) -> str:
    """A help text as it stands in its line."""
    return escape_label(text) if format is Format.OPENMETRICS else text.replace("\\", "\\\\").replace("\n", "\\n")
