# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""A preview as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from kwok_controller.exposition.formats import text_number
from kwok_controller.monitoring.preview import Series
from kwok_controller.monitoring.times import format_time, unix_seconds


def as_json(series: Series) -> list[dict[str, Any]]:
    """The series, each with path, kind, name, labels and points: seconds since 1970 and value. NaN and infinities are strings."""
    return [
        {
            "path": head.path,
            "kind": head.kind,
            "name": head.name,
            "labels": head.labels,
            "points": [[unix_seconds(time_ns), value if math.isfinite(value) else text_number(value)] for time_ns, value in points],
        }
        for head, points in series.items()
    ]


def as_csv(series: Series, moments: Sequence[int]) -> str:
    """A line for each moment, with a column for each series, empty where that is not shown.

    The titles are as in the exposition, with the path before them where there are several.
    """
    several = len({head.path for head in series}) > 1
    columns = [dict(points) for points in series.values()]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["time", *(f"{head.path} {head.text}" if several else head.text for head in series)])
    for time_ns in moments:
        values = [column.get(time_ns) for column in columns]
        writer.writerow([format_time(time_ns), *("" if value is None else text_number(value) for value in values)])
    return out.getvalue()
