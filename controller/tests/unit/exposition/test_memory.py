# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from kwok_controller.api.metric import Metric
from kwok_controller.exposition import Compile, Endpoint, compile_endpoint
from kwok_controller.exposition.language import Expression

Object: TypeAlias = dict[str, Any]
Metrics: TypeAlias = Callable[..., Metric]
Pods: TypeAlias = Callable[..., Object]

LABELS = [{"name": "pod", "value": "pod.metadata.name"}]
GAUGE: Object = {"name": "a", "kind": "gauge", "dimension": "pod", "labels": LABELS, "value": "UnixSecond(pod.metadata.creationTimestamp)"}


class Counting:
    """An expression that counts how often it is evaluated."""

    def __init__(self, expression: Expression, seen: list[str], source: str) -> None:
        self.kind, self.names, self.calls = expression.kind, expression.names, expression.calls
        self._expression, self._seen, self._source = expression, seen, source

    def __call__(self, node: Object, pod: Object | None, container: Object | None, /) -> Any:
        self._seen.append(self._source)
        return self._expression(node, pod, container)


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def counted(compile: Compile, seen: list[str]) -> Compile:
    return lambda source: Counting(compile(source), seen, source)


def endpoint(made: Metric, compile: Compile, **options: Any) -> Endpoint:
    compiled, problems = compile_endpoint(made.spec, compile, **options)
    assert problems == []
    return compiled


def test_labels_are_evaluated_once_for_all_metrics_and_scrapes(
    counted: Compile, seen: list[str], metric: Metrics, node: Object, pod: Pods
) -> None:
    made = endpoint(metric(GAUGE, {**GAUGE, "name": "b"}), counted)
    bodies = {made.render(node, [pod("web")]).body for _ in range(3)}
    assert seen == ["pod.metadata.name", GAUGE["value"]]
    assert len(bodies) == 1


def test_a_changed_pod_is_read_again(counted: Compile, seen: list[str], metric: Metrics, node: Object, pod: Pods) -> None:
    made = endpoint(metric({**GAUGE, "labels": [{"name": "app", "value": 'pod.metadata.labels["app"]'}]}), counted)
    first = made.render(node, [pod("web", labels={"app": "x"})]).body
    second = made.render(node, [pod("web", labels={"app": "y"}, version="2")]).body
    assert b'a{app="x"}' in first
    assert b'a{app="y"}' in second


def test_a_pod_of_the_same_name_is_another(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    made = endpoint(metric({**GAUGE, "labels": [{"name": "app", "value": 'pod.metadata.labels["app"]'}]}), compile)
    made.render(node, [pod("web", labels={"app": "x"})])
    assert b'app="y"' in made.render(node, [pod("web", labels={"app": "y"}, uid="another")]).body


def test_what_looks_at_the_clock_or_usage_is_evaluated_each_time(
    counted: Compile, seen: list[str], metric: Metrics, node: Object, pod: Pods
) -> None:
    values = ["pod.SinceSecond()", 'pod.Usage("cpu")', "Rand()"]
    made = endpoint(metric(*({**GAUGE, "name": f"m{at}", "value": value} for at, value in enumerate(values))), counted)
    for _ in range(3):
        made.render(node, [pod("web")])
    assert [seen.count(value) for value in values] == [3, 3, 3]


def test_labels_that_look_at_the_clock_are_evaluated_each_time(
    counted: Compile, seen: list[str], metric: Metrics, node: Object, pod: Pods
) -> None:
    made = endpoint(metric({**GAUGE, "labels": [*LABELS, {"name": "age", "value": "string(pod.SinceSecond())"}]}), counted)
    for _ in range(2):
        assert b'a{age="300",pod="web"}' in made.render(node, [pod("web")]).body
    assert seen.count("string(pod.SinceSecond())") == 2


def test_constants_are_evaluated_when_they_are_compiled(counted: Compile, seen: list[str], metric: Metrics, node: Object) -> None:
    made = endpoint(metric({"name": "a", "kind": "gauge", "labels": [{"name": "x", "value": '"y"'}], "value": "1 + 1"}), counted)
    seen.clear()
    assert made.render(node, []).body == b'# TYPE a gauge\na{x="y"} 2\n'
    assert seen == []


def test_what_depends_on_the_node_is_read_again_when_that_changes(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    labels = [*LABELS, {"name": "zone", "value": 'node.metadata.labels["zone"]'}]
    made = endpoint(metric({**GAUGE, "labels": labels}), compile)
    for zone, version in (("a", "8"), ("b", "9")):
        changed = {**node, "metadata": {**node["metadata"], "labels": {"zone": zone}, "resourceVersion": version}}
        assert f'zone="{zone}"'.encode() in made.render(changed, [pod("web")]).body


def test_the_nodes_own_labels_are_read_again_when_it_changes(compile: Compile, metric: Metrics, node: Object) -> None:
    labels = [{"name": "zone", "value": 'node.metadata.labels["zone"]'}]
    made = endpoint(metric({"name": "a", "kind": "gauge", "labels": labels, "value": "1"}), compile)
    for zone, version in (("a", "8"), ("b", "9")):
        changed = {**node, "metadata": {**node["metadata"], "labels": {"zone": zone}, "resourceVersion": version}}
        assert f'zone="{zone}"'.encode() in made.render(changed, []).body


def test_objects_without_a_version_are_not_remembered(compile: Compile, metric: Metrics, pod: Pods) -> None:
    made = endpoint(metric({**GAUGE, "labels": [*LABELS, {"name": "node", "value": "node.metadata.name"}]}), compile)
    made.render({"metadata": {"name": "n1"}}, [pod("web")])
    assert made.remembered == 0
    made.render({"metadata": {"name": "n1", "resourceVersion": "1"}}, [pod("web", version="")])
    assert made.remembered == 0


def test_pods_that_are_gone_are_forgotten(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    made = endpoint(metric(GAUGE), compile)
    made.render(node, [pod("a"), pod("b")])
    assert made.remembered == 2
    made.render(node, [pod("b")])
    assert made.remembered == 1
    made.forget("n1")
    made.forget("n1")
    assert made.remembered == 0


def test_what_is_remembered_is_bounded(counted: Compile, seen: list[str], metric: Metrics, node: Object, pod: Pods) -> None:
    made = endpoint(metric(GAUGE), counted, remember=4)
    nodes = [{**node, "metadata": {**node["metadata"], "name": name}} for name in ("n1", "n2", "n3")]
    for each in (nodes[0], nodes[1], nodes[0], nodes[2]):
        made.render(each, [pod("a"), pod("b")])
    assert made.remembered == 4
    seen.clear()
    made.render(nodes[0], [pod("a"), pod("b")])
    assert seen == []
    made.render(nodes[1], [pod("a"), pod("b")])
    assert seen != []


def test_each_container_has_its_own_labels(compile: Compile, metric: Metrics, node: Object, pod: Pods) -> None:
    labels = [{"name": "container", "value": "container.name"}, *LABELS]
    made = endpoint(metric({**GAUGE, "dimension": "container", "labels": labels}), compile)
    for _ in range(2):
        body = made.render(node, [pod("web", "app", "log"), pod("db", "sql")]).body.decode()
        assert [line.split("{")[1].split("}")[0] for line in body.splitlines()[1:]] == [
            'container="app",pod="web"',
            'container="log",pod="web"',
            'container="sql",pod="db"',
        ]
