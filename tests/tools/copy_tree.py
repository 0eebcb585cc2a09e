# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the tree that ansible-test works on: a copy of the checkout below a directory ``ansible_collections``.

ansible-test accepts a collection only at a real path that ends in ``ansible_collections/<namespace>/<name>``, and takes
the list of its files from git. So the copy holds what git tracks or would offer to add, and is a git repository of its
own, since git would otherwise find the checkout around it, which ignores the copy.

Usage: ``copy_tree.py SOURCE TARGET``. Only what differs is written, so that an unchanged tree costs little.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

# The controller is a package of its own, with tests of its own; only what it is installed from is part of the collection.
EXCLUDED = ("controller/tests/", "controller/bench/")
# What belongs to the copy alone: its repository, and what ansible-test writes.
KEPT = (".git/", "tests/output/")


def listed(source: Path) -> set[str]:
    """Paths, relative to ``source``, of the files that are tracked or untracked and not ignored, and that exist."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    output = subprocess.run(command, cwd=source, check=True, capture_output=True, text=True).stdout
    names = {name for name in output.split("\0") if name and not name.startswith(EXCLUDED)}
    return {name for name in names if (source / name).is_symlink() or (source / name).is_file()}


def present(target: Path) -> set[str]:
    """Paths, relative to ``target``, of the files of the copy."""
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_symlink() or path.is_file()}
    return {name for name in found if not name.startswith(KEPT)}


def same(source: Path, target: Path) -> bool:
    """Whether the two are the same file as far as kind, mode, size, time and link target tell."""
    if source.is_symlink() or target.is_symlink():
        return source.is_symlink() and target.is_symlink() and source.readlink() == target.readlink()
    if not target.is_file():
        return False
    left, right = source.stat(), target.stat()
    return (left.st_mode, left.st_size, left.st_mtime_ns) == (right.st_mode, right.st_size, right.st_mtime_ns)


def copy(source: Path, target: Path) -> int:
    """Bring ``target`` in line with ``source``; returns the number of files written or removed."""
    target.mkdir(parents=True, exist_ok=True)
    wanted = listed(source)
    changed = 0
    for name in present(target) - wanted:
        (target / name).unlink()
        changed += 1
    for directory in sorted((path for path in target.rglob("*") if path.is_dir() and not path.is_symlink()), reverse=True):
        if not f"{directory.relative_to(target)}/".startswith(KEPT) and not any(directory.iterdir()):
            directory.rmdir()
    for name in sorted(wanted):
        if not same(source / name, target / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).unlink(missing_ok=True)
            shutil.copy2(source / name, target / name, follow_symlinks=False)
            changed += 1
    if not (target / ".git").exists():
        subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)
    return changed


if __name__ == "__main__":
    print(f"{copy(Path(sys.argv[1]), Path(sys.argv[2]))} files brought up to date in {sys.argv[2]}")
