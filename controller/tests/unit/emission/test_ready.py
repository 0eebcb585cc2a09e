# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Which pods of services are ready, whenever somebody asks."""

from __future__ import annotations

import asyncio

from workloads import Object, operation, pod, profile, trace

from kwok_controller.emission.ready import ReadyPods, ServicePods
from kwok_controller.kubelet.store import Store
from kwok_controller.workload_traces.profile import Profile


def shop() -> Profile:
    return profile(trace({"web": [operation("home")], "db": [operation("read")]}))


def put(store: Store, *pods: Object) -> None:
    for each in pods:
        store.observed("Pod", (each["metadata"]["namespace"], each["metadata"]["name"]), each)


def names(pods: ServicePods) -> dict[str, list[str]]:
    return {service.name: [dict(each.resource)["k8s.pod.name"] for each in found] for service, found in pods.instances().items()}


def test_pods_that_are_there_before_and_those_that_come_later() -> None:
    # Some of them are packed.
    store = Store(fresh=1)
    put(
        store, pod("web-2", "web"), pod("web-1", "web"), pod("db-1", "db"), pod("x", "web", namespace="other"), pod("y", "web", ready=False)
    )
    ready = ReadyPods(store)
    asked = ready.ask("shop", shop())
    assert names(asked) == {"web": [], "db": []}
    # What changes meanwhile is not undone.
    store.vanished("Pod", ("shop", "db-1"))
    put(store, pod("web-1", "web", ready=False))
    asyncio.run(ready.catch_up(asked))
    assert names(asked) == {"web": ["web-2"], "db": []}
    put(store, pod("db-0", "db"), pod("web-0", "web"))
    assert names(asked) == {"web": ["web-0", "web-2"], "db": ["db-0"]}


def test_instances_stay_the_same_until_pods_change() -> None:
    store = Store()
    ready = ReadyPods(store)
    asked = ready.ask("shop", shop())
    put(store, pod("web-1", "web"), pod("web-2", "web"))
    found = asked.instances()
    first, second = next(iter(found.values()))
    put(store, pod("web-1", "web"), pod("other", "x", ready=False), pod("elsewhere", "web", namespace="b"))
    assert asked.instances() is found
    put(store, pod("web-1", "web", node="n2"))
    changed, same = next(iter(asked.instances().values()))
    assert (changed is first, same is second) == (False, True)


def test_a_pod_that_is_replaced_or_not_told_of_again_is_gone() -> None:
    store = Store()
    ready = ReadyPods(store)
    asked = ready.ask("shop", shop())
    put(store, pod("web-1", "web"), pod("web-2", "web"))
    store.begun("Pod")
    put(store, pod("web-1", "web", uid="another", ready=False))
    store.synced("Pod")
    assert names(asked)["web"] == []


def test_who_has_left_is_told_nothing() -> None:
    store = Store()
    ready = ReadyPods(store)
    first, second = ready.ask("shop", shop()), ready.ask("shop", shop())
    ready.leave("shop", first)
    put(store, pod("web-1", "web"))
    assert (names(first)["web"], names(second)["web"]) == ([], ["web-1"])
    ready.leave("shop", second)
    store.vanished("Pod", ("shop", "web-1"))
    assert names(second)["web"] == ["web-1"]
