# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import pytest

from kwok_controller.api.stage import FinalizerItem, StageFinalizers
from kwok_controller.lifecycle.finalizers import finalizer_operations

ALL = {"op": "remove", "path": "/metadata/finalizers"}


def remove(at: int) -> dict[str, Any]:
    return {"op": "remove", "path": f"/metadata/finalizers/{at}"}


def append(value: str) -> dict[str, Any]:
    return {"op": "add", "path": "/metadata/finalizers/-", "value": value}


def put(*values: str) -> dict[str, Any]:
    return {"op": "add", "path": "/metadata/finalizers", "value": list(values)}


@pytest.mark.parametrize(
    ("present", "add", "taken", "empty", "operations"),
    [
        ("", "", "", False, []),
        ("a b", "", "", False, []),
        ("", "a b", "", False, [put("a", "b")]),
        ("a", "b c", "", False, [append("b"), append("c")]),
        ("a", "a", "", False, []),
        ("a b c", "", "a c", False, [remove(2), remove(0)]),
        ("a b", "", "x", False, []),
        ("a b", "", "b a", False, [ALL]),
        ("", "", "a", False, []),
        ("", "b", "a", False, [put("b")]),
        ("a", "b", "a", False, [ALL, put("b")]),
        ("a b", "c", "a", False, [remove(0), append("c")]),
        # What is there before counts: a finalizer removed by the same change is not added again.
        ("a b", "a", "a", False, [remove(0)]),
        ("a", "a", "a", False, [ALL, put("a")]),
        ("a b", "", "", True, [ALL]),
        ("", "", "", True, []),
        ("a b", "c", "a", True, [ALL, put("c")]),
        ("", "c", "", True, [put("c")]),
    ],
)
def test_operations(present: str, add: str, taken: str, empty: bool, operations: list[dict[str, Any]]) -> None:
    change = StageFinalizers(
        add=[FinalizerItem(value=value) for value in add.split()],
        remove=[FinalizerItem(value=value) for value in taken.split()],
        empty=empty,
    )
    assert finalizer_operations(present.split(), change) == operations
