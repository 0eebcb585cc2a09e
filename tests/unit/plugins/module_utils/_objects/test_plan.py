# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps from what is there to what is wanted."""

from __future__ import annotations

from typing import Any

from ansible_collections.kwok.sim.plugins.module_utils._objects.plan import Key, key_of, plan


def node(name: str, namespace: str | None = None, **labels: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "labels": labels}
    if namespace:
        metadata["namespace"] = namespace
    return {"kind": "Node", "metadata": metadata}


def terminating(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "metadata": {**item["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}


def steps(wanted: list[dict[str, Any]], live: list[dict[str, Any]], own: list[str] | None = None) -> list[tuple[str, str]]:
    found = {key_of(item): item for item in live}
    names = [item["metadata"]["name"] for item in live] if own is None else own
    planned = plan([("g", item) for item in wanted], found, {Key("", name): "g" for name in names})
    return [(step.action, step.key.name) for step in planned]


def test_nothing_to_do() -> None:
    assert steps([node("a")], [node("a", theirs="x")]) == []


def test_create_update_delete() -> None:
    live = [node("a", team="x"), node("c"), node("d")]
    assert steps([node("a", team="y"), node("b")], live) == [("update", "a"), ("create", "b"), ("delete", "d"), ("delete", "c")]


def test_what_is_not_ours_stays() -> None:
    assert steps([], [node("a"), node("b")], own=["b"]) == [("delete", "b")]


def test_what_is_being_deleted() -> None:
    assert steps([node("a")], [terminating(node("a")), terminating(node("b"))]) == [("create", "a")]


def test_an_update_names_its_fields() -> None:
    (step,) = plan([("g", node("a", team="y"))], {Key("", "a"): node("a", team="x")}, {})
    assert (step.group, step.fields) == ("g", ("metadata.labels.team",))


def test_keys() -> None:
    assert str(key_of(node("a", "ns"))) == "ns/a"
    assert str(key_of(node("a"))) == "a"
