# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layers of the collection: imports point down only, and what is meant to be pure can do no I/O."""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PREFIX = "ansible_collections.kwok.sim.plugins."

# What each part of module_utils may import of the rest. ``_cluster.component`` and ``_cluster.layout`` are the words that the parts
# speak in.
ALLOWED = {
    "_errors": (),
    "_files": ("_errors",),
    "_lock": (),
    "_artifacts": ("_errors", "_lock"),
    "_runtimes": ("_errors", "_files", "_cluster.component", "_cluster.layout"),
    "_objects": ("_errors",),
    "_kube": ("_errors", "_cluster.component", "_objects"),
    "_cluster": ("_errors", "_files", "_lock", "_artifacts", "_kube", "_runtimes"),
    "_tools": ("_errors", "_artifacts", "_cluster"),
    "_simulation": ("_errors", "_cluster", "_kube"),
    "_population": ("_errors", "_cluster", "_kube", "_objects"),
}

# What runs, and what must change: computed from values alone.
PURE = (
    "_artifacts.catalogue",
    "_cluster.certificate",
    "_cluster.component",
    "_cluster.components",
    "_cluster.joined",
    "_cluster.plan",
    "_cluster.spec",
    "_objects.fields",
    "_objects.machines",
    "_objects.names",
    "_objects.node_groups",
    "_objects.object_sets",
    "_objects.placeholders",
    "_objects.plan",
    "_objects.quantity",
    "_objects.readiness",
    "_objects.summary",
    "_simulation.desired",
    "_simulation.kinds",
    "_tools.commands",
)
IMPURE = {"os", "pathlib", "random", "secrets", "shutil", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib"}


def imports(source: Path, name: str) -> set[str]:
    """Full names of the modules that a module imports, wherever in its text; ``from . import x`` counts as ``x``."""
    package = name.split(".") if source.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = ".".join(base + ([node.module] if node.module else []))
            found |= {target} | {f"{target}.{alias.name}" for alias in node.names}
    return found


@pytest.fixture(scope="module")
def graph(root: Path) -> dict[str, set[str]]:
    """Every module of plugins/ with all that it imports; names within plugins/ start there."""
    found = {}
    for path in (root / "plugins").rglob("*.py"):
        parts = path.relative_to(root / "plugins").with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = {each.removeprefix(PREFIX) for each in imports(path, PREFIX + name)}
    assert "module_utils._errors" in found
    return found


def test_imports_point_down(graph: dict[str, set[str]]) -> None:
    wrong = []
    for name, targets in graph.items():
        inside = targets & graph.keys()
        if not name.startswith("module_utils."):
            wrong += [(name, target) for target in inside if not target.startswith(("module_utils", "doc_fragments"))]
            continue
        part = name.split(".")[1]
        allowed = tuple(f"module_utils.{each}" for each in (part, *ALLOWED[part]))
        # A package without content is named by every import from it.
        packages = {each for each in graph if any(other.startswith(f"{each}.") for other in graph)}
        wrong += [(name, target) for target in inside - packages if not any(f"{target}.".startswith(f"{each}.") for each in allowed)]
    assert wrong == []


def test_modules_do_not_import_each_other_in_circles(graph: dict[str, set[str]]) -> None:
    packages = {each for each in graph if any(other.startswith(f"{each}.") for other in graph)}
    TopologicalSorter({name: (targets & graph.keys()) - packages - {name} for name, targets in graph.items()}).prepare()


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_import_nothing_that_does_io(graph: dict[str, set[str]], name: str) -> None:
    tops = {target.split(".")[0] for target in graph[f"module_utils.{name}"]}
    assert tops & IMPURE == set()
    assert tops <= set(sys.stdlib_module_names) | {"module_utils", "ansible_collections", "ansible"}
