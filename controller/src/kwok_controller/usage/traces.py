# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Courses of usage that were recorded: CSV of times and values."""

from __future__ import annotations

import csv
import math
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

from kwok_controller.expressions.cel import CelRuntimeError
from kwok_controller.usage.amounts import amount, span_ns, time_ns
from kwok_controller.usage.rates import check_amount

_SECOND: Final = 10**9
_DATE: Final = re.compile(r"[0-9]{4}-")
_MAX_POINTS: Final = 1_000_000


class InvalidTrace(ValueError):
    """A text that is no trace; says in which line, and why."""


class Trace:
    """A trace.

    Args:
        times_ns: of the points, rising: since 1970, or since the beginning where `absolute` is not set.
        values: at these times.
        absolute: whether the times are those of a calendar.
        repeats: whether it begins again after its last point; otherwise the last value holds. It takes from its first point to its last
            one, so the last value should be the first one again.

    Raises:
        InvalidTrace: no points, times that do not rise, or one point alone that should repeat.
    """

    __slots__ = ("_times", "_values", "absolute", "repeats")

    def __init__(self, times_ns: Sequence[int], values: Sequence[float], *, absolute: bool, repeats: bool) -> None:
        if not times_ns or len(times_ns) != len(values):
            raise InvalidTrace("a trace needs at least one time with a value")
        if any(later <= earlier for earlier, later in pairwise(times_ns)):
            raise InvalidTrace("the times of a trace have to rise")
        if repeats and len(times_ns) < 2:
            raise InvalidTrace("a trace of one point cannot repeat")
        self.absolute = absolute
        self._times = list(times_ns)
        self._values = list(map(float, values))
        self.repeats = repeats

    def digest(self) -> str:
        """The same for two of the same course."""
        course = (array("d", each).tobytes() for each in (self._times, self._values))
        return blake2b(b"".join(course), digest_size=6, key=bytes([self.absolute, self.repeats])).hexdigest()

    def value(self, time_ns: int) -> float:
        """The value at a time, on the line between the points around it. Before the first point its value holds, unless it repeats."""
        first, last = self._times[0], self._times[-1]
        if self.repeats:
            time_ns = first + (time_ns - first) % (last - first)
        if time_ns <= first:
            return self._values[0]
        if time_ns >= last:
            return self._values[-1]
        after = bisect_right(self._times, time_ns)
        before = after - 1
        share = (time_ns - self._times[before]) / (self._times[after] - self._times[before])
        return self._values[before] + (self._values[after] - self._values[before]) * share


def parse_trace(text: str, *, repeats: bool) -> Trace:
    """Reads a trace: lines `time,value`, with a line of titles before them or without.

    A time is one of a calendar (RFC 3339), or what has gone by since the beginning: seconds (`90`, `0.5`) or a duration (`1h30m`). All are
    of the same sort. A value is a quantity (`250m`, `1.5Gi`). Empty lines and lines that begin with # are read over.

    Raises:
        InvalidTrace: the text is none.
    """
    times: list[int] = []
    values: list[float] = []
    absolute: bool | None = None
    titles = True
    rows = csv.reader((line if not line.lstrip().startswith("#") else "" for line in text.splitlines()), skipinitialspace=True)
    for row in _rows(rows):
        if not any(cell.strip() for cell in row):
            continue
        where = f"line {rows.line_num}"
        if len(row) != 2:
            raise InvalidTrace(f"{where}: expected a time and a value, got {len(row)} fields")
        time_text, value_text = row[0].strip(), row[1].strip()
        if titles and time_text.lower() == "time":
            titles = False
            continue
        titles = False
        try:
            is_absolute, time = _time(time_text)
            value = amount(value_text)
            check_amount(value)
        except CelRuntimeError as error:
            raise InvalidTrace(f"{where}: {error}") from None
        if absolute is not None and absolute is not is_absolute:
            raise InvalidTrace(
                f"{where}: {time_text!r} is of another sort than the times before: take times of a calendar or spans, not both"
            )
        if times and time <= times[-1]:
            raise InvalidTrace(f"{where}: {time_text!r} is not after the time before")
        if len(times) == _MAX_POINTS:
            raise InvalidTrace(f"{where}: more than {_MAX_POINTS} points")
        absolute = is_absolute
        times.append(time)
        values.append(value)
    return Trace(times, values, absolute=bool(absolute), repeats=repeats)


def _rows(rows: Any) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise InvalidTrace(f"line {rows.line_num}: {error}") from None


def _time(text: str) -> tuple[bool, int]:
    try:
        seconds = float(text)
    except ValueError:
        return (True, time_ns(text)) if _DATE.match(text) else (False, span_ns(text))
    if not math.isfinite(seconds) or abs(seconds) > 2**33:
        raise CelRuntimeError(f"{text[:40]!r} is no number of seconds")
    return False, round(seconds * _SECOND)
