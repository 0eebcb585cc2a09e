# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run integration targets in several lanes at a time: much of a target's time is waiting for a control plane, which another can use.

Usage: ``integration.py [--lanes N] [--python VERSION] --source CHECKOUT --tree TREE --results DIRECTORY [TARGET ...] [-- OPTION ...]``.
Each lane has a tree of its own (``copy_tree.py``), as ansible-test writes into it, and takes the next target when it has done one.
Roles come first, as they take the longest. What a target prints is printed when it has ended; its JUnit files go into the directory
of results. Options after ``--`` are for ansible-test. Exit code 1 if any target failed.
"""

from __future__ import annotations

import argparse
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
JUNIT = Path("tests/output/junit")


class Done(NamedTuple):
    """A target that was run.

    Attributes:
        target: Its name.
        code: What ansible-test ended with.
        seconds: How long it took.
    """

    target: str
    code: int
    seconds: float


def main() -> int:
    """Run what is asked for; the exit code."""
    arguments = parse_arguments()
    lanes = [lane_tree(arguments.tree, number) for number in range(arguments.lanes)]
    for tree in lanes:
        subprocess.run([sys.executable, Path(__file__).with_name("copy_tree.py"), arguments.source, tree], check=True)
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
    parser.add_argument("--results", type=Path, required=True, help="for JUnit files")
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


def targets_of(tree: Path) -> list[str]:
    """All targets that can be asked for, in the order of their names."""
    command = ["ansible-test", "integration", "--color", "no", "--list-targets"]
    listed = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return sorted(line.strip() for line in listed.stdout.splitlines() if line.strip())


def run_all(lanes: Sequence[Path], waiting: deque[str], command: Sequence[str], results: Path) -> list[Done]:
    """Run the targets that wait, one at a time in each lane."""
    results.mkdir(parents=True, exist_ok=True)
    done: list[Done] = []
    count, printing = len(waiting), threading.Lock()

    def work(tree: Path) -> None:
        while True:
            try:
                target = waiting.popleft()
            except IndexError:
                return
            with printing:
                print(f"--- {target}: begun ({count - len(waiting)} of {count})", flush=True)
            began = time.monotonic()
            ended = subprocess.run(
                [*command, target], cwd=tree, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
            seconds = time.monotonic() - began
            take_results(tree, results)
            done.append(Done(target, ended.returncode, seconds))
            with printing:
                sys.stdout.write(ended.stdout.decode("utf-8", "replace"))
                print(f"--- {target}: {'done' if ended.returncode == 0 else 'FAILED'} after {seconds:.0f} s", flush=True)

    threads = [threading.Thread(target=work, args=(tree,)) for tree in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def take_results(tree: Path, results: Path) -> None:
    """Move the JUnit files of a target to the others; those of ansible-test itself tell of nothing that was tested."""
    for path in (tree / JUNIT).glob("*.xml"):
        if not path.name.startswith("ansible-test-"):
            shutil.move(path, results / path.name)


def report(done: Sequence[Done]) -> int:
    """Print how long each took; 1 if any failed."""
    for each in sorted(done, key=lambda each: -each.seconds):
        print(f"{'done  ' if each.code == 0 else 'FAILED'} {each.seconds:6.0f} s  {each.target}")
    return int(any(each.code for each in done))


if __name__ == "__main__":
    sys.exit(main())
