# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying out the steps of a plan against an apiserver in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._errors import SimError
from ansible_collections.kwok.sim.plugins.module_utils._kube import bulk
from ansible_collections.kwok.sim.plugins.module_utils._kube.bulk import Carrier, Outcome, carry_out, raise_for
from ansible_collections.kwok.sim.plugins.module_utils._kube.client import ApiError, Client
from ansible_collections.kwok.sim.plugins.module_utils._kube.discovery import NODES, Resource
from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import merge
from ansible_collections.kwok.sim.plugins.module_utils._objects.plan import Step, key_of, plan
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver

ROOT = "/api/v1/nodes"
PODS = Resource("v1", "Pod", "pods", namespaced=True, has_status=True)


def node(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec}


def steps(client: Client, *wanted: dict[str, Any]) -> list[Step]:
    live = {key_of(item): item for item in client.list(ROOT)[0]}
    return plan([("g", item) for item in wanted], live, dict.fromkeys(live, "g"))


def carrier(client: Client, resource: Resource = NODES, **options: Any) -> Carrier:
    return Carrier(client, resource, **{"recreate": False, "dry_run": False, "patience_s": 5, **options})


def run(client: Client, some: Iterable[Step], **options: Any) -> Outcome:
    return carry_out(carrier(client, **options), list(some), parallelism=4, progress=lambda text: None, noun="nodes")


def verdicts(outcome: Outcome) -> dict[str, str]:
    assert outcome.failures == []
    return {step.key.name: verdict for step, verdict in outcome.verdicts}


def test_create_update_delete(cluster: Apiserver, client: Client) -> None:
    assert verdicts(run(client, steps(client, node("a", x=1), node("b")))) == {"a": "created", "b": "created"}
    assert verdicts(run(client, steps(client, node("a", x=2), node("c")))) == {"a": "updated", "b": "deleted", "c": "created"}
    assert {path: item["spec"] for path, item in cluster.stored.items()} == {f"{ROOT}/a": {"x": 2}, f"{ROOT}/c": {}}
    assert steps(client, node("a", x=2), node("c")) == []


def test_a_dry_run_stores_nothing(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", x=1))
    cluster.put(f"{ROOT}/b", node("b"))
    before = dict(cluster.stored)
    planned = steps(client, node("a", x=2), node("c"))
    assert verdicts(run(client, planned, dry_run=True)) == {"a": "updated", "b": "deleted", "c": "created"}
    assert cluster.stored == before


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_the_server_does_not_store_is_no_change(
    cluster: Apiserver, client: Client, dry_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.put(f"{ROOT}/a", node("a"))
    (step,) = steps(client, node("a", dropped=True))
    send = client.request

    def drop(method: str, path: str, **options: Any) -> dict[str, Any]:
        if method == "PATCH":
            options["body"] = {"metadata": {}}
        return send(method, path, **options)

    monkeypatch.setattr(client, "request", drop)
    assert verdicts(run(client, [step], dry_run=dry_run)) == {"a": "unchanged"}


def test_status_is_written_apart(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", {**node("a", x=1), "status": {"capacity": {"cpu": "1"}}})
    wanted = {**node("a", x=2), "status": {"capacity": {"cpu": "2"}}}
    for dry_run in (True, False):
        assert verdicts(run(client, steps(client, wanted), dry_run=dry_run)) == {"a": "updated"}
    assert cluster.stored[f"{ROOT}/a"]["spec"] == {"x": 2}
    assert cluster.stored[f"{ROOT}/a"]["status"] == {"capacity": {"cpu": "2"}}
    assert [path for method, path in cluster.requests if method == "PATCH"][-2:] == [f"{ROOT}/a", f"{ROOT}/a/status"]


def test_status_of_what_is_created(cluster: Apiserver, client: Client) -> None:
    run(client, steps(client, {**node("a"), "status": {"phase": "x"}}))
    # The server keeps a node's.
    assert cluster.count("PATCH") == 0
    assert cluster.stored[f"{ROOT}/a"]["status"] == {"phase": "x"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "status": {"phase": "x"}}
    carrier(client, PODS).carry_out(Step("create", "g", key_of(pod), pod))
    assert cluster.stored["/api/v1/namespaces/n/pods/p"]["status"] == {"phase": "x"}


def test_an_object_that_changes_in_between(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", taints=[{"key": "k", "effect": "E", "value": "1"}]))
    (step,) = steps(client, node("a", taints=[{"key": "k", "effect": "E", "value": "2"}]))
    others = [{"key": "k", "effect": "E", "value": "1"}, {"key": "theirs", "effect": "E"}]
    cluster.put(f"{ROOT}/a", node("a", taints=others))
    assert verdicts(run(client, [step])) == {"a": "updated"}
    assert cluster.stored[f"{ROOT}/a"]["spec"]["taints"] == [{"key": "k", "effect": "E", "value": "2"}, others[1]]


def test_an_object_that_another_has_made_as_wanted(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", x=[1]))
    (step,) = steps(client, node("a", x=[2]))
    cluster.put(f"{ROOT}/a", node("a", x=[2]))
    assert verdicts(run(client, [step])) == {"a": "unchanged"}


def test_an_object_that_never_stops_changing(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", x=1))
    (step,) = steps(client, node("a", x=2))
    cluster.faults = [("PATCH", 409, {})] * 9
    (failure,) = run(client, [step]).failures
    assert str(failure) == "update a: in trouble"
    assert cluster.count("PATCH") == 5


def test_an_object_that_has_gone_is_made_anew(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", x=1))
    (step,) = steps(client, node("a", x=2))
    cluster.remove(f"{ROOT}/a")
    assert verdicts(run(client, [step])) == {"a": "created"}
    assert cluster.stored[f"{ROOT}/a"]["spec"] == {"x": 2}


def test_another_object_of_the_same_name_is_left_alone(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", x=1))
    cluster.put(f"{ROOT}/b", node("b"))
    update, delete = steps(client, node("a", x=2))
    for name in ("a", "b"):
        cluster.remove(f"{ROOT}/{name}")
        cluster.put(f"{ROOT}/{name}", node(name, x="foreign"))
    outcome = run(client, [update, delete])
    assert [failure.step for failure in outcome.failures] == [update]
    assert list(outcome.verdicts) == [(delete, "unchanged")]
    assert {item["spec"]["x"] for item in cluster.stored.values()} == {"foreign"}


def test_a_creation_whose_answer_was_lost(cluster: Apiserver, client: Client) -> None:
    (step,) = steps(client, node("a", x=1))
    cluster.put(f"{ROOT}/a", node("a", x=1))
    assert verdicts(run(client, [step])) == {"a": "created"}


def test_a_creation_that_another_was_first_with(cluster: Apiserver, client: Client) -> None:
    (step,) = steps(client, node("a", x=1))
    cluster.put(f"{ROOT}/a", node("a", x=2))
    (failure,) = run(client, [step]).failures
    assert str(failure) == 'create a: "a" already exists'


def test_what_is_being_deleted_is_waited_for(cluster: Apiserver, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.put(f"{ROOT}/a", merge(node("a"), {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))
    (step,) = steps(client, node("a", x=1))
    assert verdicts(run(client, [step], dry_run=True)) == {"a": "created"}
    (failure,) = run(client, [step], patience_s=0).failures
    assert "has not gone within 0 s" in str(failure)
    monkeypatch.setattr("time.sleep", lambda seconds: cluster.remove(f"{ROOT}/a"))
    assert verdicts(run(client, [step])) == {"a": "created"}


def test_what_cannot_change_in_place(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", fixed=1))
    cluster.finalized = True
    (step,) = steps(client, node("a", fixed=2))
    (failure,) = run(client, [step]).failures
    assert "spec.fixed: field is immutable" in str(failure)
    assert verdicts(run(client, [step], recreate=True, dry_run=True)) == {"a": "recreated"}
    assert cluster.stored[f"{ROOT}/a"]["spec"] == {"fixed": 1}
    assert verdicts(run(client, [step], recreate=True)) == {"a": "recreated"}
    assert cluster.stored[f"{ROOT}/a"]["spec"] == {"fixed": 2}


def test_what_is_gone_already(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a"))
    (step,) = steps(client)
    cluster.remove(f"{ROOT}/a")
    assert verdicts(run(client, [step])) == {"a": "unchanged"}


def test_trying(cluster: Apiserver, client: Client) -> None:
    trial = carrier(client)
    trial.try_creating(node("a"))
    cluster.put(f"{ROOT}/a", node("a"))
    trial.try_creating(node("a"))
    with pytest.raises(ApiError, match=r"spec\.invalid"):
        trial.try_creating(node("b", invalid=True))
    assert list(cluster.stored) == [f"{ROOT}/a"]


def test_many_at_a_time(cluster: Apiserver, client: Client) -> None:
    outcome = run(client, steps(client, *(node(f"n{index}") for index in range(100))))
    assert len(cluster.stored) == outcome.count("created") == outcome.count("created", group="g") == 100
    assert outcome.count("created", group="other") == outcome.count("deleted") == 0


def test_failures_do_not_keep_others_from_being_tried(cluster: Apiserver, client: Client) -> None:
    outcome = run(client, steps(client, node("bad1", forbidden=True), node("a"), node("bad2", forbidden=True)))
    assert [step.key.name for step, _verdict in outcome.verdicts] == ["a"]
    with pytest.raises(SimError) as caught:
        raise_for(outcome, "nodes", {"more": 1})
    assert caught.value.message.startswith("2 of the nodes could not be written (1 could): create bad")
    assert caught.value.details["changed"] is True
    assert caught.value.details["more"] == 1
    raise_for(Outcome(), "nodes", {})


def test_after_many_failures_it_stops(cluster: Apiserver, client: Client) -> None:
    outcome = run(client, steps(client, *(node(f"n{index}", forbidden=True) for index in range(100))))
    assert 20 <= len(outcome.failures) <= 24
    assert outcome.left == 100 - len(outcome.failures)
    with pytest.raises(SimError, match=f"and {len(outcome.failures) - 3} more"):
        raise_for(outcome, "nodes", {})


def test_progress(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_PROGRESS_S", 0)
    lines: list[str] = []
    carry_out(carrier(client), steps(client, node("a"), node("b")), parallelism=1, progress=lines.append, noun="nodes")
    assert lines == ["1 of 2 nodes done", "2 of 2 nodes done"]
