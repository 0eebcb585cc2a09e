# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answers of the real program, which is installed beside the tests' Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._simulation import program
from ansible_collections.kwok.sim.plugins.module_utils._simulation.kinds import METRICS, STAGES, TRACES, USAGES, Family, Key

PROGRAM = str(Path(sys.executable).with_name("kwok-controller"))

GOOD: dict[str, Any] = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Stage",
    "metadata": {"name": "good"},
    "spec": {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {"matchExpressions": [{"jq": {"key": ".status.phase", "operator": "In", "values": ["Pending"]}}]},
        "steps": [{"patch": {"subresource": "status", "root": "status", "template": "phase: Running"}}],
    },
}
METRIC: dict[str, Any] = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Metric",
    "metadata": {"name": "thermometer"},
    "spec": {
        "path": "/metrics/nodes/{nodeName}/metrics/thermometer",
        "metrics": [
            {
                "name": "node_temperature_celsius",
                "help": "Temperature.",
                "kind": "gauge",
                "labels": [{"name": "node", "value": "node.metadata.name"}],
                "value": "40.0",
            }
        ],
    },
}
USAGE: dict[str, Any] = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "ResourceUsage",
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {"usages": [{"usage": {"cpu": {"value": "100m"}, "memory": {"expression": 'Quantity("64Mi")'}}}]},
}
TRACE: dict[str, Any] = {
    "apiVersion": "kwok-sim.dev/v1alpha1",
    "kind": "WorkloadTrace",
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {
        "services": [{"name": "web", "selector": {"matchLabels": {"app": "web"}}, "operations": [{"name": "home"}]}],
        "traffic": [{"service": "web", "operation": "home", "rate": {"value": 5}}],
    },
}


def record(executable: str) -> Record:
    return Record(name="kwok", components={"kwok-controller": {"executable": {"path": executable, "fingerprint": "1:1"}}})


def test_the_program_of_the_clusters_controller_is_found() -> None:
    assert program.find_program(None, record(PROGRAM)) == PROGRAM


def test_the_option_comes_first() -> None:
    assert program.find_program(PROGRAM, record("/elsewhere/kwok-controller")) == PROGRAM


def test_the_path_is_searched_where_the_go_kwok_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(PROGRAM).parent))
    assert program.find_program(None, record("/usr/bin/kwok")) == PROGRAM


def test_no_program_is_an_error_that_says_where_one_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SimError) as caught:
        program.find_program(None, None)
    assert caught.value.option == "executable"
    assert "kwok.sim.controller" in str(caught.value)


def test_a_path_that_is_no_program_is_refused() -> None:
    with pytest.raises(SimError) as caught:
        program.find_program("/nonexistent/kwok-controller", None)
    assert caught.value.option == "executable"


def test_the_crds_of_the_kinds_asked_for() -> None:
    names = [each["spec"]["names"]["kind"] for each in program.custom_resource_definitions(PROGRAM, ["Stage", "Metric"])]
    assert sorted(names) == ["Metric", "Stage"]
    assert len(program.custom_resource_definitions(PROGRAM)) == 13


def test_a_kind_that_there_is_not_is_named() -> None:
    with pytest.raises(SimError, match="Stages"):
        program.custom_resource_definitions(PROGRAM, ["Stages"])


@pytest.mark.parametrize(
    ("family", "name", "kinds"),
    [
        (STAGES, "node-fast", {"Stage"}),
        (METRICS, "kubelet-metrics-resource", {"Metric"}),
        (USAGES, "usage-from-annotation", {"ClusterResourceUsage"}),
        (TRACES, "online-shop", {"WorkloadTrace"}),
    ],
)
def test_shipped_sets_have_objects_of_their_kind(family: Family, name: str, kinds: set[str]) -> None:
    assert {each["kind"] for each in program.shipped_objects(PROGRAM, family, name)} == kinds


@pytest.mark.parametrize(
    ("family", "name"), [(STAGES, "pod-brisk"), (METRICS, "kubelet-metrics-brisk"), (USAGES, "usage-brisk"), (TRACES, "shop")]
)
def test_a_set_that_there_is_not_is_named(family: Family, name: str) -> None:
    with pytest.raises(SimError) as caught:
        program.shipped_objects(PROGRAM, family, name)
    assert caught.value.option == "sets"
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("family", "name", "message"),
    [
        (METRICS, "usage-noise", "usage-noise has no Metric, only ClusterResourceUsage"),
        (USAGES, "kubelet-metrics-resource", "kubelet-metrics-resource has no ClusterResourceUsage or ResourceUsage, only Metric"),
    ],
)
def test_a_set_of_another_kind_is_refused(family: Family, name: str, message: str) -> None:
    with pytest.raises(SimError) as caught:
        program.shipped_objects(PROGRAM, family, name)
    assert caught.value.option == "sets"
    assert message in str(caught.value)


@pytest.mark.parametrize("family", [STAGES, METRICS, USAGES, TRACES])
def test_a_file_that_there_is_not_is_named(family: Family, tmp_path: Path) -> None:
    with pytest.raises(SimError) as caught:
        program.read_objects(PROGRAM, family, str(tmp_path / "none.yaml"))
    assert caught.value.option == "paths"
    assert "none.yaml" in str(caught.value)


def test_of_a_file_each_module_takes_its_own_kinds(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [GOOD, METRIC, USAGE, TRACE]}))
    for family, given in ((STAGES, GOOD), (METRICS, METRIC), (USAGES, USAGE), (TRACES, TRACE)):
        assert program.read_objects(PROGRAM, family, str(file)) == [given]


@pytest.mark.parametrize(("family", "given"), [(STAGES, GOOD), (METRICS, METRIC), (USAGES, USAGE), (TRACES, TRACE)])
def test_what_is_good_has_no_errors(family: Family, given: dict[str, Any]) -> None:
    assert [finding for finding in program.lint(PROGRAM, family, [given]) if finding.severity == "error"] == []


def test_a_template_that_does_not_parse_is_found_where_it_is() -> None:
    steps = [{"patch": {"subresource": "status", "root": "status", "template": "phase: {{ .status.phase"}}]
    broken = {**GOOD, "metadata": {"name": "broken"}, "spec": {**GOOD["spec"], "steps": steps}}
    errors = [finding for finding in program.lint(PROGRAM, STAGES, [GOOD, broken]) if finding.severity == "error"]
    assert [(finding.subject, finding.field) for finding in errors] == [(Key("Stage", "", "broken"), "spec.steps[0].patch.template")]
    assert str(errors[0]).startswith("Stage broken spec.steps[0].patch.template: ")


def test_what_is_wrong_with_a_metric_and_a_usage_is_found_where_it_is() -> None:
    wrong = {**METRIC, "metadata": {"name": "wrong"}, "spec": {**METRIC["spec"], "path": "/pods"}}
    errors = [finding for finding in program.lint(PROGRAM, METRICS, [METRIC, wrong]) if finding.severity == "error"]
    assert [(finding.subject, finding.field) for finding in errors] == [(Key("Metric", "", "wrong"), "spec.path")]
    wrong = {**USAGE, "spec": {"usages": [{"usage": {"cpu": {"expression": 'Quantety("1")'}}}]}}
    errors = [finding for finding in program.lint(PROGRAM, USAGES, [wrong]) if finding.severity == "error"]
    assert [(finding.subject, finding.field) for finding in errors] == [
        (Key("ResourceUsage", "shop", "web"), "spec.usages[0].usage.cpu.expression")
    ]
    assert str(errors[0]).startswith("ResourceUsage shop/web spec.usages[0].usage.cpu.expression: ")


def test_what_is_wrong_with_a_trace_is_found_where_it_is() -> None:
    wrong = {**TRACE, "spec": {**TRACE["spec"], "traffic": [{"service": "web", "operation": "house", "rate": {"value": 5}}]}}
    errors = [finding for finding in program.lint(PROGRAM, TRACES, [wrong]) if finding.severity == "error"]
    assert [(finding.subject, finding.field) for finding in errors] == [(Key("WorkloadTrace", "shop", "web"), "spec.traffic[0].operation")]
    assert str(errors[0]).startswith("WorkloadTrace shop/web spec.traffic[0].operation: ")


def test_a_file_without_any_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "stage.json"
    file.write_text(json.dumps(GOOD))
    with pytest.raises(SimError) as caught:
        program.read_objects(PROGRAM, TRACES, str(file))
    assert caught.value.option == "paths"
    assert f"{file} has no WorkloadTrace" in str(caught.value)


@pytest.mark.parametrize("said", ["something else", '{"a": 1}', '[{"severity": "error"}]'])
def test_an_answer_that_cannot_be_read_is_an_error(said: str, tmp_path: Path) -> None:
    other = tmp_path / "kwok-controller"
    other.write_text(f"#!/bin/sh\necho '{said}'\n")
    other.chmod(0o755)
    with pytest.raises(SimError, match="metric lint answers what cannot be read"):
        program.lint(str(other), METRICS, [METRIC])
