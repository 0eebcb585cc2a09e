# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def stage() -> Callable[..., dict[str, Any]]:
    """Makes a Stage of pods with the given fields of `spec`."""

    def make(**spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "Stage",
            "metadata": {"name": "pod-ready"},
            "spec": {"resourceRef": {"kind": "Pod"}, **spec},
        }

    return make
