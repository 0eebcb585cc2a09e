# Copyright (c) 2026, the kwok.sim contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Amounts as Kubernetes writes them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from ansible_collections.kwok.sim.plugins.module_utils._objects.quantity import parse_quantity, same_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 1),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("500m", Fraction(1, 2)),
        ("100n", Fraction(1, 10**7)),
        ("2k", 2000),
        ("1Ki", 1024),
        ("1.5Gi", 1536 * 2**20),
        ("1e3", 1000),
        ("12E2", 1200),
        ("3E", 3 * 10**18),
        ("1Ei", 2**60),
        ("-1M", -(10**6)),
    ],
)
def test_amounts(text: str, amount: Fraction) -> None:
    assert parse_quantity(text) == amount


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1GiB", "1e", "0x1", "1K", "1e999999999", "--1"])
def test_no_amounts(text: str) -> None:
    assert parse_quantity(text) is None


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("1000m", 1, True),
        (0.1, "100m", True),
        ("1Gi", "1024Mi", True),
        ("1G", "1Gi", False),
        ("a", "a", True),
        ("a", "b", False),
        (True, 1, False),
        (True, True, True),
    ],
)
def test_comparison(first: Any, second: Any, same: bool) -> None:
    assert same_amount(first, second) is same
