# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what ``make test`` found: each stage with its time, the tests that failed and why, and the counts as the last line.

Usage: ``summary.py DIRECTORY``. Reads what the stages leave in the directory: ``stages.tsv`` (outcome, seconds, title), pytest's
``*.xml``, ``sanity/*.xml`` with one file for each sanity test, and ``integration/*.xml`` with one file for each run of a target,
which counts as one test. Exit code 1 if anything failed or nothing was tested.

Ansible's JUnit callback takes a task that failed and was rescued, as a test of a refusal is, for a failure. Whether targets failed is
for ansible-test to say: where its stage is done, none did.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET


def outcome(elements: list[ET.Element]) -> str:
    """``failed``, ``skipped`` or ``passed`` for test cases that count as one."""
    if any(case.find("failure") is not None or case.find("error") is not None for case in elements):
        return "failed"
    return "skipped" if all(case.find("skipped") is not None for case in elements) else "passed"


INTEGRATION = "ansible-test integration"
"""Title of the stage in the Makefile."""


MESSAGE_LENGTH = 400
"""Characters of why a test failed; what it printed stands above."""


def reason(elements: list[ET.Element]) -> str:
    """Why test cases that count as one failed, on one line; empty if none did or none says so."""
    for case in elements:
        for element in (case.find("failure"), case.find("error")):
            if element is not None:
                return " ".join((element.get("message") or element.text or "").split())[:MESSAGE_LENGTH]
    return ""


class Result(NamedTuple):
    """What became of a test.

    Attributes:
        kind: The stage's short name, such as ``unit``.
        name: The test's.
        outcome: ``failed``, ``skipped`` or ``passed``.
        reason: Why it failed.
    """

    kind: str
    name: str
    outcome: str
    reason: str


def results(directory: Path, *, rescued: bool) -> list[Result]:
    """What was tested. ``rescued``: failures of integration tests were meant to be."""
    found = []
    for path in sorted(directory.rglob("*.xml")):
        cases = list(ET.parse(path).getroot().iter("testcase"))
        kind = path.stem if path.parent == directory else path.parent.name
        if kind == "integration":
            # The playbook of a target is called after it, with a random suffix.
            how = outcome(cases)
            found.append(Result(kind, path.stem.rsplit("-", 2)[0], "passed" if rescued and how == "failed" else how, reason(cases)))
        else:
            found += [Result(kind, f"{case.get('classname')}::{case.get('name')}", outcome([case]), reason([case])) for case in cases]
    return found


def main(directory: Path) -> int:
    """Print the summary; returns the exit code."""
    stages = [line.split("\t") for line in (directory / "stages.tsv").read_text().splitlines()]
    found = results(directory, rescued=any(stage[0] == "done" and stage[2] == INTEGRATION for stage in stages))
    for how, seconds, title in stages:
        print(f"{how:8} {seconds:>5} s  {title}")
    for kind in sorted({test.kind for test in found}):
        counts = Counter(test.outcome for test in found if test.kind == kind)
        print(f"{kind}: " + ", ".join(f"{counts[result]} {result}" for result in ("passed", "failed", "skipped")))
    for test in found:
        if test.outcome == "failed":
            print(f"FAILED {test.kind} {test.name}")
            if test.reason:
                print(f"    {test.reason}")
    counts = Counter(test.outcome for test in found)
    broken = [stage[2] for stage in stages if stage[0] != "done"]
    if broken and not counts["failed"]:
        print(f"FAILED without a failed test: {', '.join(broken)}")
    else:
        print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if broken or counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
