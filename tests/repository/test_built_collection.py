# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shipped: the collection as users get it."""

from __future__ import annotations

from pathlib import Path

import pytest

# What belongs to users; anything else at the root of the tarball is there by mistake.
SHIPPED = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "changelogs",
    "controller",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}


def test_holds_nothing_but_what_users_need(built: list[str]) -> None:
    assert {name.split("/")[0] for name in built} <= SHIPPED
    assert not [name for name in built if "__pycache__" in name or name.endswith((".pyc", ".gz"))]


@pytest.mark.parametrize("directory", ["plugins", "roles", "playbooks", "meta", "docs"])
def test_holds_every_file_of(directory: str, built: list[str], files: list[Path]) -> None:
    wanted = {str(path) for path in files if path.parts[0] == directory}
    assert wanted
    assert wanted <= set(built)


def test_holds_what_the_controller_is_installed_from(built: list[str], files: list[Path]) -> None:
    shipped = {name for name in built if name.startswith("controller/")} - {"controller/"}
    wanted = {
        str(path)
        for path in files
        if path.parts[:2] in [("controller", each) for each in ("src", "pyproject.toml", "README.md", "LICENSE")]
    }
    assert wanted
    assert wanted <= shipped
    assert not [name for name in shipped if name.startswith(("controller/tests", "controller/bench", "controller/."))]


def test_holds_what_licence_headers_name(built: list[str]) -> None:
    assert {"LICENSE", "LICENSES/GPL-3.0-or-later.txt"} <= set(built)
