# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is sent, in which order, and what is waited for; the integration targets of the modules do it with a real apiserver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._kube.apply import AppliedObject
from ansible_collections.kwok.sim.plugins.module_utils._simulation import reconcile
from ansible_collections.kwok.sim.plugins.module_utils._simulation.kinds import (
    API_VERSION,
    METRICS,
    OWN_API_VERSION,
    STAGES,
    TRACES,
    USAGES,
    Key,
    key_of,
)

KUBECONFIG = Path("/nonexistent/kubeconfig.yaml")
POD, ALL = Key("ResourceUsage", "shop", "web"), Key("ClusterResourceUsage", "", "all")
TRACE = Key("WorkloadTrace", "shop", "online-shop")


class Answer:
    def __init__(self, value: dict[str, Any]) -> None:
        self._value = value

    def to_dict(self) -> dict[str, Any]:
        return self._value


class Cluster:
    """A cluster's objects, in place of an apiserver; what is sent is noted.

    Attributes:
        objects: What is there.
        namespaces: Those that are there.
        sent: What was sent for good: the verb and the object.
        managers: Who applied.
    """

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.namespaces = {"shop"}
        self.sent: list[tuple[str, Key]] = []
        self.managers: set[str] = set()

    # What `reconcile` imports.

    def apply(
        self, kubeconfig: Path, objects: Sequence[dict[str, Any]], *, field_manager: str, dry_run: bool = False
    ) -> list[AppliedObject]:
        done = []
        for wanted in objects:
            key = key_of(wanted)
            if key.namespace and key.namespace not in self.namespaces:
                raise SimError(f'the apiserver refuses: namespaces "{key.namespace}" not found', details={"status": 404})
            before = self.objects.get(key)
            changed = before is None or before["spec"] != wanted["spec"]
            done.append(AppliedObject(key.kind, key.name, key.namespace or None, changed, before, wanted))
            if not dry_run:
                self.managers.add(field_manager)
                self.sent.append(("apply", key))
                self.objects[key] = wanted
        return done

    def delete(self, kubeconfig: Path, objects: Sequence[dict[str, Any]], *, dry_run: bool = False) -> list[AppliedObject]:
        done = []
        for unwanted in objects:
            key = key_of(unwanted)
            assert unwanted["apiVersion"] == (OWN_API_VERSION if key.kind == TRACE.kind else API_VERSION)
            before = self.objects.get(key)
            done.append(AppliedObject(key.kind, key.name, key.namespace or None, before is not None, before, None))
            if before is not None and not dry_run:
                self.sent.append(("delete", key))
                del self.objects[key]
        return done

    def is_there(self, kubeconfig: Path, api_version: str, kind: str, name: str) -> bool:
        assert (api_version, kind) == ("v1", "Namespace")
        return name in self.namespaces

    @contextmanager
    def connect(self, kubeconfig: Path) -> Iterator[Cluster]:
        yield self

    # What a client does.

    @property
    def resources(self) -> Any:
        class Resources:
            @staticmethod
            def get(*, api_version: str, kind: str) -> str:
                assert api_version == (OWN_API_VERSION if kind == TRACE.kind else API_VERSION)
                return kind

        return Resources

    def get(self, kind: str) -> Answer:
        # Objects of a list do not say their kind.
        items = [{name: value for name, value in obj.items() if name != "kind"} for key, obj in self.objects.items() if key.kind == kind]
        return Answer({"items": items})

    def watch(self, kind: str, timeout: int) -> Iterator[dict[str, Any]]:
        yield from [{"raw_object": obj} for key, obj in self.objects.items() if key.kind == kind]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(reconcile, "apply_objects", made.apply)
    monkeypatch.setattr(reconcile, "delete_objects", made.delete)
    monkeypatch.setattr(reconcile, "is_there", made.is_there)
    monkeypatch.setattr(reconcile, "connect", made.connect)
    return made


def whole(key: Key, value: int = 1, *, by: str = "", seen: int = 0, ready: str = "True", reason: str = "Accepted") -> dict[str, Any]:
    """An object, with the manager of its fields, and a status of a generation; its own is 2."""
    metadata: dict[str, Any] = {"name": key.name, "generation": 2, "managedFields": [{"manager": by}] if by else []}
    if key.namespace:
        metadata["namespace"] = key.namespace
    status = {"observedGeneration": seen, "conditions": [{"type": "Ready", "status": ready, "reason": reason, "message": "so it is"}]}
    return {"apiVersion": API_VERSION, "kind": key.kind, "metadata": metadata, "spec": {"x": value}, "status": status if seen else {}}


def put(cluster: Cluster, *objects: dict[str, Any]) -> None:
    cluster.objects |= {key_of(obj): obj for obj in objects}


def test_only_what_differs_is_sent_and_new_ones_first(cluster: Cluster) -> None:
    same, new, old = (Key("Metric", "", name) for name in ("same", "new", "old"))
    put(cluster, whole(same), whole(old))
    done = reconcile.reconcile(KUBECONFIG, METRICS, [whole(new), whole(same)], unwanted=[old])
    assert [(each.name, each.changed) for each in done] == [("new", True), ("same", False), ("old", True)]
    assert cluster.sent == [("apply", new), ("delete", old)]
    assert cluster.managers == {"kwok.sim.kwok_metric"}


def test_a_dry_run_tells_the_same_and_sends_nothing(cluster: Cluster) -> None:
    put(cluster, whole(ALL), whole(POD, by=USAGES.field_manager()))
    tried = reconcile.reconcile(KUBECONFIG, USAGES, [whole(ALL, 2)], purge=True, dry_run=True)
    assert cluster.sent == []
    done = reconcile.reconcile(KUBECONFIG, USAGES, [whole(ALL, 2)], purge=True)
    assert done == tried
    assert cluster.sent == [("apply", ALL), ("delete", POD)]


def test_purging_takes_what_the_module_applied_of_all_kinds_and_nothing_else(cluster: Cluster) -> None:
    own = (Key("ClusterResourceUsage", "", "mine"), Key("ResourceUsage", "shop", "mine"))
    put(cluster, *(whole(key, by="kwok.sim.kwok_resource_usage") for key in (*own, POD)))
    put(cluster, whole(ALL, by="kubectl"), whole(Key("Metric", "", "mine"), by="kwok.sim.kwok_metric"))
    assert reconcile.applied_before(KUBECONFIG, USAGES) == {*own, POD}
    done = reconcile.reconcile(KUBECONFIG, USAGES, [whole(POD)], purge=True)
    assert {(each.kind, each.namespace, each.name) for each in done if each.changed} == {
        ("ClusterResourceUsage", None, "mine"),
        ("ResourceUsage", "shop", "mine"),
    }
    assert set(cluster.objects) == {ALL, POD, Key("Metric", "", "mine")}


def test_purging_leaves_what_is_another_owners(cluster: Cluster) -> None:
    mine, others = TRACE._replace(name="mine"), TRACE._replace(name="others")
    put(cluster, whole(mine, by="kwok.sim.kwok_trace.shop"), whole(others, by="kwok.sim.kwok_trace"))
    done = reconcile.reconcile(KUBECONFIG, TRACES, [whole(TRACE)], purge=True, owner="shop")
    assert [(each.name, each.changed) for each in done] == [("online-shop", True), ("mine", True)]
    assert cluster.managers == {"kwok.sim.kwok_trace.shop"}
    assert set(cluster.objects) == {TRACE, others}


def test_a_namespace_that_is_not_there_is_named_with_what_should_be_in_it(cluster: Cluster) -> None:
    lost = Key("ResourceUsage", "lost", "web")
    with pytest.raises(SimError) as caught:
        reconcile.reconcile(KUBECONFIG, USAGES, [whole(ALL), whole(POD), whole(lost)])
    assert caught.value.option == "usages"
    assert "there is no namespace lost, which ResourceUsage lost/web should be in" in str(caught.value)
    assert cluster.sent == []


def test_another_refusal_stays_what_it_is(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> list[AppliedObject]:
        raise SimError("the apiserver refuses: no", details={"status": 404})

    monkeypatch.setattr(reconcile, "apply_objects", refuse)
    with pytest.raises(SimError, match="the apiserver refuses: no"):
        reconcile.reconcile(KUBECONFIG, USAGES, [whole(POD)])


def test_it_waits_for_objects_of_all_kinds(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    put(cluster, whole(ALL, seen=2), whole(POD, seen=1))
    watch = cluster.watch

    def watching(kind: str, timeout: int) -> Iterator[dict[str, Any]]:
        yield from watch(kind, timeout)
        if kind == "ResourceUsage":
            put(cluster, whole(POD, seen=2))

    monkeypatch.setattr(cluster, "watch", watching)
    reconcile.wait_until_taken(KUBECONFIG, USAGES, [ALL, POD], 5)
    assert cluster.objects[POD]["status"]["observedGeneration"] == 2


def test_what_the_controller_refuses_is_told_with_its_reason(cluster: Cluster) -> None:
    put(cluster, whole(ALL, seen=2), whole(POD, seen=2, ready="False", reason="InvalidUsage"))
    with pytest.raises(SimError) as caught:
        reconcile.wait_until_taken(KUBECONFIG, USAGES, [ALL, POD], 5)
    assert "the controller refuses ResourceUsage shop/web: InvalidUsage: so it is" in str(caught.value)
    assert caught.value.details == {"refused": {"ResourceUsage shop/web": "InvalidUsage: so it is"}}


def test_an_expression_that_fails_somewhere_is_told_of_what_is_taken(cluster: Cluster) -> None:
    put(cluster, whole(ALL, seen=2), whole(POD, seen=2, ready="False", reason="EvaluationFailed"))
    assert reconcile.wait_until_taken(KUBECONFIG, USAGES, [ALL, POD], 5) == ["ResourceUsage shop/web so it is"]


def test_what_is_not_taken_in_time_is_told(cluster: Cluster) -> None:
    stages = [Key("Stage", "", f"s{number}") for number in range(7)]
    put(cluster, *(whole(key, seen=2 if key.name == "s0" else 1) for key in stages))
    with pytest.raises(SimError) as caught:
        reconcile.wait_until_taken(KUBECONFIG, STAGES, stages, 0.02)
    assert caught.value.option == "wait_timeout"
    assert "has not taken 6 of 7 Stages within 0.02 s: Stage s1, Stage s2, Stage s3, Stage s4, Stage s5 and 1 more" in str(caught.value)
    assert "(--enable-crds=Stage)" in str(caught.value)


def test_of_traces_it_is_told_that_they_need_somewhere_to_go(cluster: Cluster) -> None:
    put(cluster, whole(TRACE))
    with pytest.raises(SimError) as caught:
        reconcile.wait_until_taken(KUBECONFIG, TRACES, [TRACE], 0.02)
    assert "(--enable-crds=WorkloadTrace --tracing-endpoint)" in str(caught.value)
