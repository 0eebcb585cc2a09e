# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules that ship with the role prometheus: each alert is tried out, firing and not, and described.

That promtool finds the same is for the integration target role_prometheus.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from ansible_collections.kwok.sim.plugins.module_utils._artifacts.catalogue import PROMETHEUS_VERSION
from kwok_controller.telemetry.metrics import PREFIX, Metrics
from kwok_controller.telemetry.workload_metrics import WorkloadMetrics

ROOT = Path(__file__).parents[2]
ROLE = ROOT / "roles/prometheus"
TESTS = ROOT / "tests/integration/targets/role_prometheus/files/rule_tests"
FILES = sorted(path.stem for path in (ROLE / "files/rules").glob("*.yml"))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(file: str, kind: str) -> list[dict[str, Any]]:
    """The rules of a file that record, or that alert."""
    return [rule for group in load(ROLE / f"files/rules/{file}.yml")["groups"] for rule in group["rules"] if kind in rule]


def cases(file: str) -> list[dict[str, Any]]:
    """What the tests of a file expect of alerts."""
    return [case for test in load(TESTS / f"{file}.yml")["tests"] for case in test.get("alert_rule_test", ())]


def test_the_files_are_those_that_can_be_chosen() -> None:
    option = load(ROLE / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]["prometheus_shipped_rules"]
    assert FILES
    assert option["choices"] == option["default"] == FILES


def test_the_version_is_that_of_the_catalogue() -> None:
    assert load(ROLE / "defaults/main.yml")["prometheus_version"] == PROMETHEUS_VERSION


@pytest.mark.parametrize("file", FILES)
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(file: str) -> None:
    alerts = {rule["alert"] for rule in rules(file, "alert")}
    assert alerts
    assert {case["alertname"] for case in cases(file) if case.get("exp_alerts")} == alerts
    assert {case["alertname"] for case in cases(file) if not case.get("exp_alerts")} == alerts


@pytest.mark.parametrize("file", FILES)
def test_each_alert_says_how_bad_it_is_and_what_is_wrong(file: str) -> None:
    for rule in rules(file, "alert"):
        assert rule["labels"].keys() == {"severity"}, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]
        assert all(text.endswith(".") for text in rule["annotations"].values()), rule["alert"]


def test_names_are_given_once_and_tell_what_they_are_of() -> None:
    recorded = [rule["record"] for file in FILES for rule in rules(file, "record")]
    assert [name for name in recorded if not re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", name)] == []
    assert len(set(recorded)) == len(recorded)
    alerts = [rule["alert"] for file in FILES for rule in rules(file, "alert")]
    assert len(set(alerts)) == len(alerts)


def test_the_controller_has_the_metrics_that_rules_name() -> None:
    registry = CollectorRegistry()
    Metrics(registry, process=False)
    WorkloadMetrics(registry, lambda: 0.0)
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    there = {family.name + suffix for family in registry.collect() for suffix in suffixes[family.type]}
    expressions = [rule["expr"] for file in FILES for kind in ("record", "alert") for rule in rules(file, kind)]
    # Recorded ones have colons.
    named = {name for expr in expressions for name in re.findall(rf"(?<![:\w]){PREFIX}_\w+(?![:\w])", expr)}
    assert named
    assert named - there == set()


def test_the_guide_names_every_alert_and_no_other() -> None:
    table = (ROOT / "docs/guides/prometheus.md").read_text(encoding="utf-8").split("## Rules and alerts")[1].split("\n\n")[2]
    rows = dict(re.findall(r"^\| `([a-z]+)` \|.*\| (.*) \|$", table, re.MULTILINE))
    named = {file: re.findall(r"`([A-Za-z]+)`", text) for file, text in rows.items()}
    assert named == {file: [rule["alert"] for rule in rules(file, "alert")] for file in FILES}
