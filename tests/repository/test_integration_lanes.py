# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tool that runs integration targets several at a time, on a program that stands for ansible-test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "integration.py"

# Knows six targets; prints what it is run with and where, and fails where the name says so, after what is ignored and what is rescued.
# With MEETING it waits for another that runs at the same time.
ANSIBLE_TEST = f"""#!{sys.executable}
import os, sys, time
from pathlib import Path
if "--list-targets" in sys.argv:
    print("kwok_a", "kwok_fails", "kwok_z", "role_b", "runtime_c", "runtime_d", sep="\\n")
    sys.exit()
target = sys.argv[-1]
print(target, *sys.argv[1:-1])
if meeting := os.environ.get("MEETING"):
    Path(meeting, target).touch()
    ends = time.monotonic() + 30
    while len(os.listdir(meeting)) < 2 and time.monotonic() < ends:
        time.sleep(0.01)
    sys.exit(len(os.listdir(meeting)) < 2)
print("in", os.getcwd())
if target == "kwok_fails":
    print("TASK [Try it] ***", "fatal: [h]: no", "...ignoring", "", "TASK [Refuse it] ***", "fatal: [h]: refused", "", sep="\\n")
    print("TASK [Count] ***", "fatal: [h]: 2 of 3", "", "RUNNING HANDLER [Clean up] ***", "changed: [h]", "PLAY RECAP ***", sep="\\n")
    sys.exit(1)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one file, and the program beside it."""
    source, program = tmp_path / "source", tmp_path / "bin" / "ansible-test"
    source.mkdir()
    program.parent.mkdir()
    program.write_text(ANSIBLE_TEST, encoding="utf-8")
    program.chmod(0o755)
    subprocess.run(["git", "init", "--quiet"], cwd=source, check=True)
    (source / "file").write_text("text", encoding="utf-8")
    return source


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool, with a home of its own."""
    root = checkout.parent
    places = ["--source", checkout, "--tree", root / "test/ansible_collections/kwok/sim", "--results", root / "results"]
    path = f"{root / 'bin'}:{os.environ['PATH']}"
    command = [sys.executable, str(TOOL), *map(str, places), *arguments]
    return subprocess.run(
        command, env={**os.environ, "PATH": path, "HOME": str(root / "home")}, check=False, capture_output=True, text=True
    )


def test_all_are_run_roles_first_each_lane_in_a_tree_of_its_own(checkout: Path) -> None:
    done = run(checkout, "--lanes", "2", "role_b", "kwok_a", "kwok_z", "--", "-v")
    assert done.returncode == 0, done.stderr
    begun = [line.split()[1].rstrip(":") for line in done.stdout.splitlines() if line.endswith("of 3)")]
    assert begun == ["role_b", "kwok_a", "kwok_z"]
    assert "role_b integration --color no --python" in done.stdout
    assert " -v\n" in done.stdout
    trees = {Path(line.removeprefix("in ")) for line in done.stdout.splitlines() if line.startswith("in ")}
    assert len(trees) == 2
    assert all((tree / "file").read_text(encoding="utf-8") == "text" for tree in trees)
    assert sorted(path.name for path in (checkout.parent / "results").iterdir()) == [
        "kwok_a.log",
        "kwok_z.log",
        "role_b.log",
        "targets.tsv",
    ]


def test_lanes_work_at_the_same_time(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout.parent / "meeting").mkdir()
    monkeypatch.setenv("MEETING", str(checkout.parent / "meeting"))
    done = run(checkout, "--lanes", "2", "kwok_a", "role_b")
    assert done.returncode == 0, done.stdout


def test_container_engines_take_turns(checkout: Path) -> None:
    done = run(checkout, "--lanes", "3", "kwok_a", "runtime_c", "runtime_d")
    assert done.returncode == 0, done.stdout
    said = [line for line in done.stdout.splitlines() if line.startswith("--- runtime_")]
    assert [line.split(":")[0][-1] for line in said] in (["c", "c", "d", "d"], ["d", "d", "c", "c"])


def test_one_that_fails_does_not_keep_others_from_running(checkout: Path) -> None:
    done = run(checkout, "--lanes", "1")
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()[-6:]].count("FAILED") == 1
    assert sum(" done after " in line for line in done.stdout.splitlines()) == 5


def test_what_ended_a_target_is_told_again_at_the_end(checkout: Path) -> None:
    done = run(checkout, "--lanes", "1", "kwok_fails", "kwok_z")
    assert done.stdout.splitlines()[-5:-2] == ["--- kwok_fails failed in", "TASK [Count] ***", "fatal: [h]: 2 of 3"]
    table = (checkout.parent / "results/targets.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0::2] for line in table] == [["FAILED", "kwok_fails"], ["done", "kwok_z"]]
    assert table[0].endswith("\tTASK [Count] *** fatal: [h]: 2 of 3")


def test_a_target_that_is_not_there_is_named(checkout: Path) -> None:
    done = run(checkout, "kwok_a", "kwok_b")
    assert done.returncode == 2
    assert "no integration targets kwok_b; there are kwok_a, kwok_fails, kwok_z, role_b, runtime_c, runtime_d" in done.stderr


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")
def test_the_key_of_ansible_test_is_there_before_several_make_it(checkout: Path) -> None:
    key = checkout.parent / "home/.ansible/test/id_rsa"
    for made in (None, key):
        text = made and made.read_text(encoding="utf-8")
        assert run(checkout, "kwok_a").returncode == 0
        assert "PRIVATE KEY" in key.read_text(encoding="utf-8")
        assert text in (None, key.read_text(encoding="utf-8"))
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.with_suffix(".pub").exists()
