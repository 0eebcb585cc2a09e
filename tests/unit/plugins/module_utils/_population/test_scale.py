# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kwok_scale against an apiserver in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.engine import Mode
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import merge
from ansible_collections.kwok.sim.plugins.module_utils._objects.object_sets import SET_LABEL
from ansible_collections.kwok.sim.plugins.module_utils._population.carrying import Population
from ansible_collections.kwok.sim.plugins.module_utils._population.scale import SCALE_ARGUMENTS, ensure
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver, write_kubeconfig

SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"n": "$(INDEX)"}}
POD = {"apiVersion": "v1", "kind": "Pod", "spec": {"size": "$(size)"}}


class Scale:
    """Runs the module's work on a cluster."""

    def __init__(self, cluster: Apiserver, directory: Path) -> None:
        self.cluster = cluster
        self.kubeconfig = write_kubeconfig(directory / "config", cluster.server_address[1])

    def __call__(self, *, check: bool = False, wait: bool = False, **options: Any) -> Population:
        defaults = {name: argument.get("default") for name, argument in SCALE_ARGUMENTS.items()}
        given = {"name": "set", "kubeconfig": str(self.kubeconfig), "allow_foreign_cluster": True, **options}
        if "src" not in given:
            given.setdefault("template", SETTINGS)
        return ensure({**defaults, **given}, Mode(check_mode=check, wait=wait, wait_timeout=1))

    def paths(self) -> list[str]:
        return sorted(path.removeprefix("/api/v1/namespaces/") for path in self.cluster.stored)

    def change(self, path: str, **patch: Any) -> None:
        full = f"/api/v1/namespaces/{path}"
        self.cluster.put(full, merge(self.cluster.stored[full], patch))


@pytest.fixture
def scale(cluster: Apiserver, tmp_path: Path) -> Scale:
    return Scale(cluster, tmp_path)


def test_create_repeat_scale_remove(scale: Scale) -> None:
    planned = scale(count=2, check=True)
    assert (planned.changed, scale.paths()) == (True, [])
    made = scale(count=2)
    assert made.changes() == planned.changes()
    assert scale.paths() == ["default/configmaps/set-0", "default/configmaps/set-1"]
    assert made.results == {"created": 2, "updated": 0, "deleted": 0, "count": 2, "ready": 2}
    for check in (True, False):
        assert not scale(count=2, check=check).changed
    assert scale(count=3, namespaces=["a", "b"]).results["created"] == 6
    assert scale.paths() == [f"{namespace}/configmaps/set-{index}" for namespace in "ab" for index in range(3)]
    gone = scale(state="absent", template={"apiVersion": "v1", "kind": "ConfigMap"})
    assert gone.results == {"created": 0, "updated": 0, "deleted": 6, "count": 0, "ready": 0}
    assert not scale(state="absent").changed


def test_drift_is_repaired(scale: Scale) -> None:
    scale(count=3)
    scale.change("default/configmaps/set-0", data={"n": "7", "theirs": "x"})
    scale.change("default/configmaps/set-1", metadata={"labels": {SET_LABEL: None}})
    scale.cluster.remove("/api/v1/namespaces/default/configmaps/set-2")
    planned = scale(count=3, check=True)
    done = scale(count=3)
    assert done.changes() == planned.changes()
    assert [(change["action"], change["count"]) for change in done.changes()] == [("update", 2), ("create", 1)]
    assert scale.cluster.stored["/api/v1/namespaces/default/configmaps/set-0"]["data"] == {"n": "0", "theirs": "x"}
    assert not scale(count=3).changed


def test_what_the_template_no_longer_says_goes(scale: Scale) -> None:
    scale(template={**SETTINGS, "data": {"a": "1", "b": "2"}})
    scale.change("default/configmaps/set-0", data={"theirs": "x"})
    scale(template={**SETTINGS, "data": {"a": "1"}})
    assert scale.cluster.stored["/api/v1/namespaces/default/configmaps/set-0"]["data"] == {"a": "1", "theirs": "x"}


def test_sets_of_the_same_kind_are_apart(scale: Scale) -> None:
    scale(count=2)
    scale(name="other", count=1)
    scale(count=0)
    assert scale.paths() == ["default/configmaps/other-0"]


def test_objects_of_others_are_never_touched(scale: Scale) -> None:
    scale.cluster.put("/api/v1/namespaces/default/configmaps/set-1", {"metadata": {"name": "set-1", "namespace": "default"}})
    for check in (True, False):
        with pytest.raises(SimError, match="does not belong to the set set: default/set-1") as caught:
            scale(count=3, check=check)
        assert caught.value.option == "name_format"
    assert scale.cluster.count("POST") == 0
    scale(name="x", name_format="y-%d")
    with pytest.raises(SimError, match="does not belong to the set z: default/y-0"):
        scale(name="z", name_format="y-%d")


def test_namespaces(scale: Scale) -> None:
    with pytest.raises(SimError, match='namespaces "missing" not found') as caught:
        scale(namespaces=["missing"])
    assert (caught.value.option, caught.value.remedy) == ("namespaces", "Make the namespace first")
    # An earlier task would have made it.
    assert scale(namespaces=["missing"], check=True).results["created"] == 1
    node = {"apiVersion": "v1", "kind": "Node"}
    with pytest.raises(SimError, match="are in no namespace"):
        scale(template=node, namespaces=["a"])
    scale(template=node)
    assert "/api/v1/nodes/set-0" in scale.cluster.stored


def test_unknown_kinds(scale: Scale) -> None:
    widget = {"apiVersion": "example.org/v1", "kind": "Widget"}
    with pytest.raises(SimError, match=r"knows no Widget of example\.org/v1") as caught:
        scale(template=widget)
    assert caught.value.option == "template"
    assert not scale(template=widget, state="absent").changed


def test_waiting(scale: Scale) -> None:
    with pytest.raises(SimError) as caught:
        scale(template=POD, cycle={"size": [1, 2]}, count=2, wait=True, wait_for="running")
    error = caught.value
    assert error.message.startswith("within 1 s, 2 pods are not running: default/set-0, default/set-1 (default/set-0: its phase is None; ")
    assert error.details["changed"] is True
    for index in range(2):
        scale.change(f"default/pods/set-{index}", status={"phase": "Running"})
    done = scale(template=POD, cycle={"size": [1, 2]}, count=2, wait=True, wait_for="running")
    assert (done.changed, done.results["ready"]) == (False, 2)
    scale.cluster.finalized = True
    with pytest.raises(SimError, match="within 1 s, 2 pods are not gone"):
        scale(template=POD, cycle={"size": [1]}, state="absent", wait=True)


def test_a_template_in_a_file(scale: Scale, tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("---\napiVersion: v1\nkind: ConfigMap\ndata:\n  n: x$(INDEX)\n---\n")
    assert scale(src=str(path)).changed
    assert scale.cluster.stored["/api/v1/namespaces/default/configmaps/set-0"]["data"] == {"n": "x0"}
    for text, message in [("", "holds 0 objects"), ("a: 1\n---\nb: 2", "holds 2 objects"), ("[", "is no YAML"), ("7", "it is no object")]:
        path.write_text(text)
        with pytest.raises(SimError, match=message) as caught:
            scale(src=str(path))
        assert caught.value.option == "src"
    with pytest.raises(SimError, match="cannot be read"):
        scale(src=str(tmp_path / "missing"))


def test_status(scale: Scale) -> None:
    template = {**POD, "status": {"phase": "Running"}}
    scale(template=template, cycle={"size": [1]})
    assert scale.cluster.stored["/api/v1/namespaces/default/pods/set-0"]["status"] == {"phase": "Running"}
    assert not scale(template=template, cycle={"size": [1]}).changed
