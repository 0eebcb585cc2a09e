# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The names that a family takes, in both formats, and what stands before its series.

A counter loses its `_total` in the head of OpenMetrics. Where that would be the name of another family, as of Go's
`go_memstats_alloc_bytes` and `go_memstats_alloc_bytes_total`, and for a counter without `_total`, it is of unknown type there: so series
have the same name in both formats. The same holds where the name with `_created` is another family's, as that is a counter's, too.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from kwok_controller.api.metric import MetricConfig
from kwok_controller.exposition.formats import Format, escape_help

TOTAL: Final = "_total"
UNITS: Final = ("seconds", "bytes", "ratio", "celsius", "kelvin", "meters", "volts", "amperes", "joules", "grams")
"""Base units: https://prometheus.io/docs/practices/naming/#base-units; one at the end of a family's name is its unit in OpenMetrics."""

_CREATED: Final = "_created"
_HISTOGRAM: Final = ("_bucket", "_sum", "_count", _CREATED)


def taken(metric: MetricConfig) -> set[str]:
    """The names of a family and of its samples, which no other family may have."""
    suffixes = _HISTOGRAM if metric.kind == "histogram" else ()
    return {metric.name, *(metric.name + suffix for suffix in suffixes)}


def heads(metric: MetricConfig, help: str, others: Set[str]) -> dict[Format, str]:
    """What stands before the series of a family, by format.

    Args:
        metric: The first metric of the family.
        help: Its help text; without one there is no such line.
        others: The names that other families take.
    """
    name, kind = metric.name, str(metric.kind)
    if kind == "counter":
        short = name.removesuffix(TOTAL)
        theirs = {*others, *(other.removesuffix(TOTAL) for other in others)}
        name, kind = (name, "unknown") if short in {metric.name, ""} or {short, short + _CREATED} & theirs else (short, kind)
    unit = next((unit for unit in UNITS if name.endswith(f"_{unit}")), "")
    return {
        Format.TEXT: _help(metric.name, help, Format.TEXT) + f"# TYPE {metric.name} {metric.kind}\n",
        Format.OPENMETRICS: _help(name, help, Format.OPENMETRICS) + f"# TYPE {name} {kind}\n" + (f"# UNIT {name} {unit}\n" if unit else ""),
    }


def _help(name: str, text: str, format: Format) -> str:
    # A block text of YAML ends with a newline, which is not meant.
    shown = escape_help(text.strip(), format)
    return f"# HELP {name} {shown}\n" if shown else ""
