# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Compiles a Metric to an endpoint. A metric with an error is left out, and all others are served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kwok_controller.api.metric import MetricConfig, MetricSpec
from kwok_controller.exposition.endpoint import Endpoint, Family
from kwok_controller.exposition.failures import SeriesFailed
from kwok_controller.exposition.families import heads, taken
from kwok_controller.exposition.form import check_form, dimension_of, expressions
from kwok_controller.exposition.histogram import in_order
from kwok_controller.exposition.language import Compile, Dimension, is_stable
from kwok_controller.exposition.memory import DEFAULT_PODS, Memory
from kwok_controller.exposition.names import check_names
from kwok_controller.exposition.parts import Compiled, LabelSources, Parts, sources_of
from kwok_controller.exposition.problems import Problem, error
from kwok_controller.exposition.series import Histogram, Series, Single, negative


def compile_endpoint(spec: MetricSpec, compile: Compile, *, remember: int = DEFAULT_PODS) -> tuple[Endpoint, list[Problem]]:
    """The endpoint of a Metric, and the errors of the metrics that are left out.

    Args:
        spec: What the Metric says.
        compile: What compiles its expressions: see `compiler`.
        remember: Of how many pods labels are remembered.
    """
    compiler = _Compiler(compile)
    problems: list[Problem] = []
    for at, metric in enumerate(spec.metrics):
        problems += compiler.add(metric, f"spec.metrics[{at}]")
    return compiler.endpoint(remember), problems


class _Compiler:
    def __init__(self, compile: Compile) -> None:
        self._parts = Parts(compile)
        self._families: dict[str, list[tuple[MetricConfig, Series]]] = {}
        # By name of a family or of its samples: the family.
        self._taken: dict[str, str] = {}
        # Where the metric is that has certain series.
        self._fields: dict[tuple[str, Dimension, LabelSources], str] = {}

    def add(self, metric: MetricConfig, field: str) -> list[Problem]:
        """Takes a metric in, or else says why not."""
        problems = [*check_names(metric, field), *check_form(metric, field), *self._check_family(metric, field)]
        dimension = dimension_of(metric)
        if dimension is None:
            return problems
        labels: dict[str, Compiled] = {}
        for at, label in enumerate(metric.labels):
            compiled = self._parts.label(label.value, f"{field}.labels[{at}].value", dimension)
            if isinstance(compiled, Problem):
                problems.append(compiled)
            else:
                labels[label.name] = compiled
        values: list[Compiled] = []
        for source, where in expressions(metric, field):
            if not source.strip():
                continue  # check_form has said so
            compiled = self._parts.value(source, where, dimension)
            if isinstance(compiled, Problem):
                problems.append(compiled)
            else:
                values.append(compiled)
        if not problems:
            problems += self._check_duplicate(metric, field, dimension, labels)
        if not problems:
            try:
                self._take(metric, field, self._series(metric, field, dimension, labels, values), dimension)
            except SeriesFailed as failed:
                problems.append(error("type", failed.field, failed.message))
        return problems

    def _check_family(self, metric: MetricConfig, field: str) -> Iterator[Problem]:
        family = self._families.get(metric.name)
        if family is not None and family[0][0].kind != metric.kind:
            yield error("family", f"{field}.kind", f"{metric.name} is a {family[0][0].kind} already: all metrics of a name have one kind")
        for name in sorted(taken(metric)):
            other = self._taken.get(name, metric.name)
            if other != metric.name:
                message = f"{name} is taken by the metric {other}: a histogram takes the names with _bucket, _sum, _count and _created, too"
                yield error("family", f"{field}.name", message)

    def _check_duplicate(self, metric: MetricConfig, field: str, dimension: Dimension, labels: Mapping[str, Compiled]) -> Iterator[Problem]:
        same = self._fields.get((metric.name, dimension, sources_of(metric.labels)))
        if same is not None and all(is_stable(label.part.evaluate) for label in labels.values()):
            message = f"{metric.name} has the same series as {same}: add a label that tells them apart, or leave one out"
            yield error("duplicate-series", f"{field}.name", message)

    def _series(
        self, metric: MetricConfig, field: str, dimension: Dimension, compiled: Mapping[str, Compiled], sources: Sequence[Compiled]
    ) -> Series:
        labels = self._parts.labels(compiled, dimension)
        values = [self._parts.number(source, dimension) for source in sources]
        if metric.kind == "histogram":
            order = in_order(metric.buckets)
            return Histogram(metric.name, dimension, labels, [metric.buckets[at] for at in order], [values[at] for at in order], field)
        value = values[0]
        if metric.kind == "counter" and value.constant is not None and not value.constant >= 0:
            raise negative(value.field, value.constant)
        return Single(metric.name, dimension, labels, value, counter=metric.kind == "counter")

    def _take(self, metric: MetricConfig, field: str, series: Series, dimension: Dimension) -> None:
        self._families.setdefault(metric.name, []).append((metric, series))
        self._taken |= dict.fromkeys(taken(metric), metric.name)
        self._fields[(metric.name, dimension, sources_of(metric.labels))] = field

    def endpoint(self, remember: int) -> Endpoint:
        """All metrics that were taken in."""
        with_containers = any(series.dimension == "container" for family in self._families.values() for _, series in family)
        memory = Memory(self._parts.recipes(), with_containers=with_containers, with_node=self._parts.with_node, pods=remember)
        return Endpoint([self._family(name, members) for name, members in self._families.items()], memory)

    def _family(self, name: str, members: Sequence[tuple[MetricConfig, Series]]) -> Family:
        help = next((metric.help for metric, _ in members if metric.help.strip()), "")
        others = {taken for taken, family in self._taken.items() if family != name}
        return Family(heads(members[0][0], help, others), [series for _, series in members])
