# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Conventions of names, as `promtool check metrics` has them (client_golang, `testutil/promlint`), and beyond it of units.

https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from kwok_controller.api.metric import MetricConfig
from kwok_controller.exposition.families import TOTAL
from kwok_controller.exposition.problems import Problem, warning

# Units that are not to be used, with those that are, and how many of these they are where that is a number.
_UNITS: Final = {
    **dict.fromkeys(("minutes", "hours", "days", "weeks"), "seconds"),
    **dict.fromkeys(("fahrenheit", "rankine"), "celsius"),
    **dict.fromkeys(("inches", "yards", "miles"), "meters"),
    **dict.fromkeys(("pounds", "ounces"), "grams"),
    **dict.fromkeys(("percent", "percents", "percentage"), "ratio"),
    **dict.fromkeys(("millicores", "millicpu", "cores"), "seconds"),
    "kelvins": "kelvin",
    "bits": "bytes",
    "calories": "joules",
}
_BASES: Final = ("amperes", "bytes", "celsius", "grams", "joules", "kelvin", "meters", "metres", "seconds", "volts")
_PREFIXES: Final = (
    *("pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mebi", "mibi", "giga", "gibi"),
    *("tera", "tebi", "peta", "pebi"),
)
_ABBREVIATIONS: Final = {
    **dict.fromkeys(("s", "ms", "us", "ns", "sec", "secs", "m", "h", "d"), "seconds"),
    **dict.fromkeys(("b", "kb", "mb", "gb", "tb", "pb", "kib", "mib", "gib", "tib", "pib"), "bytes"),
    "pct": "ratio",
}
# Names of kubelets that count what is a unit elsewhere: cAdvisor 0.56, metrics/prometheus_machine.go.
_COUNTS: Final = frozenset(("machine_cpu_cores",))
_KINDS: Final = ("counter", "gauge", "summary", "histogram")
_CAMEL: Final = re.compile(r"[a-z][A-Z]")


def check_conventions(metric: MetricConfig, field: str) -> Iterator[Problem]:
    """What in a metric is against conventions.

    Args:
        metric: The metric.
        field: Where it is, such as `spec.metrics[2]`.
    """
    name, where = metric.name, f"{field}.name"
    if not metric.help.strip():
        yield warning("help", f"{field}.help", f"is missing: say what {name} tells")
    if metric.kind == "counter" and not name.endswith(TOTAL):
        yield warning(
            "name", where, f"a counter's name ends in {TOTAL}: {name}{TOTAL} would do; in OpenMetrics it is of unknown type as it is"
        )
    if metric.kind != "counter" and name.endswith(TOTAL):
        yield warning(
            "name", where, f"a {metric.kind}'s name does not end in {TOTAL}, which is for counters: make it one, or leave that out"
        )
    yield from _check_words(name, where)
    yield from _check_suffixes(metric, field)
    yield from _check_units(name, where)
    for at, label in enumerate(metric.labels):
        if _CAMEL.search(label.name):
            yield warning("label", f"{field}.labels[{at}].name", f"{label.name} is in camelCase: names of labels are in snake_case")


def _check_words(name: str, where: str) -> Iterator[Problem]:
    if ":" in name:
        yield warning("name", where, f"{name} has a colon, which is for the recording rules of Prometheus: use _")
    if _CAMEL.search(name):
        yield warning("name", where, f"{name} is in camelCase: names are in snake_case")
    for kind in _KINDS:
        if f"_{kind}_" in f"{name}_":
            yield warning("name", where, f"{name} names a kind, which is said elsewhere: leave out {kind}")


def _check_suffixes(metric: MetricConfig, field: str) -> Iterator[Problem]:
    if metric.kind == "histogram":
        return
    for suffix in ("_bucket", "_count", "_sum"):
        if metric.name.endswith(suffix):
            yield warning("name", f"{field}.name", f"{suffix} at the end is for histograms: choose another name, or make it one")
    for at, label in enumerate(metric.labels):
        if label.name in ("le", "quantile"):
            kind = "histograms" if label.name == "le" else "summaries"
            yield warning("label", f"{field}.labels[{at}].name", f"{label.name} is for {kind}: choose another name")


def _check_units(name: str, where: str) -> Iterator[Problem]:
    if name in _COUNTS:
        return
    for word in name.lower().split("_")[1:]:
        base = _base_of(word)
        if base is not None:
            yield warning("unit", where, f"{word} is no base unit: give the value in {base}, and the name _{base}")
        elif word in _ABBREVIATIONS:
            full = _ABBREVIATIONS[word]
            yield warning("unit", where, f"{word} abbreviates a unit: give the value in {full}, and the name _{full}")


def _base_of(word: str) -> str | None:
    """The unit that is to be used in place of this one; None where it is no unit, or can be used."""
    if word in _UNITS:
        return _UNITS[word]
    for prefix in _PREFIXES:
        unit = word.removeprefix(prefix)
        if unit != word and (unit in _BASES or unit in _UNITS):
            return _UNITS.get(unit, unit)
    return None
