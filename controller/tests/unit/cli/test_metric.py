# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""`kwok-controller metric`."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kwok_controller.cli.main import main
from kwok_controller.monitoring import sets

METRIC = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Metric
metadata:
  name: good
spec:
  path: /metrics/nodes/{nodeName}/metrics/resource
  metrics:
    - name: pod_memory_working_set_bytes
      help: Working set of the pod.
      kind: gauge
      dimension: pod
      labels:
        - {name: pod, value: pod.metadata.name}
      value: pod.Usage("memory")
"""
USAGE = """\
apiVersion: kwok.x-k8s.io/v1alpha1
kind: ClusterResourceUsage
metadata:
  name: ramp
spec:
  usages:
    - usage:
        memory: {expression: 'Ramp("0", "600", pod.metadata.creationTimestamp, "10m")'}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: %s, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {containers: [{name: app}]}
"""
NODE = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"
START = 1_767_225_600  # 2026-01-01T00:00:00Z
RANGE = ["--from=2026-01-01T00:00:00Z", "--to", "10m", "--step=5m"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(METRIC)
    (tmp_path / "bad.yaml").write_text(METRIC.replace("name: good", "name: bad").replace("resource\n", "bad\n").replace("Usage", "Usge"))
    (tmp_path / "odd.yaml").write_text(METRIC.replace("name: good", "name: odd").replace("resource\n", "odd\n").replace("_bytes", "_count"))
    (tmp_path / "usage.yaml").write_text(USAGE)
    (tmp_path / "class.yaml").write_text("apiVersion: storage.k8s.io/v1\nkind: StorageClass\n")
    (tmp_path / "pods.yaml").write_text(POD % "web-0" + "---\n" + POD % "web-1")
    (tmp_path / "node.yaml").write_text(NODE)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["metric", *argv])
    out, err = capsys.readouterr()
    return code, out, err


def test_sets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "sets")
    assert code == 0
    assert out.startswith("kubelet-metrics-resource (Metric)\n  What a kubelet has at /metrics/resource")
    found = json.loads(run(capsys, "sets", "--output", "json")[1])
    assert [each["name"] for each in found] == sets.names()
    assert found[0].keys() == {"name", "kind", "about", "objects"}
    assert (found[-1]["kind"], found[-1]["objects"]) == ("ClusterResourceUsage", ["usage-from-annotation"])
    code, _, err = run(capsys, "sets", "usage-ramp")
    assert (code, err.startswith("kwok-controller: metric sets takes no argument 'usage-ramp'")) == (2, True)


def test_objects_are_shown(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "show", "usage-ramp", "good.yaml", "class.yaml")
    assert code == 0
    assert list(yaml.safe_load_all(out)) == [*sets.objects("usage-ramp"), yaml.safe_load(METRIC)]
    assert err == "class.yaml, document 1: skipped: StorageClass is no Metric, ResourceUsage or ClusterResourceUsage\n"
    found: dict[str, Any] = json.loads(run(capsys, "show", "--output", "json", "kubelet-metrics")[1])
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    assert found["items"] == sets.objects("kubelet-metrics")


def test_lint_says_what_is_wrong(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "lint", "good.yaml", "usage.yaml") == (0, "", "2 objects: 0 errors, 0 warnings\n")
    code, out, err = run(capsys, "lint", "bad.yaml", "odd.yaml")
    assert code == 1
    first, second = out.splitlines()
    assert first.startswith("bad.yaml:1: Metric bad: spec.metrics[0].value: error: ")
    assert first.endswith("[expression]")
    assert second.startswith("odd.yaml:1: Metric odd: spec.metrics[0].name: warning: _count at the end is for histograms")
    assert err == "2 objects: 1 error, 1 warning\n"


def test_lint_looks_at_all_sources_together(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "lint", "kubelet-metrics-resource", "good.yaml")
    assert code == 1
    assert "good.yaml:1: Metric good: spec.path: error: " in out


def test_lint_as_json(files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load((files / "bad.yaml").read_text())]})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, err = run(capsys, "lint", "--output", "json", "-")
    (finding,) = json.loads(out)
    assert (code, err) == (1, "")
    assert finding.keys() == {"severity", "kind", "namespace", "name", "field", "rule", "message", "source"}
    assert (finding["kind"], finding["name"], finding["field"]) == ("Metric", "bad", "spec.metrics[0].value")
    assert (finding["namespace"], finding["source"]) == ("", "-:1:1")
    assert run(capsys, "lint", "--output=json", "good.yaml")[:2] == (0, "[]\n")


def test_warnings_count_only_when_asked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "lint", "odd.yaml")[0] == 0
    assert run(capsys, "lint", "--strict", "odd.yaml")[0] == 1
    assert run(capsys, "lint", "--strict=false", "odd.yaml")[0] == 0


@pytest.mark.parametrize("name", sets.names())
def test_each_set_is_clean(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run(capsys, "lint", "--strict", name) == (0, "", "1 object: 0 errors, 0 warnings\n")


def test_a_moment_is_previewed(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["preview", "good.yaml", "usage.yaml", "--node=node.yaml", "--pod", "pods.yaml", "--at", "2026-01-01T00:05:00Z"]
    assert run(capsys, *argv) == (
        0,
        "# HELP pod_memory_working_set_bytes Working set of the pod.\n"
        "# TYPE pod_memory_working_set_bytes gauge\n"
        'pod_memory_working_set_bytes{pod="web-0"} 300\n'
        'pod_memory_working_set_bytes{pod="web-1"} 300\n',
        "",
    )


def test_endpoints_have_their_path_above(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "preview", "good.yaml", "odd.yaml", "usage.yaml")
    assert code == 0
    assert [line for line in out.splitlines() if line.startswith("# /")] == [
        "# /metrics/nodes/node-0/metrics/resource",
        "# /metrics/nodes/node-0/metrics/odd",
    ]
    assert "# /" not in run(capsys, "preview", "good.yaml", "odd.yaml", "usage.yaml", "--path=/metrics/odd")[1]


def test_a_range_is_previewed_as_json(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "preview", "--output=json", *RANGE, "good.yaml", "usage.yaml")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {
            "path": "/metrics/nodes/node-0/metrics/resource",
            "kind": "gauge",
            "name": "pod_memory_working_set_bytes",
            "labels": {"pod": "pod-0"},
            "points": [[START, 0], [START + 300, 300], [START + 600, 600]],
        }
    ]


def test_a_range_is_previewed_as_csv(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["preview", "--output=csv", *RANGE, "--metric=pod_usage_memory_bytes", "--metric", "node_usage_memory_bytes", "usage.yaml"]
    code, out, _ = run(capsys, *argv)
    assert code == 0
    titles, *rows = csv.reader(io.StringIO(out))
    assert titles == [
        "time",
        'pod_usage_memory_bytes{namespace="default",pod="pod-0",resource="memory"}',
        'node_usage_memory_bytes{resource="memory"}',
    ]
    assert rows == [
        ["2026-01-01T00:00:00Z", "0", "0"],
        ["2026-01-01T00:05:00Z", "300", "300"],
        ["2026-01-01T00:10:00Z", "600", "600"],
    ]


def test_a_range_is_drawn(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "preview", "--output=plot", "--size=70x12", *RANGE, "good.yaml", "usage.yaml")
    assert code == 0
    assert all(expected in out for expected in ("pod_memory_working_set_bytes", "time (UTC)", "bytes", "00:10"))
    assert max(map(len, out.splitlines())) <= 70
    argv = ["preview", "--output=png", "--size=320x200", "--file=out.png", *RANGE, "good.yaml", "usage.yaml"]
    assert run(capsys, *argv)[:2] == (0, "")
    picture = (files / "out.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")) == (320, 200)


def test_previews_are_reproducible(capsys: pytest.CaptureFixture[str]) -> None:
    def shown(seed: int) -> str:
        return run(capsys, "preview", "--output=csv", *RANGE, f"--seed={seed}", "usage-noise")[1]

    assert shown(1) == shown(1)
    assert shown(1) != shown(2)


def test_a_usage_follows_a_trace(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "monday.csv").write_text("time,memory\n0,100\n10m,700\n")
    (files / "traced.yaml").write_text(USAGE.replace('Ramp("0", "600", pod', 'Trace("monday", pod').replace(', "10m")', ")"))
    argv = ["preview", "traced.yaml", "--usage-trace", "monday:hold=monday.csv", "--output=json", *RANGE]
    assert [value for _, value in json.loads(run(capsys, *argv)[1])[0]["points"]] == [100, 400, 700]
    code, _, err = run(capsys, "preview", "traced.yaml")
    assert code == 0
    assert "there is no trace 'monday'" in err


def test_what_is_left_out_is_said(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "pods.yaml").write_text(POD % "a" + "---\n" + (POD % "b").replace("{containers", "{nodeName: other, containers"))
    code, out, err = run(capsys, "preview", "bad.yaml", "good.yaml", "--pod=pods.yaml")
    assert code == 0
    assert 'pod_memory_working_set_bytes{pod="a"} 0\n' in out
    lines = err.splitlines()
    assert lines[0] == "--pod: 1 pod on other nodes than node-0 left out"
    assert lines[1].startswith("usages: there are none, so all usage is 0")
    assert lines[2].startswith("Metric bad: spec.metrics[0].value: ")
    assert lines[2].endswith("; the metric is left out")


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        ([], 2, "metric preview needs metrics or usages: name files, directories or sets"),
        (["none.yaml"], 1, "none.yaml: is neither a file nor a directory, nor one of the sets: kubelet-metrics-resource,"),
        (["class.yaml"], 1, "there is nothing to show: name Metrics or usages"),
        (["good.yaml", "--pod=class.yaml"], 1, "class.yaml, document 1: expected a Pod of v1, got StorageClass"),
        (["good.yaml", "--node=pods.yaml"], 1, "pods.yaml: expected one Node, found 2 objects"),
        (["good.yaml", "--metric=pod_memory"], 1, "there is no metric pod_memory"),
        (["good.yaml", "--path=/metrics/probes"], 1, "nothing is shown at /metrics/probes"),
        (["good.yaml", "--at=noon"], 2, "--at: 'noon' is no time"),
        (["good.yaml", "--seed=x"], 2, "--seed: 'x' is no whole number"),
        (["good.yaml", "--usage-trace=monday"], 2, "--usage-trace: 'monday' is neither NAME=FILE nor NAME:hold=FILE"),
        (["good.yaml", "--at=now", "--to=1h"], 2, "--to is for a range, and --at for one moment"),
        (["good.yaml", "--from=-1h"], 2, "--from is for a range, and --output text shows one moment"),
        (["good.yaml", "--output=json", "--step=0"], 2, "--step: 0 is shorter than 1ms"),
        (["good.yaml", "--output=json", "--to=-1h"], 2, "is not after the start"),
        (["good.yaml", "--output=plot", "--at=now"], 2, "--output plot draws a range"),
        (["good.yaml", "--output=png"], 2, "--output png needs --file"),
        (["good.yaml", "--file=x.png"], 2, "--file is for --output png"),
        (["good.yaml", "--size=80x20"], 2, "--size is for --output plot and --output png"),
        (["good.yaml", "--output=plot", "--size=80"], 2, "--size: '80' is no size such as 1200x800"),
        (["good.yaml", "--output=plot", "--size=8x20"], 2, "--size: from 40x10 to 1000x1000 can be drawn"),
        (["good.yaml", "--output=png", "--file=x.png", "--size=99999x200"], 2, "--size: from 200x120 to 5000x5000 can be drawn"),
        (["usage.yaml", "--output=png", "--file=x.png", "--size=300x300"], 2, "--size: from 200x360 to 5000x5000 can be drawn"),
        (["good.yaml", "--output=png", "--file=none/x.png"], 1, "--file: none/x.png cannot be written: No such file or directory"),
        (["good.yaml", "--output=gif"], 2, "--output: 'gif' is none of text, json, csv, plot, png"),
        (["wrong.yaml"], 1, 'wrong.yaml, document 1: Metric "good": $.spec.path: is required; metric lint tells more'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_previews_in_vain(files: Path, capsys: pytest.CaptureFixture[str], argv: list[str], code: int, text: str) -> None:
    (files / "wrong.yaml").write_text(METRIC.replace("path:", "paths:"))
    found, out, err = run(capsys, "preview", *argv)
    assert (found, out) == (code, "")
    assert text in err


@pytest.mark.parametrize(("output", "module"), [("plot", "plotext"), ("png", "matplotlib")])
def test_what_draws_may_be_missing(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, output: str, module: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    argv = ["preview", f"--output={output}", "usage.yaml", *(["--file=out.png"] if output == "png" else [])]
    code, out, err = run(capsys, *argv)
    assert (code, out) == (1, "")
    assert err == f"kwok-controller: --output {output}: {module} is not installed, which draws: pip install 'kwok-controller[plot]'\n"
    assert not (files / "out.png").exists()


@pytest.mark.parametrize("command", ["lint", "show", "preview"])
def test_something_has_to_be_named(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, _, err = run(capsys, command)
    assert code == 2
    assert f"metric {command} needs metrics or usages" in err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ([], ["--help"]):
        code, out, _ = run(capsys, *argv)
        assert code == 0
        assert all(f"\n  {name}" in out for name in ("sets", "show", "lint", "preview"))
    for command in ("sets", "show", "lint"):
        code, out, _ = run(capsys, command, "--help")
        assert code == 0
        assert f"Usage:\n  kwok-controller metric {command} [--output " in out
    code, out, _ = run(capsys, "preview", "-h")
    assert code == 0
    flags = ("node", "pod", "at", "from", "to", "step", "seed", "usage-trace", "metric", "path", "output", "file", "size")
    assert all(f"--{name} " in out for name in flags)
    assert run(capsys, "fly")[0] == 2


def test_running_the_controller_imports_none_of_it() -> None:
    code = "import sys; import kwok_controller.cli.run; print([name for name in sys.modules if 'kwok_controller.monitoring' in name])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
