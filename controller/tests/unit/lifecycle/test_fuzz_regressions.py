# Copyright (c) 2026, the kwok.sim contributors
# SPDX-License-Identifier: Apache-2.0

"""What fuzzing found in the lifecycle."""

from __future__ import annotations

import time

import pytest

from kwok_controller.lifecycle import Chance


def test_many_bits_of_chance_take_time_in_proportion() -> None:
    # Each word shifted all that there was before: 2.4 million bits took 3 s, ten times as many five minutes.
    began = time.process_time()
    Chance().getrandbits(2_400_000)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("bits", [1, 63, 64, 65, 128, 1000])
def test_bits_of_chance_are_words_one_after_the_other(bits: int) -> None:
    words = -(-bits // 64)
    source = Chance()
    expected = 0
    for _ in range(words):
        expected = expected << 64 | source.getrandbits(64)
    assert Chance().getrandbits(bits) == expected >> (64 * words - bits)
