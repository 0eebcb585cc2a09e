# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What galaxy.yml, meta/ and the requirements say agrees with what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted(path.name for path in (Path(__file__).resolve().parents[2] / "roles").iterdir() if path.is_dir())


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def requirements(path: Path) -> dict[str, str]:
    """Requirement lines of a pip file, as project to version specifiers; comments and included files are left out."""
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    matches = (re.match(r"([A-Za-z0-9._-]+)\s*(.*)", line) for line in lines if line and not line.startswith("-"))
    return {match[1].lower(): match[2] for match in matches if match}


def test_action_group_has_every_module(root: Path, modules: list[str]) -> None:
    assert load(root / "meta/runtime.yml")["action_groups"]["kwok"] == modules


@pytest.mark.parametrize("role", ROLES)
def test_role_defaults_agree_with_argument_specs(root: Path, role: str) -> None:
    defaults = load(root / "roles" / role / "defaults/main.yml") or {}
    options = load(root / "roles" / role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: option["default"] for name, option in options.items() if "default" in option} == defaults


@pytest.mark.parametrize("role", ROLES)
def test_role_entry_points_agree_on_defaults(root: Path, role: str) -> None:
    defaults = load(root / "roles" / role / "defaults/main.yml") or {}
    for entry_point in load(root / "roles" / role / "meta/argument_specs.yml")["argument_specs"].values():
        stated = {name: option["default"] for name, option in (entry_point.get("options") or {}).items() if "default" in option}
        assert stated == {name: defaults.get(name) for name in stated}


def test_what_modules_need_is_said_once(root: Path) -> None:
    assert requirements(root / "roles/control_plane/files/requirements.txt") == requirements(root / "requirements.txt")


def test_execution_environment_names_files_that_are_shipped(root: Path, built: list[str]) -> None:
    dependencies = load(root / "meta/execution-environment.yml")["dependencies"]
    assert set(dependencies.values()) <= set(built)
    assert dependencies["python"] == "requirements.txt"


def test_ansible_core_of_the_set_up_is_one_that_the_collection_supports(root: Path) -> None:
    supported = load(root / "meta/runtime.yml")["requires_ansible"]
    assert requirements(root / "requirements/site.txt")["ansible-core"].startswith(f"{supported},")


def test_no_dependencies_on_other_collections(root: Path) -> None:
    galaxy = load(root / "galaxy.yml")
    assert (galaxy["namespace"], galaxy["name"]) == ("kwok", "sim")
    assert not galaxy["dependencies"], "the set-up installs nothing with ansible-galaxy"


def test_changelog_fragments_are_yaml_of_known_sections(root: Path) -> None:
    config = load(root / "changelogs/config.yaml")
    known = {section for section, title in config["sections"]} | {config["prelude_section_name"], config["trivial_section_name"]}
    for path in (root / "changelogs/fragments").glob("*.y*ml"):
        assert set(load(path)) <= known, path.name
