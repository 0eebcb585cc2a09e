# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from fake_clock import FakeClock
from kubelet_objects import Metrics, Object, decoded, metric, node, pod, scrapes, usage

from kwok_controller.exposition import Format
from kwok_controller.kubelet.scrapes import Scrapes

FROM_NODE = 'Quantity(node.metadata.annotations["m"])'


def memory(made: Scrapes) -> float:
    found = made.endpoints.find("/metrics/nodes/n1/metrics/resource")
    assert found is not None
    body = made.metric(*found, Format.TEXT)
    assert body is not None
    return float(body.decode().split()[-1])


def put(made: Scrapes, obj: Object) -> None:
    metadata = obj["metadata"]
    if obj["kind"] == "Pod":
        made.store.observed("Pod", ("default", metadata["name"]), obj)
    else:
        made.store.observed("Node", ("", metadata["name"]), obj)


def annotated(version: str, amount: str) -> Object:
    made = node("n1", annotations={"m": amount})
    made["metadata"]["resourceVersion"] = version
    return made


def test_a_usage_is_another_one_with_another_pod_node_or_usage() -> None:
    made = scrapes(FakeClock(), metric(), usage(memory=FROM_NODE), nodes=(annotated("1", "5"),), pods=(pod("a"), pod("b")))
    assert (memory(made), memory(made)) == (10, 10)
    put(made, annotated("2", "7"))
    assert memory(made) == 14
    put(made, pod("b", version="2", phase="Succeeded"))
    assert memory(made) == 7
    made.store.vanished("Pod", ("default", "b"))
    put(made, pod("b", uid="again"))
    assert memory(made) == 14
    (other,) = decoded(usage("a", memory='Quantity("1")', namespace="default"))
    made.sources.selection.put(other)  # type: ignore[arg-type]
    assert memory(made) == 8


def test_a_usage_that_looks_at_the_clock_is_evaluated_anew() -> None:
    clock = FakeClock()
    made = scrapes(clock, metric(), usage(memory='Ramp("0", "100", "2023-11-14T22:13:20Z", "100s")'), nodes=(node("n1"),), pods=(pod(),))
    assert memory(made) == 0
    clock.step_wall(40)
    assert memory(made) == 40


def test_a_usage_that_fails_is_told_each_time() -> None:
    metrics = Metrics()
    made = Scrapes(FakeClock(), seed=1, metrics=metrics, local=decoded(metric(), usage(memory=FROM_NODE)))
    put(made, node("n1"))
    put(made, pod("a"))
    assert (memory(made), memory(made)) == (0, 0)
    assert metrics.errors == {("ClusterResourceUsage", "", "all"): 2}


def test_what_counts_for_a_pod_that_is_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scrapes(FakeClock(), metric(), usage(), nodes=(node("n1"),), pods=(pod("a"), pod("b")))
    memory(made)
    forgotten: list[tuple[str, str]] = []
    monkeypatch.setattr(made.sources.selection, "forget", lambda *key: forgotten.append(key))
    made.store.vanished("Pod", ("default", "a"))
    assert forgotten == [("default", "a")]
