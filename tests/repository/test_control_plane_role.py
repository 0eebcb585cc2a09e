# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role control_plane passes every option of kwok_cluster on, and describes it as the module does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ansible_collections.kwok.sim.plugins.module_utils._cluster.spec import CLUSTER_ARGUMENTS

ROLE = Path(__file__).parents[2] / "roles" / "control_plane"


def load(path: str) -> Any:
    """A YAML file of the role."""
    return yaml.safe_load((ROLE / path).read_text(encoding="utf-8"))


def test_clusters_have_the_options_of_the_module() -> None:
    options = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]["control_plane_clusters"]["options"]
    described = {name: (option["type"], option.get("elements")) for name, option in options.items()}
    assert described == {name: (argument.get("type", "str"), argument.get("elements")) for name, argument in CLUSTER_ARGUMENTS.items()}


def test_every_option_is_passed_on() -> None:
    task = next(task for task in load("tasks/cluster.yml") if "kwok.sim.kwok_cluster" in task)
    assert set(task["kwok.sim.kwok_cluster"]) == set(CLUSTER_ARGUMENTS)


def test_default_versions_are_those_of_the_module() -> None:
    defaults = load("defaults/main.yml")
    for option in ("kube_version", "etcd_version"):
        assert defaults[f"control_plane_{option}"] == CLUSTER_ARGUMENTS[option]["default"]
