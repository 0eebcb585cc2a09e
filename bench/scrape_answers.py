# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is scraped in the bench, for both players the same, and whether what they answer is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

API_VERSION = "kwok.x-k8s.io/v1alpha1"
PATH = "/metrics/nodes/{nodeName}/metrics/resource"
TEXT = "text/plain;version=0.0.4,*/*;q=0.1"
"""What is accepted: the format that both write. The Go kwok answers 406 to who does not take everything."""

OF_LIBRARY = "promhttp_metric_handler_"
"""What the Go kwok's answers begin with that nobody configured: what its library says of itself."""

CPU_ANNOTATION, MEMORY_ANNOTATION = "kwok.x-k8s.io/usage-cpu", "kwok.x-k8s.io/usage-memory"
CPU_CORES, MEMORY_BYTES = 0.1, 128 * 2**20
ANNOTATIONS = {CPU_ANNOTATION: "100m", MEMORY_ANNOTATION: "128Mi"}
"""Of all pods."""

RISE_S = 3600.0
"""After which a usage that rises has doubled."""

RATE_TOLERANCE = 0.02
"""Of a counter's rate, beside that nobody knows when exactly between question and answer it was read."""

AGE_TOLERANCE_S = 2.5
"""Of ages: the apiserver has whole seconds, and an answer takes some time."""

_POD = (("namespace", "pod.metadata.namespace"), ("pod", "pod.metadata.name"))
_CONTAINER = (("container", "container.name"), *_POD)


def _metric(name: str, kind: str, dimension: str, labels: Sequence[tuple[str, str]], value: str, help: str) -> dict[str, Any]:
    shown = [{"name": label, "value": source} for label, source in labels]
    return {"name": name, "kind": kind, "dimension": dimension, "help": help, **({"labels": shown} if shown else {}), "value": value}


METRIC = {
    "apiVersion": API_VERSION,
    "kind": "Metric",
    "metadata": {"name": "metrics-resource"},
    "spec": {
        "path": PATH,
        "metrics": [
            _metric("scrape_error", "gauge", "node", (), "0", "1 if the node could not be asked, else 0."),
            _metric(
                "container_start_time_seconds",
                "gauge",
                "container",
                _CONTAINER,
                "UnixSecond(pod.metadata.creationTimestamp)",
                "When the container was started, since 1970.",
            ),
            _metric(
                "container_cpu_usage_seconds_total",
                "counter",
                "container",
                _CONTAINER,
                'pod.CumulativeUsage("cpu", container.name)',
                "CPU time of the container.",
            ),
            _metric(
                "container_memory_working_set_bytes",
                "gauge",
                "container",
                _CONTAINER,
                'pod.Usage("memory", container.name)',
                "Working set of the container.",
            ),
            _metric("pod_cpu_usage_seconds_total", "counter", "pod", _POD, 'pod.CumulativeUsage("cpu")', "CPU time of the pod."),
            _metric("pod_memory_working_set_bytes", "gauge", "pod", _POD, 'pod.Usage("memory")', "Working set of the pod."),
            _metric("node_cpu_usage_seconds_total", "counter", "node", (), 'node.CumulativeUsage("cpu")', "CPU time of the node."),
            _metric("node_memory_working_set_bytes", "gauge", "node", (), 'node.Usage("memory")', "Working set of the node."),
        ],
    },
}
"""The Go kwok's own metrics and labels (v0.8.0, kustomize/metrics/resource), but for the start time, which it has as an age."""


@dataclass(frozen=True)
class Usage:
    """What all containers use.

    Attributes:
        name: For tables.
        cpu: As a ClusterResourceUsage has it.
        memory: The same.
        rises: Whether it doubles in `RISE_S` from a pod's creation on; else it stays.
    """

    name: str
    cpu: Mapping[str, str]
    memory: Mapping[str, str]
    rises: bool = False

    def manifest(self) -> dict[str, Any]:
        """For every pod."""
        return {
            "apiVersion": API_VERSION,
            "kind": "ClusterResourceUsage",
            "metadata": {"name": self.name},
            "spec": {"usages": [{"usage": {"cpu": dict(self.cpu), "memory": dict(self.memory)}}]},
        }

    def factor(self, age_s: float) -> float:
        """Of what a pod of this age uses."""
        return 1.0 + age_s / RISE_S if self.rises else 1.0


def _by_annotation(annotation: str, least: str) -> Mapping[str, str]:
    has = f'"{annotation}" in pod.metadata.annotations'
    return {"expression": f'{has} ? Quantity(pod.metadata.annotations["{annotation}"]) : Quantity("{least}")'}


CONSTANT = Usage("constant", {"value": "100m"}, {"value": "128Mi"})
ANNOTATED = Usage("annotated", _by_annotation(CPU_ANNOTATION, "1m"), _by_annotation(MEMORY_ANNOTATION, "1Mi"))
"""As the Go kwok ships it (v0.8.0, kustomize/metrics/usage)."""

RISING = Usage(
    "rising",
    {"expression": f'Quantity("100m") * (1.0 + pod.SinceSecond() / {RISE_S})'},
    {"expression": f'Quantity("128Mi") * (1.0 + pod.SinceSecond() / {RISE_S})'},
    rises=True,
)

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A name, and the labels by name."""


@dataclass(frozen=True)
class Answer:
    """A scrape of a node.

    Attributes:
        asked_s: When it was asked for, since 1970.
        at_s: When it came.
        families: Their types and helps, by name.
        values: By series.
    """

    asked_s: float
    at_s: float
    families: Mapping[str, tuple[str, str]]
    values: Mapping[Series, float]

    @classmethod
    def read(cls, text: str, asked_s: float, at_s: float) -> Answer:
        """Of a document in Prometheus' text format, without what is `OF_LIBRARY`.

        Raises:
            ValueError: It is none, or has a series twice.
        """
        families, values = {}, {}
        for family in text_string_to_metric_families(text):
            if family.name.startswith(OF_LIBRARY):
                continue
            families[family.name] = (family.type, family.documentation.strip())
            for sample in family.samples:
                series = (sample.name, tuple(sorted(sample.labels.items())))
                if series in values:
                    raise ValueError(f"{series} is there twice")
                values[series] = float(sample.value)
        return cls(asked_s, at_s, families, values)


def wrong(usage: Usage, created: Mapping[str, float], first: Answer, second: Answer) -> Iterator[str]:
    """What is wrong with two scrapes of a node, the second some seconds after the first.

    Args:
        usage: What is used.
        created: When each pod on the node was created, since 1970; each has one container, `main`.
        first: An answer.
        second: A later one.
    """
    expected = dict(_expected(usage, created, second.at_s))
    for series in sorted(expected.keys() ^ second.values.keys()):
        yield f"{_shown(series)}: {'missing' if series in expected else 'nobody asked for it'}"
    shortest, longest = second.asked_s - first.at_s, second.at_s - first.asked_s
    for series in sorted(expected.keys() & second.values.keys()):
        (least, most), value = expected[series], second.values[series]
        if series[0].endswith("_total"):
            least, most, value = least * shortest, most * longest, value - first.values.get(series, 0.0)
        if not least <= value <= most:
            yield f"{_shown(series)}: {value:g} is not within {least:g} and {most:g}"


def different(ours: Answer, theirs: Answer) -> Iterator[str]:
    """How the families and series of two answers for the same node differ."""
    for name in sorted(ours.families.keys() | theirs.families.keys()):
        if ours.families.get(name) != theirs.families.get(name):
            yield f"{name}: {ours.families.get(name)} and {theirs.families.get(name)}"
    for series in sorted(ours.values.keys() ^ theirs.values.keys()):
        yield f"{_shown(series)}: only one has it"


def _expected(usage: Usage, created: Mapping[str, float], at_s: float) -> Iterator[tuple[Series, tuple[float, float]]]:
    """Each series with the least and the greatest of its value, of a counter of what is added in a second."""
    cpu_of_all = memory_of_all = 0.0
    memory_off = MEMORY_BYTES * AGE_TOLERANCE_S / RISE_S if usage.rises else 0.5
    yield ("scrape_error", ()), (0.0, 0.0)
    for name, since in created.items():
        factor = usage.factor(at_s - since)
        cpu, memory = CPU_CORES * factor, MEMORY_BYTES * factor
        cpu_of_all, memory_of_all = cpu_of_all + cpu, memory_of_all + memory
        pod = (("namespace", "bench"), ("pod", name))
        container = (("container", "main"), *pod)
        yield ("container_start_time_seconds", container), (since, since)
        for kind, labels in (("container", container), ("pod", pod)):
            yield (f"{kind}_cpu_usage_seconds_total", labels), _around(cpu, cpu * RATE_TOLERANCE)
            yield (f"{kind}_memory_working_set_bytes", labels), _around(memory, memory_off)
    yield ("node_cpu_usage_seconds_total", ()), _around(cpu_of_all, cpu_of_all * RATE_TOLERANCE)
    yield ("node_memory_working_set_bytes", ()), _around(memory_of_all, memory_off * max(1, len(created)))


def _around(value: float, off: float) -> tuple[float, float]:
    return value - off, value + off


def _shown(series: Series) -> str:
    return f"{series[0]}{{{', '.join(f'{name}={value}' for name, value in series[1])}}}"
