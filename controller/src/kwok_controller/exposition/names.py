# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The names that metrics and labels may have.

https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels, without the quoted names of Prometheus 3, which neither of our
formats has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from kwok_controller.api.metric import MetricConfig
from kwok_controller.exposition.problems import Problem, error

_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def check_names(metric: MetricConfig, field: str) -> Iterator[Problem]:
    """What is wrong with the name of a metric, and those of its labels.

    Args:
        metric: The metric.
        field: Where it is, such as `spec.metrics[2]`.
    """
    if not _METRIC.fullmatch(metric.name):
        yield error("name", f"{field}.name", f"{metric.name!r} is no name of a metric: letters, digits, _ and : are, with no digit first")
    seen: set[str] = set()
    for at, label in enumerate(metric.labels):
        yield from _check_label(metric, label.name, f"{field}.labels[{at}].name")
        if label.name in seen:
            yield error("label", f"{field}.labels[{at}].name", f"{label.name} is there twice: a series has each label once")
        seen.add(label.name)


def _check_label(metric: MetricConfig, name: str, field: str) -> Iterator[Problem]:
    if not _LABEL.fullmatch(name):
        yield error("label", field, f"{name!r} is no name of a label: letters, digits and _ are, with no digit first")
    elif name.startswith("__"):
        yield error("label", field, f"{name} begins with __, which is Prometheus' own: leave out the underscores")
    elif name == "le" and metric.kind == "histogram":
        yield error("label", field, "le is the label of the buckets' bounds in a histogram: choose another name")
