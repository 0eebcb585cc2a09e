# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The moments of a preview, from what a command line says of them. Times are in nanoseconds since 1970."""

from __future__ import annotations

from typing import Final

from kwok_controller.api.errors import InvalidOption
from kwok_controller.expressions.cel import CelRuntimeError
from kwok_controller.expressions.cel.functions import parse_timestamp
from kwok_controller.expressions.gotemplate.gotime import RFC3339_NANO, GoTime, parse_duration

MAX_MOMENTS: Final = 20_000
STEPS: Final = 60
"""So many steps there are where nothing says how long they are."""

SECOND: Final = 10**9
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

_MILLISECOND: Final = 10**6
_NOW: Final = "now"
# 2200-01-01T00:00:00Z
_LAST: Final = 7_258_118_400 * SECOND


def parse_moment(option: str, text: str, base_ns: int, about: str) -> int:
    """The time that a text means.

    Args:
        option: Where it stands, for messages.
        text: A time as RFC 3339 has it, `now`, or a duration that is counted from the base.
        base_ns: The base.
        about: The base in words.

    Raises:
        InvalidOption: The text is no time, or one that cannot be shown.
    """
    if text == _NOW and about == _NOW:
        return base_ns
    try:
        time_ns = parse_timestamp(text).nanoseconds
    except CelRuntimeError:
        try:
            time_ns = base_ns + parse_duration(text)
        except ValueError:
            message = (
                f"{text[:40]!r} is no time: write one such as 2026-01-01T09:00:00Z, or a duration from {about} on, such as 90s or 1h30m"
            )
            raise InvalidOption(option, message) from None
    if not 0 <= time_ns <= _LAST:
        raise InvalidOption(option, f"{text[:40]!r} is not between 1970 and 2200")
    return time_ns


def parse_range(now_ns: int, since: str | None, until: str | None, step: str | None) -> list[int]:
    """The moments from one time to another.

    Args:
        now_ns: The time.
        since: `--from`; None: now.
        until: `--to`, where durations count from the start; None: an hour later.
        step: `--step`; None: a sixtieth of it all.

    Raises:
        InvalidOption: One of them is no time, the end is not after the start, or there are too many steps.
    """
    start = now_ns if since is None else parse_moment("--from", since, now_ns, _NOW)
    end = start + HOUR if until is None else parse_moment("--to", until, start, "the start")
    if end <= start:
        raise InvalidOption("--to", f"{format_time(end)} is not after the start, {format_time(start)}")
    width = max(_MILLISECOND, -(-(end - start) // STEPS // _MILLISECOND) * _MILLISECOND) if step is None else _step(step)
    count = (end - start) // width + 1
    if count > MAX_MOMENTS:
        raise InvalidOption("--step", f"there are {count} steps, and {MAX_MOMENTS} can be shown: take longer ones, or less time")
    return [start + at * width for at in range(count)]


def format_time(time_ns: int) -> str:
    """A time as RFC 3339 has it, in UTC."""
    return GoTime(time_ns).format(RFC3339_NANO)


def unix_seconds(time_ns: int) -> int | float:
    """Seconds since 1970, without a fraction where there is none."""
    return time_ns / SECOND if time_ns % SECOND else time_ns // SECOND


def _step(text: str) -> int:
    try:
        width = parse_duration(text)
    except ValueError:
        raise InvalidOption("--step", f"{text[:40]!r} is no duration such as 30s or 1h30m") from None
    if width < _MILLISECOND:
        raise InvalidOption("--step", f"{text} is shorter than 1ms")
    return width
