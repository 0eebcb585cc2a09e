# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answers of the real program, which is installed beside the tests' Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.record import Record
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._stages import program

PROGRAM = str(Path(sys.executable).with_name("kwok-controller"))

GOOD = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Stage",
    "metadata": {"name": "good"},
    "spec": {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {"matchExpressions": [{"jq": {"key": ".status.phase", "operator": "In", "values": ["Pending"]}}]},
        "steps": [{"patch": {"subresource": "status", "root": "status", "template": "phase: Running"}}],
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
    assert len(program.custom_resource_definitions(PROGRAM)) == 12


def test_a_kind_that_there_is_not_is_named() -> None:
    with pytest.raises(SimError, match="Stages"):
        program.custom_resource_definitions(PROGRAM, ["Stages"])


def test_shipped_sets_are_stages() -> None:
    stages = program.shipped_stages(PROGRAM, ["node-fast", "pod-fast"])
    assert {each["kind"] for each in stages} == {"Stage"}
    assert {each["spec"]["resourceRef"]["kind"] for each in stages} == {"Node", "Pod"}


def test_a_set_that_there_is_not_is_named() -> None:
    with pytest.raises(SimError) as caught:
        program.shipped_stages(PROGRAM, ["pod-brisk"])
    assert caught.value.option == "sets"
    assert "pod-brisk" in str(caught.value)


def test_a_file_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimError) as caught:
        program.read_stages(PROGRAM, str(tmp_path / "none.yaml"))
    assert caught.value.option == "paths"
    assert "none.yaml" in str(caught.value)


def test_a_good_stage_has_no_errors() -> None:
    assert [finding for finding in program.lint(PROGRAM, [GOOD]) if finding.severity == "error"] == []


def test_a_template_that_does_not_parse_is_found_where_it_is() -> None:
    steps = [{"patch": {"subresource": "status", "root": "status", "template": "phase: {{ .status.phase"}}]
    broken = {**GOOD, "metadata": {"name": "broken"}, "spec": {**GOOD["spec"], "steps": steps}}  # type: ignore[dict-item]
    errors = [finding for finding in program.lint(PROGRAM, [GOOD, broken]) if finding.severity == "error"]
    assert [(finding.stage, finding.field) for finding in errors] == [("broken", "spec.steps[0].patch.template")]


def test_an_answer_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    other = tmp_path / "kwok-controller"
    other.write_text("#!/bin/sh\necho something else\n")
    other.chmod(0o755)
    with pytest.raises(SimError, match="cannot be read"):
        program.lint(str(other), [GOOD])
