# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from kwok_controller.cli.main import main
from kwok_controller.monitoring.trace_sets import SETS

SHOP = "online-shop"


def test_the_sets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "sets"]) == 0
    assert capsys.readouterr().out.startswith(f"{SHOP} (WorkloadTrace)\n  A shop of eleven services")
    assert main(["trace", "sets", "--output", "json"]) == 0
    (shop,) = json.loads(capsys.readouterr().out)
    assert (shop["name"], shop["objects"]) == (SHOP, [SHOP])


def test_a_set_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "show", SHOP]) == 0
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == SETS.objects(SHOP)


def test_lint_tells_what_is_wrong_and_what_it_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop,) = SETS.objects(SHOP)
    shop["spec"]["services"][1]["operations"][0]["calls"] = [{"service": "frontend", "operation": "home"}]
    (tmp_path / "a.json").write_text(json.dumps(shop))
    (tmp_path / "b.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n---\napiVersion: kwok.x-k8s.io/v1alpha1\n")
    assert main(["trace", "lint", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    where = "spec.services[1].operations[0].calls[0]: error: closes a circle"
    assert f"a.json:1: WorkloadTrace online-shop: {where}, and requests would never end: frontend home → accounts session" in captured.out
    assert "b.yaml, document 1: skipped: Pod is no WorkloadTrace\n" in captured.err
    assert captured.err.endswith("1 object: 1 error, 0 warnings\n")


def test_warnings_are_errors_where_it_is_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop,) = SETS.objects(SHOP)
    shop["spec"]["limits"] = {"depth": 2}
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(shop))
    assert main(["trace", "lint", str(file)]) == 0
    capsys.readouterr()
    assert main(["trace", "lint", "--strict", "--output=json", str(file)]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert {each["rule"] for each in findings} == {"limit"}


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["lint"], 2, "trace lint needs workload traces: name files, directories or sets"),
        (["show", "usage-ramp"], 1, "usage-ramp: is neither a file nor a directory, nor one of the sets: online-shop"),
        (["draw"], 2, "trace: 'draw' is no command: there are sets, show, lint"),
        (["sets", SHOP], 2, "trace sets takes no argument 'online-shop': trace show prints the objects of a set"),
    ],
)
def test_errors(argv: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", *argv]) == code
    assert capsys.readouterr().err == f"kwok-controller: {message}\n"
