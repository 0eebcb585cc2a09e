# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The definitions on a real apiserver: they are taken whole, and what is valid there is valid for the decoder, and the other way round."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sim_cluster import Cluster

from kwok_controller.api import KINDS, InvalidObject, decode, decode_stage
from kwok_controller.api.crds import crds

SELECTOR = {"matchNamespaces": ["default"], "matchNames": ["a"], "matchLabels": {"app": "web"}}
USAGES = [{"containers": ["main"], "usage": {"cpu": {"value": "100m"}, "memory": {"value": 1024}, "pods": {"expression": "1"}}}]
LOGS = [{"containers": ["main"], "logsFile": "/var/log/a", "previousLogsFile": "/var/log/b", "follow": True}]
EXECS = [{"local": {"workDir": "/", "envs": [{"name": "A", "value": "1"}], "securityContext": {"runAsUser": 1, "runAsGroup": 1}}}]
ATTACHES = [{"containers": ["main"], "logsFile": "/var/log/a"}]
FORWARDS = [{"ports": [80], "target": {"port": 65535, "address": "127.0.0.1"}}, {"command": ["cat"]}]

SPECS: dict[str, dict[str, Any]] = {
    "Attach": {"attaches": ATTACHES},
    "ClusterAttach": {"selector": SELECTOR, "attaches": ATTACHES},
    "ClusterExec": {"selector": SELECTOR, "execs": EXECS},
    "ClusterLogs": {"selector": SELECTOR, "logs": LOGS},
    "ClusterPortForward": {"selector": SELECTOR, "forwards": FORWARDS},
    "ClusterResourceUsage": {"selector": SELECTOR, "usages": USAGES},
    "Exec": {"execs": EXECS},
    "Logs": {"logs": LOGS},
    "Metric": {
        "path": "/metrics",
        "metrics": [
            {"name": "a", "help": "A", "kind": "gauge", "labels": [{"name": "x", "value": "'1'"}], "value": "1", "dimension": "pod"},
            {
                "name": "b",
                "kind": "histogram",
                "dimension": "node",
                "buckets": [{"le": 0.5, "value": "1", "hidden": True}, {"le": 1, "value": "2"}],
            },
        ],
    },
    "PortForward": {"forwards": FORWARDS},
    "ResourceUsage": {"usages": USAGES},
    "WorkloadTrace": {
        "services": [
            {
                "name": "web",
                "selector": {"matchLabels": {"app": "web"}},
                "container": "main",
                "port": 8080,
                "attributes": {"team": "a"},
                "operations": [
                    {
                        "name": "home",
                        "http": {"method": "GET", "route": "/{id}", "status": 204},
                        "latency": {"distribution": "lognormal", "median": "20ms", "p99": "0.5s", "min": "1ms", "max": "1m30s"},
                        "errors": {"rate": 0.5, "status": 503, "type": "a", "message": "b"},
                        "attributes": {"a": "b"},
                        "calls": [
                            {
                                "service": "web",
                                "operation": "more",
                                "probability": 0.5,
                                "count": 2,
                                "parallel": True,
                                "asynchronous": True,
                                "onError": "ignore",
                            }
                        ],
                    },
                ],
            }
        ],
        "traffic": [
            {"service": "web", "operation": "home", "rate": {"value": "500m", "expression": 'Wave("2", "1")', "per": "replica"}},
        ],
        "network": {"distribution": "constant", "median": "1ms"},
        "limits": {"spansPerSecond": 10, "spansPerTrace": 5, "depth": 3},
    },
    "Stage": {
        "resourceRef": {"apiGroup": "apps/v1", "kind": "Deployment"},
        "selector": {
            "matchLabels": {"a": "b"},
            "matchAnnotations": {"a": "b"},
            "matchExpressions": [
                {"key": ".a", "operator": "In", "values": ["b"]},
                {"jq": {"key": ".a", "operator": "Exists"}},
                {"cel": {"expression": "true"}},
            ],
        },
        "weight": 3,
        "weightFrom": {"expressionFrom": ".a"},
        "delay": {
            "durationMilliseconds": 1,
            "durationFrom": {"jq": {"expression": ".a"}},
            "jitterDurationMilliseconds": 2,
            "jitterDurationFrom": {"cel": {"expression": "'1s'"}},
        },
        "next": {"statusTemplate": "a: b", "statusSubresource": "status", "statusPatchAs": {"username": "a"}, "delete": True},
        "immediateNextStage": True,
        "steps": [
            {"event": {"type": "Normal", "reason": "A", "message": "a"}},
            {"finalizers": {"add": [{"value": "a"}], "remove": [{"value": "b"}], "empty": True}},
            {"patch": {"type": "json", "root": "status", "subresource": "status", "template": "a", "impersonation": {"username": "a"}}},
            {"apply": {"type": "apply", "subresource": "status", "template": "a", "impersonation": {"username": "a"}}},
            {"delete": True},
        ],
    },
}


def stage(**spec: Any) -> dict[str, Any]:
    return {"kind": "Stage", "spec": {"resourceRef": {"kind": "Pod"}, **spec}}


def metric(**fields: Any) -> dict[str, Any]:
    return {"kind": "Metric", "spec": {"path": "/", "metrics": [{"name": "a", "kind": "gauge", **fields}]}}


INVALID = [
    (stage(weight=-1), "spec.weight"),
    (stage(resourceRef={"kind": None}), "spec.resourceRef.kind"),
    (stage(selector={"matchLabels": {"a": 1}}), "spec.selector.matchLabels.a"),
    (stage(steps=[{}, {"patch": {"type": "apply"}}]), "spec.steps[1].patch.type"),
    (stage(steps=[None]), "spec.steps[0]"),
    (metric(kind="summary"), "spec.metrics[0].kind"),
    (metric(buckets=[{"le": 1, "value": "1"}, {"le": 1.0, "value": "2"}]), "spec.metrics[0].buckets[1]"),
    ({"kind": "ResourceUsage", "spec": {"usages": [{"usage": {"cpu": {"value": "1 Gi"}}}]}}, "spec.usages[0].usage.cpu.value"),
    ({"kind": "WorkloadTrace", "spec": {"services": [{"name": "a", "selector": {"matchLabels": {}}}]}}, "spec.services[0].operations"),
    ({"kind": "ClusterPortForward", "spec": {"forwards": [{"target": {"port": 65536, "address": "a"}}]}}, "spec.forwards[0].target.port"),
]


def as_list(objects: list[dict[str, Any]]) -> str:
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": objects})


@pytest.fixture(scope="module", autouse=True)
def installed(cluster: Cluster) -> None:
    definitions = crds()
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=as_list(definitions))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{each['metadata']['name']}" for each in definitions))


def named(obj: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": KINDS[obj["kind"]].api_version, "metadata": {"name": "integration"}, **obj}


def create(cluster: Cluster, *objects: dict[str, Any], validate: str = "strict") -> list[dict[str, Any]]:
    """What the apiserver would make of objects. Unknown fields are refused, and kubectl looks at them first, unless told not to."""
    text = as_list([named(obj) for obj in objects])
    answer = cluster.kubectl("create", "--dry-run=server", f"--validate={validate}", "-o", "json", "-f", "-", stdin=text)
    # One after the other, without a list around them.
    answers: list[dict[str, Any]] = json.loads(re.sub(r"^}\n(?=\{)", "},\n", f"[{answer}]", flags=re.MULTILINE))
    return answers


def test_the_schemas_are_structural_and_the_names_are_free(cluster: Cluster) -> None:
    for kind in KINDS.values():
        definition = json.loads(cluster.kubectl("get", "crd", f"{kind.plural}.{kind.group}", "-o", "json"))
        conditions = {each["type"]: each["status"] for each in definition["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_every_field_of_every_kind_is_known_to_the_apiserver_and_the_decoder(cluster: Cluster) -> None:
    objects = [{"kind": kind, "spec": spec} for kind, spec in SPECS.items()]

    answers = create(cluster, *objects)

    assert [(answer["kind"], answer["spec"]) for answer in answers] == [(each["kind"], each["spec"]) for each in objects]
    for answer in answers:
        decode(answer)


def test_the_apiserver_fills_in_the_defaults_of_the_decoder(cluster: Cluster) -> None:
    obj = stage(next={"delete": True})

    [answer] = create(cluster, obj)

    assert answer["spec"] == {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "weight": 0,
        "next": {"delete": True, "statusSubresource": "status"},
    }
    assert decode_stage(answer).spec == decode_stage(named(obj)).spec


@pytest.mark.parametrize(("obj", "path"), INVALID)
def test_both_refuse_the_same_at_the_same_place(cluster: Cluster, obj: dict[str, Any], path: str) -> None:
    with pytest.raises(RuntimeError) as refused:
        create(cluster, obj, validate="false")
    with pytest.raises(InvalidObject) as invalid:
        decode(named(obj))

    assert re.search(rf"(?:^|\W){re.escape(path)}: ", str(refused.value))
    assert invalid.value.path.startswith(f"$.{path}")


def test_explain_has_the_descriptions(cluster: Cluster) -> None:
    assert "What the stage does, in order." in cluster.kubectl("explain", "stage.spec")
