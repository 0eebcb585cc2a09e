# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import kwok_controller
from kwok_controller.api.crds import crds
from kwok_controller.cli.main import COMMANDS, main

CONTROLLER = Path(kwok_controller.__file__).parents[2]


def test_help_lists_commands_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for expected in (*COMMANDS, "--manage-all-nodes\n", "-c, --config strings", "-v, --v string", "--seed int"):
        assert expected in out
    assert "disregard" not in out  # deprecated


@pytest.mark.parametrize("argv", [["--version"], ["run", "--version"]])
def test_the_version_is_shown(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    assert capsys.readouterr().out.startswith(f"kwok-controller version {kwok_controller.__version__} ")


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["--nonsense"], 2, "kwok-controller: unknown flag --nonsense"),
        (["frobnicate"], 2, "kwok-controller: unknown command 'frobnicate': see --help"),
        (["--manage-all-nodes", "false"], 2, "kwok-controller: unknown command 'false'"),
        (["--manage-all-nodes", "--config=/none/such.yaml"], 1, "kwok-controller: --config: /none/such.yaml"),
        (["crds", "--kind=Stages"], 2, "kwok-controller: --kind: 'Stages' is no kind of the group: give some of "),
        (["crds", "Stage"], 2, "kwok-controller: crds takes no argument 'Stage'"),
    ],
)
def test_errors_are_one_line_and_have_their_exit_code(argv: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1


def test_crds_are_printed_as_a_stream(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crds"]) == 0
    out = capsys.readouterr().out
    assert list(yaml.safe_load_all(out)) == crds()
    assert "&id" not in out


def test_crds_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crds", "--kind=Stage,Metric", "--kind", "Logs"]) == 0
    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    assert {crd["spec"]["names"]["kind"] for crd in printed} == {"Stage", "Metric", "Logs"}


def command(*argv: str) -> list[str]:
    return [sys.executable, "-m", "kwok_controller", *argv]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CONTROLLER / "src")}


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen(command("crds"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


def test_help_imports_nothing_that_only_a_run_needs() -> None:
    code = (
        "import sys; from kwok_controller.cli.main import main; main(['--help']);"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    heavy = {"uvicorn", "difflib", "uvloop", "cel", "jaq", "prometheus_client", "opentelemetry", "grpc", "ryml", "yaml", "httptools"}
    assert not heavy & set(done.stderr.split())


def test_the_package_agrees_with_its_description() -> None:
    project = tomllib.loads((CONTROLLER / "pyproject.toml").read_text())["project"]
    assert project["version"] == kwok_controller.__version__
    assert project["scripts"]["kwok-controller"] == "kwok_controller.cli.main:main"
