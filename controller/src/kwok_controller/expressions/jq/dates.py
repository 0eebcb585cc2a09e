# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""jq's dates: seconds since 1970, and times broken down into lists.

Such a list is year, month (from 0), day, hours, minutes, seconds, weekday, day of the year.

All in UTC, for the result of a Stage must not depend on where the controller runs.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any, Final

from kwok_controller.expressions.jq.values import failure, is_number, preview

_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
_COMPOUND: Final = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M", "c": "%a %b %e %H:%M:%S %Y"}


def broken_down(seconds: Any, name: str) -> list[Any]:
    """jq's `gmtime`."""
    if not is_number(seconds) or not math.isfinite(seconds):
        raise failure(f"{name} cannot be applied to: {preview(seconds)}")
    whole = math.floor(seconds)
    fraction = seconds - whole
    days, rest = divmod(whole, 86400)
    ordinal = days + _EPOCH
    if not 1 <= ordinal <= date.max.toordinal():
        raise failure(f"{name}: not between the years 1 and 9999: {preview(seconds)}")
    day = date.fromordinal(ordinal)
    second = rest % 60
    return [
        *(day.year, day.month - 1, day.day, rest // 3600, rest // 60 % 60, second + fraction if fraction else second),
        *((days + 4) % 7, ordinal - date(day.year, 1, 1).toordinal()),
    ]


def seconds_of(parts: Any, name: str) -> float:
    """jq's `mktime`. Parts beyond their range carry over."""
    if not isinstance(parts, list) or len(parts) < 3 or not all(is_number(part) and math.isfinite(part) for part in parts):
        raise failure(f"{name} cannot be applied to: {preview(parts)}")
    year, month, day, hour, minute = (int(part) for part in [*parts[:5], 0, 0][:5])
    second = parts[5] if len(parts) > 5 else 0
    carry, month = divmod(month, 12)
    if not 1 <= year + carry <= 9999:
        raise failure(f"{name}: not between the years 1 and 9999: {preview(parts)}")
    days = date(year + carry, month + 1, 1).toordinal() + day - 1 - _EPOCH
    total: float = days * 86400 + hour * 3600 + minute * 60 + second
    return total


def strftime(value: Any, form: Any) -> str:
    """jq's `strftime`, of seconds or of a time broken down."""
    if not isinstance(form, str):
        raise failure(f"strftime({preview(form)}) needs a string")
    parts = broken_down(seconds_of(value, "strftime") if isinstance(value, list) else value, "strftime")
    return re.sub(r"%(.?)", lambda match: _write(match[1], parts), form)


def _write(code: str, parts: list[Any]) -> str:
    year, month, day, hour, minute, second, weekday, year_day = (int(part) for part in parts)
    if code in _COMPOUND:
        return re.sub(r"%(.)", lambda match: _write(match[1], parts), _COMPOUND[code])
    simple = {
        "Y": f"{year:04d}",
        "m": f"{month + 1:02d}",
        "d": f"{day:02d}",
        "e": f"{day:2d}",
        "H": f"{hour:02d}",
        "k": f"{hour:2d}",
        "I": f"{(hour + 11) % 12 + 1:02d}",
        "l": f"{(hour + 11) % 12 + 1:2d}",
        "M": f"{minute:02d}",
        "S": f"{second:02d}",
        "j": f"{year_day + 1:03d}",
        "y": f"{year % 100:02d}",
        "C": f"{year // 100:02d}",
        "p": "PM" if hour >= 12 else "AM",
        "A": _DAYS[weekday],
        "a": _DAYS[weekday][:3],
        "B": _MONTHS[month],
        "b": _MONTHS[month][:3],
        "h": _MONTHS[month][:3],
        "u": str(weekday or 7),
        "w": str(weekday),
        "s": str(math.floor(seconds_of(parts, "strftime"))),
        "Z": "UTC",
        "z": "+0000",
        "n": "\n",
        "t": "\t",
        "%": "%",
    }
    if code not in simple:
        raise failure(f"strftime: %{code} is not supported")
    return simple[code]


def _names(names: tuple[str, ...]) -> str:
    # In full, or the first three letters.
    return "|".join(f"{name[:3]}(?:{name[3:]})?" if len(name) > 3 else name for name in names)


_READERS: Final = {
    "Y": r"(?P<Y>\d{4})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "e": r" ?(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "j": r"(?P<j>\d{3})",
    "y": r"(?P<y>\d{2})",
    "p": r"(?P<p>[AaPp][Mm])",
    "A": rf"(?:{_names(_DAYS)})",
    "a": rf"(?:{_names(_DAYS)})",
    "B": rf"(?P<B>{_names(_MONTHS)})",
    "b": rf"(?P<B>{_names(_MONTHS)})",
    "h": rf"(?P<B>{_names(_MONTHS)})",
    "s": r"(?P<s>-?\d{1,12})",
    "Z": r"(?:UTC|GMT|Z)",
    "z": r"(?P<z>Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}


def strptime(value: Any, form: Any) -> list[Any]:
    """jq's `strptime`: a time broken down."""
    if not isinstance(value, str) or not isinstance(form, str):
        raise failure(f"strptime({preview(form)}) cannot be applied to: {preview(value)}")
    try:
        found = re.fullmatch(_pattern(form), value)
    except re.error:
        raise failure(f"strptime: the format {form!r} names a part twice") from None
    if not found:
        raise failure(f"strptime({preview(form)}) cannot be applied to {preview(value)}")
    given = found.groupdict()
    if given.get("s"):
        return broken_down(int(given["s"]), "strptime")
    return broken_down(seconds_of(_civil(given, value), "strptime"), "strptime")


def _pattern(form: str) -> str:
    for code, longer in _COMPOUND.items():
        form = form.replace(f"%{code}", longer)
    pattern = ""
    at = 0
    while at < len(form):
        char = form[at]
        at += 1
        if char != "%":
            pattern += re.escape(char)
            continue
        code = form[at : at + 1]
        at += 1
        if code not in _READERS:
            raise failure(f"strptime: %{code} is not supported")
        pattern += _READERS[code]
    return pattern


def _civil(given: dict[str, str | None], value: str) -> list[int]:
    def number(name: str, default: int) -> int:
        text = given.get(name)
        return default if text is None else int(text)

    year = number("Y", 1900)
    if given.get("y") is not None:
        short = number("y", 0)
        year = short + (1900 if short >= 69 else 2000)
    month, day = number("m", 1), number("d", 1)
    if given.get("B"):
        month = [name[:3] for name in _MONTHS].index(str(given["B"])[:3]) + 1
    hour = number("H", 0)
    if given.get("I") is not None:
        hour = number("I", 0) % 12 + (12 if (given.get("p") or "").lower() == "pm" else 0)
    minute, second = number("M", 0), number("S", 0)
    if given.get("j") is not None:
        ordinary = date(year, 1, 1).toordinal() + number("j", 1) - 1
        month, day = date.fromordinal(ordinary).month, date.fromordinal(ordinary).day
    try:
        date(year, month, day)
    except ValueError:
        raise failure(f"strptime: no such day: {preview(value)}") from None
    if hour > 23 or minute > 59 or second > 60:
        raise failure(f"strptime: no such time: {preview(value)}")
    zone = given.get("z")
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "")
        offset = (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1)
        minute -= offset
    return [year, month - 1, day, hour, minute, second]


def from_iso(value: Any) -> float:
    """jq's `fromdate`: seconds of a time such as `2006-01-02T15:04:05Z`, or with an offset for the `Z`."""
    return seconds_of(strptime(value, "%Y-%m-%dT%H:%M:%S%z"), "fromdate")
