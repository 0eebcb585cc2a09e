# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans in few words."""

from __future__ import annotations

from typing import Any

from ansible_collections.kwok.sim.plugins.module_utils._objects.fields import RECORD_ANNOTATION
from ansible_collections.kwok.sim.plugins.module_utils._objects.plan import Key, Step, plan
from ansible_collections.kwok.sim.plugins.module_utils._objects.summary import changes, diff, names


def item(name: str, **data: Any) -> dict[str, Any]:
    return {"kind": "K", "metadata": {"name": name, "annotations": {RECORD_ANNOTATION: "{}"}}, "data": data}


def steps(wanted: int, live: int, **data: Any) -> list[Step]:
    found = {Key("", f"a-{index}"): item(f"a-{index}", x="old", theirs="y") for index in range(live)}
    return plan([("a", item(f"a-{index}", **data)) for index in range(wanted)], found, dict.fromkeys(found, "a"))


def test_names() -> None:
    assert names(["a", "b"]) == "a, b"
    assert names(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_changes() -> None:
    assert changes(steps(1000, 0), "nodes") == [
        {
            "action": "create",
            "kind": "nodes",
            "name": "a",
            "count": 1000,
            "reason": "are missing: a-0, a-1, a-2, a-3, a-4 and 995 more",
        }
    ]
    assert changes(steps(1, 3, x="new"), "nodes") == [
        {"action": "update", "kind": "nodes", "name": "a", "count": 1, "reason": "data.x of a-0"},
        {"action": "remove", "kind": "nodes", "name": "a", "count": 2, "reason": "are not wanted: a-2, a-1"},
    ]
    assert changes([], "nodes") == []


def test_of_like_objects_the_diff_shows_one() -> None:
    assert diff(steps(1000, 0, x=None, y="1"), "nodes") == (
        {},
        {"nodes a-0 and 999 more, to a-999": {"kind": "K", "metadata": {"name": "a-0"}, "data": {"y": "1"}}},
    )
    assert diff(steps(0, 1), "nodes") == ({"nodes a-0": "is there"}, {})


def test_of_changed_objects_the_diff_shows_what_changes() -> None:
    before, after = diff(steps(12, 12, x="new"), "nodes")
    assert before["nodes a-0"] == {"data": {"x": "old"}}
    assert after["nodes a-0"] == {"data": {"x": "new"}}
    assert after["nodes of a, 2 more"] == "changed in data.x"
    assert len(before) == 10
    assert len(after) == 11


def test_the_diff_shares_nothing() -> None:
    shared = {"deep": "1"}
    wanted = [("a", {"kind": "K", "metadata": {"name": "a"}, "one": shared, "two": shared})]
    _before, after = diff(plan(wanted, {}, {}), "things")
    assert after["things a"]["one"] is not after["things a"]["two"]
