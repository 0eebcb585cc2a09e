# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from kwok_controller.simulation.backoff import DEFAULT_BACKOFF, Backoff, jittered


def test_doubles_up_to_the_cap() -> None:
    delays = [DEFAULT_BACKOFF.delay(failures, lambda: 0.0) for failures in range(9)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_days_of_failing_do_not_overflow() -> None:
    assert DEFAULT_BACKOFF.delay(1_000_000, lambda: 0.0) == 60.0


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 4.0), (0.5, 4.4), (0.999_999, 4.8)])
def test_jitter_only_lengthens(chance: float, expected: float) -> None:
    assert Backoff().delay(2, lambda: chance) == pytest.approx(expected, rel=1e-5)


def test_jittered() -> None:
    assert jittered(10.0, 0.04, lambda: 0.5) == pytest.approx(10.2)
