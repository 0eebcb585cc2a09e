# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kwok_controller.api import KINDS, InvalidObject, Stage, decode, decode_stage, unknown_fields
from kwok_controller.api.decode import MAX_DEPTH
from kwok_controller.api.metric import Metric
from kwok_controller.api.portforward import ClusterPortForward
from kwok_controller.api.usage import ResourceUsage
from kwok_controller.api.workload_trace import WorkloadTrace

MakeStage = Callable[..., dict[str, Any]]


def invalid(obj: Any) -> InvalidObject:
    with pytest.raises(InvalidObject) as caught:
        decode(obj) if isinstance(obj, dict) else decode_stage(obj)
    return caught.value


def test_a_stage_with_everything_that_is_needed_gets_the_defaults(stage: MakeStage) -> None:
    decoded = decode_stage(stage())

    assert decoded.metadata.name == "pod-ready"
    assert (decoded.spec.resource_ref.api_group, decoded.spec.resource_ref.kind) == ("v1", "Pod")
    assert (decoded.spec.selector, decoded.spec.delay, decoded.spec.weight_from) == (None, None, None)
    assert (decoded.spec.weight, decoded.spec.immediate_next_stage, decoded.spec.steps) == (0, False, [])


def test_metadata_is_taken_and_the_rest_of_it_is_read_over(stage: MakeStage) -> None:
    obj = stage()
    obj["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 3, "managedFields": [{}], "ownerReferences": []}

    metadata = decode_stage(obj).metadata

    assert (metadata.uid, metadata.resource_version, metadata.generation) == ("u", "7", 3)


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ({"weight": -1}, "$.spec.weight", "expected an integer >= 0, got -1"),
        ({"weight": "1"}, "$.spec.weight", "expected an integer, got '1'"),
        ({"weight": 1.5}, "$.spec.weight", "expected an integer, got 1.5"),
        ({"weight": True}, "$.spec.weight", "expected an integer, got True"),
        ({"weight": 2**63}, "$.spec.weight", "expected an integer <= 9223372036854775807, got 9223372036854775808"),
        ({"resourceRef": {}}, "$.spec.resourceRef.kind", "is required"),
        ({"resourceRef": "Pod"}, "$.spec.resourceRef", "expected an object, got 'Pod'"),
        (
            {"steps": [{}, {"patch": {"type": "apply"}}]},
            "$.spec.steps[1].patch.type",
            "expected one of json, merge, strategic, got 'apply'",
        ),
        ({"steps": [{"apply": {"type": "json"}}]}, "$.spec.steps[0].apply.type", "expected one of apply, merge, strategic, got 'json'"),
        ({"steps": [{"patch": {"impersonation": {}}}]}, "$.spec.steps[0].patch.impersonation.username", "is required"),
        ({"steps": [None]}, "$.spec.steps[0]", "expected an object, got null"),
        ({"steps": [{"delete": "yes"}]}, "$.spec.steps[0].delete", "expected true or false, got 'yes'"),
        ({"steps": {}}, "$.spec.steps", "expected a list, got {}"),
        ({"selector": {"matchLabels": {"app": 1}}}, "$.spec.selector.matchLabels.app", "expected a string, got 1"),
        (
            {"selector": {"matchLabels": {"a": "x", "b": "y"}, "matchAnnotations": {"z": "z", "example.com/a": ["q"]}}},
            "$.spec.selector.matchAnnotations['example.com/a']",
            "expected a string, got ['q']",
        ),
        (
            {"selector": {"matchLabels": {"ok": "x", "wrong": 1}, "matchAnnotations": {"wrong": 2}}},
            "$.spec.selector.matchLabels.wrong",
            "expected a string, got 1",
        ),
        ({"selector": {"matchLabels": {1: "a"}}}, "$.spec.selector.matchLabels", "expected a string as key, got 1: put it in quotes"),
        ({"delay": {"durationMilliseconds": -5}}, "$.spec.delay.durationMilliseconds", "expected an integer >= 0, got -5"),
    ],
)
def test_the_error_says_where_and_what(stage: MakeStage, spec: dict[str, Any], path: str, message: str) -> None:
    error = invalid(stage(**spec))

    assert (error.path, error.message) == (path, message)
    assert str(error) == f'Stage "pod-ready": {path}: {message}'


def test_a_long_value_is_cut_in_the_message(stage: MakeStage) -> None:
    assert len(invalid(stage(weight="9" * 10_000)).message) < 200


@pytest.mark.parametrize("obj", [None, [], "Stage", 3])
def test_what_is_no_object_is_refused(obj: Any) -> None:
    assert invalid(obj).path == "$"


@pytest.mark.parametrize(
    ("key", "value"),
    [("apiVersion", "kwok.x-k8s.io/v1beta1"), ("apiVersion", 1), ("kind", "Metric")],
)
def test_another_kind_or_version_is_refused(stage: MakeStage, key: str, value: Any) -> None:
    with pytest.raises(InvalidObject) as caught:
        decode_stage({**stage(), key: value})
    assert caught.value.path == f"$.{key}"


def test_items_of_a_list_may_lack_kind_and_version(stage: MakeStage) -> None:
    obj = stage()
    del obj["apiVersion"], obj["kind"]

    assert decode_stage(obj).metadata.name == "pod-ready"


@pytest.mark.parametrize("kind", [None, "Pod", 3, ["Stage"]])
def test_a_kind_that_the_group_has_not_is_named_with_those_that_it_has(kind: Any) -> None:
    error = invalid({"kind": kind})

    assert error.path == "$.kind"
    assert all(known in error.message for known in KINDS)


def test_nulls_count_as_missing_as_for_an_apiserver(stage: MakeStage) -> None:
    decoded = decode_stage(
        stage(
            weight=None,
            selector={"matchLabels": {"a": "b", "c": None}},
            steps=[{"patch": None, "delete": True}],
            next={"statusSubresource": None},
        )
    )

    assert decoded.spec.weight == 0
    assert decoded.spec.selector is not None
    assert decoded.spec.selector.match_labels == {"a": "b"}
    assert decoded.spec.steps[0].patch is None
    assert decoded.spec.next is not None
    assert decoded.spec.next.status_subresource == "status"


def test_a_required_field_that_is_null_is_missing(stage: MakeStage) -> None:
    error = invalid(stage(resourceRef={"kind": None}))

    assert (error.path, error.message) == ("$.spec.resourceRef.kind", "is required")


def test_a_whole_number_written_with_a_point_is_an_integer(stage: MakeStage) -> None:
    assert decode_stage(stage(weight=2.0)).spec.weight == 2


def test_the_object_is_left_as_it_is(stage: MakeStage) -> None:
    obj = stage(weight=None, selector={"matchLabels": {"a": 1, "b": 2}})

    invalid(obj)

    assert obj == stage(weight=None, selector={"matchLabels": {"a": 1, "b": 2}})


def test_what_is_nested_without_end_is_refused(stage: MakeStage) -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}

    error = invalid(stage(unknown=deep))

    assert f"deeper than {MAX_DEPTH}" in error.message


@pytest.mark.parametrize(
    ("obj", "path", "message"),
    [
        ({"kind": "Metric", "spec": {"path": "", "metrics": []}}, "$.spec.path", "expected a string of length >= 1, got ''"),
        ({"kind": "Metric", "spec": {"path": "/metrics"}}, "$.spec.metrics", "is required"),
        (
            {"kind": "Metric", "spec": {"path": "/", "metrics": [{"name": "a", "kind": "summary"}]}},
            "$.spec.metrics[0].kind",
            "expected one of counter, gauge, histogram, got 'summary'",
        ),
        (
            {"kind": "Metric", "spec": {"path": "/", "metrics": [{"name": "a", "kind": "gauge", "labels": [{"name": "x"}]}]}},
            "$.spec.metrics[0].labels[0].value",
            "is required",
        ),
        (
            {
                "kind": "Metric",
                "spec": {
                    "path": "/",
                    "metrics": [{"name": "a", "kind": "histogram", "buckets": [{"le": 1, "value": "1"}, {"le": 1.0, "value": "2"}]}],
                },
            },
            "$.spec.metrics[0].buckets[1].le",
            "1 is there twice",
        ),
        (
            {"kind": "ResourceUsage", "spec": {"usages": [{"usage": {"cpu": {"value": "1m"}, "memory": {"value": "1 Gi"}}}]}},
            "$.spec.usages[0].usage.memory.value",
            "expected a quantity such as 100m or 1Gi, got '1 Gi'",
        ),
        ({"kind": "ClusterExec", "spec": {"execs": [{"local": {"envs": [{"name": ""}]}}]}}, "$.spec.execs[0].local.envs[0].name", None),
        ({"kind": "PortForward", "spec": {"forwards": [{"ports": [2**31]}]}}, "$.spec.forwards[0].ports[0]", None),
        (
            {"kind": "ClusterPortForward", "spec": {"forwards": [{"target": {"port": 65536, "address": "a"}}]}},
            "$.spec.forwards[0].target.port",
            "expected an integer <= 65535, got 65536",
        ),
        ({"kind": "Logs", "spec": {}}, "$.spec.logs", "is required"),
        ({"kind": "ClusterAttach", "spec": {"selector": {"matchNames": "a"}, "attaches": []}}, "$.spec.selector.matchNames", None),
        (
            {"kind": "ClusterResourceUsage", "spec": {"selector": {"matchLabels": {"app": 1}}}},
            "$.spec.selector.matchLabels.app",
            "expected a string, got 1",
        ),
    ],
)
def test_errors_of_the_other_kinds(obj: dict[str, Any], path: str, message: str | None) -> None:
    error = invalid(obj)

    assert error.path == path
    assert message is None or error.message == message


def test_the_other_kinds_get_their_types_and_defaults() -> None:
    metric = decode({"kind": "Metric", "spec": {"path": "/metrics", "metrics": [{"name": "a", "kind": "gauge"}]}})
    usage = decode({"kind": "ResourceUsage", "spec": {"usages": [{"usage": {"cpu": {"value": 0.5}, "memory": {"value": "1Gi"}}}]}})
    forward = decode({"kind": "ClusterPortForward", "spec": {"forwards": [{"ports": [80], "command": ["cat"]}]}})

    assert isinstance(metric, Metric)
    assert metric.spec.metrics[0].dimension == "node"
    assert isinstance(usage, ResourceUsage)
    assert [value.value for value in usage.spec.usages[0].usage.values()] == [0.5, "1Gi"]
    assert isinstance(forward, ClusterPortForward)
    assert forward.spec.forwards[0].command == ["cat"]


def test_decode_brings_stages_to_steps_too(stage: MakeStage) -> None:
    decoded = decode(stage(next={"delete": True}))

    assert isinstance(decoded, Stage)
    assert [step.delete for step in decoded.spec.steps] == [True]


def test_unknown_fields_are_named_wherever_they_are(stage: MakeStage) -> None:
    obj = stage(weigth=1, steps=[{}, {"patch": {"templat": ""}}], selector={"matchLabels": {"anything": "goes"}, "match-names": []})
    obj["metadata"]["anything"] = "goes"
    obj["statuss"] = {}

    decode_stage(obj)

    assert unknown_fields(obj, "Stage") == [
        "$.statuss",
        "$.spec.weigth",
        "$.spec.selector['match-names']",
        "$.spec.steps[1].patch.templat",
    ]


def test_unknown_fields_of_what_does_not_fit_are_none() -> None:
    assert unknown_fields({"spec": {"steps": 3, "selector": [], "delay": None}}, "Stage") == []


def workload(**operation: Any) -> dict[str, Any]:
    service = {"name": "web", "selector": {"matchLabels": {"app": "web"}}, "operations": [{"name": "home", **operation}]}
    return {"apiVersion": "kwok-sim.dev/v1alpha1", "kind": "WorkloadTrace", "metadata": {"name": "a"}, "spec": {"services": [service]}}


def test_a_workload_trace_gets_the_defaults() -> None:
    decoded = decode(workload(calls=[{"service": "web", "operation": "home"}]))

    assert isinstance(decoded, WorkloadTrace)
    (service,) = decoded.spec.services
    (call,) = service.operations[0].calls
    assert (service.port, service.container, service.operations[0].errors.rate) == (80, "", 0.0)
    assert (call.probability, call.count, call.parallel, call.asynchronous, call.on_error) == (1.0, 1, False, False, "fail")
    assert (decoded.spec.limits.spans_per_second, decoded.spec.limits.spans_per_trace, decoded.spec.limits.depth) == (500, 200, 16)
    assert unknown_fields(workload(lag=1), "WorkloadTrace") == ["$.spec.services[0].operations[0].lag"]


@pytest.mark.parametrize(
    ("operation", "path", "message"),
    [
        ({"latency": {"median": "20"}}, "latency.median", "expected a duration such as 20ms or 1m30s, got '20'"),
        ({"latency": {"distribution": "normal"}}, "latency.distribution", "expected one of constant, exponential, lognormal, uniform"),
        ({"errors": {"rate": 1.5}}, "errors.rate", "expected a number <= 1.0, got 1.5"),
        ({"errors": {"status": 200}}, "errors.status", "expected an integer >= 400, got 200"),
        (
            {"http": {"method": "get", "route": "/"}},
            "http.method",
            "expected one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, got 'get'",
        ),
        ({"http": {}}, "http.route", "is required"),
        ({"calls": [{"service": "web"}]}, "calls[0].operation", "is required"),
        ({"calls": [{"service": "web", "operation": "home", "count": 0}]}, "calls[0].count", "expected an integer >= 1, got 0"),
    ],
)
def test_what_is_wrong_with_a_workload_trace(operation: dict[str, Any], path: str, message: str) -> None:
    error = invalid(workload(**operation))

    assert error.path == f"$.spec.services[0].operations[0].{path}"
    assert error.message.startswith(message)


def test_each_kind_is_of_its_group_alone() -> None:
    error = invalid({**workload(), "apiVersion": "kwok.x-k8s.io/v1alpha1"})

    assert (error.path, error.message) == ("$.apiVersion", "expected kwok-sim.dev/v1alpha1, got 'kwok.x-k8s.io/v1alpha1'")


def test_names_of_services_are_there_once() -> None:
    obj = workload()
    obj["spec"]["services"] *= 2

    assert (invalid(obj).path, invalid(obj).message) == ("$.spec.services[1].name", "'web' is there twice")
