# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role grafana agrees with the catalogue, its boards with boards/, with the rules of prometheus and with the controller's metrics.

What it does, and that every query has data, is for the integration target role_grafana.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.catalogue import GRAFANA_VERSION
from kwok_controller.kubelet.store import Store
from kwok_controller.telemetry.metrics import PREFIX, Metrics
from kwok_controller.telemetry.population_metrics import PopulationMetrics
from kwok_controller.telemetry.workload_metrics import WorkloadMetrics

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles/grafana"
BOARDS = sorted((ROLE / "files/boards").glob("*.json"))
RECORDED = re.compile(r"\b[a-z_]+:[a-z0-9_]+:[a-z0-9_]+\b")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def expressions() -> list[str]:
    """Every query of every board, and those that variables take their values from."""
    found = []
    for path in BOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        found += [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
        found += [item["query"] for item in board["templating"]["list"] if item["type"] == "query"]
        found += [item["expr"] for item in board["annotations"]["list"]]
    return found


def rules() -> list[dict[str, Any]]:
    files = sorted((ROOT / "roles/prometheus/files/rules").glob("*.yml"))
    return [rule for path in files for group in load(path)["groups"] for rule in group["rules"]]


def test_the_boards_are_those_that_boards_makes() -> None:
    command = [sys.executable, "-m", "boards", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_the_boards_are_those_that_can_be_chosen() -> None:
    option = load(ROLE / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]["grafana_shipped_boards"]
    assert option["choices"] == option["default"] == load(ROLE / "defaults/main.yml")["grafana_shipped_boards"]
    assert [f"kwok-sim-{name}" for name in sorted(option["choices"])] == [path.stem for path in BOARDS]


def test_the_version_is_that_of_the_catalogue() -> None:
    assert load(ROLE / "defaults/main.yml")["grafana_version"] == GRAFANA_VERSION


def test_recorded_series_that_boards_ask_for_are_recorded() -> None:
    there = {rule["record"] for rule in rules() if "record" in rule}
    named = {name for expression in expressions() for name in RECORDED.findall(expression)}
    assert len(named) > 30
    assert named - there == set()


def test_the_controller_has_the_metrics_that_boards_ask_for() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    WorkloadMetrics(registry, lambda: 0.0)
    PopulationMetrics(registry, Store())
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    there = {family.name + suffix for family in registry.collect() for suffix in suffixes[family.type]}
    named = {name for expression in expressions() for name in re.findall(rf"(?<![:\w]){PREFIX}_\w+(?![:\w])", expression)}
    assert len(named) > 10
    assert named - there == set()


@pytest.mark.parametrize(
    "renamed", ["apiserver_storage_objects", "apiserver_request_slo_duration", "scheduler_pod_scheduling_duration_seconds"]
)
def test_what_kubernetes_has_renamed_is_asked_through_rules_that_know_both_names(renamed: str) -> None:
    assert any(renamed in rule.get("expr", "") and " or " in rule["expr"] for rule in rules())
    newer = {
        "apiserver_storage_objects": "apiserver_resource_objects",
        "apiserver_request_slo_duration": "apiserver_request_sli_duration_seconds_",
        "scheduler_pod_scheduling_duration_seconds": "scheduler_pod_scheduling_sli_duration_seconds_",
    }[renamed]
    assert [text for text in expressions() if renamed in text or re.search(rf"(?<![:\w]){newer}", text)] == []


def test_the_guide_names_every_variable_and_no_other() -> None:
    variables = set(load(ROLE / "defaults/main.yml"))
    named = set(re.findall(r"`(grafana_[a-z_]+)`", (ROOT / "docs/guides/grafana.md").read_text(encoding="utf-8")))
    # The wait stands for what all roles have.
    assert variables - named == {"grafana_wait_timeout"}
    assert named - {"grafana_enabled", "grafana_result"} <= variables


def test_every_board_is_told_of_with_a_picture() -> None:
    page = (ROOT / "docs/observability.md").read_text(encoding="utf-8")
    for path in BOARDS:
        picture = f"pictures/{path.stem}.png"
        assert f"({picture})" in page
        assert 0 < (ROOT / "docs" / picture).stat().st_size < 150 * 1024
        assert json.loads(path.read_text(encoding="utf-8"))["title"] in page
