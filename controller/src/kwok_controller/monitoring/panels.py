# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is plotted: a panel for each metric, with a line for each of its series; for a histogram, for some of its quantiles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from kwok_controller.exposition.families import TOTAL, UNITS
from kwok_controller.monitoring.preview import Head, PreviewError, Series
from kwok_controller.monitoring.quantiles import quantile

MAX_PANELS: Final = 12
MAX_LINES: Final = 20
QUANTILES: Final = (0.5, 0.9, 0.99)

_LE: Final = "le"

_Points = list[tuple[int, float]]


class Line(NamedTuple):
    """A line of a panel.

    Attributes:
        label: What tells it apart from the others.
        values: For each moment; NaN where there is none that can be drawn.
    """

    label: str
    values: list[float]


class Panel(NamedTuple):
    """A panel.

    Attributes:
        title: The metric, and how it is shown.
        unit: Of its values.
        lines: At least one.
    """

    title: str
    unit: str
    lines: list[Line]


def panels(series: Series, moments: Sequence[int]) -> list[Panel]:
    """The panels, in the order of the exposition.

    Args:
        series: What is plotted.
        moments: The times that it is from, in nanoseconds since 1970.

    Raises:
        PreviewError: There are too many of them, or too many lines in one, or none.
    """
    families: dict[tuple[str, str, str], dict[Head, _Points]] = {}
    for head, points in series.items():
        families.setdefault((head.path, head.family, head.kind), {})[head] = points
    if not families:
        raise PreviewError("there is nothing to plot: no series is shown at any of the moments")
    if len(families) > MAX_PANELS:
        names = ", ".join(dict.fromkeys(family for _, family, _ in families))
        raise PreviewError(f"{len(families)} metrics are too many for a plot, which takes {MAX_PANELS}: choose with --metric from {names}")
    several = len({path for path, _, _ in families}) > 1
    made = []
    for (path, family, kind), members in families.items():
        title = f"{family} ({path})" if several else family
        if kind == "histogram":
            title += ": quantiles, interpolated linearly within buckets"
            lines = [*_quantiles(members)]
        else:
            lines = [*zip(_labels([head.labels for head in members], family), members.values(), strict=True)]
        if len(lines) > MAX_LINES:
            message = f"{family} has {len(lines)} lines, and a plot takes {MAX_LINES} for a metric"
            raise PreviewError(f"{message}: give fewer pods, or choose other metrics with --metric")
        made.append(Panel(title, _unit(family), [Line(label, _drawn(points, moments)) for label, points in lines]))
    return made


def _drawn(points: _Points, moments: Sequence[int]) -> list[float]:
    values = dict(points)
    found = (values.get(time_ns, math.nan) for time_ns in moments)
    return [value if math.isfinite(value) else math.nan for value in found]


def _quantiles(members: dict[Head, _Points]) -> Iterator[tuple[str, _Points]]:
    """The quantiles of each series of a histogram."""
    # By labels: for each time, the buckets.
    groups: dict[tuple[tuple[str, str], ...], dict[int, list[tuple[float, float]]]] = {}
    for head, points in members.items():
        labels = head.labels
        if _LE not in labels:
            continue  # the sum, or the count
        bound = float(labels.pop(_LE))
        moments = groups.setdefault(tuple(labels.items()), {})
        for time_ns, value in points:
            moments.setdefault(time_ns, []).append((bound, value))
    names = _labels([dict(labels) for labels in groups], "")
    for name, moments in zip(names, groups.values(), strict=True):
        for share in QUANTILES:
            label = f"quantile {share:g}" + (f", {name}" if name else "")
            yield label, [(time_ns, quantile(share, buckets)) for time_ns, buckets in moments.items()]


def _labels(all_labels: Sequence[dict[str, str]], alone: str) -> list[str]:
    """What tells series apart: the labels that are not the same for all; `alone` where there are none."""
    names = sorted({name for labels in all_labels for name in labels})
    differing = [name for name in names if len({labels.get(name) for labels in all_labels}) > 1]
    return [", ".join(f'{name}="{labels[name]}"' for name in differing if name in labels) or alone for labels in all_labels]


def _unit(family: str) -> str:
    base = family.removesuffix(TOTAL)
    return next((unit for unit in (*UNITS, "cores") if base.endswith(f"_{unit}")), "value")
