# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which usage counts: as in the Go kwok, and labels beyond it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwok_controller.api import decode
from kwok_controller.api.usage import ClusterResourceUsage, ResourceUsage
from kwok_controller.usage.selection import Selection

from .conftest import MakeUsage, Usage


def cpu(value: str, *containers: str) -> dict[str, Any]:
    return {"containers": list(containers), "usage": {"cpu": {"value": value}}}


def found(selection: Selection, container: str = "main", pod: str = "web", namespace: str = "default", **labels: str) -> Any:
    entry = selection.find(namespace, pod, labels, container)
    return None if entry is None else entry.usage["cpu"].value


def test_the_pods_own_usage_comes_first_and_alone(usage: MakeUsage) -> None:
    selection = Selection([usage("all", cpu("1")), usage("web", cpu("2", "main"), namespace="default")])

    assert found(selection) == "2"
    assert found(selection, container="sidecar") is None
    assert found(selection, namespace="other") == "1"
    assert found(selection, pod="web2") == "1"


def test_an_entry_that_names_the_container_comes_before_the_first_that_names_none(usage: MakeUsage) -> None:
    selection = Selection([usage("all", cpu("1"), cpu("2", "main"), cpu("3", "main", "side"), cpu("4"))])

    assert [found(selection, container=name) for name in ("main", "side", "other")] == ["2", "3", "1"]


def test_cluster_usages_count_in_the_order_of_their_names_if_they_have_something_for_the_container(usage: MakeUsage) -> None:
    named = {"matchNames": ["web", "db"]}
    selection = Selection([usage("c", cpu("3")), usage("b", cpu("2", "main")), usage("a", cpu("1", "side"), selector=named)])

    assert [found(selection, container=name) for name in ("main", "side", "other")] == ["2", "1", "3"]
    assert found(selection, container="side", pod="cache") == "3"


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({}, True),
        ({"matchNames": ["db", "web"]}, True),
        ({"matchNames": ["db"]}, False),
        ({"matchNamespaces": ["default"]}, True),
        ({"matchNamespaces": ["other"], "matchNames": ["web"]}, False),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "web", "tier": "front"}}, True),
        ({"matchLabels": {"app": "web", "tier": "back"}}, False),
        ({"matchLabels": {"other": ""}}, False),
        ({"matchNames": ["web"], "matchNamespaces": ["default"], "matchLabels": {"app": "web"}}, True),
        ({"matchNames": ["web"], "matchNamespaces": ["default"], "matchLabels": {"app": "db"}}, False),
    ],
)
def test_selectors(usage: MakeUsage, selector: dict[str, Any], fits: bool) -> None:
    selection = Selection([usage("a", cpu("1"), selector=selector)])

    assert (found(selection, app="web", tier="front") == "1") is fits


def test_changes_count_at_once(usage: MakeUsage) -> None:
    selection = Selection()
    versions = [selection.version]
    assert found(selection) is None
    own, all_pods = usage("web", cpu("2"), namespace="default"), usage("all", cpu("1"))
    changes: list[tuple[Callable[[Usage], None], Usage, str | None]] = [
        (selection.put, all_pods, "1"),
        (selection.put, own, "2"),
        (selection.put, usage("web", cpu("3"), namespace="default"), "3"),
        (selection.remove, own, "1"),
        (selection.remove, own, "1"),
        (selection.put, usage("all", cpu("4"), selector={"matchLabels": {"app": "x"}}), None),
    ]
    for change, changed, wanted in changes:
        change(changed)
        assert found(selection) == wanted
        versions.append(selection.version)
    assert found(selection, app="x") == "4"
    selection.remove(all_pods)
    assert found(selection, app="x") is None
    assert len(set(versions)) == len(versions)


class Labels(dict[str, str]):
    """Labels that can be seen to be let go of."""


def test_pods_that_are_gone_are_forgotten(usage: MakeUsage) -> None:
    selection = Selection([usage("all", cpu("1"), selector={"matchLabels": {"app": "web"}})])
    labels = {name: Labels(app="web") for name in ("gone", "stays")}
    held = {name: ref(each) for name, each in labels.items()}
    for name, each in labels.items():
        selection.find("default", name, each, "main")
    labels.clear()
    del each
    selection.forget("default", "gone")
    selection.forget("default", "never-there")
    gc.collect()
    assert {name: each() is not None for name, each in held.items()} == {"gone": False, "stays": True}
    assert found(selection, pod="gone", app="web") == "1"


def test_entries_say_where_they_stand(usage: MakeUsage) -> None:
    selection = Selection([usage("all", cpu("1", "other"), cpu("1")), usage("web", cpu("2"), namespace="default")])

    entry, own = selection.find("x", "y", {}, "main"), selection.find("default", "web", {}, "main")
    assert entry is not None
    assert own is not None
    assert (entry.subject, entry.path) == ('ClusterResourceUsage "all"', "$.spec.usages[1]")
    assert (own.subject, own.path) == ('ResourceUsage "default/web"', "$.spec.usages[0]")


NAMES = st.sampled_from(["a", "b", "c"])
SETS = st.lists(NAMES, max_size=2, unique=True)
RULES = st.lists(
    st.fixed_dictionaries({"names": SETS, "namespaces": SETS, "labels": st.dictionaries(NAMES, NAMES, max_size=1), "containers": SETS}),
    max_size=5,
)


@given(rules=RULES, namespace=NAMES, pod=NAMES, labels=st.dictionaries(NAMES, NAMES), container=NAMES)
def test_the_index_finds_what_going_through_all_finds(
    rules: list[dict[str, Any]], namespace: str, pod: str, labels: dict[str, str], container: str
) -> None:
    objects: list[ResourceUsage | ClusterResourceUsage] = []
    wanted = None
    for index, rule in enumerate(rules):
        selector = {"matchNames": rule["names"], "matchNamespaces": rule["namespaces"], "matchLabels": rule["labels"]}
        spec = {"selector": selector, "usages": [cpu(str(index), *rule["containers"])]}
        made = decode({"kind": "ClusterResourceUsage", "metadata": {"name": f"r{index}"}, "spec": spec})
        assert isinstance(made, ClusterResourceUsage)
        objects.insert(0, made)
        fits = (
            (not rule["names"] or pod in rule["names"])
            and (not rule["namespaces"] or namespace in rule["namespaces"])
            and all(labels.get(key) == value for key, value in rule["labels"].items())
            and (not rule["containers"] or container in rule["containers"])
        )
        if wanted is None and fits:
            wanted = str(index)
    assert found(Selection(objects), container, pod, namespace, **labels) == wanted
