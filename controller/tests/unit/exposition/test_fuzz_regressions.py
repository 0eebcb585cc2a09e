# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fuzzing found in expositions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client.openmetrics import parser as openmetrics

from kwok_controller.api.metric import Metric
from kwok_controller.exposition import Compile, Format, compile_endpoint

Object = dict[str, Any]


def gauge(name: str) -> Object:
    return {"name": name, "kind": "gauge", "value": "1"}


def test_a_counter_does_not_take_the_time_of_its_creation_from_another_family(
    compile: Compile, metric: Callable[..., Metric], node: Object
) -> None:
    # OpenMetrics 1.0.0 refuses names that a family of this type could have: the name with _created is a counter's own.
    made = metric({"name": "a_total", "kind": "counter", "value": "1"}, gauge("a_created"))
    endpoint, problems = compile_endpoint(made.spec, compile)
    assert problems == []
    families = openmetrics.text_string_to_metric_families(endpoint.render(node, [], Format.OPENMETRICS).body.decode())  # type: ignore[no-untyped-call]
    assert [(family.name, family.type) for family in families] == [("a_total", "unknown"), ("a_created", "gauge")]


def test_a_histogram_takes_the_name_of_its_creation(compile: Compile, metric: Callable[..., Metric]) -> None:
    made = metric({"name": "a", "kind": "histogram", "buckets": [{"le": 1, "value": "1"}]}, gauge("a_created"))
    _, [problem] = compile_endpoint(made.spec, compile)
    assert problem.rule == "family"
    assert problem.message.startswith("a_created is taken by the metric a")
