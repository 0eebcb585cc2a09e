# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What is wrong with a Metric, or odd: `kwok-controller metric lint`, and what modules check before they send anything.

An error is what would not be served, or be refused or misread by whoever scrapes. A warning is what works, though hardly as it was meant.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from kwok_controller.api.decode import decode_as
from kwok_controller.api.errors import InvalidObject
from kwok_controller.api.metric import Metric, MetricConfig, MetricSpec
from kwok_controller.exposition.compile import compile_endpoint
from kwok_controller.exposition.language import Compile
from kwok_controller.exposition.lint_expressions import check_expressions
from kwok_controller.exposition.lint_fields import check_fields
from kwok_controller.exposition.lint_names import check_conventions
from kwok_controller.exposition.lint_path import check_path
from kwok_controller.exposition.problems import Problem, by_place, error, plain, warning


def lint(obj: Any, compile: Compile) -> list[Problem]:
    """What is wrong with an object that should be a Metric, by where it is."""
    problems = [*check_fields(obj, "Metric")]
    try:
        metric = decode_as(obj, "Metric", Metric)
    except InvalidObject as invalid:
        return [*problems, error("schema", plain(invalid.path), invalid.message)]
    return [*problems, *lint_metric(metric, compile)]


def lint_metric(metric: Metric, compile: Compile) -> list[Problem]:
    """What is wrong with a Metric, by where it is."""
    problems = [*check_path(metric.spec.path), *compile_endpoint(metric.spec, compile)[1], *_check_helps(metric.spec)]
    if not metric.spec.metrics:
        problems.append(warning("form", "spec.metrics", "is empty: scrapes of the path get an empty answer"))
    for at, each in enumerate(metric.spec.metrics):
        field = f"spec.metrics[{at}]"
        problems += [*_check_superfluous(each, field), *_check_order(each, field)]
        problems += [*check_expressions(each, field, compile), *check_conventions(each, field)]
    wrong = {problem.field for problem in problems if problem.rule == "expression"}
    unique = dict.fromkeys(problem for problem in problems if problem.rule == "expression" or problem.field not in wrong)
    return sorted(unique, key=by_place)


def lint_together(metrics: Sequence[Metric]) -> list[tuple[int, Problem]]:
    """What is wrong between Metrics that are used together, each with the place of its Metric."""
    found = []
    paths: dict[str, Metric] = {}
    for at, metric in enumerate(metrics):
        other = paths.setdefault(metric.spec.path, metric)
        if other is not metric:
            message = f"{metric.spec.path} is served by the Metric {other.metadata.name!r} already: put the metrics into one of them"
            found.append((at, error("path", "spec.path", message)))
    return found


def _check_helps(spec: MetricSpec) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for at, metric in enumerate(spec.metrics):
        help = first.setdefault(metric.name, metric.help)
        if help.strip() != metric.help.strip():
            message = f"differs from that of {metric.name} before: all metrics of a name have one help text"
            yield error("family", f"spec.metrics[{at}].help", message)


def _check_superfluous(metric: MetricConfig, field: str) -> Iterator[Problem]:
    if metric.kind == "histogram" and metric.value:
        yield error("form", f"{field}.value", "is not for a histogram, which has its values in buckets: leave it out")
    if metric.kind != "histogram" and metric.buckets:
        yield error("form", f"{field}.buckets", f"are not for a {metric.kind}: leave them out, or make the metric a histogram")


def _check_order(metric: MetricConfig, field: str) -> Iterator[Problem]:
    bounds = [bucket.le for bucket in metric.buckets]
    for at, (bound, next_bound) in enumerate(itertools.pairwise(bounds)):
        if next_bound < bound:
            message = f"{next_bound:g} comes after {bound:g}: put the buckets in order of their bounds"
            yield error("buckets", f"{field}.buckets[{at + 1}].le", message)
