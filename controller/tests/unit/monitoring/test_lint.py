# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Every rule of lint, by objects that it is against and by objects that are well."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from kwok_controller.api.load import Document
from kwok_controller.monitoring.findings import Finding
from kwok_controller.monitoring.lint import lint

Object = dict[str, Any]

GAUGE: Object = {"name": "a", "kind": "gauge", "help": "A.", "value": "1"}
POD: Object = {**GAUGE, "dimension": "pod", "labels": [{"name": "pod", "value": "pod.metadata.name"}]}
HISTOGRAM: Object = {"name": "h", "kind": "histogram", "help": "H.", "buckets": [{"le": 1, "value": "2"}, {"le": 2, "value": "1"}]}
PATH = "/metrics/nodes/{nodeName}/metrics/resource"


def metric(*metrics: Object, name: str = "m", path: str = PATH) -> Object:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Metric",
        "metadata": {"name": name},
        "spec": {"path": path, "metrics": list(metrics)},
    }


def usage(*entries: Object, name: str = "u", namespace: str = "", **selector: Any) -> Object:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    spec: Object = {"usages": list(entries)}
    if selector:
        spec["selector"] = selector
    kind = "ResourceUsage" if namespace else "ClusterResourceUsage"
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def cpu(value: Object | None = None, *containers: str) -> Object:
    entry: Object = {"usage": {"cpu": value or {"value": "100m"}}}
    return {**entry, "containers": list(containers)} if containers else entry


def without(obj: Object, key: str) -> Object:
    return {name: value for name, value in obj.items() if name != key}


def check(*objects: Object) -> list[Finding]:
    return lint([Document(each, "objects.yaml", number) for number, each in enumerate(objects, 1)])


def only(*objects: Object) -> Finding:
    (finding,) = check(*objects)
    return finding


def test_nothing_is_wrong_with_what_is_right() -> None:
    other = metric({**POD, "name": "pod_usage_ratio", "value": 'pod.Usage("cpu") / 2.0'}, name="other", path="/metrics/other")
    narrow = usage(cpu({"expression": 'Ramp("1", "2", pod.metadata.creationTimestamp, "10m")'}), name="a", matchNames=["web"])
    assert check(metric(GAUGE, POD | {"name": "b"}, HISTOGRAM), other, narrow, usage(cpu()), usage(cpu(), name="web", namespace="x")) == []
    assert check() == []


@pytest.mark.parametrize(
    ("obj", "field", "rule", "message"),
    [
        (metric({**GAUGE, "value": "Usages(node, 'cpu')"}), "spec.metrics[0].value", "expression", "Usages"),
        (metric({**GAUGE, "value": "node.metadata.name"}), "spec.metrics[0].value", "type", "type string, and not a number"),
        (metric({**GAUGE, "value": [1]}), "spec.metrics[0].value", "schema", "expected a string"),
        (
            metric({**GAUGE, "labels": [{"name": "x", "value": "size(node.metadata.name)"}]}),
            "spec.metrics[0].labels[0].value",
            "type",
            "gives a value of type int, and a label is a string",
        ),
        (
            metric({**GAUGE, "labels": [{"name": "x", "value": "dyn(1)"}]}),
            "spec.metrics[0].labels[0].value",
            "type",
            "write string(...) around it",
        ),
        (
            metric({**HISTOGRAM, "buckets": HISTOGRAM["buckets"][::-1]}),
            "spec.metrics[0].buckets[1].le",
            "buckets",
            "1 comes after 2: put the buckets in order",
        ),
        (metric(GAUGE, path="/stats"), "spec.path", "path", "'/stats' is not under /metrics"),
        (metric(GAUGE, path="/metrics"), "spec.path", "path", "/metrics is the controller's own"),
        (metric(GAUGE, GAUGE), "spec.metrics[1].name", "duplicate-series", "a has the same series as spec.metrics[0]"),
        (metric(POD | {"labels": []}), "spec.metrics[0].labels", "duplicate-series", "add a label with pod.metadata.name"),
        (metric({**GAUGE, "name": "latency_ms"}), "spec.metrics[0].name", "unit", "give the value in seconds"),
        (
            metric({**GAUGE, "name": "x_bytes", "value": 'node.Usage("cpu")'}),
            "spec.metrics[0].value",
            "unit",
            "the Usage of cpu is in cores, and x_bytes in bytes",
        ),
        (metric(GAUGE, name="A"), "metadata.name", "schema", "'A' is no name of an object"),
        (metric(GAUGE, name=""), "metadata.name", "schema", "is missing"),
        (usage(cpu({"expression": "Wavy('1')"})), "spec.usages[0].usage.cpu.expression", "usage", "Wavy"),
        (usage(cpu({"expression": "pod.metadata.name"})), "spec.usages[0].usage.cpu.expression", "usage", "type string, not a number"),
        (usage(cpu({"value": "1Mi"})), "spec.usages[0].usage.cpu.value", "usage", "cpu is counted in cores, and 1Mi has a suffix of bytes"),
        (usage(cpu({"value": "100x"})), "spec.usages[0].usage.cpu.value", "schema", "a quantity such as 100m or 1Gi"),
        (
            usage({"usage": {"hugepages-2Mi": {"value": "500m"}}}),
            "spec.usages[0].usage['hugepages-2Mi'].value",
            "usage",
            "hugepages-2Mi is counted in bytes",
        ),
        (usage(cpu({"expresion": "1", "value": "1"})), "spec.usages[0].usage.cpu.expresion", "unknown-field", "did you mean expression?"),
        (without(usage(cpu()), "apiVersion"), "apiVersion", "schema", "kwok.x-k8s.io/v1alpha1 is expected"),
        (usage(cpu()) | {"spec": None}, "spec", "schema", "is required"),
        (without(metric(GAUGE), "kind"), "kind", "schema", "Metric, ResourceUsage or ClusterResourceUsage is expected"),
        ({**metric(GAUGE), "apiVersion": "kwok.x-k8s.io/v1"}, "apiVersion", "schema", "expected kwok.x-k8s.io/v1alpha1"),
    ],
)
def test_errors_name_the_field(obj: Object, field: str, rule: str, message: str) -> None:
    finding = only(obj)
    assert (finding.severity, finding.field, finding.rule) == ("error", field, rule)
    assert message in finding.message


@pytest.mark.parametrize(
    ("obj", "field", "rule", "message"),
    [
        (metric({**GAUGE, "help": ""}), "spec.metrics[0].help", "help", "say what a tells"),
        (usage(cpu({"value": 1, "expression": "1"})), "spec.usages[0].usage.cpu.expression", "form", "has no effect beside a fixed value"),
        (usage({"usage": {"cpu": {}}}), "spec.usages[0].usage.cpu", "form", "neither value nor expression"),
        (
            usage(cpu({"expression": 'Quantity(pod.metadata.annotations["x"])'})),
            "spec.usages[0].usage.cpu.expression",
            "guard",
            "look first",
        ),
        (usage(cpu(None, "a", "b"), cpu(None, "b")), "spec.usages[1].containers", "shadowed", "all have an entry before this one"),
        (usage(cpu(), cpu()), "spec.usages[1].containers", "shadowed", "another entry without containers comes before"),
        (
            {**usage(cpu(), name="web", namespace="x"), "metadata": {"name": "web"}},
            "metadata.namespace",
            "schema",
            "for the pod of its namespace and name",
        ),
    ],
)
def test_warnings_name_the_field(obj: Object, field: str, rule: str, message: str) -> None:
    finding = only(obj)
    assert (finding.severity, finding.field, finding.rule) == ("warning", field, rule)
    assert message in finding.message


def test_traces_are_the_controllers() -> None:
    assert check(usage(cpu({"expression": 'Trace("monday")'}))) == []


def test_entries_that_count_side_by_side() -> None:
    assert check(usage(cpu(None, "a"), cpu(None, "a", "b"), cpu())) == []


def test_a_path_that_two_metrics_have() -> None:
    finding = only(metric(GAUGE), metric(GAUGE, name="other"))
    assert (finding.name, finding.field, finding.rule) == ("other", "spec.path", "path")
    assert "is served by the Metric 'm' already" in finding.message


def test_an_object_that_is_there_twice() -> None:
    finding = only(metric(GAUGE), usage(cpu(), name="m"), metric({**GAUGE, "name": "b"}))
    assert (finding.kind, finding.field, finding.rule) == ("Metric", "metadata.name", "duplicate-name")
    assert finding.message.startswith("objects.yaml:1 has a Metric of this name already")
    finding = only(
        usage(cpu(), name="web", namespace="x"), usage(cpu(), name="web", namespace="y"), usage(cpu(), name="web", namespace="x")
    )
    assert (finding.namespace, finding.name, finding.rule, finding.source) == ("x", "web", "duplicate-name", "objects.yaml:3")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"matchNames": ["web"]}),
        ({"matchNames": ["web", "db"]}, {"matchNames": ["web"]}),
        ({"matchNamespaces": ["x"]}, {"matchNamespaces": ["x"], "matchLabels": {"app": "web"}}),
        ({"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "web", "tier": "1"}}),
    ],
)
def test_a_usage_that_never_counts(first: Object, second: Object) -> None:
    finding = only(usage(cpu(), name="b", **second), usage(cpu(), name="a", **first))
    assert (finding.severity, finding.name, finding.field, finding.rule) == ("warning", "b", "spec.selector", "shadowed")
    assert "takes only pods that a takes, too" in finding.message
    # A container that the first one has nothing for leaves it to the second.
    assert check(usage(cpu(), name="b", **second), usage(cpu(None, "app"), name="a", **first)) == []
    assert only(usage(cpu(None, "app"), name="b", **second), usage(cpu(None, "app", "x"), name="a", **first)).rule == "shadowed"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"matchNames": ["web"]}, {}),
        ({"matchNames": ["web"]}, {"matchNames": ["web", "db"]}),
        ({"matchNamespaces": ["x"]}, {"matchNames": ["web"]}),
        ({"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "db"}}),
    ],
)
def test_usages_that_count_beside_each_other(first: Object, second: Object) -> None:
    assert check(usage(cpu(), name="a", **first), usage(cpu(), name="b", **second)) == []


def test_findings_are_in_the_order_of_the_objects() -> None:
    bad = metric({**GAUGE, "value": "x"}, {**GAUGE, "name": "1b"}, path="/x")
    found = check(usage(cpu({"value": "-1"}), matchNames=["web"]), bad, usage(cpu({"expression": "1 +"}), name="v"))
    assert [(each.name, each.field) for each in found] == [
        ("u", "spec.usages[0].usage.cpu.value"),
        ("m", "spec.metrics[0].value"),
        ("m", "spec.metrics[1].name"),
        ("m", "spec.path"),
        ("v", "spec.usages[0].usage.cpu.expression"),
    ]


def test_what_a_finding_says() -> None:
    obj = usage(cpu({"value": "-1"}), name="web", namespace="shop")
    (finding,) = lint([Document(obj, "u.yaml", 2, 3)])
    expected = (
        "u.yaml:2:3: ResourceUsage shop/web: spec.usages[0].usage.cpu.value: error: a usage of -1 is below zero: take 0 or more [usage]"
    )
    assert str(finding) == expected
    assert finding.as_dict() == {
        "severity": "error",
        "kind": "ResourceUsage",
        "namespace": "shop",
        "name": "web",
        "field": "spec.usages[0].usage.cpu.value",
        "rule": "usage",
        "message": "a usage of -1 is below zero: take 0 or more",
        "source": "u.yaml:2:3",
    }


@pytest.mark.parametrize("broken", [{"metadata": []}, {"metadata": {"name": 1}}, {"spec": {"metrics": {}}}, {"spec": {"usages": [[]]}}])
@pytest.mark.parametrize("kind", ["Metric", "ResourceUsage", "ClusterResourceUsage"])
def test_what_is_no_object_at_all(kind: str, broken: Object) -> None:
    whole = deepcopy(metric(GAUGE) if kind == "Metric" else usage(cpu(), namespace="x" if kind == "ResourceUsage" else ""))
    found = check(whole | broken)
    assert any(finding.severity == "error" and finding.rule in ("schema", "unknown-field") for finding in found)
