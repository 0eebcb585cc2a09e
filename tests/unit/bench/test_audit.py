# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who was played twice, by the audit log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.kwok.sim.bench.audit import USER, Writes, read

OTHER = "system:serviceaccount:kube-system:node-controller"


def event(resource: str, name: str, minute: int = 0, code: int = 200, user: str = USER) -> dict[str, Any]:
    return {
        "objectRef": {"resource": resource, "name": name},
        "user": {"username": user},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": f"2026-01-01T00:{minute:02}:00.000000Z",
    }


def test_once_is_well() -> None:
    writes = Writes([event("pods", "a"), event("nodes", "n"), event("leases", "n", code=201)])
    assert writes.pods_not_once(["a"]) == {}
    assert writes.nodes_not_once(["n"]) == {}
    assert writes.leases == 1


def test_twice_and_never_are_not() -> None:
    writes = Writes([event("pods", "a"), event("pods", "a", 1), event("nodes", "n"), event("nodes", "n", 1)])
    assert writes.pods_not_once(["a", "b"]) == {"a": ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:01:00.000000Z"], "b": []}
    assert list(writes.nodes_not_once(["n"])) == ["n"]
    assert writes.nodes_not_once(["m"]) == {"m": []}


def test_what_had_no_effect_does_not_count() -> None:
    writes = Writes([event("pods", "a"), event("pods", "a", code=409), event("nodes", "n", code=409), event("nodes", "n")])
    assert writes.pods_not_once(["a"]) == {}
    assert writes.nodes_not_once(["n"]) == {}


def test_a_write_that_a_killed_controller_did_not_hear_of_may_be_the_one() -> None:
    cut_off = [event("pods", "a", code=504), event("nodes", "n", code=504)]
    assert Writes(cut_off).pods_not_once(["a"]) == {}
    assert Writes(cut_off).nodes_not_once(["n"]) == {}
    assert list(Writes([*cut_off, event("pods", "a", 1), event("pods", "a", 2)]).pods_not_once(["a"])) == ["a"]
    assert list(Writes([event("pods", "a", code=504, user=OTHER)]).pods_not_once(["a"])) == ["a"]


def test_others_do_not_count() -> None:
    writes = Writes([event("pods", "a"), event("pods", "a", user=OTHER), event("leases", "n", user=OTHER)])
    assert writes.pods_not_once(["a"]) == {}
    assert writes.leases == 0


def test_a_node_may_be_played_again_after_others_wrote_it_and_for_its_heartbeat() -> None:
    writes = Writes([event("nodes", "n"), event("nodes", "n", 1, user=OTHER), event("nodes", "n", 2), event("nodes", "n", 13)])
    assert writes.nodes_not_once(["n"]) == {}


def test_rotated_logs_are_read_first(tmp_path: Path) -> None:
    for file, name in (("audit.log", "c"), ("audit-2026-01-01T00-00-02.000.log", "b"), ("audit-2026-01-01T00-00-01.000.log", "a")):
        (tmp_path / file).write_text(json.dumps({"auditID": name}) + "\n", encoding="utf-8")
    assert [item["auditID"] for item in read(tmp_path)] == ["a", "b", "c"]
