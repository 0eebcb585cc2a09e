# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What scrapes of a node with its pods would show, at moments that are given: by the code that the controller answers with."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from kwok_controller.api.metric import Metric, MetricConfig, MetricLabel, MetricSpec
from kwok_controller.exposition import Endpoint, compile_endpoint
from kwok_controller.exposition.lint_path import NODE as NODE_NAME
from kwok_controller.exposition.lint_path import check_free, check_path
from kwok_controller.monitoring.lint_usage import Usage
from kwok_controller.monitoring.surroundings import Surroundings
from kwok_controller.usage.check import check_usage
from kwok_controller.usage.pods import Object
from kwok_controller.usage.rates import Problem
from kwok_controller.usage.traces import Trace

MAX_POINTS: Final = 300_000
"""So many values a preview has at most: the series, times the moments."""

_OF_NODES: Final = f"/metrics/nodes/{NODE_NAME}"
_USAGE_PATH: Final = f"{_OF_NODES}/usage"
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r"\\(.)")
_UNITS: Final = {"cpu": "cores", "memory": "bytes", "ephemeral-storage": "bytes", "storage": "bytes"}


class PreviewError(ValueError):
    """There is nothing to show, or too much; the message says what to do."""


class Head(NamedTuple):
    """What makes a series.

    Attributes:
        path: Where it is shown.
        family: The name of the metric.
        kind: counter, gauge or histogram.
        text: Name and labels as the exposition has them.
    """

    path: str
    family: str
    kind: str
    text: str

    @property
    def name(self) -> str:
        """The series' name, which is that of the metric, or for a histogram has something behind it."""
        return self.text.partition("{")[0]

    @property
    def labels(self) -> dict[str, str]:
        """The labels, by name."""
        found = _LABEL.findall(self.text.partition("{")[2])
        return {name: _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], value) for name, value in found}


Series = dict[Head, list[tuple[int, float]]]
"""Times, in nanoseconds since 1970, and values; where a series is not shown there is none."""


class _Shown(NamedTuple):
    name: str
    path: str
    endpoint: Endpoint


class _Line(NamedTuple):
    """A line of an exposition, and whose it is."""

    family: str
    kind: str
    text: str


class Preview:
    """Metrics and usages for a node and its pods.

    Attributes:
        notes: What is wrong or left out, as the controller would say it, by where that is; once each.
    """

    def __init__(
        self,
        metrics: Iterable[Metric],
        usages: Sequence[Usage],
        node: Object,
        pods: Sequence[Object],
        *,
        seed: int = 0,
        traces: Mapping[str, Trace] | None = None,
        chosen: Collection[str] = (),
        path: str = "",
    ) -> None:
        """Compile it all.

        Args:
            metrics: What is shown. Without any, the usages themselves are, as `container_usage_…`, `pod_usage_…` and `node_usage_…`.
            usages: What containers use.
            node: The node that is scraped.
            pods: Those on it.
            seed: Of all chance.
            traces: Of usages, by name.
            chosen: The names of the metrics that are shown; all without any.
            path: The one path that is asked, as a Metric has it, with the node's name in it, or as a kubelet has it; empty: all.

        Raises:
            PreviewError: There is no such metric or path, or nothing at all.
        """
        self.notes: dict[str, str] = {}
        self._chosen = frozenset(chosen)
        self._node = node
        self._pods = pods
        self._surroundings = Surroundings(node, pods, usages, now_ns=0, seed=seed, traces=traces, report=self._usage_failed)
        for usage in usages:
            for problem in check_usage(usage):
                self._usage_failed(problem)
        # Of several of one name the last is the one that there is.
        wanted = [*{metric.metadata.name: metric for metric in metrics}.values()] or [_of_usages(usages)]
        if not usages and any("Usage" in source for metric in wanted for source in _sources(metric)):
            self._note("usages", "there are none, so all usage is 0: name some, too, such as usage-ramp")
        found = {each.path: each for each in self._endpoints(wanted, node["metadata"]["name"])}
        self._shown = [*found.values()] if not path else [_choose_path(found, path, node["metadata"]["name"])]
        self._check_chosen(wanted)

    def exposition(self, now_ns: int) -> dict[str, str]:
        """What is answered at a moment, by path."""
        return {path: "".join(f"{line.text}\n" for line in lines) for path, lines in self._answers(now_ns)}

    def series(self, moments: Sequence[int]) -> Series:
        """What is shown at rising moments.

        Raises:
            PreviewError: That is too much.
        """
        series: Series = {}
        for now_ns in moments:
            for path, lines in self._answers(now_ns):
                for family, kind, line in lines:
                    if line[0] != "#":
                        text, _, value = line.rpartition(" ")
                        series.setdefault(Head(path, family, kind, text), []).append((now_ns, float(value)))
            if len(series) * len(moments) > MAX_POINTS:
                raise PreviewError(
                    f"{len(series)} series at {len(moments)} moments are more than {MAX_POINTS} values: choose metrics with --metric, "
                    "or one endpoint with --path, give fewer pods, or take longer steps with --step"
                )
        return series

    def _answers(self, now_ns: int) -> Iterator[tuple[str, list[_Line]]]:
        self._surroundings.now_ns = now_ns
        for name, path, endpoint in self._shown:
            body, failures = endpoint.render(self._node, self._pods)
            for failure in failures:
                self._note(f"Metric {name}: {failure.field}", str(failure).removeprefix(f"{failure.field}: "))
            yield path, [*self._lines(body.decode())]

    def _lines(self, body: str) -> Iterator[_Line]:
        """The lines of the metrics that are chosen."""
        family = kind = help = ""
        for line in body.split("\n"):
            if line.startswith("# HELP "):
                help = line
            elif line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ")
                if not self._chosen or family in self._chosen:
                    if help:
                        yield _Line(family, kind, help)
                    yield _Line(family, kind, line)
                help = ""
            elif line and (not self._chosen or family in self._chosen):
                yield _Line(family, kind, line)

    def _endpoints(self, metrics: Iterable[Metric], node: str) -> Iterator[_Shown]:
        """What is served for the node: of two Metrics with one path the first by name."""
        taken: dict[str, str] = {}
        for metric in sorted(metrics, key=lambda metric: metric.metadata.name):
            name, path = metric.metadata.name, metric.spec.path
            wrong = [*check_path(path), *check_free(path)]
            if wrong:
                self._note(f"Metric {name}: {wrong[0].field}", f"{wrong[0].message}; it is not served")
            elif taken.setdefault(path, name) != name:
                self._note(f"Metric {name}: spec.path", f"{path} is that of the Metric {taken[path]} already; it is not served")
            elif NODE_NAME not in path and name != node:
                self._note(f"Metric {name}: spec.path", f"without {NODE_NAME} it is for the node {name} alone, and this one is {node}")
            else:
                endpoint, problems = compile_endpoint(metric.spec, self._surroundings.compile)
                for problem in problems:
                    self._note(f"Metric {name}: {problem.field}", f"{problem.message}; the metric is left out")
                yield _Shown(name, path.replace(NODE_NAME, node), endpoint)

    def _check_chosen(self, metrics: Iterable[Metric]) -> None:
        known = {each.name for metric in metrics for each in metric.spec.metrics}
        for name in sorted(self._chosen - known):
            near = difflib.get_close_matches(name, known, 3)
            raise PreviewError(f"there is no metric {name}" + (f": did you mean {' or '.join(near)}?" if near else ""))

    def _usage_failed(self, problem: Problem) -> None:
        self._note(f"{problem.subject}: {problem.path.removeprefix('$.')}", f"{problem.message}; it counts 0")

    def _note(self, where: str, what: str) -> None:
        self.notes.setdefault(where, what)


def _choose_path(shown: dict[str, _Shown], path: str, node: str) -> _Shown:
    for each in (path, path.replace(NODE_NAME, node), f"{_OF_NODES}{path}".replace(NODE_NAME, node)):
        if each in shown:
            return shown[each]
    raise PreviewError(f"nothing is shown at {path}: there is {', '.join(shown) or 'nothing at all'}")


def _sources(metric: Metric) -> Iterator[str]:
    """The expressions of values."""
    for each in metric.spec.metrics:
        yield each.value
        yield from (bucket.value for bucket in each.buckets)


def _of_usages(usages: Sequence[Usage]) -> Metric:
    """A Metric of the usages themselves.

    Raises:
        PreviewError: There are none.
    """
    resources = sorted({resource for usage in usages for entry in usage.spec.usages for resource in entry.usage})
    if not resources:
        raise PreviewError("there is nothing to show: name Metrics or usages")
    return Metric(spec=MetricSpec(path=_USAGE_PATH, metrics=[each for resource in resources for each in _of_resource(resource)]))


def _of_resource(resource: str) -> Iterator[MetricConfig]:
    quoted = json.dumps(resource)
    name = re.sub(r"[^a-z0-9]+", "_", f"{resource}_{_UNITS.get(resource, '')}".lower()).strip("_")
    pod = [MetricLabel(name="namespace", value="pod.metadata.namespace"), MetricLabel(name="pod", value="pod.metadata.name")]
    container = MetricLabel(name="container", value="container.name")
    for dimension, labels, value in (
        ("container", [container, *pod], f"Usage(pod, {quoted}, container.name)"),
        ("pod", pod, f"Usage(pod, {quoted})"),
        ("node", [], f"Usage(node, {quoted})"),
    ):
        help = f"What the {dimension} uses of {resource}."
        shared = [*labels, MetricLabel(name="resource", value=quoted)]
        yield MetricConfig(name=f"{dimension}_usage_{name}", help=help, kind="gauge", labels=shared, value=value, dimension=dimension)
