# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for objects by a list and a watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._kube import waiting
from ansible_collections.kwok.sim.plugins.module_utils._kube.client import ApiError, Client
from ansible_collections.kwok.sim.plugins.module_utils._kube.waiting import Awaited, Follower
from ansible_collections.kwok.sim.plugins.module_utils._objects.plan import Key
from ansible_collections.kwok.sim.plugins.module_utils._objects.readiness import judge_of
from ansible_collections.kwok.sim.tests.unit.plugins.module_utils._kube.apiserver import Apiserver

ROOT = "/api/v1/nodes"


def node(name: str, ready: bool = False, **metadata: Any) -> dict[str, Any]:
    status = {"conditions": [{"type": "Ready", "status": "True"}]} if ready else {}
    return {"metadata": {"name": name, "labels": {"group": "g"}, **metadata}, "status": status}


def keys(*names: str) -> list[Key]:
    return [Key("", name) for name in names]


def follower(client: Client, present: list[Key], absent: list[Key] | None = None) -> Follower:
    made = Follower(client, ROOT, "group=g", Awaited(present, absent or [], judge_of("ready", "Node")))
    made.list()
    return made


def meanwhile(work: Callable[[], Any], after_s: float = 0.2) -> threading.Timer:
    timer = threading.Timer(after_s, work)
    timer.start()
    return timer


def test_what_is_as_it_should_be_needs_no_watch(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", ready=True))
    assert follower(client, keys("a"), keys("gone")).follow(10, lambda text: None)
    assert cluster.count("GET") == 1


def test_until_all_are_ready_and_gone(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a"))
    cluster.put(f"{ROOT}/old", node("old"))
    cluster.put(f"{ROOT}/theirs", node("theirs"))
    waits = follower(client, keys("a", "b"), keys("old"))
    assert waits.pending == {
        Key("", "a"): "it has no condition Ready",
        Key("", "b"): "it is not there",
        Key("", "old"): "it is still there",
    }

    def change() -> None:
        cluster.put(f"{ROOT}/b", node("b"))
        cluster.put(f"{ROOT}/a", node("a", ready=True))
        cluster.put(f"{ROOT}/theirs", node("theirs", ready=True))
        cluster.remove(f"{ROOT}/old")
        cluster.put(f"{ROOT}/b", node("b", ready=True))

    timer = meanwhile(change)
    assert waits.follow(20, lambda text: None)
    timer.join()
    assert waits.pending == {}
    # One list and one watch.
    assert cluster.count("GET") == 2


def test_what_goes_while_it_is_waited_for_is_missing(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", ready=True))
    cluster.put(f"{ROOT}/b", node("b"))
    waits = follower(client, keys("a", "b"))
    cluster.remove(f"{ROOT}/a")
    assert not waits.follow(1.2, lambda text: None)
    assert waits.pending == {Key("", "a"): "it is not there", Key("", "b"): "it has no condition Ready"}


def test_what_is_being_deleted_is_not_ready(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a", ready=True, deletionTimestamp="2026-01-01T00:00:00Z"))
    assert follower(client, keys("a")).pending == {Key("", "a"): "it is being deleted"}


def test_the_time_is_over(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a"))
    waits = follower(client, keys("a"))
    began = time.monotonic()
    assert not waits.follow(1.5, lambda text: None)
    assert 1.0 <= time.monotonic() - began < 10


def test_a_watch_that_breaks_goes_on(cluster: Apiserver, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_S", 0.01)
    cluster.put(f"{ROOT}/a", node("a"))
    waits = follower(client, keys("a"))
    cluster.faults = [("GET", None, {}), ("GET", 503, {}), ("GET", None, {})]
    timer = meanwhile(lambda: cluster.put(f"{ROOT}/a", node("a", ready=True)))
    assert waits.follow(20, lambda text: None)
    timer.join()


def test_a_version_that_is_too_old_begins_anew(cluster: Apiserver, client: Client) -> None:
    cluster.put(f"{ROOT}/a", node("a"))
    waits = follower(client, keys("a"))
    cluster.put(f"{ROOT}/a", node("a", ready=True))
    cluster.forget()
    assert waits.follow(20, lambda text: None)


def test_a_refusal_is_told(cluster: Apiserver, client: Client) -> None:
    waits = follower(client, keys("a"))
    cluster.faults = [("GET", 403, {})]
    with pytest.raises(ApiError, match="in trouble"):
        waits.follow(5, lambda text: None)


def test_progress(cluster: Apiserver, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PROGRESS_S", 0)
    waits = follower(client, keys("a", "b"))
    lines: list[str] = []

    def change() -> None:
        cluster.put(f"{ROOT}/a", node("a", ready=True))
        cluster.put(f"{ROOT}/b", node("b", ready=True))

    timer = meanwhile(change)
    assert waits.follow(20, lines.append)
    timer.join()
    assert lines[-1] == "wait for 1 of 2"
