# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""WorkloadTraces from several sources, checked together."""

from __future__ import annotations

from workloads import Object, operation, trace

from kwok_controller.api.load import Document
from kwok_controller.monitoring.lint_traces import lint

HOME = ("web home", {"value": 1})


def found(*objects: Object) -> list[str]:
    return list(map(str, lint([Document(obj, "a.yaml", number) for number, obj in enumerate(objects, 1)])))


def test_what_is_found_says_where() -> None:
    good, bad = trace({"web": [operation("home")]}, HOME), trace({"web": [operation("home", "db read")]}, HOME, name="b")

    assert found(good, bad) == [
        "a.yaml:2: WorkloadTrace shop/b: spec.services[0].operations[0].calls[0].service: error: there is no service 'db': there are web "
        "[unknown]"
    ]


def test_names() -> None:
    good = trace({"web": [operation("home")]}, HOME)
    nameless = {**good, "metadata": {}}

    assert found(good, good, nameless, {"apiVersion": "kwok-sim.dev/v1alpha1"}) == [
        "a.yaml:2: WorkloadTrace shop/shop: metadata.name: error: a.yaml:1 has a WorkloadTrace of this name already: leave one out "
        "[duplicate-name]",
        "a.yaml:3: WorkloadTrace without a name: metadata.name: error: is missing [schema]",
        "a.yaml:4: object without a name: kind: error: is missing: WorkloadTrace is expected [schema]",
    ]
