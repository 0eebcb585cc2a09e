# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw the boards from what a Prometheus has, by the very queries of their panels: `python -m boards.pictures URL [MINUTES]`.

These are no pictures of Grafana, which is not needed for them. They go to docs/pictures.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
BOARDS = ROOT / "roles/grafana/files/boards"
TARGET = ROOT / "docs/pictures"
ASKING = ROOT / "tests/integration/targets/role_grafana/files/panels.py"

COLUMN = 0.62  # inches for one of Grafana's 24 columns
LINE = 0.3  # inches for one of its rows
DPI = 84
COLOURS = 64  # of a picture: curves need no more, and the file is a third as large
SERIES = 8  # in a legend


def asking() -> ModuleType:
    """How queries are filled in and asked: what the integration target does."""
    spec = importlib.util.spec_from_file_location("panels", ASKING)
    if spec is None or spec.loader is None:
        raise ImportError(f"{ASKING} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scaled(base: float, *units: str) -> Callable[[float], str]:
    """Numbers as text in the largest unit that leaves something before the point."""

    def text(value: float) -> str:
        at = 0
        while abs(value) >= base and at < len(units) - 1:
            value, at = value / base, at + 1
        return f"{value:.3g} {units[at]}".rstrip()

    return text


def seconds(value: float) -> str:
    """A duration as text."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1000:.3g} ms"


UNITS: dict[str, Callable[[float], str]] = {
    "short": scaled(1000, "", "k", "M", "G"),
    "bytes": scaled(1024, "B", "KiB", "MiB", "GiB", "TiB"),
    "s": seconds,
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "cores": lambda value: f"{value:.3g}",
    "ops": lambda value: f"{value:.3g}/s",
    "reqps": lambda value: f"{value:.3g}/s",
    "cps": lambda value: f"{scaled(1000, '', 'k', 'M')(value)}/s",
}


def named(legend: str, labels: dict[str, str]) -> str:
    """The name of a series. A label that it has not is left out."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend).strip()


def draw(board: dict[str, Any], prometheus: Any, module: ModuleType, minutes: float) -> Figure:
    """The picture of a board."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = Figure(figsize=(24 * COLUMN, (height + 2) * LINE), dpi=DPI)
    figure.text(0.005, 1 - 0.9 / (height + 2), board["title"], fontsize=13, weight="bold", va="center")
    values = module.everything(board)
    for panel in board["panels"]:
        place = panel["gridPos"]
        top = 1 - (place["y"] + 2) / (height + 2)
        if panel["type"] == "row":
            figure.text(0.005, top - 0.3 / (height + 2), panel["title"], fontsize=10, weight="bold", color="#2f5d8a", va="center")
            continue
        number = panel["type"] == "stat"
        left, right, above, below = (0.1, 0.1, 1.2, 0.3) if number else (1.2, 0.2, 1.0, 2.3)
        bottom = top - (place["h"] - below) / (height + 2)
        size = ((place["w"] - left - right) / 24, (place["h"] - above - below) / (height + 2))
        axes = figure.add_axes(((place["x"] + left) / 24, bottom, *size))
        axes.set_title(panel["title"], fontsize=8, loc="left", pad=3)
        series = []
        for target in panel["targets"]:
            found = prometheus.series(module.filled(target["expr"], values), window=minutes * 60, step=max(2, minutes * 60 / 150))
            series += [(named(target["legendFormat"], each["metric"]), each["values"]) for each in found]
        (draw_number if number else draw_lines)(axes, panel, series)
    return figure


def draw_number(axes: Axes, panel: dict[str, Any], series: list[tuple[str, Any]]) -> None:
    """The newest value."""
    axes.set_axis_off()
    unit = UNITS[panel["fieldConfig"]["defaults"]["unit"]]
    newest = [float(values[-1][1]) for _name, values in series]
    axes.text(0.0, 0.45, ", ".join(unit(value) for value in newest) or "no data", fontsize=15, va="center", transform=axes.transAxes)


def draw_lines(axes: Axes, panel: dict[str, Any], series: list[tuple[str, Any]]) -> None:
    """Values over time."""
    defaults = panel["fieldConfig"]["defaults"]
    series = sorted(series, key=lambda each: -float(each[1][-1][1]) if math.isfinite(float(each[1][-1][1])) else 0.0)
    stacked = defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal"
    below: dict[float, float] = {}
    for name, values in reversed(series) if stacked else series:
        times = [when / 86400 for when, _value in values]
        numbers = [float(value) for _when, value in values]
        if stacked:
            numbers = [value + below.get(when, 0.0) for (when, _text), value in zip(values, numbers, strict=True)]
            axes.fill_between(times, [below.get(when, 0.0) for when, _text in values], numbers, alpha=0.3, linewidth=0)
            below.update({when: value for (when, _text), value in zip(values, numbers, strict=True)})
        axes.plot(times, numbers, linewidth=1.1, label=name)
    lowest, highest = axes.get_ylim()
    if defaults.get("min") == 0 and lowest < 0.2 * highest:
        axes.set_ylim(bottom=0, top=highest if highest > 0 else 1)
    unit = UNITS[defaults["unit"]]
    axes.yaxis.set_major_formatter(lambda value, _position: unit(value))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=5))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
    axes.tick_params(labelsize=6, length=2, pad=1)
    axes.grid(linewidth=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        columns = 3 if panel["gridPos"]["w"] > 8 else 2
        shown = [label if len(label) < 32 else f"{label[:31]}…" for label in labels[:SERIES]]
        axes.legend(
            handles[:SERIES], shown, fontsize=5.5, ncols=columns, loc="upper left", bbox_to_anchor=(-0.02, -0.13), frameon=False,
            handlelength=1, borderpad=0, labelspacing=0.2, columnspacing=1,
        )  # fmt: skip


def main() -> int:
    """Draw all of them."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    module = asking()
    prometheus = module.Prometheus(sys.argv[1].rstrip("/"))
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    TARGET.mkdir(parents=True, exist_ok=True)
    for path in sorted(BOARDS.glob("*.json")):
        figure = draw(json.loads(path.read_text(encoding="utf-8")), prometheus, module, minutes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        buffer.seek(0)
        made = TARGET / f"{path.stem}.png"
        Image.open(buffer).convert("RGB").quantize(COLOURS).save(made, optimize=True)
        print(f"{made.relative_to(ROOT)}: {made.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
