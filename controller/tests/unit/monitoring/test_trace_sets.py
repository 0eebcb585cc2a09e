# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""The shipped WorkloadTraces: complete, named as they are listed, clean, and with the traces that they promise."""

from __future__ import annotations

from collections import Counter

import pytest
from workloads import decoded, instances, pod, profile

from kwok_controller.api.sets import UnknownSet
from kwok_controller.monitoring.lint_traces import lint
from kwok_controller.monitoring.trace_sets import SETS
from kwok_controller.workload_traces.slots import Slot, Trace

SHOP = "online-shop"
SERVICES = {
    "frontend",
    "accounts",
    "catalogue",
    "currency",
    "ads",
    "recommendation",
    "cart",
    "checkout",
    "payment",
    "shipping",
    "email",
}
# 2026-01-01T18:30:00Z, when the shop is busiest, and a morning.
EVENING = 1_767_292_200
MORNING = EVENING - 12 * 3600


def traces(start: int, seconds: int, replicas: int = 1) -> list[Trace]:
    """Those of the shop, of which a pod of each service is ready, and several of the frontend."""
    made = profile(SETS.objects(SHOP)[0])
    labels = {"app.kubernetes.io/part-of": SHOP}
    pods = [
        pod(f"{service.name}-{number}", "", labels=labels | {"app.kubernetes.io/name": service.name})
        for service in made.services
        for number in range(replicas if service.name == "frontend" else 1)
    ]
    found = instances(made, *pods)
    return [
        trace
        for number in range(start, start + seconds)
        for trace in Slot(made, "shop/shop", 1, number, found).traces(made.limits.spans_per_second)
    ]


def service(span_resource: tuple[tuple[str, str], ...]) -> str:
    return dict(span_resource)["service.name"]


def test_the_sets() -> None:
    assert SETS.names() == [SHOP]
    (shop,) = SETS.list_sets()
    assert (shop.name, shop.kind, shop.objects) == (SHOP, "WorkloadTrace", (SHOP,))
    assert {each.name for each in decoded(SETS.objects(SHOP)[0]).spec.services} == SERVICES
    with pytest.raises(UnknownSet, match="'shop' is no set: there are online-shop"):
        SETS.objects("shop")


def test_each_set_is_clean() -> None:
    assert lint(SETS.documents(SHOP)) == []


def test_the_graph_of_the_shop() -> None:
    edges: Counter[tuple[str, str]] = Counter()
    for trace in traces(EVENING, 60):
        services = {span.span_id: service(span.instance.resource) for span in trace.spans}
        for span in trace.spans:
            if span.parent_id and services[span.parent_id] != services[span.span_id]:
                edges[services[span.parent_id], services[span.span_id]] += 1

    spec = decoded(SETS.objects(SHOP)[0]).spec
    assert set(edges) == {(each.name, call.service) for each in spec.services for operation in each.operations for call in operation.calls}
    assert {name for edge in edges for name in edge} == SERVICES
    assert max(edges, key=edges.__getitem__) == ("frontend", "currency")


def test_the_shop_is_busier_in_the_evening_and_with_more_replicas() -> None:
    evening, morning, scaled = len(traces(EVENING, 20)), len(traces(MORNING, 20)), len(traces(EVENING, 20, replicas=3))

    assert evening > 3 * morning
    assert scaled == pytest.approx(3 * evening, rel=0.2)


def test_most_requests_of_the_shop_succeed() -> None:
    roots = [span for trace in traces(EVENING, 30) for span in trace.spans if not span.parent_id]

    assert 0.001 < sum(span.failed for span in roots) / len(roots) < 0.05
