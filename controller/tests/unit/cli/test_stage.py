# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""`kwok-controller stage`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kwok_controller.cli.main import main
from kwok_controller.stages import sets

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-0}\nspec: {nodeName: n}\nstatus: {phase: Pending}\n"
GOOD = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: run
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
      - jq: {key: .status.phase, operator: In, values: [Pending]}
  delay: {durationMilliseconds: 1500, jitterDurationMilliseconds: 3000}
  weight: 4
  steps:
    - event: {type: Normal, reason: Started, message: It runs}
    - patch:
        subresource: status
        root: status
        template: |
          phase: Running
          startTime: {{ Now | Quote }}
          message: "true"
          reason: ""
"""
EXPECTED = """\
apiGroup: v1
kind: Pod
name: web-0
stages:
- delay:
  - 1500000000
  - 3000000000
  next:
  - kind: event
    message: It runs
    reason: Started
    type: Normal
  - data:
      status:
        message: "true"
        phase: Running
        reason: ""
        startTime: <Now>
    kind: patch
    subresource: status
    type: application/merge-patch+json
  stage: run
  weight: 4
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("weight: 4", "weight: -4"))
    (tmp_path / "odd.yaml").write_text(GOOD.replace("name: run", "name: odd").replace("type: Normal", "type: Strange"))
    (tmp_path / "class.yaml").write_text("apiVersion: storage.k8s.io/v1\nkind: StorageClass\n")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["stage", *argv])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    "argv",
    [
        ["--stages", "good.yaml", "pod.yaml"],
        ["pod.yaml", "--stages", "good.yaml"],
        ["--stages=good.yaml", "pod.yaml"],
        ["--stages", "good.yaml", "class.yaml", "pod.yaml"],
        ["--stages", "good.yaml", "--stages", "class.yaml", "pod.yaml"],
        ["pod.yaml", "--stages", "class.yaml", "good.yaml"],
        ["--stages", "node-fast", "good.yaml", "pod.yaml"],
    ],
    ids=" ".join,
)
def test_trying_stages(files: Path, capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    code, out, err = run(capsys, "test", *argv)
    assert (code, out) == (0, EXPECTED)
    assert err == ("class.yaml, document 1: skipped: StorageClass is no Stage\n" if "class.yaml" in argv else "")


def test_trying_a_directory(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "stages").mkdir()
    (files / "stages" / "run.yaml").write_text(GOOD)
    assert run(capsys, "test", "--stages", "stages", "pod.yaml")[1] == EXPECTED


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        (["pod.yaml"], 2, "needs stages: name files, directories or sets with --stages"),
        (["--stages", "good.yaml"], 2, "needs one OBJECT file, after --stages; 0 are given"),
        (["--stages"], 2, "--stages needs a value"),
        (["--stages", "bad.yaml", "pod.yaml"], 1, 'bad.yaml, document 1: Stage "run": $.spec.weight: expected'),
        (["--stages", "none.yaml", "pod.yaml"], 1, "none.yaml: is neither a file nor a directory, nor one of the sets: node-fast,"),
        (["--stages", "good.yaml", "none.yaml"], 1, "none.yaml: cannot be read"),
        (["--stages", "good.yaml", "empty.yaml"], 1, "empty.yaml: expected one object, found 0"),
        (["--stages", "good.yaml", "kindless.yaml"], 1, "kindless.yaml, document 1: is no object of Kubernetes: it has no kind"),
        (["--stages", "good.yaml", "listed.yaml"], 1, "listed.yaml, document 1: metadata is no mapping"),
        (["--stages", "template.yaml", "pod.yaml"], 1, "stage run: spec.steps[1].patch.template: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_trying_in_vain(files: Path, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, text: str) -> None:
    (files / "empty.yaml").write_text("---\n")
    (files / "kindless.yaml").write_text("apiVersion: v1\n")
    (files / "listed.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: []\n")
    (files / "template.yaml").write_text(GOOD.replace("Now | Quote", ".spec.nodeName.x"))
    found, out, err = run(capsys, "test", *argv)
    assert (found, out) == (code, "")
    assert text in err


def test_lint_says_what_is_wrong(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "lint", "good.yaml") == (0, "", "1 stage: 0 errors, 0 warnings\n")
    code, out, err = run(capsys, "lint", "bad.yaml", "odd.yaml")
    assert code == 1
    first, second = out.splitlines()
    assert first.startswith("bad.yaml:1: Stage run: spec.weight: error: expected")
    assert second.startswith("odd.yaml:1: Stage odd: spec.steps[0].event.type: warning: 'Strange'")
    assert err == "2 stages: 1 error, 1 warning\n"


def test_lint_as_json(files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    items = [yaml.safe_load(GOOD.replace("weight: 4", "weight: -4"))]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, err = run(capsys, "lint", "--output", "json", "-")
    (finding,) = json.loads(out)
    assert (code, err) == (1, "")
    assert (finding["severity"], finding["stage"], finding["field"], finding["file"]) == ("error", "run", "spec.weight", "-")
    assert run(capsys, "lint", "--output=json", "good.yaml")[:2] == (0, "[]\n")


def test_warnings_count_only_when_asked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "lint", "odd.yaml")[0] == 0
    assert run(capsys, "lint", "--strict", "odd.yaml")[0] == 1


def test_sets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "sets")
    assert code == 0
    assert out.startswith("node-fast (Node)\n  Nodes are Ready")
    found = json.loads(run(capsys, "sets", "--output", "json")[1])
    assert [each["name"] for each in found] == sets.names()
    assert found[0]["stages"] == ["node-initialize"]
    assert run(capsys, "sets", "node-fast")[0] == 2


def test_stages_are_shown(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "show", "pod-fast", "good.yaml")
    assert code == 0
    assert list(yaml.safe_load_all(out)) == [*sets.objects("pod-fast"), yaml.safe_load(GOOD)]
    found: dict[str, Any] = json.loads(run(capsys, "show", "--output", "json", "pod-fast")[1])
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    assert found["items"] == sets.objects("pod-fast")


def test_a_set_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "pod-slow")
    assert (code, out) == (1, "")
    assert "node-fast, node-heartbeat, node-heartbeat-with-lease, node-chaos, pod-fast, pod-general, pod-chaos, volume-fast" in err


def test_stages_are_explained(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "explain", "good.yaml")[1].startswith("Pod (v1): 1 stage\n\nrun\n  When   .status.phase is Pending\n")
    assert run(capsys, "explain", "--format", "mermaid", "good.yaml")[1].startswith("stateDiagram-v2\n")
    (files / "template.yaml").write_text(GOOD.replace("Now | Quote", "if"))
    code, out, err = run(capsys, "explain", "template.yaml")
    assert (code, out) == (1, "")
    assert "stage lint tells more" in err


@pytest.mark.parametrize("command", ["lint", "show", "explain"])
def test_something_has_to_be_named(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, _, err = run(capsys, command)
    assert code == 2
    assert f"stage {command} needs stages" in err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ([], ["--help"]):
        code, out, _ = run(capsys, *argv)
        assert code == 0
        assert all(f"\n  {name}" in out for name in ("sets", "show", "lint", "explain", "test"))
    code, out, _ = run(capsys, "lint", "--help")
    assert code == 0
    assert "kwok-controller stage lint [--output text|json] [--strict] FILE|DIR|-|SET…" in out
    assert run(capsys, "fly")[0] == 2
    assert run(capsys, "lint", "--output", "xml", "pod-fast")[0] == 2
