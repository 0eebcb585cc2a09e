# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Plots in a terminal and as PNG."""

from __future__ import annotations

import math
import struct
import sys
import zlib

import pytest

from kwok_controller.monitoring.panels import Line, Panel
from kwok_controller.monitoring.plots import MissingExtra, as_png, as_text

from .conftest import minutes

RISING = [float(at) for at in range(30)]
MOMENTS = minutes(30)
PANELS = [
    Panel("a_bytes", "bytes", [Line('pod="x"', RISING), Line('pod="y"', RISING[::-1])]),
    Panel("b_seconds_total", "seconds", [Line("b_seconds_total", [7.0] * 30)]),
]


def pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and rows of a PNG of 8 bits in RGBA, as RFC 2083 has it."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (png[12:16], depth, colour) == (b"IHDR", 8, 6)
    data, at = b"", 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    rows, raw, above = [], zlib.decompress(data), bytes(4 * width)
    for line in range(height):
        start = line * (4 * width + 1)
        above = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + 4 * width]), above)
        rows.append(above)
    return width, height, rows


def _unfiltered(kind: int, row: bytearray, above: bytes) -> bytes:
    for at in range(len(row)):
        left, up, corner = (row[at - 4], above[at], above[at - 4]) if at >= 4 else (0, above[at], 0)
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            whole = left + up - corner
            guess = min((left, up, corner), key=lambda each, whole=whole: abs(whole - each))  # type: ignore[misc]
        else:
            guess = 0
        row[at] = (row[at] + guess) & 255
    return bytes(row)


def test_a_picture_has_the_size_and_is_not_blank() -> None:
    width, height, rows = pixels(as_png(PANELS, MOMENTS, width=300, height=240))
    assert (width, height) == (300, 240)
    shown = [[row[at : at + 3] for at in range(0, 4 * width, 4)] for row in rows]
    # The line of the first panel and that of the second, in the first colour of matplotlib's cycle (tab:blue).
    blue = bytes((0x1F, 0x77, 0xB4))
    assert any(pixel == blue for row in shown[: height // 2] for pixel in row)
    assert any(pixel == blue for row in shown[height // 2 :] for pixel in row)
    assert len({pixel for row in shown for pixel in row}) > 10


def test_pictures_are_reproducible() -> None:
    assert as_png(PANELS, MOMENTS, width=200, height=240) == as_png(PANELS, MOMENTS, width=200, height=240)


def test_a_plot_has_titles_labels_and_a_legend() -> None:
    text = as_text(PANELS, MOMENTS, width=80, height=16, colors=False)
    assert "\x1b" not in text
    first, second = text[: text.index("b_seconds_total")], text[text.index("b_seconds_total") :]
    for expected in ("a_bytes", "time (UTC)", "bytes", 'pod="x"', 'pod="y"', "00:00", "00:29"):
        assert expected in first, expected
    assert "seconds" in second
    assert all(len(line) <= 80 for line in text.splitlines())
    assert len(text.splitlines()) == 32


def test_lines_of_a_plot_rise_and_fall() -> None:
    rows = as_text(PANELS[:1], MOMENTS, width=80, height=20, colors=False).splitlines()
    # Left of the legend nothing but the two lines has these characters.
    rising = [(at, row.index("•")) for at, row in enumerate(rows) if "•" in row and "pod=" not in row]
    falling = [(at, row.index("x")) for at, row in enumerate(rows) if "x" in row and "pod=" not in row]
    assert len(rising) > 5
    assert [place for _, place in rising] == sorted((place for _, place in rising), reverse=True)
    assert [place for _, place in falling] == sorted(place for _, place in falling)


def test_colors() -> None:
    assert "\x1b[" in as_text(PANELS, MOMENTS, width=80, height=16, colors=True)


@pytest.mark.parametrize("values", [[math.nan] * 30, [math.nan, 1.0, 2.0] * 10, [0.0] * 30], ids=["nothing", "gaps", "zero"])
def test_lines_with_gaps(values: list[float]) -> None:
    panel = Panel("a", "value", [Line("a", values)])
    assert "time (UTC)" in as_text([panel], MOMENTS, width=60, height=12, colors=False)
    assert as_png([panel], MOMENTS, width=200, height=120)[:4] == b"\x89PNG"


def test_one_moment_alone_can_be_drawn() -> None:
    panel = Panel("a", "value", [Line("a", [1.0])])
    assert "time (UTC)" in as_text([panel], MOMENTS[:1], width=60, height=12, colors=False)


def test_what_draws_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)
    with pytest.raises(MissingExtra, match=r"plotext is not installed, which draws: pip install 'kwok-controller\[plot\]'"):
        as_text(PANELS, MOMENTS, width=80, height=16, colors=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"matplotlib is not installed, which draws: pip install 'kwok-controller\[plot\]'"):
        as_png(PANELS, MOMENTS, width=80, height=16)
