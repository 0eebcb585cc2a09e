# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kwok_nodes against an apiserver in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._cluster.engine import Mode
from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import RECORD_ANNOTATION, merge
from ansible_collections.kwok.sim.plugins.module_utils._objects.node_groups import GROUP_LABEL
from ansible_collections.kwok.sim.plugins.module_utils._population.carrying import Population
from ansible_collections.kwok.sim.plugins.module_utils._population.nodes import NODES_ARGUMENTS, ensure
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver, write_kubeconfig
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._objects.test_node_groups import group

ROOT = "/api/v1/nodes"


class Nodes:
    """Runs the module's work on a cluster."""

    def __init__(self, cluster: Apiserver, directory: Path) -> None:
        self.cluster = cluster
        self.kubeconfig = write_kubeconfig(directory / "config", cluster.server_address[1])

    def __call__(
        self, *groups: dict[str, Any], check: bool = False, wait: bool = False, wait_timeout: float = 1, **options: Any
    ) -> Population:
        defaults = {name: argument.get("default") for name, argument in NODES_ARGUMENTS.items()}
        params = {**defaults, "kubeconfig": str(self.kubeconfig), "allow_foreign_cluster": True, "groups": list(groups), **options}
        return ensure(params, Mode(check_mode=check, wait=wait, wait_timeout=1))

    def names(self) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.cluster.stored.values())

    def node(self, name: str) -> dict[str, Any]:
        return self.cluster.stored[f"{ROOT}/{name}"]

    def change(self, name: str, **patch: Any) -> None:
        self.cluster.put(f"{ROOT}/{name}", merge(self.node(name), patch))

    def make_ready(self) -> None:
        for path, item in list(self.cluster.stored.items()):
            self.cluster.put(path, merge(item, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}))


@pytest.fixture
def nodes(cluster: Apiserver, tmp_path: Path) -> Nodes:
    return Nodes(cluster, tmp_path)


def actions(done: Population) -> list[tuple[str, str, int]]:
    return [(change["action"], change["name"], change["count"]) for change in done.changes()]


def test_create_repeat_scale(nodes: Nodes) -> None:
    planned = nodes(group(count=3), check=True)
    assert (planned.changed, actions(planned), nodes.names()) == (True, [("create", "pool", 3)], [])
    made = nodes(group(count=3))
    assert (made.changed, made.changes(), nodes.names()) == (True, planned.changes(), ["pool-0", "pool-1", "pool-2"])
    assert made.results == {
        "groups": [{"name": "pool", "count": 3, "created": 3, "updated": 0, "deleted": 0, "ready": 0}],
        "nodes": 3,
        "ready": 0,
    }
    for check in (True, False):
        again = nodes(group(count=3), check=check)
        assert (again.changed, again.changes(), again.diff()) == (False, [], ({}, {}))
    assert actions(nodes(group(count=12))) == [("create", "pool", 9)]
    assert actions(nodes(group(count=2))) == [("remove", "pool", 10)]
    assert nodes.names() == ["pool-0", "pool-1"]


def test_an_unchanged_run_sends_one_request(nodes: Nodes) -> None:
    nodes(group(count=50))
    nodes.make_ready()
    nodes.cluster.requests.clear()
    done = nodes(group(count=50), wait=True)
    assert (done.changed, done.results["ready"]) == (False, 50)
    assert nodes.cluster.requests == [("GET", ROOT)]


def test_drift_is_repaired(nodes: Nodes) -> None:
    nodes(group(count=5, zones=["a"], template={"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}))
    nodes.change("pool-0", metadata={"labels": {"topology.kubernetes.io/zone": "b", "theirs": "x"}})
    nodes.change("pool-1", spec={"taints": [{"key": "not-ready", "effect": "NoSchedule"}]})
    nodes.change("pool-2", status={"capacity": {"cpu": "1"}, "conditions": [{"type": "Ready", "status": "True"}]})
    nodes.change("pool-3", metadata={"labels": {GROUP_LABEL: None}})
    nodes.cluster.remove(f"{ROOT}/pool-4")
    same = group(count=5, zones=["a"], template={"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]})
    planned = nodes(same, check=True)
    assert actions(planned) == [("update", "pool", 4), ("create", "pool", 1)]
    done = nodes(same)
    assert done.changes() == planned.changes()
    assert done.diff() == planned.diff()
    assert nodes.node("pool-0")["metadata"]["labels"]["topology.kubernetes.io/zone"] == "a"
    assert nodes.node("pool-0")["metadata"]["labels"]["theirs"] == "x"
    assert nodes.node("pool-1")["spec"]["taints"] == [
        {"key": "not-ready", "effect": "NoSchedule"},
        {"key": "k", "value": "v", "effect": "NoSchedule"},
    ]
    assert nodes.node("pool-2")["status"]["capacity"]["cpu"] == "8"
    assert nodes.node("pool-2")["status"]["conditions"] == [{"type": "Ready", "status": "True"}]
    assert not nodes(same).changed


def test_what_the_options_no_longer_say_goes(nodes: Nodes) -> None:
    template = {
        "labels": {"team": "a", "type": None},
        "taints": [{"key": "k", "value": None, "effect": "NoExecute"}],
        "unschedulable": True,
    }
    nodes(group(preset="gpu", zones=["a"], template=template))
    nodes.change("pool-0", metadata={"labels": {"theirs": "x"}})
    assert "type" not in nodes.node("pool-0")["metadata"]["labels"]
    assert nodes(group()).changed
    node = nodes.node("pool-0")
    labels = node["metadata"]["labels"]
    assert labels["theirs"] == "x"
    assert labels["type"] == "kwok"
    assert not {"team", "topology.kubernetes.io/zone", "nvidia.com/gpu.present"} & labels.keys()
    assert node["spec"] == {}
    assert "nvidia.com/gpu" not in node["status"]["capacity"] | node["status"]["allocatable"]
    assert not nodes(group()).changed


def test_a_cordon_stays(nodes: Nodes) -> None:
    nodes(group())
    nodes.change("pool-0", spec={"unschedulable": True})
    assert not nodes(group()).changed
    assert nodes(group(template={"unschedulable": False})).changed
    assert not nodes.node("pool-0")["spec"]["unschedulable"]


def test_purge_and_absent(nodes: Nodes) -> None:
    nodes.cluster.put(f"{ROOT}/real", {"metadata": {"name": "real"}})
    nodes(group("a"), group("b", count=2), group("c"))
    assert not nodes(group("a")).changed
    done = nodes(group("a"), purge=True)
    assert actions(done) == [("remove", "c", 1), ("remove", "b", 2)]
    assert [each["name"] for each in done.results["groups"]] == ["a", "b", "c"]
    assert done.results["nodes"] == 1
    assert actions(nodes(group("a"), group("zz"), state="absent")) == [("remove", "a", 1)]
    assert not nodes(group("a"), state="absent").changed
    nodes(group("d"))
    assert nodes(state="absent", purge=True).changed
    assert nodes.names() == ["real"]


def test_nodes_of_others_are_never_touched(nodes: Nodes) -> None:
    nodes.cluster.put(f"{ROOT}/pool-1", {"metadata": {"name": "pool-1"}})
    for check in (True, False):
        with pytest.raises(SimError, match=r"did not make: pool-1\.") as caught:
            nodes(group(count=3), check=check)
        assert caught.value.option == "groups"
    assert nodes.names() == ["pool-1"]
    assert nodes.cluster.count("POST") == 0
    assert actions(nodes(group(count=1))) == [("create", "pool", 1)]


def test_a_group_that_is_renamed(nodes: Nodes) -> None:
    nodes(group("old", name_format="n-%d"))
    uid = nodes.node("n-0")["metadata"]["uid"]
    with pytest.raises(SimError, match="belong to the group old, which is not listed: n-0"):
        nodes(group("new", name_format="n-%d"))
    assert actions(nodes(group("new", name_format="n-%d"), purge=True)) == [("update", "new", 1)]
    assert nodes.node("n-0")["metadata"]["uid"] == uid
    assert nodes.node("n-0")["metadata"]["labels"][GROUP_LABEL] == "new"


def test_what_the_server_refuses_changes_nothing(nodes: Nodes) -> None:
    nodes(group("a"))
    nodes.cluster.faults = [("POST", 422, {})]
    with pytest.raises(SimError, match="b: b-0 cannot be made as wanted: the apiserver refuses: in trouble") as caught:
        nodes(group("b"), state="present")
    assert caught.value.option == "groups"
    assert nodes.names() == ["a-0"]


def test_what_cannot_change_in_place(nodes: Nodes) -> None:
    nodes.cluster.immutable = "providerID"
    nodes(group(template={"provider_id": "kwok://a"}))
    uid = nodes.node("pool-0")["metadata"]["uid"]
    changed = group(template={"provider_id": "kwok://b"})
    for check in (True, False):
        with pytest.raises(SimError, match="pool-0 cannot be changed") as caught:
            nodes(changed, check=check)
        assert "set recreate" in str(caught.value.remedy)
    done = nodes(changed, recreate=True)
    assert done.results["groups"][0]["updated"] == 1
    assert nodes.node("pool-0")["metadata"]["uid"] != uid
    assert nodes.node("pool-0")["spec"]["providerID"] == "kwok://b"


def test_waiting(nodes: Nodes) -> None:
    nodes(group(count=2))
    nodes.make_ready()
    assert nodes(group(count=2), wait=True).results["ready"] == 2
    with pytest.raises(SimError) as caught:
        nodes(group(count=4), wait=True)
    error = caught.value
    assert error.message.startswith("2 nodes are not Ready within 1 s: pool-2, pool-3 (pool-2: it has no condition Ready; pool-3: ")
    assert "nobody keeps the Lease of pool-2" in error.message
    assert error.option == "wait_timeout"
    assert error.details["changed"] is True
    assert error.details["pending"] == 2
    assert error.details["ready"] == 2


def test_waiting_until_they_are_gone(nodes: Nodes) -> None:
    nodes(group())
    nodes.cluster.finalized = True
    with pytest.raises(SimError, match="1 nodes are not gone within 1 s: pool-0"):
        nodes(group(), state="absent", wait=True)
    # It is on its way: nothing more is to be done.
    assert not nodes(group(), state="absent").changed


def test_a_record_is_left(nodes: Nodes) -> None:
    nodes(group())
    assert nodes.node("pool-0")["metadata"]["annotations"][RECORD_ANNOTATION].startswith("{")


def test_no_apiserver(nodes: Nodes) -> None:
    nodes.cluster.faults = [("GET", 403, {})]
    with pytest.raises(SimError, match="the nodes cannot be read: the apiserver refuses: in trouble"):
        nodes(group())
    write_kubeconfig(nodes.kubeconfig, 9)
    with pytest.raises(SimError, match="the apiserver cannot be reached"):
        nodes(group())
