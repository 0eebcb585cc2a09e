# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Go's `time.Time` and `time.Duration`: layouts, parsing, arithmetic in nanoseconds. There is no clock in here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import ClassVar, Final

from kwok_controller.expressions.gotemplate.formatting import Stringer
from kwok_controller.expressions.gotemplate.functions import INT, METHODS, STRING, TIME, fn
from kwok_controller.expressions.gotemplate.values import Int64, SizedInt, wrap

SECOND: Final = 1_000_000_000
"""Nanoseconds in a second."""

RFC3339_NANO: Final = "2006-01-02T15:04:05.999999999Z07:00"

_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_CHUNK = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm"
    r"|-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07|[.,](?:0+|9+)(?![0-9])"
)
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_ZERO: Final = -62135596800 * SECOND


class Duration(SizedInt, Stringer):
    """Go's `time.Duration`, in nanoseconds."""

    __slots__ = ()
    go_type = "time.Duration"
    go_kind = "int64"

    def go_string(self) -> str:
        """As `1h2m3.5s`."""
        return format_duration(int(self))


class Month(SizedInt, Stringer):
    """Go's `time.Month`."""

    __slots__ = ()
    go_type = "time.Month"
    go_kind = "int"

    def go_string(self) -> str:
        """The English name."""
        return _MONTHS[self - 1]


class Weekday(SizedInt, Stringer):
    """Go's `time.Weekday`."""

    __slots__ = ()
    go_type = "time.Weekday"
    go_kind = "int"

    def go_string(self) -> str:
        """The English name."""
        return _DAYS[self]


def format_duration(value: int) -> str:
    """Nanoseconds as Go prints a duration."""
    sign = "-" if value < 0 else ""
    size = abs(value)
    if size == 0:
        return "0s"
    if size < SECOND:
        for unit, name in ((1_000_000, "ms"), (1_000, "\u00b5s"), (1, "ns")):
            if size >= unit:
                return f"{sign}{_decimal(size, unit)}{name}"
    minutes, rest = divmod(size, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, SECOND)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    fraction = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def parse_duration(text: str) -> int:
    """Go's `time.ParseDuration`, in nanoseconds.

    Raises:
        ValueError: no duration, or too long.
    """
    body = text[1:] if text[:1] in ("+", "-") else text
    negative = text[:1] == "-"
    if body == "0":
        return 0
    if not body:
        raise ValueError(f"time: invalid duration {text!r}")
    total = 0
    at = 0
    while at < len(body):
        match = _DURATION_PART.match(body, at)
        if not match or not (match[1] or match[2]):
            raise ValueError(f"time: invalid duration {text!r}")
        unit = _UNITS.get(match[3])
        if unit is None:
            raise ValueError(f"time: unknown unit {match[3]!r} in duration {text!r}")
        total += int(match[1] or "0") * unit
        if match[2]:
            digits = match[2][:18]
            total += int(float(int(digits)) * (float(unit) / float(10 ** len(digits))))
        if total > 1 << 63:
            raise ValueError(f"time: invalid duration {text!r}")
        at = match.end()
    if negative:
        return -total
    if total >= 1 << 63:
        raise ValueError(f"time: invalid duration {text!r}")
    return total


@dataclass(frozen=True, slots=True)
class Location:
    """A time zone: its name, and the rules, None for UTC."""

    name: str
    rules: tzinfo | None = None

    def at(self, seconds: int) -> tuple[str, int]:
        """Abbreviation and offset (seconds east of UTC) at a time (seconds since 1970)."""
        if self.rules is None:
            return "UTC", 0
        if isinstance(self.rules, _Fixed):
            return self.rules.name, self.rules.offset
        try:
            moment = datetime(1970, 1, 1, tzinfo=timezone(timedelta(0))) + timedelta(seconds=seconds)
            local = moment.astimezone(self.rules)
        except (OverflowError, ValueError):
            return "UTC", 0
        offset = local.utcoffset()
        return local.tzname() or "", int(offset.total_seconds()) if offset else 0


UTC: Final = Location("UTC")


class _Fixed(tzinfo):
    def __init__(self, name: str, offset: int) -> None:
        self.name = name
        self.offset = offset

    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(seconds=self.offset)

    def dst(self, dt: datetime | None) -> timedelta | None:
        return None

    def tzname(self, dt: datetime | None) -> str:
        return self.name


def fixed(name: str, offset: int) -> Location:
    """A zone with one offset (seconds east of UTC)."""
    return Location(name, _Fixed(name, offset))


def _civil(days: int) -> tuple[int, int, int]:
    # Days since 1970-01-01 as year, month, day of the Gregorian calendar without end.
    days += 719468
    era, day_of_era = divmod(days, 146097)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day + 2) // 153
    return year + era * 400 + (month >= 10), (month + 2) % 12 + 1, day - (153 * month + 2) // 5 + 1


def _days(year: int, month: int, day: int) -> int:
    # Days since 1970-01-01; months and days beyond their range carry over.
    carry, month = divmod(month - 1, 12)
    year += carry
    month += 1
    year -= month <= 2
    era, year = divmod(year, 400)
    return era * 146097 + year * 365 + year // 4 - year // 100 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468


class GoTime(Stringer):
    """Go's `time.Time`: nanoseconds since 1970, and the zone to show it in."""

    __slots__ = ("nanoseconds", "zone")
    go_type: ClassVar[str] = TIME
    go_kind: ClassVar[str] = "struct"

    def __init__(self, nanoseconds: int = _ZERO, zone: Location = UTC) -> None:
        self.nanoseconds = nanoseconds
        self.zone = zone

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GoTime) and (self.nanoseconds, self.zone.name) == (other.nanoseconds, other.zone.name)

    def __hash__(self) -> int:
        return hash(self.nanoseconds)

    def go_string(self) -> str:
        """As Go prints a time."""
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def unix(self) -> int:
        """Whole seconds since 1970."""
        return self.nanoseconds // SECOND

    def local(self) -> tuple[int, int, int, int, int, int, int]:
        """Year, month, day, hour, minute, second and days since 1970 in the zone."""
        days, rest = divmod(self.unix() + self.zone.at(self.unix())[1], 86400)
        return *_civil(days), rest // 3600, rest // 60 % 60, rest % 60, days

    def format(self, layout: str) -> str:
        """Go's `Time.Format`."""
        year, month, day, hour, minute, second, days = self.local()
        nano = self.nanoseconds % SECOND
        abbreviation, offset = self.zone.at(self.unix())
        year_day = days - _days(year, 1, 1) + 1
        weekday = _DAYS[(days + 4) % 7]

        def chunk(match: re.Match[str]) -> str:
            text = match[0]
            if text[0] in ".,":
                digits = f"{nano:09d}"[: len(text) - 1].ljust(len(text) - 1, "0")
                if text[1] == "9":
                    digits = digits.rstrip("0")
                return text[0] + digits if digits else ""
            if text[0] in "-Z":
                if text[0] == "Z" and offset == 0:
                    return "Z"
                return _offset(offset, text)
            match text:
                case "January":
                    return _MONTHS[month - 1]
                case "Jan":
                    return _MONTHS[month - 1][:3]
                case "Monday":
                    return weekday
                case "Mon":
                    return weekday[:3]
                case "MST":
                    return abbreviation or _offset(offset, "-0700")
                case "002":
                    return f"{year_day:03d}"
                case "__2":
                    return f"{year_day:3d}"
                case "01":
                    return f"{month:02d}"
                case "1":
                    return str(month)
                case "02":
                    return f"{day:02d}"
                case "_2":
                    return f"{day:2d}"
                case "2":
                    return str(day)
                case "15":
                    return f"{hour:02d}"
                case "03":
                    return f"{(hour + 11) % 12 + 1:02d}"
                case "3":
                    return str((hour + 11) % 12 + 1)
                case "04":
                    return f"{minute:02d}"
                case "4":
                    return str(minute)
                case "05":
                    return f"{second:02d}"
                case "5":
                    return str(second)
                case "06":
                    return f"{year % 100:02d}"
                case "2006":
                    return f"{'-' if year < 0 else ''}{abs(year):04d}"
                case "PM":
                    return "PM" if hour >= 12 else "AM"
            return "pm" if hour >= 12 else "am"

        return _CHUNK.sub(chunk, layout)

    def add(self, nanoseconds: int) -> GoTime:
        """The time so much later."""
        return GoTime(self.nanoseconds + nanoseconds, self.zone)


def _offset(offset: int, form: str) -> str:
    sign = "-" if offset < 0 else "+"
    minutes, seconds = divmod(abs(offset), 60)
    colon = ":" if ":" in form else ""
    text = f"{sign}{minutes // 60:02d}"
    if len(form) > 3:
        text += f"{colon}{minutes % 60:02d}"
    if form.endswith(("0000", ":00:00")):
        text += f"{colon}{seconds:02d}"
    return text


class _Reader:
    # The rest of a text that is read by a layout.
    def __init__(self, text: str) -> None:
        self.rest = text

    def take(self, pattern: str) -> str:
        match = re.match(pattern, self.rest)
        if not match:
            raise ValueError("cannot parse")
        self.rest = self.rest[match.end() :]
        return match[0]

    def name(self, names: list[str], size: int | None = None) -> int:
        for at, name in enumerate(names):
            word = name[:size]
            if self.rest[: len(word)].lower() == word.lower():
                self.rest = self.rest[len(word) :]
                return at
        raise ValueError("cannot parse")


def parse_time(layout: str, text: str, local: Location = UTC) -> GoTime:
    """Go's `time.ParseInLocation`.

    Raises:
        ValueError: the text is not in that layout, or no time.
    """
    reader = _Reader(text)
    year, month, day, hour, minute, second, nano = 0, 0, 0, 0, 0, 0, 0
    year_day: int | None = None
    pm = am = False
    offset: int | None = None
    zone_name = ""
    utc = False
    at = 0
    chunks = list(_CHUNK.finditer(layout))
    for number, chunk in enumerate(chunks):
        _literal(reader, layout[at : chunk.start()])
        at = chunk.end()
        word = chunk[0]
        if word[0] in ".,":
            if word[1] == "9" and not re.match(r"[.,][0-9]", reader.rest):
                continue
            digits = reader.take(r"[.,][0-9]+" if word[1] == "9" else rf"[.,][0-9]{{{len(word) - 1}}}")[1:]
            if len(digits) > 9 and word[1] != "9":
                raise ValueError("cannot parse")
            nano = int(digits[:9].ljust(9, "0"))
        elif word[0] in "-Z":
            if word[0] == "Z" and reader.rest[:1] == "Z":
                reader.take("Z")
                utc = True
                continue
            form = {3: r"[+-]\d\d", 5: r"[+-]\d{4}", 6: r"[+-]\d\d:\d\d", 7: r"[+-]\d{6}", 9: r"[+-]\d\d:\d\d:\d\d"}[len(word)]
            found = reader.take(form)
            parts = found[1:].replace(":", "").ljust(6, "0")
            if int(parts[:2]) > 24 or int(parts[2:4]) > 60 or int(parts[4:]) > 60:
                raise ValueError("time zone offset out of range")
            offset = (int(parts[:2]) * 60 + int(parts[2:4])) * 60 + int(parts[4:])
            offset = -offset if found[0] == "-" else offset
        elif word == "2006":
            year = int(reader.take(r"\d{4}"))
        elif word == "06":
            year = int(reader.take(r"\d\d"))
            year += 1900 if year >= 69 else 2000
        elif word in ("January", "Jan"):
            month = reader.name(_MONTHS, None if word == "January" else 3) + 1
        elif word in ("Monday", "Mon"):
            reader.name(_DAYS, None if word == "Monday" else 3)
        elif word in ("01", "1"):
            month = int(reader.take(r"\d\d" if word == "01" else r"\d\d?"))
            if not 1 <= month <= 12:
                raise ValueError("month out of range")
        elif word in ("02", "2", "_2"):
            if word == "_2":
                reader.take(" ?")
            day = int(reader.take(r"\d\d" if word == "02" else r"\d\d?"))
        elif word in ("002", "__2"):
            year_day = int(reader.take(r"\d{3}" if word == "002" else r" {0,2}\d{1,3}"))
        elif word == "15":
            hour = int(reader.take(r"\d\d?"))
            if hour > 23:
                raise ValueError("hour out of range")
        elif word in ("03", "3"):
            hour = int(reader.take(r"\d\d" if word == "03" else r"\d\d?"))
            if hour > 12:
                raise ValueError("hour out of range")
        elif word in ("04", "4"):
            minute = int(reader.take(r"\d\d" if word == "04" else r"\d\d?"))
            if minute > 59:
                raise ValueError("minute out of range")
        elif word in ("05", "5"):
            second = int(reader.take(r"\d\d" if word == "05" else r"\d\d?"))
            if second > 59:
                raise ValueError("second out of range")
            following = chunks[number + 1][0] if number + 1 < len(chunks) and chunks[number + 1].start() == at else ""
            if re.match(r"[.,]\d", reader.rest) and following[:1] not in (".", ","):
                nano = int(reader.take(r"[.,]\d+")[1:10].ljust(9, "0"))
        elif word in ("PM", "pm"):
            found = reader.take("[AP]M" if word == "PM" else "[ap]m").lower()
            pm, am = found == "pm", found == "am"
        elif reader.rest[:3] == "UTC":
            reader.take("UTC")
            utc = True
        else:
            zone_name = reader.take(r"GMT(?:[+-]\d{1,2})?|ChST|MeST|WITA|[A-Z]{3}ST|[A-Z]{4}T|[A-Z]{3}|[+-]\d\d")
    _literal(reader, layout[at:])
    if reader.rest:
        raise ValueError("extra text")
    if pm and hour < 12:
        hour += 12
    elif am and hour == 12:
        hour = 0
    if year_day is not None:
        leap = _days(year + 1, 1, 1) - _days(year, 1, 1) == 366
        if not 1 <= year_day <= 365 + leap:
            raise ValueError("day-of-year out of range")
        _, month_of, day_of = _civil(_days(year, 1, 1) + year_day - 1)
        if (month and month != month_of) or (day and day != day_of):
            raise ValueError("day-of-year does not match")
        month, day = month_of, day_of
    else:
        month = month or 1
        if not any(chunk[0] in ("02", "_2", "2") for chunk in chunks):
            day = 1
    if not 1 <= day <= _days(year, month + 1, 1) - _days(year, month, 1):
        raise ValueError("day out of range")
    seconds = _days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
    zone = local
    if utc:
        zone = UTC
    elif offset is not None:
        seconds -= offset
        name, usual = local.at(seconds)
        zone = local if usual == offset and zone_name in ("", name) else fixed(zone_name, offset)
    elif zone_name:
        name, usual = local.at(seconds)
        if zone_name == name:
            seconds -= usual
        else:
            shift = int(zone_name[3:]) * 3600 if zone_name.startswith("GMT") and len(zone_name) > 3 else 0
            seconds -= shift
            zone = fixed(zone_name, shift)
    else:
        shift = local.at(seconds)[1]
        seconds -= local.at(seconds - shift)[1]
    return GoTime(seconds * SECOND + nano, zone)


def _literal(reader: _Reader, text: str) -> None:
    # Space in the layout stands for any number of spaces.
    while text:
        if text[0] == " ":
            if reader.rest and reader.rest[0] != " ":
                raise ValueError("cannot parse")
            text = text.lstrip(" ")
            reader.rest = reader.rest.lstrip(" ")
        elif reader.rest[:1] == text[0]:
            text, reader.rest = text[1:], reader.rest[1:]
        else:
            raise ValueError("cannot parse")


def _part(at: int) -> Callable[[GoTime], int]:
    return lambda time: time.local()[at]


def _add_date(time: GoTime, years: int, months: int, days: int) -> GoTime:
    year, month, day, hour, minute, second, _ = time.local()
    seconds = _days(year + years, month + months, day + days) * 86400 + hour * 3600 + minute * 60 + second
    seconds -= time.zone.at(seconds - time.zone.at(seconds)[1])[1]
    return GoTime(seconds * SECOND + time.nanoseconds % SECOND, time.zone)


METHODS[GoTime] = {
    "Format": fn(lambda time, layout: time.format(layout), STRING),
    "Unix": fn(lambda time: Int64(time.unix())),
    "UnixMilli": fn(lambda time: Int64(time.nanoseconds // 1_000_000)),
    "UnixMicro": fn(lambda time: Int64(time.nanoseconds // 1_000)),
    "UnixNano": fn(lambda time: Int64(wrap(time.nanoseconds))),
    "Year": fn(_part(0)),
    "Month": fn(lambda time: Month(time.local()[1])),
    "Day": fn(_part(2)),
    "Hour": fn(_part(3)),
    "Minute": fn(_part(4)),
    "Second": fn(_part(5)),
    "Nanosecond": fn(lambda time: time.nanoseconds % SECOND),
    "YearDay": fn(lambda time: time.local()[6] - _days(time.local()[0], 1, 1) + 1),
    "Weekday": fn(lambda time: Weekday((time.local()[6] + 4) % 7)),
    "UTC": fn(lambda time: GoTime(time.nanoseconds)),
    "String": fn(lambda time: time.go_string()),
    "IsZero": fn(lambda time: time.nanoseconds == _ZERO),
    "AddDate": fn(_add_date, INT, INT, INT),
    "Before": fn(lambda time, other: time.nanoseconds < other.nanoseconds, TIME),
    "After": fn(lambda time, other: time.nanoseconds > other.nanoseconds, TIME),
    "Equal": fn(lambda time, other: time.nanoseconds == other.nanoseconds, TIME),
    "Sub": fn(lambda time, other: Duration(time.nanoseconds - other.nanoseconds), TIME),
}
METHODS[Duration] = {
    "String": fn(lambda value: value.go_string()),
    "Seconds": fn(lambda value: int(value) / SECOND),
    "Minutes": fn(lambda value: int(value) / (60 * SECOND)),
    "Hours": fn(lambda value: int(value) / (3600 * SECOND)),
    "Nanoseconds": fn(lambda value: Int64(value)),
    "Milliseconds": fn(lambda value: Int64(int(value) // 1_000_000)),
}
METHODS[Month] = {"String": fn(lambda value: value.go_string())}
METHODS[Weekday] = {"String": fn(lambda value: value.go_string())}
