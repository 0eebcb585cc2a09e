# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""Stages from their spec, compiled with a fake clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kwok_controller.api import decode_stage
from kwok_controller.expressions.gotemplate import Limits, kwok_functions
from kwok_controller.lifecycle import Chance, CompiledStage, Environment, compile_stage

NOW_NS = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z
MakeStage = Callable[..., CompiledStage]


@pytest.fixture
def environment() -> Environment:
    chance = Chance()
    functions = kwok_functions(now=lambda: NOW_NS, start=NOW_NS, version="test", random=chance)
    return Environment(functions=functions, now=lambda: NOW_NS, chance=chance, limits=Limits(steps=2_000, output=10_000))


@pytest.fixture
def make_stage(environment: Environment) -> MakeStage:
    """A compiled stage for `v1 Pod`, unless `ref` says otherwise; without a selector in the spec it is for all."""

    def make(name: str = "stage", ref: tuple[str, str] = ("v1", "Pod"), **spec: Any) -> CompiledStage:
        return compile_stage(
            decode_stage(
                {
                    "apiVersion": "kwok.x-k8s.io/v1alpha1",
                    "kind": "Stage",
                    "metadata": {"name": name},
                    "spec": {"resourceRef": {"apiGroup": ref[0], "kind": ref[1]}, "selector": {}, **spec},
                }
            ),
            environment,
        )

    return make


@pytest.fixture
def pod() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web-0",
            "namespace": "default",
            "labels": {"app": "web", "tier": ""},
            "annotations": {"note": "yes"},
            "finalizers": ["a.example/one", "a.example/two"],
        },
        "spec": {"nodeName": "node-1", "replicas": 3, "containers": [{"name": "app", "image": "web:1"}]},
        "status": {"phase": "Pending", "ready": False, "load": 0.5, "conditions": [{"type": "Ready", "status": "False"}, {"type": "X"}]},
    }
