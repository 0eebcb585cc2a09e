# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation says can be done, and covers what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:^\s*(?:\$ )?|`)make ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)", re.MULTILINE)


def guides(root: Path) -> list[Path]:
    """The pages written for people, in Markdown."""
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]


def fenced(text: str) -> str:
    """Code of a page: its fenced blocks, and its code spans with their backticks."""
    return "\n".join(re.findall(r"^```.*?\n(.*?)^```", text, re.DOTALL | re.MULTILINE) + re.findall(r"`[^`\n]+`", text))


def targets(root: Path) -> set[str]:
    """The targets of the Makefile that people call."""
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (root / "Makefile").read_text(), re.MULTILINE))


def test_make_targets_that_are_named_exist(root: Path) -> None:
    named = {target for page in guides(root) for call in MAKE.findall(fenced(page.read_text())) for target in call.split()}
    assert {"site", "test", "clean-cluster"} <= named, "the README opens with these"
    assert named <= targets(root)


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    for page in guides(root):
        for link in LINK.findall(page.read_text()):
            path = link.split("#")[0]
            if path and "://" not in path and not path.startswith("mailto:"):
                assert (page.parent / path).exists(), f"{page.relative_to(root)} links to {link}"


def test_every_module_has_an_entry_in_the_guides(root: Path, modules: list[str]) -> None:
    text = "\n".join(page.read_text() for page in guides(root))
    assert [name for name in modules if not re.search(rf"\b{name}\b", text)] == []


def test_readme_lists_every_module_and_role(root: Path, modules: list[str]) -> None:
    text = (root / "README.md").read_text()
    roles = [path.name for path in (root / "roles").iterdir() if path.is_dir()]
    assert [name for name in modules + roles if f"`{name}`" not in text and f"`kwok.sim.{name}`" not in text] == []


def test_every_module_and_role_has_an_integration_target(root: Path, modules: list[str]) -> None:
    wanted = modules + [f"role_{path.name}" for path in (root / "roles").iterdir() if path.is_dir()]
    present = {path.parent.name for path in (root / "tests/integration/targets").glob("*/aliases")}
    assert [name for name in wanted if name not in present] == []


@pytest.mark.parametrize("playbook", ["site", "teardown"])
def test_playbooks_of_the_makefile_exist(root: Path, playbook: str) -> None:
    assert (root / "playbooks" / f"{playbook}.yml").is_file()
    assert f"ansible-playbook kwok.sim.{playbook} " in (root / "Makefile").read_text()
