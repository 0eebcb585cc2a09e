# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kwok_controller.api.metric import Metric, MetricBucket, MetricConfig, MetricLabel, MetricSpec
from kwok_controller.exposition import Compile, compile_endpoint, lint, lint_metric, lint_together

Object: TypeAlias = dict[str, Any]
Metrics: TypeAlias = Callable[..., Metric]

GAUGE: Object = {"name": "a", "kind": "gauge", "help": "A.", "value": "1"}
POD: Object = {**GAUGE, "dimension": "pod", "labels": [{"name": "pod", "value": "pod.metadata.name"}]}
CONTAINER: Object = {**POD, "dimension": "container", "labels": [*POD["labels"], {"name": "container", "value": "container.name"}]}
HISTOGRAM: Object = {"name": "h", "kind": "histogram", "help": "H.", "buckets": [{"le": 1, "value": "2"}]}


@pytest.mark.parametrize(
    ("bad", "field", "message"),
    [
        ({**GAUGE, "name": "1a"}, "name", "'1a' is no name of a metric"),
        ({**GAUGE, "name": "a-b"}, "name", "letters, digits, _ and : are"),
        ({**GAUGE, "labels": [{"name": "a-b", "value": '"x"'}]}, "labels[0].name", "'a-b' is no name of a label"),
        ({**GAUGE, "labels": [{"name": "__a", "value": '"x"'}]}, "labels[0].name", "leave out the underscores"),
        ({**HISTOGRAM, "labels": [{"name": "le", "value": '"x"'}]}, "labels[0].name", "choose another name"),
        ({**GAUGE, "dimension": "namespace"}, "dimension", "'namespace' is no dimension: node, pod and container are"),
        ({**GAUGE, "value": ""}, "value", "a gauge has an expression of its value"),
        ({**GAUGE, "value": None}, "value", "a gauge has an expression of its value"),
        ({**HISTOGRAM, "buckets": []}, "buckets", "a histogram has buckets"),
        ({**HISTOGRAM, "buckets": [{"le": 1, "value": " "}]}, "buckets[0].value", "a bucket has an expression"),
        ({**HISTOGRAM, "buckets": [{"le": float("inf"), "value": "1"}]}, "buckets[0].le", "+Inf is always there"),
        ({**GAUGE, "value": "1 +"}, "value", "line 1, column 4"),
        ({**GAUGE, "value": "Usages(node)"}, "value", "Usages"),
        ({**GAUGE, "value": "self.metadata"}, "value", "'self'"),
        ({**GAUGE, "value": "double(pod.metadata.name)"}, "value", "there is no pod: the dimension is node, where there is node"),
        ({**POD, "value": "size(container.name)"}, "value", "there is no container: the dimension is pod, where there is node and pod"),
        ({**GAUGE, "value": "node.metadata.name"}, "value", "type string, and not a number"),
        ({**GAUGE, "value": "dyn([1])"}, "value", "not a number or a quantity"),
        ({**GAUGE, "value": "1 / 0"}, "value", "zero"),
        ({**GAUGE, "labels": [{"name": "x", "value": "1"}]}, "labels[0].value", "write string(...) around it"),
        ({**GAUGE, "labels": [{"name": "x", "value": "dyn(1)"}]}, "labels[0].value", "write string(...) around it"),
        ({**GAUGE, "labels": [{"name": "x", "value": "size(node.metadata.name)"}]}, "labels[0].value", "a label is a string"),
        ({**GAUGE, "kind": "counter", "value": "-1"}, "value", "a counter cannot be -1"),
        ({**HISTOGRAM, "buckets": [{"le": 1, "value": "-1"}]}, "buckets[0].value", "-1 is not"),
    ],
)
def test_a_metric_with_an_error_is_left_out_and_others_are_served(
    bad: Object, field: str, message: str, compile: Compile, metric: Metrics
) -> None:
    made = metric({**GAUGE, "name": "before"}, bad, {**GAUGE, "name": "after"})
    endpoint, problems = compile_endpoint(made.spec, compile)
    assert [(problem.severity, problem.field) for problem in problems] == [("error", f"spec.metrics[1].{field}")]
    assert message in problems[0].message
    body = endpoint.render({"metadata": {"name": "n"}}, []).body.decode()
    assert [line for line in body.splitlines() if not line.startswith("#")] == ["before 1", "after 1"]
    assert problems[0] in lint_metric(made, compile)


@pytest.mark.parametrize(
    ("metrics", "field", "message"),
    [
        ([GAUGE, {**GAUGE, "kind": "counter"}], "kind", "a is a gauge already"),
        ([HISTOGRAM, {**GAUGE, "name": "h_count"}], "name", "h_count is taken by the metric h:"),
        ([{**GAUGE, "name": "h_sum"}, HISTOGRAM], "name", "h_sum is taken by the metric h_sum:"),
        ([GAUGE, GAUGE], "name", "a has the same series as spec.metrics[0]"),
        ([POD, {**POD, "value": "2"}], "name", "a has the same series as spec.metrics[0]"),
        ([CONTAINER, {**CONTAINER, "labels": CONTAINER["labels"][::-1]}], "name", "a has the same series"),
    ],
)
def test_metrics_that_do_not_go_together(metrics: list[Object], field: str, message: str, compile: Compile, metric: Metrics) -> None:
    _, problems = compile_endpoint(metric(*metrics).spec, compile)
    assert [problem.field for problem in problems] == [f"spec.metrics[1].{field}"]
    assert message in problems[0].message


def test_duplicates_that_a_decoder_refuses_are_found_too(compile: Compile) -> None:
    buckets = [MetricBucket(le=1.0, value="1"), MetricBucket(le=1.0, value="2")]
    labels = [MetricLabel(name="x", value='"1"'), MetricLabel(name="x", value='"2"')]
    spec = MetricSpec(path="/metrics", metrics=[MetricConfig(name="h", kind="histogram", buckets=buckets, labels=labels)])
    _, problems = compile_endpoint(spec, compile)
    assert [problem.field for problem in problems] == ["spec.metrics[0].labels[1].name", "spec.metrics[0].buckets[1].le"]


def test_all_errors_of_a_metric_are_found_at_once(compile: Compile, metric: Metrics) -> None:
    bad = {**GAUGE, "name": "a b", "labels": [{"name": "x", "value": "y"}, {"name": "z", "value": "1"}], "value": "w"}
    fields = [problem.field for problem in compile_endpoint(metric(bad).spec, compile)[1]]
    assert fields == [f"spec.metrics[0].{field}" for field in ("name", "labels[0].value", "labels[1].value", "value")]


def test_nothing_is_wrong_with_what_is_right(compile: Compile, metric: Metrics) -> None:
    fine = [
        {**GAUGE, "name": "scrape_error"},
        {**POD, "name": "pod_memory_working_set_bytes", "value": 'pod.Usage("memory")'},
        {
            **CONTAINER,
            "name": "container_cpu_usage_seconds_total",
            "kind": "counter",
            "value": 'pod.CumulativeUsage("cpu", container.name)',
        },
        {**POD, "name": "pod_start_time_seconds", "value": "UnixSecond(pod.metadata.creationTimestamp)"},
        {**HISTOGRAM, "name": "start_duration_seconds", "buckets": [{"le": 0.1, "value": "1"}, {"le": 1, "value": "2"}]},
        {**GAUGE, "name": "node_utilization_ratio", "value": 'node.Usage("cpu") / 8.0'},
    ]
    assert lint_metric(metric(*fine), compile) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/stats/metrics", "is not under /metrics"),
        ("metrics", "is not under /metrics"),
        ("/metricsfoo", "is not under /metrics"),
        ("/metrics//x", "has a segment ''"),
        ("/metrics/", "has a segment ''"),
        ("/metrics/../x", "has a segment '..'"),
        ("/metrics/{pod}", "{nodeName}, as a whole segment"),
        ("/metrics/node-{nodeName}", "{nodeName}, as a whole segment"),
        ("/metrics/{nodeName}/{nodeName}", "2 times"),
        ("/metrics/a?b", "characters"),
        ("/metrics/a b", "characters"),
    ],
)
def test_paths_that_cannot_be_served(path: str, message: str, compile: Compile, metric: Metrics) -> None:
    (problem,) = lint_metric(metric(GAUGE, path=path), compile)
    assert (problem.severity, problem.rule, problem.field) == ("error", "path", "spec.path")
    assert message in problem.message


@pytest.mark.parametrize("path", ["/metrics", "/metrics/cadvisor", "/metrics/nodes/{nodeName}/metrics/resource"])
def test_paths_that_can(path: str, compile: Compile, metric: Metrics) -> None:
    assert lint_metric(metric(GAUGE, path=path), compile) == []


@pytest.mark.parametrize(
    ("bad", "field", "message"),
    [
        ({**HISTOGRAM, "buckets": [{"le": 2, "value": "1"}, {"le": 1, "value": "1"}]}, "buckets[1].le", "1 comes after 2"),
        ({**HISTOGRAM, "value": "1"}, "value", "leave it out"),
        ({**GAUGE, "buckets": HISTOGRAM["buckets"]}, "buckets", "make the metric a histogram"),
        ({**POD, "labels": []}, "labels", "add a label with pod.metadata.name"),
        ({**CONTAINER, "labels": POD["labels"]}, "labels", "add a label with container.name"),
        ({**POD, "value": "pod.spec.volumes + 1"}, "value", "no such overload"),
        ({**POD, "value": "pod.spec.containers[0].env[0].name"}, "value", "not a number"),
        ({**POD, "labels": [*POD["labels"], {"name": "x", "value": "pod.spec.containers[0].env"}]}, "labels[1].value", "string"),
    ],
)
def test_errors_that_only_lint_reports(bad: Object, field: str, message: str, compile: Compile, metric: Metrics) -> None:
    problems = [problem for problem in lint_metric(metric(bad), compile) if problem.severity == "error"]
    assert [problem.field for problem in problems] == [f"spec.metrics[0].{field}"]
    assert message in problems[0].message


def test_help_texts_of_one_family_are_the_same(compile: Compile, metric: Metrics) -> None:
    again = {**GAUGE, "help": "B.", "labels": [{"name": "x", "value": '"y"'}]}
    (problem,) = lint_metric(metric(GAUGE, again), compile)
    assert (problem.severity, problem.field) == ("error", "spec.metrics[1].help")


@pytest.mark.parametrize(
    ("odd", "field", "message"),
    [
        ({**GAUGE, "help": ""}, "help", "say what a tells"),
        ({**GAUGE, "kind": "counter"}, "name", "a_total would do"),
        ({**GAUGE, "name": "a_total"}, "name", "does not end in _total"),
        ({**GAUGE, "name": "a:b"}, "name", "recording rules"),
        ({**GAUGE, "name": "aB"}, "name", "camelCase"),
        ({**GAUGE, "name": "a_gauge"}, "name", "leave out gauge"),
        ({**GAUGE, "name": "a_count"}, "name", "for histograms"),
        ({**GAUGE, "labels": [{"name": "aB", "value": '"x"'}]}, "labels[0].name", "camelCase"),
        ({**GAUGE, "labels": [{"name": "quantile", "value": '"x"'}]}, "labels[0].name", "for summaries"),
        ({**GAUGE, "name": "latency_milliseconds"}, "name", "give the value in seconds"),
        ({**GAUGE, "name": "size_kilobytes"}, "name", "give the value in bytes"),
        ({**GAUGE, "name": "size_KB"}, "name", "give the value in bytes"),
        ({**GAUGE, "name": "age_hours"}, "name", "give the value in seconds"),
        ({**GAUGE, "name": "latency_ms"}, "name", "give the value in seconds"),
        ({**GAUGE, "name": "load_percent"}, "name", "give the value in ratio"),
        ({**GAUGE, "name": "x_bytes", "value": 'node.Usage("cpu")'}, "value", "the Usage of cpu is in cores, and x_bytes in bytes"),
        ({**GAUGE, "name": "x_seconds", "value": "node.Usage('memory')"}, "value", "of memory is in bytes, and x_seconds in seconds"),
        ({**GAUGE, "name": "x_total", "kind": "counter", "value": 'node.Usage("pods")'}, "value", "use CumulativeUsage"),
        ({**GAUGE, "value": 'node.CumulativeUsage("pods")'}, "value", "make it a counter"),
        ({**GAUGE, "name": "x_total", "kind": "counter", "value": "Rand()"}, "value", "counts as a reset"),
        ({**GAUGE, "name": "x_start_time_seconds", "value": "node.SinceSecond()"}, "value", "use UnixSecond"),
        ({**GAUGE, "labels": [{"name": "x", "value": "string(Rand())"}]}, "labels[0].value", "read it off the objects"),
        ({**GAUGE, "value": 'double(node.metadata.annotations["x"])'}, "value", "look first"),
    ],
)
def test_warnings(odd: Object, field: str, message: str, compile: Compile, metric: Metrics) -> None:
    (problem,) = lint_metric(metric(odd), compile)
    assert (problem.severity, problem.field) == ("warning", f"spec.metrics[0].{field}")
    assert message in problem.message


def test_an_endpoint_without_metrics_is_odd(compile: Compile, metric: Metrics) -> None:
    (problem,) = lint_metric(metric(), compile)
    assert str(problem).startswith("spec.metrics: warning: is empty")


def test_problems_are_in_the_order_of_their_places(compile: Compile, metric: Metrics) -> None:
    bad = [{**GAUGE, "name": f"m{at}", "value": "x"} for at in range(12)]
    fields = [problem.field for problem in lint_metric(metric(*bad, path="/x"), compile)]
    assert fields == [*(f"spec.metrics[{at}].value" for at in range(12)), "spec.path"]


@pytest.mark.parametrize(
    ("obj", "fields", "message"),
    [
        ({"apiVersion": "kwok.x-k8s.io/v1alpha1", "spec": {"path": "/metrics"}}, ["spec.metrics"], "required"),
        ({"spec": {"path": "/metrics", "metrics": [GAUGE]}}, ["apiVersion"], "kwok.x-k8s.io/v1alpha1 is expected"),
        (
            {"apiVersion": "kwok.x-k8s.io/v1alpha1", "spec": {"path": "/metrics", "metrics": [{**GAUGE, "dimensions": "pod"}]}},
            ["spec.metrics[0].dimensions"],
            "did you mean dimension?",
        ),
        (
            {"apiVersion": "kwok.x-k8s.io/v1alpha1", "spec": {"path": "/metrics", "metrics": [{**HISTOGRAM, "buckets": [{"value": "1"}]}]}},
            ["spec.metrics[0].buckets[0].le"],
            "required",
        ),
        (
            {"apiVersion": "kwok.x-k8s.io/v1alpha1", "spec": {"path": "/metrics", "metrics": [{**GAUGE, "kind": "summary"}]}},
            ["spec.metrics[0].kind"],
            "summary",
        ),
        (["x"], [""], "expected an object"),
    ],
)
def test_objects_are_checked_before_their_rules(obj: Any, fields: list[str], message: str, compile: Compile) -> None:
    problems = lint(obj, compile)
    assert [problem.field for problem in problems] == fields
    assert message in problems[0].message


def test_two_metrics_of_one_path(metric: Metrics) -> None:
    one, other, third = metric(GAUGE), metric(GAUGE, path="/metrics/other"), metric({**GAUGE, "name": "b"})
    ((at, problem),) = lint_together([one, other, third])
    assert (at, problem.field) == (2, "spec.path")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(max_size=30),
    label=st.text(max_size=30),
    path=st.text(max_size=30),
    text=st.text(max_size=30),
    value=st.text(max_size=30),
    kind=st.sampled_from(["gauge", "counter", "histogram"]),
    dimension=st.sampled_from(["node", "pod", "container", "?"]),
)
@example(name="a", label="b", path="/metrics", text="pod.metadata.name", value="1", kind="gauge", dimension="pod")
@example(name="a", label="b", path="/metrics", text="node.metadata.name", value="1", kind="histogram", dimension="node")
def test_whatever_is_written_gets_an_answer(
    name: str, label: str, path: str, text: str, value: str, kind: str, dimension: str, compile: Compile, metric: Metrics
) -> None:
    labels = [{"name": label, "value": text}] if label and text else []
    buckets = [{"le": 1, "value": value}]
    odd = {"name": name or "a", "kind": kind, "labels": labels, "value": value, "buckets": buckets, "dimension": dimension}
    made = metric(odd, path=path or "/")
    endpoint, errors = compile_endpoint(made.spec, compile)
    assert {error.field for error in errors} <= {problem.field for problem in lint_metric(made, compile)}
    assert (endpoint.render({"metadata": {"name": "n"}}, []).body == b"") is (bool(errors) or dimension != "node")


def test_what_null_leaves_out_is_no_fault(compile: Compile, metric: Metrics) -> None:
    probed = "has(container.livenessProbe) ? container.name : null"
    labels = [{"name": "pod", "value": "pod.metadata.name"}, {"name": "container", "value": probed}]
    value = "has(container.livenessProbe) ? 1.0 : null"
    assert lint_metric(metric({**GAUGE, "dimension": "container", "labels": labels, "value": value}), compile) == []
