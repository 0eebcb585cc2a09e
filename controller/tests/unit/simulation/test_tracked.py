# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from kwok_controller.simulation.tracked import older


@pytest.mark.parametrize(
    ("version", "than", "expected"),
    [
        ("9", "10", True),
        ("10", "9", False),
        ("10", "10", False),
        ("", "10", False),
        ("abc", "abd", False),
        ("10", "x", False),
        ("99", "100", True),
    ],
)
def test_versions_are_compared_as_numbers_where_they_are_numbers(version: str, than: str, expected: bool) -> None:
    assert older(version, than) is expected
