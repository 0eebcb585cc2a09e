# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from kwok_controller.api.metric import Metric
from kwok_controller.exposition import Compile, Endpoint, Format, Scrape, compile_endpoint

Object: TypeAlias = dict[str, Any]
Metrics: TypeAlias = Callable[..., Metric]
Pods: TypeAlias = Callable[..., Object]
Samples: TypeAlias = list[tuple[str, dict[str, str], float]]

OF_CONTAINER = [
    {"name": "pod", "value": "pod.metadata.name"},
    {"name": "namespace", "value": "pod.metadata.namespace"},
    {"name": "container", "value": "container.name"},
]
OF_POD = [{"name": "pod", "value": "pod.metadata.name"}]
UP: Object = {"name": "up", "kind": "gauge", "help": "Always 1.", "value": "1"}
CPU: Object = {
    "name": "container_cpu_usage_seconds_total",
    "kind": "counter",
    "help": "CPU time of a container.\n",
    "dimension": "container",
    "labels": OF_CONTAINER,
    "value": 'pod.CumulativeUsage("cpu", container.name)',
}
MEMORY: Object = {
    "name": "pod_memory_working_set_bytes",
    "kind": "gauge",
    "help": 'Memory of a pod, "working set" \\ all.',
    "dimension": "pod",
    "labels": OF_POD,
    "value": 'pod.Usage("memory") * 1048576.0',
}
LATENCY: Object = {
    "name": "start_duration_seconds",
    "kind": "histogram",
    "help": "Time to start a pod.",
    "dimension": "pod",
    "labels": OF_POD,
    "buckets": [
        {"le": 0.5, "value": "1"},
        {"le": 0.75, "value": "2", "hidden": True},
        {"le": 1, "value": "3.9"},
        {"le": 2.5, "value": "0"},
    ],
}


def endpoint(made: Metric, compile: Compile, **options: Any) -> Endpoint:
    compiled, problems = compile_endpoint(made.spec, compile, **options)
    assert problems == []
    return compiled


def lines(scrape: Scrape) -> list[str]:
    """The series."""
    return [line for line in scrape.body.decode().splitlines() if not line.startswith("#")]


def read_openmetrics(text: str) -> list[Family]:
    return list(openmetrics.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def samples(body: bytes, format: Format) -> Samples:
    read = read_text if format is Format.TEXT else read_openmetrics
    return [(sample.name, sample.labels, sample.value) for family in read(body.decode()) for sample in family.samples]


TEXT = """\
# HELP up Always 1.
# TYPE up gauge
up 1
# HELP container_cpu_usage_seconds_total CPU time of a container.
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="app",namespace="default",pod="web"} 50
container_cpu_usage_seconds_total{container="log",namespace="default",pod="web"} 50
container_cpu_usage_seconds_total{container="app",namespace="default",pod="db"} 50
# HELP pod_memory_working_set_bytes Memory of a pod, "working set" \\\\ all.
# TYPE pod_memory_working_set_bytes gauge
pod_memory_working_set_bytes{pod="web"} 1.572864e+06
pod_memory_working_set_bytes{pod="db"} 1.572864e+06
# HELP start_duration_seconds Time to start a pod.
# TYPE start_duration_seconds histogram
start_duration_seconds_bucket{pod="web",le="0.5"} 1
start_duration_seconds_bucket{pod="web",le="1"} 6
start_duration_seconds_bucket{pod="web",le="2.5"} 6
start_duration_seconds_bucket{pod="web",le="+Inf"} 6
start_duration_seconds_sum{pod="web"} 5
start_duration_seconds_count{pod="web"} 6
start_duration_seconds_bucket{pod="db",le="0.5"} 1
start_duration_seconds_bucket{pod="db",le="1"} 6
start_duration_seconds_bucket{pod="db",le="2.5"} 6
start_duration_seconds_bucket{pod="db",le="+Inf"} 6
start_duration_seconds_sum{pod="db"} 5
start_duration_seconds_count{pod="db"} 6
"""

OPENMETRICS = """\
# HELP up Always 1.
# TYPE up gauge
up 1.0
# HELP container_cpu_usage_seconds CPU time of a container.
# TYPE container_cpu_usage_seconds counter
# UNIT container_cpu_usage_seconds seconds
container_cpu_usage_seconds_total{container="app",namespace="default",pod="db"} 50.0
# HELP pod_memory_working_set_bytes Memory of a pod, \\"working set\\" \\\\ all.
# TYPE pod_memory_working_set_bytes gauge
# UNIT pod_memory_working_set_bytes bytes
pod_memory_working_set_bytes{pod="db"} 1.572864e+06
# HELP start_duration_seconds Time to start a pod.
# TYPE start_duration_seconds histogram
# UNIT start_duration_seconds seconds
start_duration_seconds_bucket{pod="db",le="0.5"} 1
start_duration_seconds_bucket{pod="db",le="1.0"} 6
start_duration_seconds_bucket{pod="db",le="2.5"} 6
start_duration_seconds_bucket{pod="db",le="+Inf"} 6
start_duration_seconds_sum{pod="db"} 5.0
start_duration_seconds_count{pod="db"} 6
# EOF
"""


def test_the_text_format(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    scrape = endpoint(metric(UP, CPU, MEMORY, LATENCY), compile).render(node, [pod("web", "app", "log"), pod("db")])
    assert scrape.body.decode() == TEXT
    assert scrape.failures == []


def test_openmetrics(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    scrape = endpoint(metric(UP, CPU, MEMORY, LATENCY), compile).render(node, [pod("db")], Format.OPENMETRICS)
    assert scrape.body.decode() == OPENMETRICS


@pytest.mark.parametrize("format", Format)
def test_prometheus_own_parsers_read_back_what_is_written(
    format: Format, compile: Compile, metric: Metrics, node: Object, pod: Pods
) -> None:
    body = endpoint(metric(UP, CPU, MEMORY, LATENCY), compile).render(node, [pod("web", "app", "log")], format).body
    read = [*(read_text if format is Format.TEXT else read_openmetrics)(body.decode())]
    assert [(family.name, family.type, family.documentation) for family in read] == [
        ("up", "gauge", "Always 1."),
        ("container_cpu_usage_seconds", "counter", "CPU time of a container."),
        ("pod_memory_working_set_bytes", "gauge", 'Memory of a pod, "working set" \\ all.'),
        ("start_duration_seconds", "histogram", "Time to start a pod."),
    ]
    found = samples(body, format)
    assert ("container_cpu_usage_seconds_total", {"container": "log", "namespace": "default", "pod": "web"}, 50.0) in found
    assert ("start_duration_seconds_bucket", {"pod": "web", "le": "+Inf"}, 6.0) in found
    if format is Format.OPENMETRICS:
        assert [family.unit for family in read] == ["", "seconds", "bytes", "seconds"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(exclude_categories=["Cs"])), format=st.sampled_from(Format))
def test_labels_hold_any_text(value: str, format: Format, compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    labels = [{"name": "pod", "value": "pod.metadata.name"}, {"name": "note", "value": 'pod.metadata.annotations["note"]'}]
    kinds = [{**MEMORY, "labels": labels}, {**LATENCY, "labels": labels}]
    scrape = endpoint(metric(*kinds), compile).render(node, [pod("web", annotations={"note": value})], format)
    assert scrape.failures == []
    found = samples(scrape.body, format)
    assert len(found) == 7
    assert all((labels["note"], labels["pod"]) == (value, "web") for _, labels, _ in found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"])), format=st.sampled_from(Format))
def test_help_holds_any_text_on_its_line(text: str, format: Format, compile: Compile, metric: Metrics, node: Object) -> None:
    body = endpoint(metric({**UP, "help": text}), compile).render(node, [], format).body.decode()
    shown = [line for line in body.split("\n") if line.startswith("# HELP")]
    assert len(shown) == bool(text.strip())
    if format is Format.OPENMETRICS and text.strip():
        (family,) = read_openmetrics(body)
        assert family.documentation == text.strip()


def test_half_a_surrogate_pair_does_not_spoil_the_scrape(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    labels = [{"name": "note", "value": 'pod.metadata.annotations["note"]'}]
    scrape = endpoint(metric({**MEMORY, "labels": labels}), compile).render(node, [pod("web", annotations={"note": "\ud800"})])
    assert lines(scrape) == ['pod_memory_working_set_bytes{note="?"} 1.572864e+06']


def test_a_family_without_series_is_left_out(compile: Compile, metric: Metrics, node: Object) -> None:
    scrape = endpoint(metric(MEMORY, UP), compile).render(node, [], Format.OPENMETRICS)
    assert scrape.body == b"# HELP up Always 1.\n# TYPE up gauge\nup 1.0\n# EOF\n"


def test_metrics_of_one_name_are_one_family_where_the_first_stands(compile: Compile, metric: Metrics, node: Object) -> None:
    first, again = ({**UP, "labels": [{"name": "of", "value": f'"{of}"'}]} for of in "ab")
    other = {**UP, "name": "other", "help": ""}
    assert endpoint(metric(first, other, again), compile).render(node, []).body.decode() == (
        '# HELP up Always 1.\n# TYPE up gauge\nup{of="a"} 1\nup{of="b"} 1\n# TYPE other gauge\nother 1\n'
    )


@pytest.mark.parametrize("others", [[], [{**UP, "name": "allocated_bytes"}]])
def test_a_counter_whose_name_openmetrics_does_not_take_is_of_unknown_type_there(
    others: list[Object], compile: Compile, metric: Metrics, node: Object
) -> None:
    name = "allocated_bytes_total" if others else "allocations"
    made = endpoint(metric({**UP, "name": name, "kind": "counter", "help": ""}, *others), compile)
    assert made.render(node, []).body.decode().startswith(f"# TYPE {name} counter\n{name} 1\n")
    body = made.render(node, [], Format.OPENMETRICS).body.decode()
    assert body.startswith(f"# TYPE {name} unknown\n{name} 1.0\n")
    assert [family.type for family in read_openmetrics(body)] == ["unknown", *("gauge" for _ in others)]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"value": 'Quantity(pod.metadata.annotations["cpu"])'}, "value", "cpu"),
        ({"value": 'pod.metadata.annotations["text"]'}, "value", "not a number"),
        ({"value": 'double(pod.metadata.annotations["nan"])'}, "value", "a counter cannot be NaN"),
        ({"value": 'double(pod.metadata.annotations["minus"])'}, "value", "a counter cannot be -1"),
        ({"labels": [*OF_POD, {"name": "cpu", "value": 'pod.metadata.annotations["cpu"]'}]}, "labels[1].value", "cpu"),
        ({"labels": [*OF_POD, {"name": "many", "value": "pod.metadata.annotations.many"}]}, "labels[1].value", "string"),
    ],
)
def test_what_fails_spoils_its_own_series_only(
    changes: Object, field: str, message: str, compile: Compile, metric: Metrics, node: Object, pod: Pods
) -> None:
    bad = {**MEMORY, "name": "bad_total", "kind": "counter", **changes}
    made = endpoint(metric(UP, bad, MEMORY), compile)
    annotations = {"text": "x", "nan": "NaN", "minus": "-1", "many": 5}
    good = {"cpu": "1", "text": 1.0, "nan": "1", "minus": "1", "many": "m"}
    pods = [pod("a", annotations=annotations), pod("b", annotations=annotations), pod("c", annotations=good)]
    for _ in range(2):
        scrape = made.render(node, pods)
        assert [line.partition("{")[0] for line in lines(scrape)] == ["up 1", "bad_total", *["pod_memory_working_set_bytes"] * 3]
        (failure,) = scrape.failures
        assert (failure.field, failure.count, failure.subject) == (f"spec.metrics[1].{field}", 2, "node n1, pod default/a")
        assert message in failure.message
        assert str(failure).endswith(", for node n1, pod default/a (and 1 more)")


@pytest.mark.parametrize("value", ["-1.0", '"x"', "1e300"])
def test_a_bucket_that_is_no_count_spoils_its_histogram(value: str, compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    bad = {**LATENCY, "buckets": [{"le": 1, "value": f'pod.metadata.name == "a" ? dyn({value}) : dyn(1.0)'}]}
    scrape = endpoint(metric(bad), compile).render(node, [pod("a"), pod("b")])
    assert [line for line in lines(scrape) if "_count" in line] == ['start_duration_seconds_count{pod="b"} 1']
    assert [failure.field for failure in scrape.failures] == ["spec.metrics[0].buckets[0].value"]


def test_a_second_series_of_the_same_labels_is_not_shown(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    of_namespace = [{"name": "namespace", "value": "pod.metadata.namespace"}]
    made = endpoint(metric({**MEMORY, "labels": of_namespace}, {**LATENCY, "labels": of_namespace}), compile)
    scrape = made.render(node, [pod("a"), pod("b")])
    assert len(lines(scrape)) == 7
    assert [failure.field for failure in scrape.failures] == ["spec.metrics[0].value", "spec.metrics[1]"]
    assert '{namespace="default"}' in scrape.failures[0].message


@pytest.mark.parametrize(
    ("value", "text"),
    [("1", "1"), ("2u", "2"), ("true", "1"), ('Quantity("100m")', "0.1"), ('Quantity("1Mi")', "1.048576e+06"), ("Now()", "")],
)
def test_what_a_value_counts_for(value: str, text: str, compile: Compile, metric: Metrics, node: Object) -> None:
    compiled, problems = compile_endpoint(metric({**UP, "value": value}).spec, compile)
    assert lines(compiled.render(node, [])) == ([f"up {text}"] if text else [])
    assert [problem.rule for problem in problems] == ([] if text else ["type"])


@pytest.mark.parametrize("version", ["1", ""])
def test_null_leaves_a_series_out(version: str, compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    some = 'pod.metadata.name == "b" ? pod.metadata.name : null'
    label = {**MEMORY, "labels": [{"name": "pod", "value": some}]}
    value = {**MEMORY, "name": "value", "value": 'pod.metadata.name == "b" ? 1.0 : null'}
    timely = {**MEMORY, "name": "timely", "value": 'pod.metadata.name == "b" ? Rand() : null'}
    buckets = {**LATENCY, "name": "buckets", "buckets": [{"le": 1, "value": 'pod.metadata.name == "b" ? 1 : null'}]}
    labels = {**LATENCY, "name": "labels", "labels": label["labels"]}
    made = endpoint(metric(label, value, timely, buckets, labels), compile)
    for _ in range(2):
        scrape = made.render(node, [pod(name, version=version) for name in "abc"])
        shown = [line.partition("{")[0] for line in lines(scrape) if 'pod="b"' in line]
        assert len(shown) == len(lines(scrape))
        families = ["pod_memory_working_set_bytes", "value", "timely", "buckets_count", "labels_count"]
        assert [name for name in shown if name in families] == families
        assert scrape.failures == []


def test_a_label_or_value_that_is_always_null_is_an_error(compile: Compile, metric: Metrics) -> None:
    always = metric({**UP, "labels": [{"name": "a", "value": "null"}]}, {**UP, "name": "b", "value": "null"})
    _, problems = compile_endpoint(always.spec, compile)
    assert [problem.field for problem in problems] == ["spec.metrics[0].labels[0].value", "spec.metrics[1].value"]
