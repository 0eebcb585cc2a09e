# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``make test`` says in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools/summary.py"
FAILED = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'


def summary(directory: Path) -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, str(TOOL), str(directory)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("outcome", "code", "last"), [("done", 0, "1 passed, 0 failed, 0 skipped"), ("FAILED", 1, "0 passed, 1 failed, 0 skipped")]
)
def test_a_target_is_a_test(tmp_path: Path, outcome: str, code: int, last: str) -> None:
    (tmp_path / "integration").mkdir()
    (tmp_path / "integration/targets.tsv").write_text(f"{outcome}\t7\tkwok_cluster\tTASK [a] it is not\n")
    (tmp_path / "stages.tsv").write_text(f"{outcome}\t7\tansible-test integration\n")
    found = summary(tmp_path)
    assert (found[0], found[1][-1]) == (code, last)
    if code:
        assert found[1][found[1].index("FAILED integration kwok_cluster") + 1] == "    TASK [a] it is not"
    else:
        assert not any(line.startswith("FAILED") for line in found[1])


def test_a_failure_elsewhere_counts_whatever_the_stages_say(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text(FAILED)
    (tmp_path / "stages.tsv").write_text("done\t7\tansible-test integration\ndone\t1\tUnit tests\n")
    assert summary(tmp_path)[0] == 1


def test_why_a_test_failed_stands_below_its_name(tmp_path: Path) -> None:
    failed = '<testcase classname="t" name="a"><failure message="Hang: more&#10;than 1 s">a long trace</failure></testcase>'
    (tmp_path / "controller.xml").write_text(f"<testsuite>{failed}</testsuite>")
    (tmp_path / "stages.tsv").write_text("FAILED\t7\tTests of the controller\n")
    said = summary(tmp_path)[1]
    assert said[said.index("FAILED controller t::a") + 1] == "    Hang: more than 1 s"
