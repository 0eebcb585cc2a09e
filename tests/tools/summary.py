# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what ``make test`` found: each stage with its time, the tests that failed and why, and the counts as the last line.

Usage: ``summary.py DIRECTORY``. Reads what the stages leave in the directory: ``stages.tsv`` (outcome, seconds, title), pytest's
``*.xml``, ``sanity/*.xml`` with one file for each sanity test, and ``integration/targets.tsv`` (outcome, seconds, target, reason), where
a target counts as one test. Exit code 1 if anything failed or nothing was tested.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET


def outcome(case: ET.Element) -> str:
    """``failed``, ``skipped`` or ``passed``."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


MESSAGE_LENGTH = 400
"""Characters of why a test failed; what it printed stands above."""


def reason(case: ET.Element) -> str:
    """Why a test case failed, on one line; empty if it did not or does not say so."""
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


def results(directory: Path) -> list[Result]:
    """What was tested."""
    found = []
    for path in sorted(directory.rglob("*.xml")):
        kind = path.stem if path.parent == directory else path.parent.name
        cases = ET.parse(path).getroot().iter("testcase")
        found += [Result(kind, f"{case.get('classname')}::{case.get('name')}", outcome(case), reason(case)) for case in cases]
    targets = directory / "integration/targets.tsv"
    for line in targets.read_text(encoding="utf-8").splitlines() if targets.exists() else ():
        how, _seconds, target, why = line.split("\t", 3)
        found.append(Result("integration", target, "passed" if how == "done" else "failed", why[:MESSAGE_LENGTH]))
    return found


def main(directory: Path) -> int:
    """Print the summary; returns the exit code."""
    stages = [line.split("\t") for line in (directory / "stages.tsv").read_text().splitlines()]
    found = results(directory)
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
