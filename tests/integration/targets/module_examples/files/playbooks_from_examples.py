# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes a playbook for each module from the EXAMPLES in its documentation, and one from the README's example.

Called with the directory to write to; prints the playbooks' paths.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

# Their examples speak of a cluster that is there.
NEEDS_CLUSTER = (
    *("kwok_cluster_info", "kwok_crd", "kwok_etcdctl", "kwok_kubectl", "kwok_metric", "kwok_nodes", "kwok_resource_usage", "kwok_scale"),
    *("kwok_stage", "kwok_trace"),
)
# And these of a controller that has joined it.
NEEDS_CONTROLLER = ("kwok_crd", "kwok_metric", "kwok_resource_usage", "kwok_stage", "kwok_trace")

# What a reader has typed before: the cluster of the examples, by the default name.
CLUSTER = {"name": "Have the cluster that the examples speak of", "kwok.sim.kwok_cluster": {}}

# And the controller, from the sources of this collection; installed once for all targets.
CONTROLLER: dict[str, Any] = {
    "name": "Have the controller that the examples speak of",
    "ansible.builtin.include_role": {"name": "kwok.sim.controller"},
    "vars": {
        "controller_source": "path",
        "controller_install_dir": "{{ lookup('ansible.builtin.env', 'XDG_CACHE_HOME') }}/kwok-sim/test-controllers",
    },
}

REMOVE_ALL = [
    {"name": "See which clusters are left", "kwok.sim.kwok_cluster_info": {}, "register": "left"},
    {
        "name": "Remove them",
        "kwok.sim.kwok_cluster": {"name": "{{ item.name }}", "state": "absent"},
        "loop": "{{ left.clusters }}",
        "loop_control": {"label": "{{ item.name }}"},
    },
]


def examples(module: Path) -> list[dict[str, Any]]:
    """The tasks in a module's EXAMPLES."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "EXAMPLES":
            return list(yaml.safe_load(ast.literal_eval(node.value)))
    raise SystemExit(f"{module} has no EXAMPLES")


def play(name: str, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """A play that runs tasks on this host and leaves no cluster behind."""
    block = {"name": "The examples", "block": tasks, "always": REMOVE_ALL}
    return {
        "name": name,
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "tasks": [block],
    }


def find_collection() -> Path:
    """The collection's directory: ansible-test runs a copy of this file below it, which lacks what is no plugin and no test."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "README.md").is_file() and (parent / "plugins" / "modules").is_dir():
            return parent
    raise SystemExit("the collection's README.md is not above this file")


def main(target: Path) -> None:
    """Write the playbooks."""
    collection = find_collection()
    modules = sorted((collection / "plugins/modules").glob("kwok_*.py"))
    controller = {**CONTROLLER, "vars": {**CONTROLLER["vars"], "controller_path": str(collection / "controller")}}
    plays = {}
    for path in modules:
        before = [CLUSTER] * (path.stem in NEEDS_CLUSTER) + [controller] * (path.stem in NEEDS_CONTROLLER)
        plays[path.stem] = play(path.stem, before + examples(path))
    readme = (collection / "README.md").read_text(encoding="utf-8")
    for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)):
        for item in yaml.safe_load(text):
            plays[f"readme_{number}"] = play(f"README: {item['name']}", item["tasks"])
    if not plays:
        raise SystemExit("there are no examples")
    for name, item in plays.items():
        path = target / f"{name}.yml"
        path.write_text(json.dumps([item]), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
