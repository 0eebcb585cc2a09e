# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""When two JSON values are the same."""

from __future__ import annotations

from typing import Any, Final

MISSING: Final[Any] = object()


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal. Unlike in Python, `true` is not `1`."""
    if left is right:
        return True
    kind = type(left)
    if kind is not type(right):
        # 1 and 1.0 are one number.
        return left == right and not isinstance(left, bool) and not isinstance(right, bool)
    if kind is dict:
        if len(left) != len(right):
            return False
        for key, value in left.items():
            other = right.get(key, MISSING)
            if other is MISSING or not (value is other or same(value, other)):
                return False
        return True
    if kind is list:
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
