# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the repository share: its root, its files, and the collection as ansible-galaxy builds it."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def files(root: Path) -> list[Path]:
    """The files that are, or could be, committed, relative to the root; links are left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    output = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    paths = sorted({Path(name) for name in output.split("\0") if name})
    return [path for path in paths if (root / path).is_file() and not (root / path).is_symlink()]


@pytest.fixture(scope="session")
def modules(root: Path) -> list[str]:
    """The names of the collection's modules."""
    names = sorted(path.stem for path in (root / "plugins/modules").glob("*.py") if path.stem != "__init__")
    assert names
    return names


@pytest.fixture(scope="session")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in the collection that ``ansible-galaxy collection build`` makes."""
    target = tmp_path_factory.mktemp("built")
    program = Path(sys.executable).with_name("ansible-galaxy")
    subprocess.run([program, "collection", "build", "--output-path", target, root], check=True, capture_output=True)
    (archive,) = target.glob("kwok-sim-*.tar.gz")
    with tarfile.open(archive) as tar:
        return [member.name for member in tar.getmembers() if not member.isdir()]
