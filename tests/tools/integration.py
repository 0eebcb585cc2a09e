# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run integration targets in several lanes at a time: much of a target's time is waiting for a control plane, which another can use.

Usage: ``integration.py [--lanes N] [--python VERSION] --source CHECKOUT --tree TREE --results DIRECTORY [TARGET ...] [-- OPTION ...]``.
Each lane has a tree of its own (``copy_tree.py``), as ansible-test writes into it, and takes the next target when it has done one.
Roles come first, as they take the longest. What a target prints goes into TARGET.log in the directory of results, and is printed when it
has ended; targets.tsv there has a line for each that has: ``done`` or ``FAILED``, seconds, name, and the task it ended with. What the
failed ones ended with is printed once more at the end. Options after ``--`` are for ansible-test. Exit code 1 if any target failed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FIRST = "role_"
ONE_AT_A_TIME = "runtime_"
"""Of targets with this beginning: each has a container engine of its own, and all of these change the host's one packet filter."""

TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \**$")
FAILED = re.compile(r"^(?:fatal|failed): \[")
IGNORED = "...ignoring"
RECAP = "PLAY RECAP "
LINES_OF_FAILURE = 40
"""So many lines of the task that ended a target are printed once more."""


class Done(NamedTuple):
    """A target that was run.

    Attributes:
        target: Its name.
        code: What ansible-test ended with.
        seconds: How long it took.
        failure: Lines of the task that ended it, its heading first; none where it passed, the last ones where no task did.
    """

    target: str
    code: int
    seconds: float
    failure: Sequence[str]

    @property
    def outcome(self) -> str:
        """As the Makefile calls it."""
        return "FAILED" if self.code else "done"


def main() -> int:
    """Run what is asked for; the exit code."""
    arguments = parse_arguments()
    lanes = [lane_tree(arguments.tree, number) for number in range(arguments.lanes)]
    for tree in lanes:
        subprocess.run([sys.executable, Path(__file__).with_name("copy_tree.py"), arguments.source, tree], check=True)
    make_key()
    known = targets_of(lanes[0])
    if unknown := set(arguments.targets) - set(known):
        print(f"There are no integration targets {', '.join(sorted(unknown))}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    wanted = arguments.targets or known
    waiting = deque(sorted(wanted, key=lambda name: (not name.startswith(FIRST), name)))
    command = ["ansible-test", "integration", "--color", "no", "--python", arguments.python, *arguments.options]
    done = run_all(lanes, waiting, command, arguments.results)
    return report(done)


def parse_arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description="Run integration targets, several at a time.")
    parser.add_argument("--lanes", type=int, default=3, help="so many at a time (default: 3; one takes some half of a core)")
    parser.add_argument("--python", default=f"{sys.version_info[0]}.{sys.version_info[1]}", help="for ansible-test")
    parser.add_argument("--source", type=Path, required=True, help="the checkout")
    parser.add_argument(
        "--tree", type=Path, required=True, help="where ansible-test accepts a collection; other lanes have theirs beside it"
    )
    parser.add_argument("--results", type=Path, required=True, help="where what they print and what became of them goes")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="which (default: all)")
    asked = sys.argv[1:]
    end = asked.index("--") if "--" in asked else len(asked)
    arguments = parser.parse_args(asked[:end])
    arguments.options = asked[end + 1 :]
    if arguments.lanes < 1:
        parser.error("--lanes: at least 1")
    return arguments


def lane_tree(tree: Path, number: int) -> Path:
    """The tree of a lane; ``tree`` itself for the first one. It has to end in ansible_collections/NAMESPACE/NAME."""
    root, inside = tree.parents[2], tree.relative_to(tree.parents[2])
    return tree if number == 0 else root.with_name(f"{root.name}-{number + 1}") / inside


def make_key() -> None:
    """Make the key pair that ansible-test makes where there is none, which several that begin at once would all try."""
    key = Path.home() / ".ansible/test/id_rsa"
    if not key.exists() and shutil.which("ssh-keygen"):
        key.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["ssh-keygen", "-m", "PEM", "-q", "-t", "rsa", "-N", "", "-f", key], check=True, stdin=subprocess.DEVNULL)


def targets_of(tree: Path) -> list[str]:
    """All targets that can be asked for, in the order of their names."""
    command = ["ansible-test", "integration", "--color", "no", "--list-targets"]
    listed = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return sorted(line.strip() for line in listed.stdout.splitlines() if line.strip())


def run_all(lanes: Sequence[Path], waiting: deque[str], command: Sequence[str], results: Path) -> list[Done]:
    """Run the targets that wait, one at a time in each lane."""
    results.mkdir(parents=True, exist_ok=True)
    (results / "targets.tsv").write_text("", encoding="utf-8")
    done: list[Done] = []
    count, printing, running = len(waiting), threading.Lock(), set[str]()
    changed = threading.Condition()

    def next_target() -> str | None:
        """The next that can be run beside the others; None when all are."""
        with changed:
            while waiting:
                busy = any(name.startswith(ONE_AT_A_TIME) for name in running)
                found = next((name for name in waiting if not (busy and name.startswith(ONE_AT_A_TIME))), None)
                if found is not None:
                    waiting.remove(found)
                    running.add(found)
                    return found
                changed.wait()
            return None

    def ended(target: str) -> None:
        with changed:
            running.discard(target)
            changed.notify_all()

    def work(tree: Path) -> None:
        while (target := next_target()) is not None:
            try:
                run_one(tree, target)
            finally:
                ended(target)

    def run_one(tree: Path, target: str) -> None:
        with printing:
            print(f"--- {target}: begun ({count - len(waiting)} of {count})", flush=True)
        began, log = time.monotonic(), results / f"{target}.log"
        with log.open("wb") as output:
            result = subprocess.run(
                [*command, target], cwd=tree, check=False, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        text = log.read_text(encoding="utf-8", errors="replace")
        one = Done(target, result.returncode, time.monotonic() - began, failure_in(text) if result.returncode else ())
        done.append(one)
        with printing:
            sys.stdout.write(text)
            print(f"--- {target}: {one.outcome} after {one.seconds:.0f} s", flush=True)
            with (results / "targets.tsv").open("a", encoding="utf-8") as table:
                reason = " ".join(" ".join(one.failure).split())
                table.write(f"{one.outcome}\t{one.seconds:.0f}\t{target}\t{reason}\n")

    threads = [threading.Thread(target=work, args=(tree,)) for tree in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def failure_in(text: str) -> Sequence[str]:
    """What ended a target, from all it printed. Failures that a task ignores or rescues came before: the last one is it."""
    lines = text.splitlines()
    heading, found = 0, -1
    for number, line in enumerate(lines):
        if line.startswith(RECAP):
            break
        if TASK.match(line):
            heading = number
        elif FAILED.match(line):
            found = heading
        elif line == IGNORED:
            found = -1
    if found < 0:
        return lines[-LINES_OF_FAILURE:]
    end = next(
        (number for number in range(found + 1, len(lines)) if TASK.match(lines[number]) or lines[number].startswith(RECAP)), len(lines)
    )
    return [line for line in lines[found:end] if line][:LINES_OF_FAILURE]


def report(done: Sequence[Done]) -> int:
    """Print what the failed ones ended with, and how long each took; 1 if any failed."""
    for each in done:
        if each.code:
            print("\n".join([f"--- {each.target} failed in", *each.failure]))
    for each in sorted(done, key=lambda each: -each.seconds):
        print(f"{each.outcome:6} {each.seconds:6.0f} s  {each.target}")
    return int(any(each.code for each in done))


if __name__ == "__main__":
    sys.exit(main())
