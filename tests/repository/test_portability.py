# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing in the repository depends on the machine or the network it was written on."""

from __future__ import annotations

import re
from pathlib import Path

# Put together here, so that this file does not name them itself. Where packages come from is the user's choice, in the settings of
# pip, go and apt.
REGISTRIES = [
    f"{host}.{domain}"
    for host, domain in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("proxy.golang", "org"),
        ("sum.golang", "org"),
        ("goproxy", "io"),
        ("goproxy", "cn"),
        ("registry.npmjs", "org"),
        ("deb.debian", "org"),
        ("archive.ubuntu", "com"),
        ("index.crates", "io"),
        ("repo.maven.apache", "org"),
    ]
]


def occurrences(root: Path, files: list[Path], pattern: str) -> list[str]:
    """Where a pattern is found in the text files, as ``path:line``."""
    found = []
    for path in files:
        try:
            lines = (root / path).read_text().splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path}:{number}" for number, line in enumerate(lines, 1) if re.search(pattern, line)]
    return found


def test_no_package_registry_is_named(root: Path, files: list[Path]) -> None:
    assert occurrences(root, files, "|".join(map(re.escape, REGISTRIES))) == []


def test_no_path_of_the_machine_is_named(root: Path, files: list[Path]) -> None:
    homes = {"/root", str(Path.home()), str(root)} - {"/"}
    assert occurrences(root, files, "|".join(rf"(?<![\w.]){re.escape(home)}/" for home in sorted(homes))) == []


def test_no_file_is_too_large_for_review(root: Path, files: list[Path]) -> None:
    assert [str(path) for path in files if (root / path).stat().st_size > 256 * 1024] == []
