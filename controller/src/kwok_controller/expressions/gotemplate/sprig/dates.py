# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""sprig's functions of dates. Those that need the time of day get it from the caller, or are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kwok_controller.expressions.gotemplate.errors import FunctionError
from kwok_controller.expressions.gotemplate.functions import ANY, STRING, TIME, Function, LeftOut, fn
from kwok_controller.expressions.gotemplate.gotime import SECOND, UTC, GoTime, Location, format_duration, parse_duration, parse_time
from kwok_controller.expressions.gotemplate.strconv import parse_int
from kwok_controller.expressions.gotemplate.values import Int32, Int64, Value, wrap

_NO_CLOCK: Final = LeftOut("no clock is given to this template")
_SPANS: Final = (("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def load_zone(name: str) -> Location:
    """A zone of the IANA database by its name: the system's, read once for each zone.

    Raises:
        LookupError: there is none.
    """
    try:
        return Location(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise LookupError(f"unknown time zone {name}") from error


def _duration(value: Value) -> str:
    seconds = 0
    if type(value) is str:
        try:
            seconds = parse_int(value)
        except ValueError as error:
            # Go gives the nearest number to one that is out of range.
            if str(error) == "value out of range":
                seconds = -(1 << 63) if value.startswith("-") else (1 << 63) - 1
    elif type(value) is Int64:
        seconds = int(value)
    return format_duration(wrap(seconds * SECOND))


def _rounded(value: int) -> str:
    size = abs(value)
    for unit, seconds in _SPANS:
        if size > seconds * SECOND:
            return f"{size // (seconds * SECOND)}{unit}"
    return "0s"


def functions(
    now: Callable[[], int] | None,
    local: Location = UTC,
    zones: Callable[[str], Location] = load_zone,
) -> dict[str, Function | LeftOut]:
    """The functions, for a clock (nanoseconds since 1970), the local zone and a finder of zones."""

    def zone(name: str) -> Location:
        if name == "Local":
            return local
        if name in ("", "UTC"):
            return UTC
        try:
            return zones(name)
        except LookupError:
            return UTC

    def time_of(value: Value) -> GoTime:
        if isinstance(value, GoTime):
            return value
        if type(value) in (int, Int64, Int32):
            return GoTime(int(value) * SECOND)
        if now is None:
            raise FunctionError("no date, and no clock is given to this template")
        return GoTime(now())

    def in_zone(layout: str, value: Value, name: str) -> str:
        return GoTime(time_of(value).nanoseconds, zone(name)).format(layout)

    def modify(text: str, time: GoTime) -> GoTime:
        try:
            return time.add(parse_duration(text))
        except ValueError:
            return time

    def must_modify(text: str, time: GoTime) -> GoTime:
        try:
            return time.add(parse_duration(text))
        except ValueError as error:
            raise FunctionError(str(error)) from None

    def to_date(layout: str, text: str) -> GoTime:
        try:
            return parse_time(layout, text, local)
        except ValueError:
            return GoTime()

    def must_to_date(layout: str, text: str) -> GoTime:
        try:
            return parse_time(layout, text, local)
        except ValueError as error:
            raise FunctionError(f"parsing time {text!r} as {layout!r}: {error}") from None

    def duration_round(value: Value) -> str:
        if type(value) is str:
            try:
                return _rounded(parse_duration(value))
            except ValueError:
                return "0s"
        if type(value) is Int64:
            return _rounded(int(value))
        if isinstance(value, GoTime):
            if now is None:
                raise FunctionError("no clock is given to this template")
            return _rounded(now() - value.nanoseconds)
        return "0s"

    found: dict[str, Function | LeftOut] = {
        "date": fn(lambda layout, value: in_zone(layout, value, "Local"), STRING, ANY),
        "date_in_zone": fn(in_zone, STRING, ANY, STRING),
        "dateInZone": fn(in_zone, STRING, ANY, STRING),
        "htmlDate": fn(lambda value: in_zone("2006-01-02", value, "Local"), ANY),
        "htmlDateInZone": fn(lambda value, name: in_zone("2006-01-02", value, name), ANY, STRING),
        "date_modify": fn(modify, STRING, TIME),
        "dateModify": fn(modify, STRING, TIME),
        "must_date_modify": fn(must_modify, STRING, TIME),
        "mustDateModify": fn(must_modify, STRING, TIME),
        "toDate": fn(to_date, STRING, STRING),
        "mustToDate": fn(must_to_date, STRING, STRING),
        "unixEpoch": fn(lambda time: str(time.unix()), TIME),
        "duration": fn(_duration, ANY),
        "durationRound": fn(duration_round, ANY),
        "now": _NO_CLOCK,
        "ago": _NO_CLOCK,
    }
    if now is not None:
        clock = now

        def ago(value: Value) -> str:
            since = clock() - time_of(value).nanoseconds
            # To the nearest second, halves away from zero.
            seconds, rest = divmod(abs(since), SECOND)
            seconds += rest * 2 >= SECOND
            return format_duration(seconds * SECOND if since >= 0 else -seconds * SECOND)

        found["now"] = fn(lambda: GoTime(clock(), local))
        found["ago"] = fn(ago, ANY)
    return found
