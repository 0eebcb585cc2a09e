# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Panels as text for a terminal, by plotext, and as PNG, by matplotlib: the extra `plot` brings both."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from kwok_controller.monitoring.panels import Line, Panel
from kwok_controller.monitoring.times import DAY, SECOND

PIXELS: Final = (1200, 400)
"""Width of a PNG, and height for each panel, where nothing says so."""

LINES: Final = 20
"""Height of a panel in a terminal, where nothing says so."""

X_LABEL: Final = "time (UTC)"

_DPI: Final = 100
_MARKERS: Final = "•x+o*#@%&=~^abcdefgh"
_COLORS: Final = ("blue+", "red+", "green+", "orange+", "magenta+", "cyan+", "gray+")
_TICKS: Final = 5
# Of the width, in characters: a tick for each so many.
_TICK_WIDTH: Final = 18


class MissingExtra(ImportError):
    """What draws is not installed."""

    def __init__(self, module: str) -> None:
        super().__init__(module)
        self.module = module

    def __str__(self) -> str:
        return f"{self.module} is not installed, which draws: pip install 'kwok-controller[plot]'"


def as_text(panels: Sequence[Panel], moments: Sequence[int], *, width: int, height: int, colors: bool) -> str:
    """The panels below each other.

    Args:
        panels: What is drawn.
        moments: The times of the values, in nanoseconds since 1970.
        width: Of each, in characters.
        height: Of each, in lines.
        colors: Whether lines have colors; otherwise each is of a character of its own.

    Raises:
        MissingExtra: There is no plotext.
    """
    try:
        import plotext
    except ImportError as missing:
        raise MissingExtra("plotext") from missing

    drawn = []
    seconds = [time_ns / SECOND for time_ns in moments]
    ticks, names = _ticks(moments, max(2, min(_TICKS, width // _TICK_WIDTH)))
    for panel in panels:
        plotext.clear_figure()
        plotext.limit_size(False, False)
        plotext.plot_size(width, height)
        plotext.theme("pro" if colors else "clear")
        plotext.title(panel.title)
        plotext.xlabel(X_LABEL)
        plotext.ylabel(panel.unit)
        plotext.xticks(ticks, names)
        for line, color, marker in zip(panel.lines, itertools.cycle(_COLORS), _MARKERS, strict=False):
            look = {"color": color, "marker": "braille"} if colors else {"marker": marker}
            for at, (start, end) in enumerate(_runs(line)):
                plotext.plot(seconds[start:end], line.values[start:end], label=line.label if not at else None, **look)
        text = plotext.build()
        if not colors:
            text = "\n".join(line.rstrip() for line in plotext.uncolorize(text).splitlines())
        drawn.append(text.rstrip("\n"))
    return "\n".join(drawn)


def as_png(panels: Sequence[Panel], moments: Sequence[int], *, width: int, height: int) -> bytes:
    """The panels below each other.

    Args:
        panels: What is drawn.
        moments: The times of the values, in nanoseconds since 1970.
        width: Of the picture, in pixels.
        height: The same.

    Raises:
        MissingExtra: There is no matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingExtra("matplotlib") from missing

    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    times = [_datetime(time_ns) for time_ns in moments]
    for panel, axes in zip(panels, figure.subplots(len(panels), 1, squeeze=False)[:, 0], strict=True):
        for line in panel.lines:
            axes.plot(times, line.values, label=line.label, linewidth=1.5)
        locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
        axes.set_title(panel.title)
        axes.set_xlabel(X_LABEL)
        axes.set_ylabel(panel.unit)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize="small")
    out = io.BytesIO()
    canvas.print_png(out)  # type: ignore[no-untyped-call]
    return out.getvalue()


def _runs(line: Line) -> Iterator[tuple[int, int]]:
    """The stretches of a line without a gap, each from a place to before another one."""
    places = [at for at, value in enumerate(line.values) if not math.isnan(value)]
    for _, run in itertools.groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
        members = [place for _, place in run]
        yield members[0], members[-1] + 1


def _ticks(moments: Sequence[int], count: int) -> tuple[list[float], list[str]]:
    """Some of the moments, evenly spread, and how they are written below the axis."""
    last = len(moments) - 1
    chosen = sorted({moments[last * at // (count - 1)] for at in range(count)})
    span = moments[-1] - moments[0]
    form = "%H:%M:%S" if span < 600 * SECOND else "%H:%M" if span <= DAY else "%m-%d %H:%M"
    return [time_ns / SECOND for time_ns in chosen], [_datetime(time_ns).strftime(form) for time_ns in chosen]


def _datetime(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / SECOND, UTC)
