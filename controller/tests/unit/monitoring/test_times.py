# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The moments of a preview."""

from __future__ import annotations

import pytest

from kwok_controller.api.errors import InvalidOption
from kwok_controller.monitoring.times import HOUR, SECOND, format_time, parse_moment, parse_range, unix_seconds

NOW = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", 0),
        ("0", 0),
        ("90s", 90),
        ("+1h30m", 5400),
        ("-1h", -3600),
        ("2026-01-01T00:00:01.5Z", 1.5),
        ("2026-01-01T02:00:00+01:00", 3600),
    ],
)
def test_moments(text: str, seconds: float) -> None:
    assert parse_moment("--at", text, NOW, "now") - NOW == seconds * SECOND


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "1d", "2026-01-01", "2026-01-01T00:00:00", "1969-12-31T23:59:59Z", "2300-01-01T00:00:00Z", "-900000h"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"^--at: .*(is no time: write one such as|is not between 1970 and 2200)"):
        parse_moment("--at", text, NOW, "now")


def test_an_hour_from_now_in_sixty_steps() -> None:
    moments = parse_range(NOW, None, None, None)
    assert moments == [NOW + minute * 60 * SECOND for minute in range(61)]


@pytest.mark.parametrize(
    ("since", "until", "step", "first", "last", "count"),
    [
        ("-1h", None, None, -HOUR, 0, 61),
        ("2026-01-01T01:00:00Z", "2h", "30m", HOUR, 3 * HOUR, 5),
        (None, "2026-01-01T00:00:10Z", "3s", 0, 9 * SECOND, 4),
        (None, "7s", None, 0, 59 * 117_000_000, 60),
        (None, "1s", "1ms", 0, SECOND, 1001),
        (None, "1h", "2h", 0, 0, 1),
    ],
)
def test_ranges(since: str | None, until: str | None, step: str | None, first: int, last: int, count: int) -> None:
    moments = parse_range(NOW, since, until, step)
    assert (moments[0] - NOW, moments[-1] - NOW, len(moments)) == (first, last, count)


@pytest.mark.parametrize(
    ("since", "until", "step", "message"),
    [
        ("x", None, None, "--from: 'x' is no time: .* or a duration from now on"),
        (None, "x", None, "--to: 'x' is no time: .* or a duration from the start on"),
        (None, "now", None, "--to: 'now' is no time"),
        (None, "-1s", None, "--to: 2025-12-31T23:59:59Z is not after the start, 2026-01-01T00:00:00Z"),
        (None, "0", None, "--to: .* is not after the start"),
        (None, None, "x", "--step: 'x' is no duration such as 30s"),
        (None, None, "0", "--step: 0 is shorter than 1ms"),
        (None, None, "-1s", "--step: -1s is shorter than 1ms"),
        (None, "24h", "1s", "--step: there are 86401 steps, and 20000 can be shown"),
    ],
)
def test_what_is_no_range(since: str | None, until: str | None, step: str | None, message: str) -> None:
    with pytest.raises(InvalidOption, match=message):
        parse_range(NOW, since, until, step)


def test_times_are_shown() -> None:
    assert format_time(NOW) == "2026-01-01T00:00:00Z"
    assert format_time(NOW + SECOND // 2) == "2026-01-01T00:00:00.5Z"
    assert (unix_seconds(NOW), unix_seconds(NOW + SECOND // 2)) == (1_767_225_600, 1_767_225_600.5)
    assert isinstance(unix_seconds(NOW), int)
