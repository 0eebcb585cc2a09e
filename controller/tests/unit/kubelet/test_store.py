# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import orjson
from kubelet_objects import Object, node, pod

from kwok_controller.kubelet.packing import pack, unpack
from kwok_controller.kubelet.store import Store


def filled(nodes: int = 1, pods: int = 2, **options: Any) -> Store:
    store = Store(**options)
    for number in range(nodes):
        put(store, node(f"n{number}", ip=f"192.0.2.{number}"))
        for at in range(pods):
            put(store, pod(f"p{number}-{at}", f"n{number}"))
    return store


def put(store: Store, obj: Object) -> None:
    metadata = obj["metadata"]
    if obj["kind"] == "Pod":
        store.observed("Pod", (metadata["namespace"], metadata["name"]), obj)
    else:
        store.observed("Node", ("", metadata["name"]), obj)


def names(store: Store, of: str) -> list[str]:
    return [each["metadata"]["name"] for each in store.pods(of)]


def test_what_is_packed_is_the_same_again_and_small() -> None:
    text = orjson.dumps(pod("web-5d4f8c7b9-x2x4z", "node-17"))
    assert unpack(pack(text)) == text
    assert len(pack(text)) < len(text) / 2


def test_nodes_and_their_pods_are_held() -> None:
    store = filled(2)
    assert store.names() == ["n0", "n1"]
    assert store.node("n0") == node("n0", ip="192.0.2.0")
    assert names(store, "n1") == ["p1-0", "p1-1"]
    assert [orjson.loads(text) for text in store.pod_texts("n1")] == store.pods("n1")
    assert "n1" in store
    assert ("n9" in store, store.node("n9"), store.pods("n9"), store.pod_texts("n9"), store.started("n9")) == (False, None, [], [], 0)


def test_managed_fields_are_left_out_and_the_object_is_not_changed() -> None:
    store = Store()
    obj = node("n", managedFields=[{"manager": "m"}])
    put(store, obj)
    held = store.node("n")
    assert held is not None
    assert "managedFields" not in held["metadata"]
    assert "managedFields" in obj["metadata"]


def test_newer_versions_take_the_place_of_older_ones() -> None:
    store = filled()
    assert len(store.pods("n0")) == 2
    put(store, pod("p0-0", "n0", version="2", phase="Succeeded"))
    put(store, node("n0", ip="192.0.2.99"))
    assert [each["status"]["phase"] for each in store.pods("n0")] == ["Succeeded", "Running"]
    assert store.addresses.node_at(("192.0.2.99", 10250)) == "n0"
    assert store.addresses.node_at(("192.0.2.0", 10250)) is None
    assert store.counts() == {"nodes": 1, "pods": 2, "fresh": 3, "decoded": 2}


def test_old_objects_are_packed_and_read_as_before() -> None:
    store = filled(3, 3, fresh=4)
    assert store.counts()["fresh"] == 4
    assert names(store, "n0") == ["p0-0", "p0-1", "p0-2"]
    assert store.node("n0") == node("n0", ip="192.0.2.0")


def test_few_objects_are_held_decoded() -> None:
    store = filled(10, 4, decoded=10)
    for _ in range(2):
        for at in range(10):
            assert len(store.pods(f"n{at}")) == 4
            assert store.node(f"n{at}") is not None
            assert store.counts()["decoded"] <= 10
    assert store.pods("n9") is store.pods("n9")
    put(store, pod("p9-0", "n9", version="2"))
    assert store.pods("n9")[0]["metadata"]["resourceVersion"] == "2"


def test_a_single_node_may_have_more_pods_than_are_held_decoded() -> None:
    store = filled(1, 20, decoded=5)
    assert len(store.pods("n0")) == 20


def test_who_remembers_something_of_pods_and_nodes_is_told_when_they_go() -> None:
    gone: list[Any] = []
    store = filled(pod_gone=lambda pod: gone.append((pod["metadata"]["uid"], pod["spec"]["nodeName"])), node_gone=gone.append)
    store.vanished("Pod", ("default", "p0-0"))
    store.vanished("Pod", ("default", "never-there"))
    store.vanished("Node", ("", "never-there"))
    assert gone == [("uid-p0-0", "n0")]
    store.vanished("Node", ("", "n0"))
    assert gone == [("uid-p0-0", "n0"), "n0"]
    assert (store.names(), store.node("n0"), names(store, "n0")) == ([], None, ["p0-1"])
    store.vanished("Pod", ("default", "p0-1"))
    assert store.counts() == {"nodes": 0, "pods": 0, "fresh": 0, "decoded": 0}


def test_a_pod_or_node_of_the_same_name_is_another_one() -> None:
    gone: list[Any] = []
    store = filled(pod_gone=lambda pod: gone.append(pod["metadata"]["uid"]), node_gone=gone.append)
    put(store, pod("p0-0", "n0", uid="another"))
    put(store, node("n0", uid="another"))
    assert gone == ["uid-p0-0", "n0"]
    assert sorted(names(store, "n0")) == ["p0-0", "p0-1"]
    assert [each["metadata"]["uid"] for each in store.pods("n0")] == ["uid-p0-1", "another"]


def test_pods_may_come_before_their_node() -> None:
    store = Store()
    put(store, pod("early", "late"))
    assert (store.names(), "late" in store) == ([], False)
    put(store, node("late"))
    assert (store.names(), names(store, "late"), store.started("late")) == (["late"], ["early"], 1)


def test_started_containers_are_counted_once_for_each_pod() -> None:
    store = Store()
    put(store, node("n"))
    put(store, pod("a", "n", "one", "two"))
    put(store, pod("a", "n", "one", "two", version="2"))
    assert (store.started("n"), store.started_pods("n")) == (2, 1)
    store.vanished("Pod", ("default", "a"))
    put(store, pod("a", "n", "one", "two", uid="again"))
    assert (store.started("n"), store.started_pods("n"), store.started_pods("none")) == (4, 2, 0)


def test_counts_go_on_from_those_of_another_store() -> None:
    first, second = Store(), Store()
    for store in (first, second):
        put(store, node("n"))
        put(store, pod("a", "n", "one", "two"))
    for number in range(3):
        put(first, pod("b", "n", "one", uid=str(number)))
        first.vanished("Pod", ("default", "b"))
    assert first.starts("n") is None
    assert (first.started_pods("n"), first.started("n")) == (4, 5)
    kept = first.starts("n")
    assert kept == [4, 5, 3, 3]

    put(second, pod("c", "n", "one"))
    second.restore_starts("n", kept)
    assert (second.started_pods("n"), second.started("n")) == (5, 6)
    # What went since the counts were kept is counted all the same.
    second.vanished("Pod", ("default", "a"))
    second.vanished("Pod", ("default", "c"))
    second.restore_starts("n", kept)
    assert (second.started_pods("n"), second.started("n")) == (4, 5)
    second.restore_starts("none", kept)
    assert second.starts("none") is None


def test_what_is_not_told_of_after_a_new_beginning_is_gone() -> None:
    store = filled(2, 2)
    store.begun("Pod")
    put(store, pod("p0-0", "n0"))
    put(store, pod("p1-1", "n1"))
    assert names(store, "n0") == ["p0-0", "p0-1"]
    store.synced("Pod")
    assert (names(store, "n0"), names(store, "n1")) == (["p0-0"], ["p1-1"])
    store.begun("Node")
    put(store, node("n1"))
    store.synced("Node")
    assert store.names() == ["n1"]
    store.synced("Node")
    assert store.names() == ["n1"]


def test_what_is_nested_too_deep_is_as_if_it_were_not_there() -> None:
    deep: Object = {}
    inner = deep
    for _ in range(300):
        inner["more"] = inner = {}
    store = filled()
    put(store, {**pod("p0-0", "n0", version="2"), "deep": deep})
    assert names(store, "n0") == ["p0-1"]


def test_nodes_and_pods_are_counted_by_how_they_are() -> None:
    store = filled(2)
    assert (store.ready(), store.phases()["Running"]) == ({"True": 0, "False": 0, "Unknown": 2}, 4)
    ready = node("n0")
    ready["status"]["conditions"] = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]
    put(store, ready)
    put(store, pod("p0-0", "n0", version="2", phase="Succeeded"))
    put(store, pod("p0-1", "n0", version="2", phase="Dreaming"))
    assert store.ready() == {"True": 1, "False": 0, "Unknown": 1}
    assert store.phases() == {"Pending": 0, "Running": 2, "Succeeded": 1, "Failed": 0, "Unknown": 1}
    store.vanished("Pod", ("default", "p0-0"))
    put(store, pod("p0-1", "n0", uid="another", phase="Pending"))
    store.vanished("Node", ("", "n1"))
    assert store.ready() == {"True": 1, "False": 0, "Unknown": 0}
    assert store.phases() == {"Pending": 1, "Running": 2, "Succeeded": 0, "Failed": 0, "Unknown": 0}


def test_the_room_for_pods_is_what_is_allocatable_or_else_the_capacity() -> None:
    store = filled(2, 0)
    assert store.room() == {"cpu": 8.0, "memory": 2 * 2**30, "pods": 60.0}
    less = node("n0")
    less["status"]["allocatable"] = {"cpu": "3500m", "memory": "wrong"}
    put(store, less)
    assert store.room() == {"cpu": 7.5, "memory": 2**30, "pods": 30.0}
    store.vanished("Node", ("", "n1"))
    assert store.room() == {"cpu": 3.5, "memory": 0.0, "pods": 0.0}
